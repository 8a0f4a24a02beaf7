package pyjson

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Unquote decodes a scanned string, given without its quotes. A lone surrogate becomes
// the three bytes that UTF-8 would use for it if it could (WTF-8), and ok is false. Equal
// results are therefore equal strings in Python.
func Unquote(raw []byte) (text string, ok bool) {
	i := bytes.IndexByte(raw, '\\')
	if i < 0 {
		return string(raw), true
	}
	ok = true
	var b strings.Builder
	b.Grow(len(raw))
	for {
		b.Write(raw[:i])
		raw = raw[i:]
		if len(raw) == 0 {
			return b.String(), ok
		}
		if raw[1] != 'u' {
			b.WriteByte(unescape(raw[1]))
			raw = raw[2:]
		} else {
			r := unit(raw)
			raw = raw[6:]
			switch {
			case !utf16.IsSurrogate(r):
				b.WriteRune(r)
			case r < 0xDC00 && len(raw) >= 6 && raw[0] == '\\' && raw[1] == 'u' && isLow(unit(raw)):
				b.WriteRune(utf16.DecodeRune(r, unit(raw)))
				raw = raw[6:]
			default:
				ok = false
				b.Write([]byte{0xE0 | byte(r>>12), 0x80 | byte(r>>6&0x3F), 0x80 | byte(r&0x3F)}) //nolint:gosec // r < 0x10000
			}
		}
		if i = bytes.IndexByte(raw, '\\'); i < 0 {
			i = len(raw)
		}
	}
}

// AppendQuote appends text as a JSON string of ASCII characters, byte for byte as
// Python's json.dumps writes it by default. The text must be valid UTF-8.
func AppendQuote(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case ' ' <= r && r <= '~':
			dst = append(dst, byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\f':
			dst = append(dst, `\f`...)
		case r == '\b':
			dst = append(dst, `\b`...)
		default:
			var units [2]uint16
			for _, u := range utf16.AppendRune(units[:0], r) {
				dst = append(dst, '\\', 'u', hex[u>>12], hex[u>>8&15], hex[u>>4&15], hex[u&15])
			}
		}
	}
	return append(dst, '"')
}

func unescape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c // '"', '\\' or '/'
}

// unit returns the UTF-16 code unit of the escape \uXXXX at the start of raw.
func unit(raw []byte) rune {
	var r rune
	for _, c := range raw[2:6] {
		r <<= 4
		switch {
		case c <= '9':
			r |= rune(c - '0')
		default:
			r |= rune(c|0x20-'a') + 10
		}
	}
	return r
}

func isLow(r rune) bool { return 0xDC00 <= r && r <= 0xDFFF }

// Valid reports whether text is one value of the dialect in valid UTF-8.
func Valid(text []byte) bool {
	s := Scanner{Src: text}
	_, _, _, err := s.Document()
	return err == nil && utf8.Valid(text)
}

// Paired reports whether a string, given without its quotes, contains no lone surrogate.
func Paired(raw []byte) bool {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return true
		}
		raw = raw[i:]
		if raw[1] != 'u' {
			raw = raw[2:]
			continue
		}
		r := unit(raw)
		raw = raw[6:]
		if utf16.IsSurrogate(r) {
			if r >= 0xDC00 || len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' || !isLow(unit(raw)) {
				return false
			}
			raw = raw[6:]
		}
	}
}
