// Package value compares payloads by their values in Python, where integers are unbounded
// and distinct from floats.
package value

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/remote-events/remote-events/go/pyjson"
)

// Canonical returns the canonical form of a JSON text in Python's dialect. Texts with equal
// values have the same form. It is for comparison and for display, and is not JSON:
// integers are written in full, floats with their type.
func Canonical(text []byte) (string, error) {
	s := pyjson.Scanner{Src: text}
	if _, _, _, err := s.Document(); err != nil {
		return "", err
	}
	var b strings.Builder
	w := writer{pyjson.Scanner{Src: pyjson.DropDuplicates(text)}, &b}
	_, err := w.value(w.Space(0))
	return b.String(), err
}

// Equal reports whether two texts have equal values.
func Equal(a, b []byte) (bool, error) {
	x, err := Canonical(a)
	if err != nil {
		return false, err
	}
	y, err := Canonical(b)
	return x == y, err
}

type writer struct {
	pyjson.Scanner

	out *strings.Builder
}

func (w *writer) value(pos int) (end int, err error) {
	kind, err := w.Peek(pos)
	if err != nil {
		return 0, err
	}
	switch kind {
	case pyjson.Object:
		return w.object(pos)
	case pyjson.Array:
		w.out.WriteByte('[')
		first := true
		end, err = w.Elements(pos, func(pos int) (int, error) {
			if !first {
				w.out.WriteString(", ")
			}
			first = false
			return w.value(pos)
		})
		w.out.WriteByte(']')
		return end, err
	case pyjson.String:
		if end, err = w.Value(pos); err == nil {
			text, _ := pyjson.Unquote(w.Src[pos+1 : end-1])
			w.out.WriteString(strconv.QuoteToASCII(text))
		}
		return end, err
	case pyjson.Number:
		if end, err = w.Value(pos); err == nil {
			w.out.WriteString(number(w.Src[pos:end]))
		}
		return end, err
	case pyjson.NonFinite:
		if end, err = w.Value(pos); err == nil {
			f, _ := strconv.ParseFloat(string(w.Src[pos:end]), 64) // accepts Python's words
			w.out.WriteString(float(f))
		}
		return end, err
	default:
		if end, err = w.Value(pos); err == nil {
			w.out.Write(w.Src[pos:end])
		}
		return end, err
	}
}

func (w *writer) object(pos int) (int, error) {
	members := map[string]string{}
	outer := w.out
	end, err := w.Members(pos, func(raw []byte, pos int) (int, error) {
		name, _ := pyjson.Unquote(raw)
		w.out = &strings.Builder{}
		end, err := w.value(pos)
		members[name] = w.out.String()
		return end, err
	})
	w.out = outer
	w.out.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			w.out.WriteString(", ")
		}
		fmt.Fprintf(w.out, "%s: %s", strconv.QuoteToASCII(name), members[name])
	}
	w.out.WriteByte('}')
	return end, err
}

func number(raw []byte) string {
	if pyjson.IsInteger(raw) {
		n, _ := new(big.Int).SetString(string(raw), 10)
		return n.String()
	}
	f, _ := strconv.ParseFloat(string(raw), 64) // infinite beyond its range, as in Python
	return float(f)
}

func float(f float64) string { return "float " + strconv.FormatFloat(f, 'g', -1, 64) }
