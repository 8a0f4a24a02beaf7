package payload

import (
	"errors"
	"reflect"
	"sync"
	"unsafe"

	"github.com/remote-events/remote-events/go/pyjson"
)

// maxDepth is how deep a payload may nest: as deep as a receiver follows (LIMIT-4).
const maxDepth = 10_000

// Check reports what in a type could never be filled from a payload, or would
// be lost on the way into one.
func Check(t reflect.Type) error {
	_, err := readerOf(t)
	return err
}

// Decode fills the value that target points to from a payload. What was in the
// value before is gone. The strings that it makes are copies, of which short ones
// share memory: one that is kept keeps some kilobytes at most. Its errors are of
// type [*Error], except where the payload is no JSON or the type itself is at fault.
//
// It implements TYPE-1 to TYPE-16.
func Decode(text []byte, target any) error {
	v := reflect.ValueOf(target).Elem()
	read, err := readerOf(v.Type())
	if err != nil {
		return err
	}
	d := decoders.Get().(*decoder) //nolint:forcetypeassert // the pool holds nothing else
	defer d.release()
	v.SetZero()
	p := v.Addr().UnsafePointer()
	if err = d.decode(text, p, read); err == nil {
		return nil
	}
	// Duplicates are rare, and so is the way to read them: once more, without
	// what is replaced, which may as well have been what did not fit.
	if kept := pyjson.DropDuplicates(text); len(kept) < len(text) {
		v.SetZero()
		err = d.decode(kept, p, read)
	}
	if misfit, ok := errors.AsType[*Error](err); ok {
		misfit.Type = v.Type()
	}
	return err
}

// A decoder stands over one payload.
type decoder struct {
	pyjson.Scanner

	strings stringStore
	numbers numberStore
	values  []any    // elements and members of generic values under way, innermost last
	names   []string // the members' names, likewise
	// How many there were at most: all that release clears.
	topValues, topNames int
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// maxKeptValues is the most values for which a decoder's memory is kept.
const maxKeptValues = 4096

func (d *decoder) release() {
	d.Scanner = pyjson.Scanner{}
	d.cut(0, 0)
	if max(cap(d.values), cap(d.names)) > maxKeptValues {
		d.values, d.names = nil, nil
	} else {
		clear(d.values[:d.topValues])
		clear(d.names[:d.topNames])
	}
	d.topValues, d.topNames = 0, 0
	decoders.Put(d)
}

// cut leaves as many values and names under way.
func (d *decoder) cut(values, names int) {
	d.topValues, d.topNames = max(d.topValues, len(d.values)), max(d.topNames, len(d.names))
	d.values, d.names = d.values[:values], d.names[:names]
}

func (d *decoder) decode(text []byte, p unsafe.Pointer, read reader) error {
	d.Scanner = pyjson.Scanner{Src: text, MaxDepth: maxDepth}
	_, err := read(d, d.Space(0), p)
	return err
}

// at returns the byte at pos, or 0 behind the end.
func (d *decoder) at(pos int) byte {
	if pos < len(d.Src) {
		return d.Src[pos]
	}
	return 0
}

// comma reports whether a comma stands at pos and no white space behind it, so that
// there is no need of [pyjson.Scanner.Next].
func (d *decoder) comma(pos int) bool {
	return pos+1 < len(d.Src) && d.Src[pos] == ',' && d.Src[pos+1] > ' '
}

// number passes the number at pos. Where null stands instead, raw is nil.
func (d *decoder) number(pos int) (raw []byte, end int, err error) {
	if pos < len(d.Src) && (d.Src[pos]-'0' <= 9 || d.Src[pos] == '-') {
		if raw, end, err = d.Number(pos); err == nil {
			return raw, end, nil
		}
	}
	end, err = d.other(pos, pyjson.Number)
	return nil, end, err
}

// text passes the string at pos. Where null stands instead, ok is false.
func (d *decoder) text(pos int) (s string, ok bool, end int, err error) {
	if pos >= len(d.Src) || d.Src[pos] != '"' {
		end, err = d.other(pos, pyjson.String)
		return "", false, end, err
	}
	raw, escaped, end, err := d.String(pos)
	if err != nil {
		return "", false, 0, err
	}
	s, err = d.unquote(raw, escaped)
	return s, true, end, err
}

// other passes the null at pos. Whatever else stands there, which is no value of
// the wanted kind, is an error.
func (d *decoder) other(pos int, want pyjson.Kind) (end int, err error) {
	kind, err := d.Peek(pos)
	if err != nil {
		return 0, err
	}
	if end, err = d.Value(pos); err != nil || kind == pyjson.Null {
		return end, err
	}
	return 0, misfit("it is " + kind.String() + ", not " + want.String())
}

// begin opens the object or array at pos as [pyjson.Scanner.Begin] does. Where
// null stands instead, found is false and next stands behind it.
func (d *decoder) begin(kind pyjson.Kind, pos int) (next int, more, found bool, err error) {
	bracket := byte('{')
	if kind == pyjson.Array {
		bracket = '['
	}
	if pos < len(d.Src) && d.Src[pos] == bracket {
		next, more, err = d.Begin(kind, pos)
		return next, more, true, err
	}
	next, err = d.other(pos, kind)
	return next, false, false, err
}

// unquote makes a Go string of one of the payload.
func (d *decoder) unquote(raw []byte, escaped bool) (string, error) {
	if !escaped {
		return d.strings.keep(raw), nil
	}
	s, ok := pyjson.Unquote(raw)
	if !ok {
		return "", misfit("it holds a surrogate without its partner, which no Go string can")
	}
	return s, nil
}
