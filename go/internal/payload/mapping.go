package payload

import (
	"fmt"
	"reflect"
	"strconv"
	"unsafe"

	"github.com/remote-events/remote-events/go/pyjson"
)

func (b builder) mapping(t reflect.Type) (reader, error) {
	if t.Key().Kind() == reflect.String && !reflect.PointerTo(t.Key()).Implements(textUnmarshalerType) &&
		t.Elem() == anyType && reflect.TypeFor[map[string]any]().ConvertibleTo(t) {
		return readObject, nil
	}
	elem, err := b.reader(t.Elem())
	if err != nil {
		return nil, err
	}
	key, err := keyReader(t.Key())
	if err != nil {
		return nil, err
	}
	return func(d *decoder, pos int, p unsafe.Pointer) (int, error) {
		pos, more, found, err := d.begin(pyjson.Object, pos)
		if err != nil || !found {
			return pos, err
		}
		v := reflect.MakeMap(t)
		reflect.NewAt(t, p).Elem().Set(v)
		k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		at := e.Addr().UnsafePointer()
		for n := 1; more; n++ {
			raw, value, err := d.Name(pos)
			if err != nil {
				return 0, err
			}
			name, err := d.nameOf(raw)
			if err != nil {
				return 0, within("*", err)
			}
			k.SetZero()
			if err := key(name, k); err != nil {
				return 0, within("*", err)
			}
			e.SetZero()
			if pos, err = elem(d, value, at); err != nil {
				return 0, within("*", err)
			}
			if v.SetMapIndex(k, e); v.Len() < n {
				return 0, within("*", duplicate())
			}
			if pos, more, err = d.Next(pyjson.Object, pos); err != nil {
				return 0, err
			}
		}
		return pos, nil
	}, nil
}

// keyReader returns the function that decodes a member's name into a zero map key.
func keyReader(t reflect.Type) (func(name string, k reflect.Value) error, error) {
	noInteger := func() error { return misfit("a member's name is not an integer that fits " + t.String()) }
	switch {
	case reflect.PointerTo(t).Implements(textUnmarshalerType):
		limit := isBig(t)
		return func(name string, k reflect.Value) error { return unmarshalText(name, k.Addr(), limit) }, nil
	case t.Kind() == reflect.String:
		return func(name string, k reflect.Value) error { k.SetString(name); return nil }, nil
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		return func(name string, k reflect.Value) error {
			n, err := strconv.ParseInt(name, 10, t.Bits())
			if err != nil {
				return noInteger()
			}
			k.SetInt(n)
			return nil
		}, nil
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uintptr:
		return func(name string, k reflect.Value) error {
			n, err := strconv.ParseUint(name, 10, t.Bits())
			if err != nil {
				return noInteger()
			}
			k.SetUint(n)
			return nil
		}, nil
	}
	return nil, fmt.Errorf("a member's name cannot be decoded into the key type %s", t)
}
