package fuzz

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf16"
)

// mutate changes a message in one to four places.
func (w *writer) mutate(message []byte, others [][]byte) []byte {
	for range 1 + w.pick(60, 25, 10, 5) {
		if w.chance(0.5) {
			message = w.mutateTokens(message, others)
		} else {
			message = w.mutateBytes(message)
		}
	}
	return message
}

// interesting bytes have a meaning for a reader of JSON or of UTF-8.
const interesting = "\x00\x01\x08\t\n\x0b\x0c\r\x1f \"'+,-./019:;EINU[\\]abeflnrstu{|}\x7f\x80\xa0\xbb\xbf\xc0\xc3\xe9\xed\xef\xf0\xf4\xfe\xff"

func (w *writer) mutateBytes(message []byte) []byte {
	if len(message) == 0 {
		return []byte{interesting[w.IntN(len(interesting))]}
	}
	at := w.IntN(len(message))
	end := min(len(message), at+1+w.IntN(8))
	switch w.pick(20, 20, 20, 15, 8, 6, 2, 2) {
	case 0:
		message[at] ^= 1 << w.IntN(8)
	case 1:
		message[at] = interesting[w.IntN(len(interesting))]
	case 2:
		message = slices.Insert(message, at, interesting[w.IntN(len(interesting))])
	case 3:
		message = slices.Delete(message, at, end)
	case 4:
		message = slices.Insert(message, at, slices.Clone(message[at:end])...)
	case 5:
		message = message[:at]
	case 6:
		message = w.encode(message)
	case 7:
		message = append([]byte(w.one([]string{"\ufeff", " ", "\x00", ")]}',\n", "\x1f\x8b", "b'", "\xfe\xff"})), message...)
	}
	return message
}

// encode encodes the message in an encoding other than UTF-8.
func (w *writer) encode(message []byte) []byte {
	var out []byte
	width, big := 2+2*w.IntN(2), w.chance(0.5)
	if w.chance(0.5) {
		message = append([]byte("\ufeff"), message...)
	}
	for _, unit := range utf16.Encode([]rune(string(message))) {
		bytes := []byte{byte(unit), byte(unit >> 8), 0, 0}[:width]
		if big {
			slices.Reverse(bytes)
		}
		out = append(out, bytes...)
	}
	return out
}

func (w *writer) mutateTokens(message []byte, others [][]byte) []byte {
	tokens := split(message)
	if len(tokens) == 0 {
		return message
	}
	at := w.IntN(len(tokens))
	other := w.IntN(len(tokens))
	switch w.pick(15, 10, 10, 25, 15, 10, 5) {
	case 0:
		tokens = slices.Delete(tokens, at, at+1)
	case 1:
		tokens = slices.Insert(tokens, at, tokens[other])
	case 2:
		tokens[at], tokens[other] = tokens[other], tokens[at]
	case 3:
		tokens[at] = w.fragment()
	case 4:
		tokens = slices.Insert(tokens, at, w.fragment())
	case 5: // another kind of value
		scalars := []int{}
		for i, token := range tokens {
			if !bytes.ContainsAny(token[:1], "{}[],: \n\r\t") {
				scalars = append(scalars, i)
			}
		}
		if len(scalars) > 0 {
			tokens[scalars[w.IntN(len(scalars))]] = w.fragment()
		}
	case 6: // the head of one message and the tail of another
		tail := tokens
		if len(others) > 0 {
			tail = split(others[w.IntN(len(others))])
		}
		if len(tail) > 0 {
			tokens = append(tokens[:at:at], tail[w.IntN(len(tail)):]...)
		}
	}
	return bytes.Join(tokens, nil)
}

// fragment returns a replacement for a token.
func (w *writer) fragment() []byte {
	wild, text := w.wild, bytes.Clone(w.out.Bytes())
	defer func() {
		w.wild = wild
		w.out.Reset()
		w.out.Write(text)
	}()
	w.wild = 0.3
	w.out.Reset()
	switch w.pick(40, 20, 15, 15, 10) {
	case 0:
		w.value(2)
	case 1:
		w.out.WriteString(w.name())
	case 2:
		w.out.WriteString(w.one([]string{"{", "}", "[", "]", ",", ":", "{}", "[]", `"`, "\\"}))
	case 3:
		w.out.WriteString(w.one(nearSpaces))
	case 4:
		w.out.WriteString(w.oddSignal())
	}
	return bytes.Clone(w.out.Bytes())
}

// split splits a text into the tokens of JSON, as well as possible.
func split(text []byte) (tokens [][]byte) {
	for len(text) > 0 {
		n := 1
		switch c := text[0]; {
		case c == '"':
			for n < len(text) && text[n] != '"' {
				if text[n] == '\\' {
					n++
				}
				n++
			}
			n = min(n+1, len(text))
		case strings.IndexByte("{}[],:", c) >= 0:
		case isSpace(c):
			for n < len(text) && isSpace(text[n]) {
				n++
			}
		default:
			for n < len(text) && !isSpace(text[n]) && strings.IndexByte("{}[],:\"", text[n]) < 0 {
				n++
			}
		}
		tokens = append(tokens, text[:n:n])
		text = text[n:]
	}
	return tokens
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
