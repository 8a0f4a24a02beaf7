package payload

import (
	"errors"
	"reflect"
	"sync"
	"unsafe"

	"github.com/remote-events/remote-events/go/pyjson"
)

// maxDepth is the maximum depth of a payload that receivers accept (LIMIT-4).
const maxDepth = 10_000

// Check returns an error if a part of the type can never be decoded from a payload, or
// would lose values.
func Check(t reflect.Type) error {
	_, err := readerOf(t)
	return err
}

// Decode decodes a payload into the value that target points to, and overwrites that
// value. Strings are copies. Short strings share memory, so that keeping one keeps a few
// kilobytes. Its errors are of type [*Error], unless the payload is not JSON or the type
// is unusable.
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
	// Duplicate members are rare. Decode then starts again without the replaced members,
	// which may have caused the error.
	if kept := pyjson.DropDuplicates(text); len(kept) < len(text) {
		v.SetZero()
		err = d.decode(kept, p, read)
	}
	if misfit, ok := errors.AsType[*Error](err); ok {
		misfit.Type = v.Type()
	}
	return err
}

// A decoder decodes one payload.
type decoder struct {
	pyjson.Scanner

	strings stringStore
	numbers numberStore
	values  []any    // stack of elements and members of unfinished generic values
	names   []string // stack of the members' names
	// The maximum heights of the stacks, up to which release clears them.
	topValues, topNames int
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// maxKeptValues is the maximum stack size that a pooled decoder keeps.
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

// cut truncates the stacks.
func (d *decoder) cut(values, names int) {
	d.topValues, d.topNames = max(d.topValues, len(d.values)), max(d.topNames, len(d.names))
	d.values, d.names = d.values[:values], d.names[:names]
}

func (d *decoder) decode(text []byte, p unsafe.Pointer, read reader) error {
	d.Scanner = pyjson.Scanner{Src: text, MaxDepth: maxDepth}
	_, err := read(d, d.Space(0), p)
	return err
}

// at returns the byte at pos, or 0 at the end.
func (d *decoder) at(pos int) byte {
	if pos < len(d.Src) {
		return d.Src[pos]
	}
	return 0
}

// comma reports whether there is a comma at pos without white space after it, so that
// the caller does not need [pyjson.Scanner.Next].
func (d *decoder) comma(pos int) bool {
	return pos+1 < len(d.Src) && d.Src[pos] == ',' && d.Src[pos+1] > ' '
}

// number reads the number at pos. For null, raw is nil.
func (d *decoder) number(pos int) (raw []byte, end int, err error) {
	if pos < len(d.Src) && (d.Src[pos]-'0' <= 9 || d.Src[pos] == '-') {
		if raw, end, err = d.Number(pos); err == nil {
			return raw, end, nil
		}
	}
	end, err = d.other(pos, pyjson.Number)
	return nil, end, err
}

// text reads the string at pos. For null, ok is false.
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

// other reads null at pos. Any other value is an error, because it is not of the wanted
// kind.
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

// begin opens the object or array at pos as [pyjson.Scanner.Begin] does. For null, found
// is false and next is the position after it.
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

// unquote decodes a JSON string to a Go string.
func (d *decoder) unquote(raw []byte, escaped bool) (string, error) {
	if !escaped {
		return d.strings.keep(raw), nil
	}
	s, ok := pyjson.Unquote(raw)
	if !ok {
		return "", misfit("it contains a lone surrogate, which a Go string cannot represent")
	}
	return s, nil
}
