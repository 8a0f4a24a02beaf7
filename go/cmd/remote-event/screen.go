package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// screen is standard output or standard error. It escapes all text that could control a
// terminal: control characters, including C1 and those for the direction of text, other
// characters that are not printable, and bytes that are not UTF-8. Only line ends, tabs
// and the colours of this command remain.
//
// It escapes characters as JSON does, so that JSON keeps its meaning.
type screen struct {
	to io.Writer

	mu  sync.Mutex
	err error // the first failed write
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.to, escape(string(p), true)); err != nil {
		if s.err == nil {
			s.err = err
		}
		return 0, err
	}
	return len(p), nil
}

// failure returns the error of the first failed write, or nil.
func (s *screen) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return nil
	}
	return &outputError{s.err}
}

// paintMark distinguishes the colours of this command from those in a text. It is random,
// so that no text can contain it.
var paintMark = "\x1b" + rand.Text()

// paintCode matches the code around coloured text before it passes the screen.
var paintCode = regexp.MustCompile("^" + paintMark + `\[([0-9]+m)`)

// escape escapes characters that are not printable. With lines, it keeps line ends, tabs
// and colours.
func escape(text string, lines bool) string {
	shown := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			shown = fmt.Appendf(shown, `\x%02x`, text[0])
		case unicode.IsPrint(r), lines && (r == '\n' || r == '\t'):
			shown = append(shown, text[:size]...)
		case lines && r == '\x1b' && strings.HasPrefix(text, paintMark):
			code := paintCode.FindStringSubmatch(text)
			if code == nil { // truncated
				return string(shown)
			}
			shown = append(append(shown, "\x1b["...), code[1]...)
			size = len(code[0])
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			shown = fmt.Appendf(shown, `\u%04x\u%04x`, high, low)
		default:
			shown = fmt.Appendf(shown, `\u%04x`, r)
		}
		text = text[size:]
	}
	return string(shown)
}

// visible escapes a text for use within a line.
func visible(text string) string { return escape(text, false) }

// oneLine escapes JSON for use within a line. In JSON, line ends and tabs occur only as
// white space between tokens.
func oneLine(json []byte) string {
	line := make([]byte, len(json))
	for i, c := range json {
		switch c {
		case '\n', '\r', '\t':
			line[i] = ' '
		default:
			line[i] = c
		}
	}
	return visible(string(line))
}

// named formats a name, such as a queue's: unchanged if it is one word, and quoted if it
// is empty or ambiguous.
func named(name string) string {
	plain := name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return r == ' ' || r == '"' || r == '\'' || r == '\\' || !unicode.IsPrint(r)
	})
	if plain {
		return name
	}
	return quoted(name)
}

// quoted formats a name within a sentence.
func quoted(name string) string {
	return `"` + visible(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)) + `"`
}

// faults returns the texts of an error, one for each joined error.
func faults(err error) []string {
	var coded *exitError
	var hinted *hintError
	switch {
	case errors.As(err, &coded) && coded == err && coded.err != nil: //nolint:errorlint // only the outermost error
		return faults(coded.err)
	case errors.As(err, &hinted) && hinted == err: //nolint:errorlint // only the outermost error
		return faults(hinted.err)
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []string{strings.TrimSpace(err.Error())}
	}
	var texts []string
	for _, one := range joined.Unwrap() {
		texts = append(texts, faults(one)...)
	}
	if strings.Join(texts, "\n") != err.Error() { // fmt.Errorf with several %w
		return []string{strings.TrimSpace(err.Error())}
	}
	return texts
}
