package payload

import (
	"encoding/binary"
	"unicode/utf8"
)

// appendText appends a string as encoding/json writes it, without the escapes for
// HTML. ok is false if the string is not valid UTF-8.
func appendText(dst []byte, s string) (_ []byte, ok bool) {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := len(dst)
	dst = append(dst, s...)
	done := plainUntil(dst[start:])
	if done == len(s) {
		return append(dst, '"'), true
	}
	dst = dst[:start+done]
	written := done // s[written:i] is not yet appended
	for i := done; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[written:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\b':
				dst = append(dst, `\b`...)
			case '\f':
				dst = append(dst, `\f`...)
			case '\n':
				dst = append(dst, `\n`...)
			case '\r':
				dst = append(dst, `\r`...)
			case '\t':
				dst = append(dst, `\t`...)
			default:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			written = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return dst, false
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, s[written:i]...)
			dst = append(dst, `\u202`...)
			dst = append(dst, hex[r&15])
			written = i + size
		}
		i += size
	}
	dst = append(dst, s[written:]...)
	return append(dst, '"'), true
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plainUntil returns the length of a prefix of ASCII bytes that need no escape. The
// prefix may end up to seven bytes early.
func plainUntil(text []byte) int {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		b := binary.LittleEndian.Uint64(text[i:])
		quote := b ^ (ones * '"')
		slash := b ^ (ones * '\\')
		if (b|(b-ones*' ')|((quote-ones)&^quote)|((slash-ones)&^slash))&highs != 0 {
			return i
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}
