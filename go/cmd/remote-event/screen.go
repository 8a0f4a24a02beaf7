package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/printable"
)

// screen is standard output or standard error. It escapes all text that could control a
// terminal: control characters, including C1 and those for the direction of text, other
// characters that are not printable, and bytes that are not UTF-8. Only line ends, tabs
// and the colours of this command remain.
//
// It escapes characters as JSON does, so that JSON keeps its meaning.
type screen struct {
	to io.Writer
	// ascii escapes all characters beyond ASCII, for a terminal whose locale has no others.
	ascii bool

	mu  sync.Mutex
	err error // the first failed write
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.to, s.form(string(p))); err != nil {
		if s.err == nil {
			s.err = err
		}
		return 0, err
	}
	return len(p), nil
}

// form returns a text as the screen shows it.
func (s *screen) form(text string) string {
	text = escape(text)
	if !s.ascii {
		return text
	}
	text = strings.NewReplacer("…", "...", "█", "#").Replace(text)
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// isASCII reports whether a stream is a terminal of a locale without UTF-8.
func isASCII(stream any, environ []string) bool {
	if !isTerminal(stream) {
		return false
	}
	a := &app{environ: environ}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := a.getenv(name); locale != "" { // the first one counts
			return locale == "C" || locale == "POSIX"
		}
	}
	return false
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

// escape escapes characters that are not printable. It keeps line ends, tabs and colours.
func escape(text string) string {
	shown := make([]byte, 0, len(text))
	for len(text) > 0 {
		size := 1
		switch {
		case text[0] == '\n' || text[0] == '\t':
			shown = append(shown, text[0])
		case strings.HasPrefix(text, paintMark):
			code := paintCode.FindStringSubmatch(text)
			if code == nil { // truncated
				return string(shown)
			}
			shown = append(append(shown, "\x1b["...), code[1]...)
			size = len(code[0])
		default:
			shown, size = printable.AppendFirst(shown, text)
		}
		text = text[size:]
	}
	return string(shown)
}

// visible escapes a text for use within a line.
func visible(text string) string { return printable.Line(text) }

// oneLine escapes JSON for use within a line.
func oneLine(json []byte) string { return printable.JSON(json) }

// named formats a name, such as a queue's.
func named(name string) string { return printable.Name(name) }

// quoted formats a name within a sentence.
func quoted(name string) string { return printable.Quote(name) }

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
