package payload

import (
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// written is the plan of a struct field.
type written struct {
	name  string // as JSON, with the colon
	index []int  // the first index belongs to the struct's own field
	write plan
	omit  func(reflect.Value) bool // nil if the field is never omitted
	path  string
}

// structPlan returns the plan of a struct. It leaves structs with competing field names
// to encoding/json.
func structPlan(t reflect.Type) plan {
	fields, err := fieldsOf(t)
	if err != nil {
		return writeByEncodingJSON
	}
	slices.SortFunc(fields, func(a, b field) int { return slices.Compare(a.index, b.index) })
	members := make([]written, len(fields))
	reserved := false
	for i, f := range fields {
		name, _ := appendText(nil, f.name)
		members[i] = written{name: string(name) + ":", index: f.index, write: planOf(f.typ), omit: omission(t.FieldByIndex(f.index)), path: f.name}
		if f.quoted {
			members[i].write = quotedPlan(f.typ)
		}
		reserved = reserved || isReserved(f.name)
	}
	return func(w *writer, v reflect.Value) error {
		if err := w.enter(1); err != nil {
			return err
		}
		if reserved && w.depth == 1 {
			w.Foreign = true
		}
		next := byte('{')
		for i := range members {
			m := &members[i]
			part, ok := m.of(v)
			if !ok || m.omit != nil && m.omit(part) {
				continue
			}
			w.dst = append(append(w.dst, next), m.name...)
			next = ','
			if err := m.write(w, part); err != nil {
				return atPlace(m.path, err)
			}
		}
		if next == '{' {
			w.dst = append(w.dst, '{')
		}
		w.dst = append(w.dst, '}')
		w.leave(1)
		return nil
	}
}

// of returns the field's value within a struct. ok is false if an embedded pointer on
// the path is nil.
func (m *written) of(v reflect.Value) (reflect.Value, bool) {
	v = v.Field(m.index[0])
	for _, i := range m.index[1:] {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

// isReserved reports whether WIRE-5 forbids the member name in a payload.
func isReserved(name string) bool {
	switch name {
	case "_signals", "_propagated", "__func__", "im_func":
		return true
	}
	return false
}

// writeByEncodingJSON writes a value with encoding/json.
func writeByEncodingJSON(w *writer, v reflect.Value) error {
	w.Foreign = true
	text, err := json.Marshal(v.Interface())
	if err != nil {
		return &EncodeError{Reason: ErrMarshaler, Type: v.Type(), Err: err}
	}
	w.dst = append(w.dst, text...)
	return nil
}

// omission returns the condition under which a field is omitted, or nil.
func omission(f reflect.StructField) func(reflect.Value) bool {
	_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	empty, zero := hasOption(options, "omitempty"), hasOption(options, "omitzero")
	isZero := zeroOf(f.Type)
	switch {
	case empty && zero:
		return func(v reflect.Value) bool { return isEmpty(v) || isZero(v) }
	case empty:
		return isEmpty
	case zero:
		return isZero
	}
	return nil
}

// isEmpty reports whether the option omitempty omits the value.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct, reflect.Func, reflect.Chan, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer, reflect.Invalid:
		return false
	default:
		return v.IsZero()
	}
}

type zeroer interface{ IsZero() bool }

var zeroerType = reflect.TypeFor[zeroer]()

// zeroOf returns the condition of the option omitzero: the type's own IsZero, if it has
// one.
func zeroOf(t reflect.Type) func(reflect.Value) bool {
	call := func(v reflect.Value) bool {
		z, ok := reflect.TypeAssert[zeroer](v)
		return ok && z.IsZero()
	}
	switch {
	case t.Kind() == reflect.Interface && t.Implements(zeroerType):
		return func(v reflect.Value) bool {
			return v.IsNil() || v.Elem().Kind() == reflect.Pointer && v.Elem().IsNil() || call(v)
		}
	case t.Kind() == reflect.Pointer && t.Implements(zeroerType):
		return func(v reflect.Value) bool { return v.IsNil() || call(v) }
	case t.Implements(zeroerType):
		return call
	case reflect.PointerTo(t).Implements(zeroerType):
		return func(v reflect.Value) bool {
			if !v.CanAddr() {
				addressed := reflect.New(t).Elem()
				addressed.Set(v)
				v = addressed
			}
			return call(v.Addr())
		}
	}
	return reflect.Value.IsZero
}

// quotedPlan returns the plan of a field with the option string: it writes the JSON as a
// string. The option does not apply to a type with its own methods.
func quotedPlan(t reflect.Type) plan {
	if t.Kind() == reflect.Pointer {
		elem := quotedPlan(t.Elem())
		if t.Implements(marshalerType) || t.Implements(textMarshalerType) {
			return planOf(t)
		}
		return func(w *writer, v reflect.Value) error {
			if v.IsNil() {
				return w.literal("null")
			}
			return elem(w, v.Elem())
		}
	}
	if t != numberType && (hasWriter(t) || t == timeType) {
		return planOf(t)
	}
	write := planOf(t)
	if t.Kind() == reflect.String && t != numberType {
		return func(w *writer, v reflect.Value) error {
			text, ok := appendText(nil, v.String())
			if !ok {
				return &EncodeError{Reason: ErrNotUTF8}
			}
			return w.text(string(text))
		}
	}
	return func(w *writer, v reflect.Value) error {
		w.dst = append(w.dst, '"')
		err := write(w, v)
		w.dst = append(w.dst, '"')
		return err
	}
}

// hasWriter reports whether a method writes the addressable values of a type.
func hasWriter(t reflect.Type) bool {
	pointer := reflect.PointerTo(t)
	return pointer.Implements(marshalerType) || pointer.Implements(textMarshalerType)
}

// An entry is a map entry, with its key as text.
type entry struct {
	name  string
	value reflect.Value
}

// mapPlan returns the plan of a map. It writes the entries in the order of the keys.
func mapPlan(t reflect.Type) plan {
	name := keyOf(t.Key())
	if name == nil {
		return unsupported(t)
	}
	if t == reflect.TypeFor[map[string]any]() {
		return writeGenericMap
	}
	elem := planOf(t.Elem())
	return func(w *writer, v reflect.Value) error {
		if v.IsNil() {
			return w.literal("null")
		}
		entries := make([]entry, 0, v.Len())
		for iter := v.MapRange(); iter.Next(); {
			key, err := name(iter.Key())
			if err != nil {
				return atPlace("*", err)
			}
			entries = append(entries, entry{key, iter.Value()})
		}
		slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
		return writeEntries(w, entries, elem)
	}
}

// writeGenericMap writes the map of a generic payload. It avoids one reflective call for
// each key.
func writeGenericMap(w *writer, v reflect.Value) error {
	if v.IsNil() {
		return w.literal("null")
	}
	m, ok := reflect.TypeAssert[map[string]any](v)
	if !ok {
		return &EncodeError{Reason: ErrUnsupported, Type: v.Type()}
	}
	entries := make([]entry, 0, len(m))
	for key, value := range m {
		entries = append(entries, entry{key, reflect.ValueOf(value)})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return writeEntries(w, entries, (*writer).value)
}

func writeEntries(w *writer, entries []entry, write plan) error {
	if err := w.enter(1); err != nil {
		return err
	}
	w.dst = append(w.dst, '{')
	for i, e := range entries {
		if i > 0 {
			w.dst = append(w.dst, ',')
			w.Foreign = w.Foreign || e.name == entries[i-1].name // two keys with the same text
		}
		w.Foreign = w.Foreign || w.depth == 1 && isReserved(e.name)
		if err := w.text(e.name); err != nil {
			return atPlace("*", err)
		}
		w.dst = append(w.dst, ':')
		if err := write(w, e.value); err != nil {
			return atPlace("*", err)
		}
	}
	w.dst = append(w.dst, '}')
	w.leave(1)
	return nil
}

// keyOf returns the function that converts a map key to text, or nil if there is none.
// Strings precede the method MarshalText.
func keyOf(t reflect.Type) func(reflect.Value) (string, error) {
	switch {
	case t.Kind() == reflect.String:
		return func(k reflect.Value) (string, error) { return k.String(), nil }
	case t.Implements(textMarshalerType):
		return func(k reflect.Value) (string, error) {
			m, ok := methods[encoding.TextMarshaler](k)
			if !ok {
				return "", nil
			}
			text, err := m.MarshalText()
			if err != nil {
				return "", &EncodeError{Reason: ErrMarshaler, Type: t, Err: err}
			}
			return string(text), nil
		}
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(k reflect.Value) (string, error) { return strconv.FormatInt(k.Int(), 10), nil }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return func(k reflect.Value) (string, error) { return strconv.FormatUint(k.Uint(), 10), nil }
	default:
		return nil
	}
}

// atPlace prepends a step to the path of an error.
func atPlace(name string, err error) error {
	if e, ok := errors.AsType[*EncodeError](err); ok {
		e.Path = "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name) + e.Path
	}
	return err
}
