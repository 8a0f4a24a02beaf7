package main

import "regexp"

// credentials matches the part before the @ of a URL.
var credentials = regexp.MustCompile(`(\b[a-zA-Z][a-zA-Z0-9+.-]*://)\S*@`)

// redact removes user name and password from every URL in a text.
func redact(text string) string { return credentials.ReplaceAllString(text, "${1}[redacted]@") }

// redacted is standard error for the logs of the library.
type redacted struct{ *screen }

func (r redacted) Write(p []byte) (int, error) {
	if _, err := r.screen.Write([]byte(redact(string(p)))); err != nil {
		return 0, err
	}
	return len(p), nil
}
