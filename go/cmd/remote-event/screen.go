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

// screen is standard output or standard error. All text that the command writes
// passes through it, and whatever could act on a terminal is escaped: control
// characters, C1 and those for the direction of text included, other characters
// that are not printable, and bytes that are not UTF-8. Only line ends, tabs and
// the colours of this command remain.
//
// A character becomes an escape of JSON's, so that JSON remains valid JSON with the
// same value.
type screen struct {
	to io.Writer

	mu  sync.Mutex
	err error // of the first write that failed
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

// failure returns the error of the first write that failed, or nil.
func (s *screen) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return nil
	}
	return &outputError{s.err}
}

// paintMark tells the colours of this command from those that a text brings: no
// text knows it.
var paintMark = "\x1b" + rand.Text()

// paintCode is what colours put around a text, until it passes the screen.
var paintCode = regexp.MustCompile("^" + paintMark + `\[([0-9]+m)`)

// escape escapes what is not printable. With lines, line ends, tabs and colours
// remain.
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
			if code == nil { // cut off
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

// visible writes text so that it stays on its line.
func visible(text string) string { return escape(text, false) }

// oneLine writes JSON on one line, as visible does. The only line ends and tabs
// in it are white space between its tokens.
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

// named writes a name, such as a queue's: as it is where it is one word, and in
// quotes where it is empty or could be taken for something else.
func named(name string) string {
	plain := name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return r == ' ' || r == '"' || r == '\'' || r == '\\' || !unicode.IsPrint(r)
	})
	if plain {
		return name
	}
	return quoted(name)
}

// quoted writes a name within a sentence.
func quoted(name string) string {
	return `"` + visible(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)) + `"`
}

// faults returns the texts of an error: several where errors were joined.
func faults(err error) []string {
	var coded *exitError
	var hinted *hintError
	switch {
	case errors.As(err, &coded) && coded == err && coded.err != nil: //nolint:errorlint // a cause has its turn
		return faults(coded.err)
	case errors.As(err, &hinted) && hinted == err: //nolint:errorlint // a cause has its turn
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
