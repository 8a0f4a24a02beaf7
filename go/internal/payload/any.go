package payload

import (
	"bytes"
	"encoding/json"
	"unsafe"

	"github.com/remote-events/remote-events/go/pyjson"
)

// readAny reads a value into an empty interface, as encoding/json does. However, a
// number that a float64 would change becomes a json.Number, and so does every integer
// beyond ±(2⁵³−1) (TYPE-13).
func readAny(d *decoder, pos int, p unsafe.Pointer) (int, error) {
	value, end, err := d.any(pos)
	if err == nil {
		*(*any)(p) = value
	}
	return end, err
}

// readObject reads an object into a map from strings to empty interfaces.
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
		return d.array(next, more)
	}
	kind, err := d.Peek(pos)
	if err != nil {
		return nil, 0, err
	}
	if kind == pyjson.Number {
		return d.genericNumber(pos)
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

// genericNumber reads the number at pos as a float64, or as a json.Number if a float64
// would change it.
func (d *decoder) genericNumber(pos int) (value any, end int, err error) {
	digits, fraction, end := d.Decimal(pos)
	if end >= 0 {
		negative := d.Src[pos] == '-'
		if fraction == 0 && digits < uint64(len(small)) && !negative {
			return small[digits], end, nil
		}
		if f, ok := pyjson.DecimalFloat(digits, fraction, negative); ok {
			return d.numbers.box(f), end, nil
		}
	}
	raw, end, err := d.Number(pos)
	if err != nil {
		return nil, 0, err
	}
	if f, ok := pyjson.SafeFloat(raw); ok {
		return d.numbers.box(f), end, nil
	}
	return json.Number(raw), end, nil
}

// numberStore allocates generic values of numbers in chunks.
type numberStore struct{ chunk []float64 }

func (s *numberStore) box(f float64) any {
	if len(s.chunk) == cap(s.chunk) {
		s.chunk = make([]float64, 0, chunkBytes/int(unsafe.Sizeof(f)))
	}
	s.chunk = append(s.chunk, f)
	return boxed(&s.chunk[len(s.chunk)-1], floatType)
}

// boxed returns p as a generic value that has the dynamic type of typ. It does not copy
// the value of p, which must no longer change.
func boxed[T any](p *T, typ any) any {
	(*[2]unsafe.Pointer)(unsafe.Pointer(&typ))[1] = unsafe.Pointer(p) //nolint:gosec // an any is a type and a pointer
	return typ
}

// A generic value of each type, as the typ of boxed.
var (
	floatType  any = float64(0)
	stringType any = ""
	arrayType  any = []any(nil)
)

// small caches the integers below a thousand as generic values.
var small = func() (made [1000]any) {
	for n := range made {
		made[n] = float64(n)
	}
	return made
}()

// object reads the members of an object after [decoder.begin]. It gathers them first, to
// allocate the map with its size. After an error it leaves the stack as it is.
func (d *decoder) object(pos int, more bool) (m map[string]any, end int, err error) {
	from := len(d.values)
	fromNames := len(d.names)
	for more {
		name, at, err := d.name(pos)
		if err != nil {
			return nil, 0, err
		}
		value, end, err := d.any(at)
		if err != nil {
			return nil, 0, within("*", err)
		}
		d.values, d.names = append(d.values, value), append(d.names, name)
		if d.comma(end) {
			pos = end + 1
		} else if pos, more, err = d.Next(pyjson.Object, end); err != nil {
			return nil, 0, err
		}
	}
	values, names := d.values[from:], d.names[fromNames:]
	m = make(map[string]any, len(values))
	for i, value := range values {
		m[names[i]] = value // the last of a name counts (TYPE-2)
	}
	d.cut(from, fromNames)
	return m, pos, nil
}

// array reads the elements of an array after [decoder.begin], as object does.
func (d *decoder) array(pos int, more bool) (a any, end int, err error) {
	from := len(d.values)
	for more {
		value, end, err := d.any(pos)
		if err != nil {
			return nil, 0, atIndex(len(d.values)-from, err)
		}
		d.values = append(d.values, value)
		if d.comma(end) {
			pos = end + 1
		} else if pos, more, err = d.Next(pyjson.Array, end); err != nil {
			return nil, 0, err
		}
	}
	values := d.values[from:]
	a = arrayOf(values)
	d.cut(from, len(d.names))
	return a, pos, nil
}

// arrayOf copies the values to a generic value. It allocates a short array together with
// its header.
func arrayOf(values []any) any {
	switch len(values) {
	case 1:
		made := &struct {
			array []any
			room  [1]any
		}{room: [1]any(values)}
		made.array = made.room[:]
		return boxed(&made.array, arrayType)
	case 2:
		made := &struct {
			array []any
			room  [2]any
		}{room: [2]any(values)}
		made.array = made.room[:]
		return boxed(&made.array, arrayType)
	case 3:
		made := &struct {
			array []any
			room  [3]any
		}{room: [3]any(values)}
		made.array = made.room[:]
		return boxed(&made.array, arrayType)
	}
	made := make([]any, len(values))
	copy(made, values)
	return made
}

// name reads a member's name, as [pyjson.Scanner.Name] does, and decodes it to a Go
// string.
func (d *decoder) name(pos int) (name string, value int, err error) {
	raw, value, err := d.Name(pos)
	if err != nil {
		return "", 0, err
	}
	if name, err = d.nameOf(raw); err != nil {
		return "", 0, within("*", err)
	}
	return name, value, nil
}

// nameOf decodes a member's name to a Go string.
func (d *decoder) nameOf(raw []byte) (string, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return d.strings.name(raw), nil
	}
	return d.unquote(raw, true)
}
