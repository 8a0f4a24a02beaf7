package payload

import (
	"errors"
	"reflect"

	"github.com/remote-events/remote-events/go/pyjson"
)

// Check reports what in a type could never be filled from a payload, or would
// be lost on the way into one.
func Check(t reflect.Type) error {
	_, err := readerOf(t)
	return err
}

// Decode fills the value that target points to from a payload, which must have
// come through a scan without error. What was in the value before is gone. Its
// errors are of type [*Error], except where the type itself is at fault.
//
// It implements TYPE-1 to TYPE-9.
func Decode(text []byte, target any) error {
	v := reflect.ValueOf(target).Elem()
	read, err := readerOf(v.Type())
	if err != nil {
		return err
	}
	v.SetZero()
	if err = decode(text, v, read); err == nil {
		return nil
	}
	// Duplicates are rare, and so is the way to read them: once more, without
	// what is replaced, which may as well have been what did not fit.
	if kept := pyjson.DropDuplicates(text); len(kept) < len(text) {
		v.SetZero()
		err = decode(kept, v, read)
	}
	if misfit, ok := errors.AsType[*Error](err); ok {
		misfit.Type = v.Type()
	}
	return err
}

func decode(text []byte, v reflect.Value, read reader) error {
	d := &decoder{pyjson.Scanner{Src: text}}
	_, err := read(d, d.Space(0), v)
	return err
}

// A decoder stands over one payload.
type decoder struct{ pyjson.Scanner }

// A reader fills v, which is settable and zero, from the value at pos and
// returns the position behind that.
type reader func(d *decoder, pos int, v reflect.Value) (end int, err error)

// scalar passes the value at pos, which must be of the wanted kind. Where it is
// null, raw is nil.
func (d *decoder) scalar(pos int, want pyjson.Kind) (raw []byte, end int, err error) {
	kind, err := d.Peek(pos)
	if err != nil {
		return nil, 0, err
	}
	if end, err = d.Value(pos); err != nil {
		return nil, 0, err
	}
	switch kind {
	case want:
		return d.Src[pos:end], end, nil
	case pyjson.Null:
		return nil, end, nil
	default:
		return nil, 0, misfit("it is " + kind.String() + ", not " + want.String())
	}
}

// enter looks for a value of the wanted kind at pos. Where there is another, done
// is true: null is passed, and all else is an error.
func (d *decoder) enter(pos int, want pyjson.Kind) (end int, done bool, err error) {
	switch kind, err := d.Peek(pos); {
	case err != nil:
		return 0, true, err
	case kind == want:
		return 0, false, nil
	case kind == pyjson.Null:
		end, err = d.Value(pos)
		return end, true, err
	default:
		return 0, true, misfit("it is " + kind.String() + ", not " + want.String())
	}
}

// text passes the string at pos. Where null stands instead, ok is false.
func (d *decoder) text(pos int) (s string, ok bool, end int, err error) {
	raw, end, err := d.scalar(pos, pyjson.String)
	if err != nil || raw == nil {
		return "", false, end, err
	}
	s, err = unquote(raw[1 : len(raw)-1])
	return s, true, end, err
}

func unquote(raw []byte) (string, error) {
	s, ok := pyjson.Unquote(raw)
	if !ok {
		return "", misfit("it holds a surrogate without its partner, which no Go string can")
	}
	return s, nil
}
