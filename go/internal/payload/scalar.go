package payload

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unsafe"

	"github.com/remote-events/remote-events/go/pyjson"
)

// scalarReader returns the reader of a scalar kind, or nil for other kinds.
func scalarReader(kind reflect.Kind) reader {
	switch kind {
	case reflect.Bool:
		return readBool
	case reflect.String:
		return readString
	case reflect.Int:
		return readInt[int]
	case reflect.Int8:
		return readInt[int8]
	case reflect.Int16:
		return readInt[int16]
	case reflect.Int32:
		return readInt[int32]
	case reflect.Int64:
		return readInt[int64]
	case reflect.Uint:
		return readUint[uint]
	case reflect.Uint8:
		return readUint[uint8]
	case reflect.Uint16:
		return readUint[uint16]
	case reflect.Uint32:
		return readUint[uint32]
	case reflect.Uint64:
		return readUint[uint64]
	case reflect.Uintptr:
		return readUint[uintptr]
	case reflect.Float32:
		return readFloat32
	case reflect.Float64:
		return readFloat64
	default:
		return nil
	}
}

func readRaw(d *decoder, pos int, p unsafe.Pointer) (int, error) {
	end, err := d.Value(pos)
	if err == nil {
		*(*json.RawMessage)(p) = bytes.Clone(d.Src[pos:end])
	}
	return end, err
}

func readNumber(d *decoder, pos int, p unsafe.Pointer) (int, error) {
	raw, end, err := d.number(pos)
	if err == nil && raw != nil {
		*(*json.Number)(p) = json.Number(d.strings.keep(raw))
	}
	return end, err
}

func readBool(d *decoder, pos int, p unsafe.Pointer) (int, error) {
	switch d.at(pos) {
	case 't', 'f', 'n':
		end, err := d.Value(pos)
		if err == nil {
			*(*bool)(p) = d.Src[pos] == 't'
		}
		return end, err
	}
	kind, err := d.Peek(pos)
	if err != nil {
		return 0, err
	}
	return 0, misfit("it is " + kind.String() + ", not true or false")
}

func readString(d *decoder, pos int, p unsafe.Pointer) (int, error) {
	s, _, end, err := d.text(pos)
	if err == nil {
		*(*string)(p) = s
	}
	return end, err
}

func readInt[T int | int8 | int16 | int32 | int64](d *decoder, pos int, p unsafe.Pointer) (int, error) {
	if digits, fraction, end := d.Decimal(pos); end >= 0 && fraction == 0 && digits <= math.MaxInt64 {
		n := int64(digits)
		if d.Src[pos] == '-' {
			n = -n
		}
		if int64(T(n)) == n {
			*(*T)(p) = T(n)
			return end, nil
		}
	}
	raw, end, err := d.number(pos)
	if err != nil || raw == nil {
		return end, err
	}
	n, ok := pyjson.Int(raw)
	if !ok || int64(T(n)) != n {
		return 0, misfitInteger(raw, reflect.TypeFor[T]())
	}
	*(*T)(p) = T(n)
	return end, nil
}

func readUint[T uint | uint8 | uint16 | uint32 | uint64 | uintptr](d *decoder, pos int, p unsafe.Pointer) (int, error) {
	raw, end, err := d.number(pos)
	if err != nil || raw == nil {
		return end, err
	}
	var n uint64
	if short, ok := pyjson.Int(raw); ok && short >= 0 { // also for -0
		n = uint64(short)
	} else if n, err = strconv.ParseUint(string(raw), 10, 64); err != nil {
		return 0, misfitInteger(raw, reflect.TypeFor[T]())
	}
	if uint64(T(n)) != n {
		return 0, misfitInteger(raw, reflect.TypeFor[T]())
	}
	*(*T)(p) = T(n)
	return end, nil
}

func misfitInteger(raw []byte, t reflect.Type) error {
	if !pyjson.IsInteger(raw) {
		return misfit("the number is not written as an integer")
	}
	return misfit("the integer does not fit " + t.Kind().String())
}

func readFloat64(d *decoder, pos int, p unsafe.Pointer) (int, error) {
	if digits, fraction, end := d.Decimal(pos); end >= 0 {
		if f, ok := pyjson.DecimalFloat(digits, fraction, d.Src[pos] == '-'); ok {
			*(*float64)(p) = f
			return end, nil
		}
	}
	f, end, err := d.float(pos, pyjson.Float, "float64")
	if err == nil {
		*(*float64)(p) = f
	}
	return end, err
}

func readFloat32(d *decoder, pos int, p unsafe.Pointer) (int, error) {
	f, end, err := d.float(pos, float32Of, "float32")
	if err == nil {
		*(*float32)(p) = float32(f)
	}
	return end, err
}

// float reads the number at pos, which may be non-finite. It returns 0 for null.
func (d *decoder) float(pos int, convert func([]byte) (float64, bool), kind string) (f float64, end int, err error) {
	raw, end, err := d.number(pos)
	if err == nil && raw != nil {
		f, ok := convert(raw)
		if !ok {
			return 0, 0, misfit("the number does not fit " + kind)
		}
		return f, end, nil
	}
	if k, fault := d.Peek(pos); fault == nil && k == pyjson.NonFinite {
		if end, err = d.Value(pos); err == nil {
			return nonFinite(d.Src[pos]), end, nil
		}
	}
	return 0, end, err
}

// float32Of is [pyjson.Float] for a float32. It rounds the text directly, because
// rounding to a float64 first would round some numbers twice.
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

// nonFinite returns the non-finite number whose literal begins with this byte.
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

func readBytes(d *decoder, pos int, p unsafe.Pointer) (int, error) {
	s, ok, end, err := d.text(pos)
	if err != nil || !ok {
		return end, err
	}
	// The package ignores line ends, which are not in the alphabet (TYPE-12).
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return 0, misfit("the string is not base64")
	}
	*(*[]byte)(p) = b
	return end, nil
}
