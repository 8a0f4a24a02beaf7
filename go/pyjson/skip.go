package pyjson

import (
	"encoding/binary"
	"math/bits"
)

// maxSkip is the maximum depth for [skip].
const maxSkip = 1024

// skip returns the position after the value at i. It returns -1 if the value is invalid
// or nests deeper than deepest: [Scanner.walk] then finds the error.
func skip(src []byte, i, deepest int) int {
	var objects [maxSkip / 64]uint64 // a bit for each open bracket, set for a brace
	depth := 0
	name := false // a member's name follows, not a value
	for {
		if i >= len(src) {
			return -1
		}
		switch c := src[i]; c {
		case '"':
			i = textEnd(src, i+1)
			if name && i >= 0 {
				if i < len(src) && src[i] <= ' ' {
					i = space(src, i)
				}
				if i >= len(src) || src[i] != ':' {
					return -1
				}
				if i++; i < len(src) && src[i] <= ' ' {
					i = space(src, i)
				}
				name = false
				continue
			}
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			end := numberEnd(src, i)
			if end < 0 {
				end = literalEnd(src, i, "-Infinity")
			}
			i = end
		case '{', '[':
			if depth == deepest {
				return -1
			}
			if i = space(src, i+1); i >= len(src) || name {
				return -1
			}
			if src[i] == c+2 { // '}' or ']': the object or array is empty
				i++
				break
			}
			if c == '[' {
				objects[depth>>6] &^= 1 << (depth & 63)
				depth++
				continue
			}
			objects[depth>>6] |= 1 << (depth & 63)
			depth++
			name = true
			continue
		case 't':
			i = literalEnd(src, i, "true")
		case 'f':
			i = literalEnd(src, i, "false")
		case 'n':
			i = literalEnd(src, i, "null")
		case 'N':
			i = literalEnd(src, i, "NaN")
		case 'I':
			i = literalEnd(src, i, "Infinity")
		default:
			return -1
		}
		if i < 0 || name {
			return -1
		}
		// After a value: close finished objects and arrays, or advance to the next value.
		for {
			if depth == 0 {
				return i
			}
			if i < len(src) && src[i] <= ' ' {
				i = space(src, i)
			}
			if i >= len(src) {
				return -1
			}
			object := objects[(depth-1)>>6]>>((depth-1)&63)&1 != 0
			c := src[i]
			i++
			if c == ',' {
				if i < len(src) && src[i] <= ' ' {
					i = space(src, i)
				}
				name = object
				break
			}
			if object && c != '}' || !object && c != ']' {
				return -1
			}
			depth--
		}
	}
}

// space returns the first position at or after i without white space.
func space(src []byte, i int) int {
	for i < len(src) && (src[i] == ' ' || src[i] == '\n' || src[i] == '\r' || src[i] == '\t') {
		i++
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special returns a word whose lowest set bit, if any, is in the first byte of w that is
// a quote, a backslash or a control character.
func special(w uint64) uint64 {
	quote := w ^ (ones * ('"' ^ 0x20)) // a quote becomes 0x20, and control characters stay below
	slash := w ^ (ones * '\\')
	return ((quote - ones*0x21) | (slash - ones)) &^ w & highs
}

// textEnd is stringEnd for strings without escapes.
func textEnd(src []byte, i int) int {
	for n := i; n+8 <= len(src); n += 8 {
		if found := special(binary.LittleEndian.Uint64(src[n:])); found != 0 {
			if n += bits.TrailingZeros64(found) >> 3; src[n] == '"' {
				return n + 1
			}
			break
		}
	}
	end, _ := stringEnd(src, i)
	return end
}

// stringEnd returns the position after the string whose content begins at i, and whether
// the string contains escapes. It returns -1 if the string is invalid.
func stringEnd(src []byte, i int) (end int, escaped bool) {
	for {
		for i+8 <= len(src) { // eight bytes at a time
			if found := special(binary.LittleEndian.Uint64(src[i:])); found != 0 {
				i += bits.TrailingZeros64(found) >> 3
				break
			}
			i += 8
		}
		if i >= len(src) {
			return -1, false
		}
		switch c := src[i]; {
		case c == '"':
			return i + 1, escaped
		case c == '\\':
			n := escapeLen(src, i)
			if n == 0 {
				return -1, false
			}
			escaped = true
			i += n
		case c < 0x20:
			return -1, false
		default:
			i++
		}
	}
}

// escapeLen returns the length of the escape sequence at i, or 0 if it is invalid.
func escapeLen(src []byte, i int) int {
	if i+1 >= len(src) {
		return 0
	}
	switch src[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if i+6 <= len(src) && isHex(src[i+2]) && isHex(src[i+3]) && isHex(src[i+4]) && isHex(src[i+5]) {
			return 6
		}
	}
	return 0
}

// numberEnd returns the position after the number at i, or -1 if it is invalid.
func numberEnd(src []byte, i int) int {
	if i < len(src) && src[i] == '-' {
		i++
	}
	if i >= len(src) || !isDigit(src[i]) {
		return -1
	}
	if src[i] == '0' {
		i++
	} else {
		i = digits(src, i)
	}
	if i < len(src) && src[i] == '.' {
		point := i + 1
		if i = digits(src, point); i == point {
			return -1
		}
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		if i++; i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		first := i
		if i = digits(src, first); i == first {
			return -1
		}
	}
	return i
}

// literalEnd returns the position after the word at i, or -1 if the text differs.
func literalEnd(src []byte, i int, word string) int {
	if len(src)-i < len(word) || string(src[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

// digits returns the first position at or after i without a digit.
func digits(src []byte, i int) int {
	for i+8 <= len(src) { // eight bytes at a time
		if found := notDigits(binary.LittleEndian.Uint64(src[i:])); found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
		i += 8
	}
	for i < len(src) && isDigit(src[i]) {
		i++
	}
	return i
}

// notDigits returns a word whose lowest set bit, if any, is in the first byte of w that
// is not a digit.
func notDigits(w uint64) uint64 {
	w ^= ones * '0' // a digit is below 10
	return (w + ones*(0x80-10) | w) & highs
}
