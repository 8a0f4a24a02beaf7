package payload

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/remote-events/remote-events/go/pyjson"
)

func readRaw(d *decoder, pos int, v reflect.Value) (int, error) {
	end, err := d.Value(pos)
	if err == nil {
		v.SetBytes(append([]byte(nil), d.Src[pos:end]...))
	}
	return end, err
}

func readNumber(d *decoder, pos int, v reflect.Value) (int, error) {
	raw, end, err := d.number(pos)
	if err == nil && raw != nil {
		v.SetString(d.strings.keep(raw))
	}
	return end, err
}

func readBool(d *decoder, pos int, v reflect.Value) (int, error) {
	kind, err := d.Peek(pos)
	if err != nil {
		return 0, err
	}
	switch kind {
	case pyjson.True, pyjson.False:
		v.SetBool(kind == pyjson.True)
	case pyjson.Null:
	default:
		return 0, misfit("it is " + kind.String() + ", not true or false")
	}
	return d.Value(pos)
}

func readString(d *decoder, pos int, v reflect.Value) (int, error) {
	s, _, end, err := d.text(pos)
	if err == nil {
		v.SetString(s)
	}
	return end, err
}

func readInt(d *decoder, pos int, v reflect.Value) (int, error) {
	raw, end, err := d.number(pos)
	if err != nil || raw == nil {
		return end, err
	}
	n, ok := pyjson.Int(raw)
	if !ok || v.OverflowInt(n) {
		return 0, misfitInteger(raw, v.Type())
	}
	v.SetInt(n)
	return end, nil
}

func readUint(d *decoder, pos int, v reflect.Value) (int, error) {
	raw, end, err := d.number(pos)
	if err != nil || raw == nil {
		return end, err
	}
	if n, ok := pyjson.Int(raw); ok && n >= 0 { // -0, too
		if v.OverflowUint(uint64(n)) {
			return 0, misfitInteger(raw, v.Type())
		}
		v.SetUint(uint64(n))
		return end, nil
	}
	n, err := strconv.ParseUint(string(raw), 10, v.Type().Bits())
	if err != nil {
		return 0, misfitInteger(raw, v.Type())
	}
	v.SetUint(n)
	return end, nil
}

func misfitInteger(raw []byte, t reflect.Type) error {
	if !pyjson.IsInteger(raw) {
		return misfit("it is written as a fraction, not as an integer")
	}
	return misfit("the integer does not fit " + t.Kind().String())
}

func readFloat(d *decoder, pos int, v reflect.Value) (int, error) {
	if kind, err := d.Peek(pos); err == nil && kind == pyjson.NonFinite {
		end, err := d.Value(pos)
		if err == nil {
			v.SetFloat(nonFinite(d.Src[pos]))
		}
		return end, err
	}
	raw, end, err := d.number(pos)
	if err != nil || raw == nil {
		return end, err
	}
	var f float64
	var ok bool
	if v.Kind() == reflect.Float32 {
		f, ok = float32Of(raw)
	} else {
		f, ok = pyjson.Float(raw)
	}
	if !ok {
		return 0, misfit("the number does not fit " + v.Kind().String())
	}
	v.SetFloat(f)
	return end, nil
}

// float32Of is [pyjson.Float] for a float32. It rounds the text itself, because
// a float64 in between would round some numbers twice.
func float32Of(raw []byte) (f float64, ok bool) {
	f, err := strconv.ParseFloat(string(raw), 32)
	if err != nil {
		return 0, false
	}
	if !pyjson.IsInteger(raw) || strconv.FormatFloat(f, 'f', -1, 32) == string(raw) {
		return f, true
	}
	wide, ok := pyjson.Float(raw)
	return f, ok && wide == f
}

// nonFinite returns the number whose literal has this first byte.
func nonFinite(first byte) float64 {
	switch first {
	case 'N':
		return math.NaN()
	case 'I':
		return math.Inf(1)
	default:
		return math.Inf(-1)
	}
}

func readBytes(d *decoder, pos int, v reflect.Value) (int, error) {
	s, ok, end, err := d.text(pos)
	if err != nil || !ok {
		return end, err
	}
	// The package passes over line ends, which are not of the alphabet (TYPE-12).
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return 0, misfit("the string is not base64")
	}
	v.SetBytes(b)
	return end, nil
}
