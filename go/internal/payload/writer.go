package payload

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/remote-events/remote-events/go/pyjson"
)

const (
	// maxLevels is the maximum depth of a value, including pointers and interfaces.
	maxLevels = 4000
	// maxSendDepth is the maximum depth of the objects and arrays of a payload (LIMIT-1).
	// The message adds one level.
	maxSendDepth = 511
)

// A writer appends a value to a payload, in the layout of encoding/json.
type writer struct {
	Facts

	dst   []byte
	depth int // of objects and arrays
	level int // depth, including pointers and interfaces
}

// A plan writes the values of one type.
type plan func(w *writer, v reflect.Value) error

var (
	plans sync.Map // reflect.Type → plan

	timeType = reflect.TypeFor[time.Time]()
)

// planOf returns the plan of a type. It makes and caches it on first use. An unfinished
// plan is cached too, because a type may contain itself.
func planOf(t reflect.Type) plan {
	if p, ok := plans.Load(t); ok {
		return p.(plan) //nolint:forcetypeassert // the map contains only plans
	}
	build := sync.OnceValue(func() plan { return makePlan(t, true) })
	p, loaded := plans.LoadOrStore(t, plan(func(w *writer, v reflect.Value) error { return build()(w, v) }))
	if loaded {
		return p.(plan) //nolint:forcetypeassert // the map contains only plans
	}
	made := build()
	plans.Store(t, made)
	return made
}

// makePlan makes the plan of a type. addressed permits it to look for pointer methods,
// which apply to addressable values.
func makePlan(t reflect.Type, addressed bool) plan {
	addressed = addressed && t.Kind() != reflect.Pointer
	switch {
	case t == timeType:
		return writeTime
	case t == numberType:
		return writeNumber
	case addressed && reflect.PointerTo(t).Implements(marshalerType):
		return ifAddressed(writeMarshaler, t)
	case t.Implements(marshalerType):
		return writeMarshaler
	case addressed && reflect.PointerTo(t).Implements(textMarshalerType):
		return ifAddressed(writeTextMarshaler, t)
	case t.Implements(textMarshalerType):
		return writeTextMarshaler
	}
	switch t.Kind() {
	case reflect.Bool:
		return writeBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return writeInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return writeUint
	case reflect.Float32, reflect.Float64:
		return writeFloat
	case reflect.String:
		return writeString
	case reflect.Interface:
		return writeInterface
	case reflect.Pointer:
		return pointerPlan(t)
	case reflect.Struct:
		return structPlan(t)
	case reflect.Map:
		return mapPlan(t)
	case reflect.Slice:
		if isBytes(t) {
			return writeBytes
		}
		return slicePlan(t)
	case reflect.Array:
		return arrayPlan(t)
	default:
		return unsupported(t)
	}
}

// isBytes reports whether encoding/json writes a slice as base64.
func isBytes(t reflect.Type) bool {
	pointer := reflect.PointerTo(t.Elem())
	return t.Elem().Kind() == reflect.Uint8 && !pointer.Implements(marshalerType) && !pointer.Implements(textMarshalerType)
}

func unsupported(t reflect.Type) plan {
	return func(*writer, reflect.Value) error { return &EncodeError{Reason: ErrUnsupported, Type: t} }
}

// ifAddressed returns a plan that calls a pointer method on addressable values, and uses
// the plan of t on others.
func ifAddressed(method plan, t reflect.Type) plan {
	otherwise := makePlan(t, false)
	return func(w *writer, v reflect.Value) error {
		if v.CanAddr() {
			return method(w, v.Addr())
		}
		return otherwise(w, v)
	}
}

// value writes a value of any type.
func (w *writer) value(v reflect.Value) error {
	if !v.IsValid() {
		return w.literal("null")
	}
	return planOf(v.Type())(w, v)
}

func (w *writer) literal(text string) error {
	w.dst = append(w.dst, text...)
	return nil
}

// enter counts a level, and containers more objects and arrays.
func (w *writer) enter(containers int) error {
	w.depth += containers
	w.level++
	if w.depth > maxSendDepth {
		w.Foreign = true
	}
	if w.level > maxLevels {
		return &EncodeError{Reason: ErrTooDeep}
	}
	return nil
}

func (w *writer) leave(containers int) {
	w.depth -= containers
	w.level--
}

func writeBool(w *writer, v reflect.Value) error {
	w.dst = strconv.AppendBool(w.dst, v.Bool())
	return nil
}

// maxSafe is the largest integer that every JSON reader represents exactly
// (JSON-8).
const maxSafe = 1<<53 - 1

func writeInt(w *writer, v reflect.Value) error {
	n := v.Int()
	if n > maxSafe || n < -maxSafe {
		w.Unsafe = true
	}
	w.dst = strconv.AppendInt(w.dst, n, 10)
	return nil
}

func writeUint(w *writer, v reflect.Value) error {
	n := v.Uint()
	if n > maxSafe {
		w.Unsafe = true
	}
	w.dst = strconv.AppendUint(w.dst, n, 10)
	return nil
}

// writeFloat writes the shortest decimal that parses to the same float. It uses an
// exponent for small floats, and for large floats whose integer form would have digits
// beyond the precision.
func writeFloat(w *writer, v reflect.Value) error {
	f := v.Float()
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return &EncodeError{Reason: ErrNotFinite}
	}
	bits, inexact, tiny := 64, float64(1<<53), math.Abs(f) < 1e-6
	if v.Kind() == reflect.Float32 {
		bits, inexact, tiny = 32, 1<<24, float32(math.Abs(f)) < 1e-6
	}
	if f == 0 || !tiny && math.Abs(f) < inexact {
		w.dst = strconv.AppendFloat(w.dst, f, 'f', -1, bits)
		return nil
	}
	w.dst = strconv.AppendFloat(w.dst, f, 'e', -1, bits)
	// Write e-09 as e-9, as encoding/json and JavaScript do.
	if n := len(w.dst); w.dst[n-4] == 'e' && w.dst[n-3] == '-' && w.dst[n-2] == '0' {
		w.dst[n-2] = w.dst[n-1]
		w.dst = w.dst[:n-1]
	}
	return nil
}

func writeString(w *writer, v reflect.Value) error { return w.text(v.String()) }

// text writes a string.
func (w *writer) text(s string) error {
	dst, ok := appendText(w.dst, s)
	if !ok {
		return &EncodeError{Reason: ErrNotUTF8}
	}
	w.dst = dst
	return nil
}

func writeNumber(w *writer, v reflect.Value) error {
	text := v.String()
	if text == "" {
		text = "0"
	}
	s := pyjson.Scanner{Src: []byte(text)}
	if kind, start, end, err := s.Document(); err != nil || kind != pyjson.Number || end-start != len(text) {
		return &EncodeError{Reason: ErrMarshaler, Type: numberType}
	}
	if len(text) > 15 || !pyjson.IsInteger(s.Src) {
		w.Foreign = true
	}
	return w.literal(text)
}

func writeTime(w *writer, v reflect.Value) error {
	t, _ := reflect.TypeAssert[time.Time](v)
	w.dst = append(w.dst, '"')
	dst, err := t.AppendText(w.dst)
	if err != nil {
		return &EncodeError{Reason: ErrMarshaler, Type: timeType, Err: err}
	}
	dst = append(dst, '"')
	w.dst = dst
	return nil
}

func writeMarshaler(w *writer, v reflect.Value) error {
	m, ok := methods[json.Marshaler](v)
	if !ok {
		return w.literal("null")
	}
	text, err := m.MarshalJSON()
	if err == nil {
		b := bytes.NewBuffer(w.dst)
		err = json.Compact(b, text)
		w.dst = b.Bytes()
	}
	if err != nil {
		return &EncodeError{Reason: ErrMarshaler, Type: v.Type(), Err: err}
	}
	w.Foreign = true
	return nil
}

func writeTextMarshaler(w *writer, v reflect.Value) error {
	m, ok := methods[encoding.TextMarshaler](v)
	if !ok {
		return w.literal("null")
	}
	text, err := m.MarshalText()
	if err != nil {
		return &EncodeError{Reason: ErrMarshaler, Type: v.Type(), Err: err}
	}
	return w.text(string(text))
}

// methods returns a value as an M, unless it is nil.
func methods[M any](v reflect.Value) (m M, ok bool) {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return m, false
	}
	return reflect.TypeAssert[M](v)
}

func writeInterface(w *writer, v reflect.Value) error {
	if v.IsNil() {
		return w.literal("null")
	}
	if err := w.enter(0); err != nil {
		return err
	}
	defer w.leave(0)
	return w.value(v.Elem())
}

func writeBytes(w *writer, v reflect.Value) error {
	if v.IsNil() {
		return w.literal("null")
	}
	w.dst = append(w.dst, '"')
	w.dst = base64.StdEncoding.AppendEncode(w.dst, v.Bytes())
	w.dst = append(w.dst, '"')
	return nil
}

func pointerPlan(t reflect.Type) plan {
	elem := planOf(t.Elem())
	return func(w *writer, v reflect.Value) error {
		if v.IsNil() {
			return w.literal("null")
		}
		if err := w.enter(0); err != nil {
			return err
		}
		err := elem(w, v.Elem())
		w.leave(0)
		return err
	}
}

func slicePlan(t reflect.Type) plan {
	elements := arrayPlan(t)
	return func(w *writer, v reflect.Value) error {
		if v.IsNil() {
			return w.literal("null")
		}
		return elements(w, v)
	}
}

func arrayPlan(t reflect.Type) plan {
	elem := planOf(t.Elem())
	return func(w *writer, v reflect.Value) error {
		if err := w.enter(1); err != nil {
			return err
		}
		w.dst = append(w.dst, '[')
		for i := range v.Len() {
			if i > 0 {
				w.dst = append(w.dst, ',')
			}
			if err := elem(w, v.Index(i)); err != nil {
				return atPlace(strconv.Itoa(i), err)
			}
		}
		w.dst = append(w.dst, ']')
		w.leave(1)
		return nil
	}
}
