package payload

import (
	"bytes"
	"encoding/json"
	"unsafe"

	"github.com/remote-events/remote-events/go/pyjson"
)

// readAny reads what encoding/json would into an empty interface, except that a
// number which a float64 would change stays a json.Number, as does every integer
// beyond ±(2⁵³−1) (TYPE-13).
func readAny(d *decoder, pos int, p unsafe.Pointer) (int, error) {
	value, end, err := d.any(pos)
	if err == nil {
		*(*any)(p) = value
	}
	return end, err
}

// readObject reads a map from strings to empty interfaces.
func readObject(d *decoder, pos int, p unsafe.Pointer) (int, error) {
	next, more, found, err := d.begin(pyjson.Object, pos)
	if err != nil || !found {
		return next, err
	}
	m, end, err := d.object(next, more)
	if err == nil {
		*(*map[string]any)(p) = m
	}
	return end, err
}

func (d *decoder) any(pos int) (value any, end int, err error) {
	if pos >= len(d.Src) {
		_, err = d.Peek(pos)
		return nil, 0, err
	}
	switch d.Src[pos] {
	case '"':
		raw, escaped, end, err := d.String(pos)
		if err != nil {
			return nil, 0, err
		}
		if !escaped {
			return d.strings.value(raw), end, nil
		}
		s, err := d.unquote(raw, escaped)
		return s, end, err
	case '{':
		next, more, err := d.Begin(pyjson.Object, pos)
		if err != nil {
			return nil, 0, err
		}
		m, end, err := d.object(next, more)
		return m, end, err
	case '[':
		next, more, err := d.Begin(pyjson.Array, pos)
		if err != nil {
			return nil, 0, err
		}
		a, end, err := d.array(next, more)
		return a, end, err
	}
	kind, err := d.Peek(pos)
	if err != nil {
		return nil, 0, err
	}
	if kind == pyjson.Number {
		raw, end, err := d.Number(pos)
		if err != nil {
			return nil, 0, err
		}
		if len(raw) <= 3 {
			if n, ok := pyjson.Int(raw); ok && n >= 0 && raw[0] != '-' {
				return small[n], end, nil
			}
		}
		if f, ok := pyjson.SafeFloat(raw); ok {
			return f, end, nil
		}
		return json.Number(raw), end, nil
	}
	if end, err = d.Value(pos); err != nil {
		return nil, 0, err
	}
	switch kind {
	case pyjson.NonFinite:
		return nonFinite(d.Src[pos]), end, nil
	case pyjson.True, pyjson.False:
		return kind == pyjson.True, end, nil
	default:
		return nil, end, nil
	}
}

// small are the integers below a thousand as generic values, made once.
var small = func() (made [1000]any) {
	for n := range made {
		made[n] = float64(n)
	}
	return made
}()

// object reads the members of an object that was begun. They are gathered first,
// so that the map is made in its size.
func (d *decoder) object(pos int, more bool) (m map[string]any, end int, err error) {
	from := len(d.values)
	fromNames := len(d.names)
	defer func() {
		clear(d.values[from:])
		clear(d.names[fromNames:])
		d.values, d.names = d.values[:from], d.names[:fromNames]
	}()
	for more {
		raw, at, err := d.Name(pos)
		if err != nil {
			return nil, 0, err
		}
		name, err := d.nameOf(raw)
		if err != nil {
			return nil, 0, within("*", err)
		}
		value, end, err := d.any(at)
		if err != nil {
			return nil, 0, within("*", err)
		}
		d.values, d.names = append(d.values, value), append(d.names, name)
		if pos, more, err = d.Next(pyjson.Object, end); err != nil {
			return nil, 0, err
		}
	}
	m = make(map[string]any, len(d.values)-from)
	for i, value := range d.values[from:] {
		m[d.names[fromNames+i]] = value // the last of a name counts (TYPE-2)
	}
	return m, pos, nil
}

// array reads the elements of an array that was begun.
func (d *decoder) array(pos int, more bool) (a []any, end int, err error) {
	from := len(d.values)
	defer func() {
		clear(d.values[from:])
		d.values = d.values[:from]
	}()
	for more {
		value, end, err := d.any(pos)
		if err != nil {
			return nil, 0, atIndex(len(d.values)-from, err)
		}
		d.values = append(d.values, value)
		if pos, more, err = d.Next(pyjson.Array, end); err != nil {
			return nil, 0, err
		}
	}
	a = make([]any, len(d.values)-from)
	copy(a, d.values[from:])
	return a, pos, nil
}

// nameOf makes a Go string of a member's name.
func (d *decoder) nameOf(raw []byte) (string, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return d.strings.name(raw), nil
	}
	return d.unquote(raw, true)
}
