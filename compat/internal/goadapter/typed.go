package goadapter

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// typed decodes a payload into a type, or encodes a value of a type.
func typed(input json.RawMessage) (any, error) {
	var in struct {
		Type    map[string]json.RawMessage `json:"type"`
		Payload *string                    `json:"payload"`
		Value   json.RawMessage            `json:"value"`
	}
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, err
	}
	record, err := recordOf(in.Type)
	if err != nil {
		return nil, err
	}
	target := reflect.New(record)
	if in.Payload == nil {
		var value any
		if err := json.Unmarshal(in.Value, &value); err != nil {
			return nil, err
		}
		if err := fill(target.Elem(), value); err != nil {
			return nil, err
		}
		payload, err := remoteevent.Marshal(target.Elem().Interface())
		return map[string]any{"payload": string(payload)}, err
	}
	err = remoteevent.Unmarshal([]byte(*in.Payload), target.Interface())
	if misfit, ok := errors.AsType[*remoteevent.PayloadError](err); ok {
		return map[string]any{"error": misfit.Path}, nil
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"value": valueOf(target.Elem())}, nil
}

var words = map[string]reflect.Type{
	"bool": reflect.TypeFor[bool](), "string": reflect.TypeFor[string](), "bytes": reflect.TypeFor[[]byte](), "any": reflect.TypeFor[any](),
	"int8": reflect.TypeFor[int8](), "int16": reflect.TypeFor[int16](), "int32": reflect.TypeFor[int32](), "int64": reflect.TypeFor[int64](),
	"uint8": reflect.TypeFor[uint8](), "uint16": reflect.TypeFor[uint16](), "uint32": reflect.TypeFor[uint32](), "uint64": reflect.TypeFor[uint64](),
	"float32": reflect.TypeFor[float32](), "float64": reflect.TypeFor[float64](),
}

// typeOf returns the Go type of a type in a vector.
func typeOf(declared json.RawMessage) (reflect.Type, error) {
	var word string
	if json.Unmarshal(declared, &word) == nil {
		if words[word] == nil {
			return nil, fmt.Errorf("unsupported type %q", word)
		}
		return words[word], nil
	}
	var of struct {
		List     json.RawMessage            `json:"list"`
		Map      json.RawMessage            `json:"map"`
		Optional json.RawMessage            `json:"optional"`
		Record   map[string]json.RawMessage `json:"record"`
	}
	if err := json.Unmarshal(declared, &of); err != nil {
		return nil, err
	}
	if of.Record != nil {
		return recordOf(of.Record)
	}
	element, made := of.Optional, reflect.PointerTo
	switch {
	case of.List != nil:
		element, made = of.List, reflect.SliceOf
	case of.Map != nil:
		element, made = of.Map, func(t reflect.Type) reflect.Type { return reflect.MapOf(reflect.TypeFor[string](), t) }
	}
	t, err := typeOf(element)
	if err != nil {
		return nil, err
	}
	return made(t), nil
}

func recordOf(members map[string]json.RawMessage) (reflect.Type, error) {
	var fields []reflect.StructField
	for i, name := range slices.Sorted(maps.Keys(members)) {
		t, err := typeOf(members[name])
		if err != nil {
			return nil, err
		}
		fields = append(fields, reflect.StructField{Name: fmt.Sprint("F", i), Type: t, Tag: reflect.StructTag(fmt.Sprintf("json:%q", name))})
	}
	return reflect.StructOf(fields), nil
}

// valueOf returns a decoded value in the form of an output.
func valueOf(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Struct:
		members := map[string]any{}
		for field, value := range v.Fields() {
			members[field.Tag.Get("json")] = valueOf(value)
		}
		return members
	case reflect.Map:
		members := map[string]any{}
		for _, name := range v.MapKeys() {
			members[name.String()] = valueOf(v.MapIndex(name))
		}
		return members
	case reflect.Slice:
		if v.Type() == words["bytes"] {
			return base64.StdEncoding.EncodeToString(v.Bytes())
		}
		elements := []any{}
		for i := range v.Len() {
			elements = append(elements, valueOf(v.Index(i)))
		}
		return elements
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return valueOf(v.Elem())
	case reflect.Float32, reflect.Float64:
		return floatText(v.Float(), v.Type().Bits())
	case reflect.String: // a json.Number, too
		return v.String()
	case reflect.Bool:
		return v.Bool()
	default:
		return fmt.Sprint(v.Interface())
	}
}

// floatText writes a float as ECMAScript does, but with the sign of zero.
func floatText(f float64, bits int) string {
	const fewest, most = 1e-6, 1e21 // without an exponent
	switch size := math.Abs(f); {
	case math.IsInf(f, 0):
		if f < 0 {
			return "-Infinity"
		}
		return "Infinity"
	case size != 0 && (size < fewest || size >= most):
		return strconv.FormatFloat(f, 'e', -1, bits)
	}
	return strconv.FormatFloat(f, 'f', -1, bits)
}

// fill sets a value to one of a vector: the floats of a record, which the cases of sending
// have.
func fill(v reflect.Value, value any) error {
	switch v.Kind() {
	case reflect.Struct:
		members, _ := value.(map[string]any)
		for field, of := range v.Fields() {
			if err := fill(of, members[field.Tag.Get("json")]); err != nil {
				return err
			}
		}
		return nil
	case reflect.Float32, reflect.Float64:
		text, _ := value.(string)
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		v.SetFloat(f)
		return err
	default:
		return fmt.Errorf("unsupported: a value of type %s", v.Type())
	}
}
