package main

import (
	"fmt"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// visible writes text so that it stays on its line and can do nothing to a
// terminal: what is not printable becomes an escape of JSON's, and a byte that
// is not UTF-8 one of Go's.
func visible(text string) string {
	shown := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			shown = fmt.Appendf(shown, `\x%02x`, text[0])
		case unicode.IsPrint(r):
			shown = append(shown, text[:size]...)
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
