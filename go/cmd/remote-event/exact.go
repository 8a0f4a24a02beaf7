package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// exact is a text of other programs, such as the name of a queue, in JSON. JSON cannot hold a
// byte that is not UTF-8: such a byte NN is written as the escape \udcNN, a lone
// surrogate, as surrogateescape of Python does. Reading the JSON restores the byte.
type exact string

// MarshalJSON implements json.Marshaler.
func (e exact) MarshalJSON() ([]byte, error) {
	whole := []byte{'"'}
	for text := string(e); text != ""; {
		n := 0
		for n < len(text) {
			r, size := utf8.DecodeRuneInString(text[n:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			n += size
		}
		valid, err := json.Marshal(text[:n])
		if err != nil {
			return nil, err
		}
		whole = append(whole, valid[1:len(valid)-1]...)
		if text = text[n:]; text != "" {
			whole = fmt.Appendf(whole, `\udc%02x`, text[0])
			text = text[1:]
		}
	}
	return append(whole, '"'), nil
}

// jsonEscape matches an escape in a string of JSON. Its group is a byte that is not UTF-8.
var jsonEscape = regexp.MustCompile(`\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][cC]([89a-fA-F][0-9a-fA-F])|\\.`)

// UnmarshalJSON implements json.Unmarshaler.
func (e *exact) UnmarshalJSON(text []byte) error {
	var whole []byte
	read := func(part []byte) error { // of a string, with its quotes
		var valid string
		err := json.Unmarshal(part, &valid)
		whole = append(whole, valid...)
		return err
	}
	rest := text
	for _, found := range jsonEscape.FindAllSubmatchIndex(text, -1) {
		if found[2] < 0 {
			continue
		}
		before := len(rest) - (len(text) - found[0])
		if err := read(append(rest[:before:before], '"')); err != nil {
			return err
		}
		c, err := strconv.ParseUint(string(text[found[2]:found[3]]), 16, 8)
		if err != nil {
			return err
		}
		whole = append(whole, byte(c))
		rest = append([]byte{'"'}, text[found[1]:]...)
	}
	if err := read(rest); err != nil {
		return err
	}
	*e = exact(whole)
	return nil
}
