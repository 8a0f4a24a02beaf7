package payload

import (
	"encoding"
	"encoding/json"
	"reflect"

	"github.com/remote-events/remote-events/go/pyjson"
)

func readText(d *decoder, pos int, v reflect.Value) (int, error) {
	s, ok, end, err := d.text(pos)
	if err != nil || !ok {
		return end, err
	}
	u := v.Addr().Interface().(encoding.TextUnmarshaler) //nolint:forcetypeassert // the builder asked
	return end, refused(v.Type(), u.UnmarshalText([]byte(s)))
}

// readUnmarshaler hands a value to the type's own method, which expects strict
// JSON and would read a lone surrogate as another character.
func readUnmarshaler(d *decoder, pos int, v reflect.Value) (int, error) {
	end, err := d.Value(pos)
	if err != nil {
		return 0, err
	}
	var foreign foreigner
	s := pyjson.Scanner{Src: d.Src, Observer: &foreign}
	if _, err := s.Value(pos); err != nil {
		return 0, err
	}
	if foreign != "" {
		return 0, misfit("it holds " + string(foreign) + ", which " + v.Type().String() + " does not expect")
	}
	u := v.Addr().Interface().(json.Unmarshaler) //nolint:forcetypeassert // the builder asked
	return end, refused(v.Type(), u.UnmarshalJSON(pyjson.DropDuplicates(d.Src[pos:end])))
}

func refused(t reflect.Type, err error) error {
	if err == nil {
		return nil
	}
	// The method's own words may quote the payload: they are for errors.As.
	return &Error{Problem: t.String() + " refuses it", Err: err}
}

// foreigner observes whether a value holds what is JSON to Python only.
type foreigner string

func (f *foreigner) Open(pyjson.Kind, int) {}
func (f *foreigner) Close()                {}
func (f *foreigner) Name(raw []byte, _ int) {
	if !pyjson.Paired(raw) {
		*f = "a lone surrogate"
	}
}

func (f *foreigner) Scalar(kind pyjson.Kind, raw []byte, _ int) {
	switch kind {
	case pyjson.NonFinite:
		*f = "a non-finite number"
	case pyjson.String:
		if !pyjson.Paired(raw[1 : len(raw)-1]) {
			*f = "a lone surrogate"
		}
	default:
	}
}
