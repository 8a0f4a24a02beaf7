// Package printable formats text for people. It escapes the characters that
// a terminal or a browser hides, or that change the direction of text. It also formats
// durations and sizes.
package printable

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendFirst appends the first character of a text that is not empty, and returns its
// length in the text. A character that is not printable is escaped as in JSON, so that
// JSON keeps its meaning, and a byte that is not UTF-8 as \xHH.
func AppendFirst(dst []byte, text string) (longer []byte, size int) {
	r, size := utf8.DecodeRuneInString(text)
	switch {
	case r == utf8.RuneError && size == 1:
		return fmt.Appendf(dst, `\x%02x`, text[0]), size
	case unicode.IsPrint(r):
		return append(dst, text[:size]...), size
	case r > 0xFFFF:
		high, low := utf16.EncodeRune(r)
		return fmt.Appendf(dst, `\u%04x\u%04x`, high, low), size
	default:
		return fmt.Appendf(dst, `\u%04x`, r), size
	}
}

// Line escapes a text for use within a line.
func Line(text string) string {
	shown := make([]byte, 0, len(text))
	for len(text) > 0 {
		var size int
		shown, size = AppendFirst(shown, text)
		text = text[size:]
	}
	return string(shown)
}

// JSON escapes JSON for use within a line. In JSON, line ends and tabs occur only as white
// space between tokens.
func JSON(json []byte) string {
	line := make([]byte, len(json))
	for i, c := range json {
		switch c {
		case '\n', '\r', '\t':
			line[i] = ' '
		default:
			line[i] = c
		}
	}
	return Line(string(line))
}

// Name formats a name, such as a queue's: unchanged if it is one word, and quoted if it
// is empty or ambiguous.
func Name(name string) string {
	plain := name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return r == ' ' || r == '"' || r == '\'' || r == '\\' || !unicode.IsPrint(r)
	})
	if plain {
		return name
	}
	return Quote(name)
}

// Quote formats a name within a sentence.
func Quote(name string) string {
	return `"` + Line(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)) + `"`
}
