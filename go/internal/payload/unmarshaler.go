package payload

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"unsafe"

	"github.com/remote-events/remote-events/go/pyjson"
)

// textReaderOf returns the reader of a type with an UnmarshalText.
func textReaderOf(t reflect.Type) reader {
	limit := isBig(t)
	return func(d *decoder, pos int, p unsafe.Pointer) (int, error) {
		s, ok, end, err := d.text(pos)
		if err != nil || !ok {
			return end, err
		}
		return end, unmarshalText(s, reflect.NewAt(t, p), limit)
	}
}

// unmarshalText calls UnmarshalText on a pointer.
func unmarshalText(s string, pointer reflect.Value, limit bool) error {
	if limit && tooLong(s) {
		return errTooLong()
	}
	u := pointer.Interface().(encoding.TextUnmarshaler) //nolint:forcetypeassert // the builder checked it
	return rejected(pointer.Type().Elem(), func() error { return u.UnmarshalText([]byte(s)) })
}

// unmarshalerOf returns the reader of a type with an UnmarshalJSON. Such a method expects
// strict JSON, and would read a lone surrogate as another character.
func unmarshalerOf(t reflect.Type) reader {
	limit := isBig(t)
	return func(d *decoder, pos int, p unsafe.Pointer) (int, error) {
		end, err := d.Value(pos)
		if err != nil {
			return 0, err
		}
		text := d.Src[pos:end:end]
		var foreign foreigner
		s := pyjson.Scanner{Src: d.Src, Observer: &foreign}
		if _, err := s.Value(pos); err != nil {
			return 0, err
		}
		if foreign != "" {
			return 0, misfit("it contains " + string(foreign) + ", which " + t.String() + " does not expect")
		}
		if text[0] == '{' || text[0] == '[' {
			text = pyjson.DropDuplicates(text)
		} else if limit && tooLong(string(text)) {
			return 0, errTooLong()
		}
		u := reflect.NewAt(t, p).Interface().(json.Unmarshaler) //nolint:forcetypeassert // the builder checked it
		return end, rejected(t, func() error { return u.UnmarshalJSON(text) })
	}
}

// rejected calls a type's own method, and converts its error or panic to an [*Error].
func rejected(t reflect.Type, unmarshal func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			// The panic's value may quote the payload too.
			cause, ok := value.(error)
			if !ok {
				cause = fmt.Errorf("%v", value)
			}
			err = &Error{Problem: t.String() + " panicked on it", Err: cause}
		}
	}()
	if err := unmarshal(); err != nil {
		// The method's error may quote the payload: only errors.As returns it.
		return &Error{Problem: t.String() + " rejects it", Err: err}
	}
	return nil
}

// isBig reports whether a type reads numbers of any length with the methods of
// math/big, its own or those of an embedded struct. These methods take more than linear
// time.
func isBig(t reflect.Type) bool {
	if isBigItself(t) {
		return true
	}
	if t.Kind() == reflect.Struct {
		for f := range t.Fields() {
			if f.Anonymous && isBigItself(f.Type) {
				return true
			}
		}
	}
	return false
}

func isBigItself(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t == reflect.TypeFor[big.Int]() || t == reflect.TypeFor[big.Float]() || t == reflect.TypeFor[big.Rat]()
}

// maxDigits is the maximum length of a number for a type of math/big, which is the maximum of
// Python's integers (TYPE-14).
const maxDigits = 4300

// tooLong reports whether a number has too many digits, written out or by its exponent.
// It ignores text that math/big rejects.
func tooLong(number string) bool {
	number = strings.ReplaceAll(strings.Trim(number, `"`), "_", "")
	mantissa, exponent := number, ""
	if i := strings.LastIndexAny(number, "eEpP"); i >= 0 {
		mantissa, exponent = number[:i], strings.TrimLeft(number[i+1:], "+-0")
	}
	signs := strings.Count(mantissa, "-") + strings.Count(mantissa, ".") + strings.Count(mantissa, "/")
	if len(mantissa)-signs > maxDigits {
		return true
	}
	return strings.Trim(exponent, "0123456789") == "" && (len(exponent) > 4 || len(exponent) == 4 && exponent > "4300")
}

func errTooLong() error {
	return misfit(fmt.Sprintf("the number has more than %d digits, or an exponent beyond ±%d", maxDigits, maxDigits))
}

// foreigner is an observer that finds JSON which only Python accepts.
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
