package ui

import (
	"net/http"
	"net/url"
	"strings"
)

// A queue's name and an id are any bytes, but forms carry only text, and change it. In
// URLs and forms of the page they are encoded by encode, which leaves ordinary names as they
// are.

// empty encodes a name without bytes: an empty parameter counts as missing.
const empty = "%"

// encode encodes bytes as text for a parameter or a field.
func encode(bytes string) string {
	if bytes == "" {
		return empty
	}
	return strings.ReplaceAll(url.QueryEscape(bytes), "+", "%20")
}

// decode is the inverse of encode.
func decode(text string) (string, error) {
	if text == empty {
		return "", nil
	}
	bytes, err := url.PathUnescape(text)
	if err != nil {
		return "", &httpError{http.StatusBadRequest, "The address of the page is damaged: a name in it cannot be decoded."}
	}
	return bytes, nil
}

// query has the parameters of a page.
type query url.Values

// queryOf returns the parameters of a request.
func queryOf(r *http.Request) (query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &httpError{http.StatusBadRequest, "The address of the page is damaged: its parameters cannot be decoded."}
	}
	return query(values), nil
}

func (q query) text(name string) string { return strings.TrimSpace(url.Values(q).Get(name)) }

// bytes returns a parameter that is encoded.
func (q query) bytes(name string) (value string, given bool, err error) {
	text := q.text(name)
	if text == "" {
		return "", false, nil
	}
	value, err = decode(text)
	return value, true, err
}

// link returns the address of a page with parameters: names and values, without the empty
// values.
func link(path string, pairs ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// queueLink returns the address of the page of a queue.
func queueLink(name string) string { return link("/queue", "queue", encode(name)) }

// letterLink returns the address of the page of a dead letter.
func letterLink(queue, id string) string {
	return link("/dead/letter", "queue", encode(queue), "id", encode(id))
}
