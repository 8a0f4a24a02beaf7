package payload_test

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
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/internal/payload"
	"github.com/remote-events/remote-events/spec"
)

// TestVectors fills types that are declared as the vectors declare them.
func TestVectors(t *testing.T) {
	t.Parallel()
	vectors, err := spec.TypedVectors()
	if err != nil || len(vectors) == 0 {
		t.Fatalf("%d cases, %v", len(vectors), err)
	}
	sent := 0
	for _, v := range vectors {
		record, err := json.Marshal(map[string]json.RawMessage{"record": v.Type})
		if err != nil {
			t.Fatal(err)
		}
		target := reflect.New(typeOf(t, record))
		err = payload.Decode([]byte(v.Payload), target.Interface())
		var misfit *payload.Error
		switch {
		case v.Error != nil && (v.Value == nil || err != nil):
			if !errors.As(err, &misfit) || !samePlace(misfit.Path, *v.Error) {
				t.Errorf("%s: %v, want a misfit at %s", v.ID, err, *v.Error)
			}
		case err != nil:
			t.Errorf("%s: %v", v.ID, err)
		default:
			var want any
			if err := json.Unmarshal(v.Value, &want); err != nil {
				t.Fatal(err)
			}
			if !holds(t, target.Elem(), want) {
				t.Errorf("%s: %+v, want %s", v.ID, target.Elem(), v.Value)
			}
			if slices.Contains(v.Requirements, "SEND-8") {
				checkSent(t, v, target.Elem().Interface())
				sent++
			}
		}
	}
	if sent == 0 {
		t.Error("no vector is one of sending (SEND-8)")
	}
}

// checkSent encodes the value of a vector. Its floats have a decimal point or an exponent
// (SEND-8), and are those of the payload.
func checkSent(t *testing.T, v spec.TypedVector, value any) {
	t.Helper()
	text, err := payload.Encode(value)
	if err != nil {
		t.Errorf("%s: %v", v.ID, err)
		return
	}
	numbers := func(text []byte) (all []float64) {
		var members map[string]json.Number
		if err := json.Unmarshal(text, &members); err != nil {
			t.Errorf("%s: %v", v.ID, err)
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			number := members[name]
			if !strings.ContainsAny(number.String(), ".e") {
				t.Errorf("%s: %s is an integer for many readers", v.ID, number)
			}
			f, _ := number.Float64()
			all = append(all, f)
		}
		return all
	}
	if got, want := numbers(text), numbers([]byte(v.Payload)); !slices.Equal(got, want) {
		t.Errorf("%s: %v are sent, want %v", v.ID, got, want)
	}
}

var words = map[string]reflect.Type{
	"bool": reflect.TypeFor[bool](), "string": reflect.TypeFor[string](), "bytes": reflect.TypeFor[[]byte](), "any": reflect.TypeFor[any](),
	"int8": reflect.TypeFor[int8](), "int16": reflect.TypeFor[int16](), "int32": reflect.TypeFor[int32](), "int64": reflect.TypeFor[int64](),
	"uint8": reflect.TypeFor[uint8](), "uint16": reflect.TypeFor[uint16](), "uint32": reflect.TypeFor[uint32](), "uint64": reflect.TypeFor[uint64](),
	"float32": reflect.TypeFor[float32](), "float64": reflect.TypeFor[float64](),
}

// typeOf makes the Go type of a type in a vector.
func typeOf(t *testing.T, declared json.RawMessage) reflect.Type {
	t.Helper()
	var word string
	if json.Unmarshal(declared, &word) == nil {
		if words[word] == nil {
			t.Fatalf("no type is called %s", word)
		}
		return words[word]
	}
	var of map[string]json.RawMessage
	if err := json.Unmarshal(declared, &of); err != nil {
		t.Fatal(err)
	}
	switch {
	case of["list"] != nil:
		return reflect.SliceOf(typeOf(t, of["list"]))
	case of["map"] != nil:
		return reflect.MapOf(reflect.TypeFor[string](), typeOf(t, of["map"]))
	case of["optional"] != nil:
		return reflect.PointerTo(typeOf(t, of["optional"]))
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(of["record"], &members); err != nil {
		t.Fatalf("%s: %v", declared, err)
	}
	var fields []reflect.StructField
	for i, name := range slices.Sorted(maps.Keys(members)) {
		fields = append(fields, reflect.StructField{
			Name: fmt.Sprint("F", i), Type: typeOf(t, members[name]), Tag: reflect.StructTag(fmt.Sprintf("json:%q", name)),
		})
	}
	return reflect.StructOf(fields)
}

// samePlace compares JSON Pointers, of which the first may say * for the name of
// a map's member.
func samePlace(got, want string) bool {
	a, b := strings.Split(got, "/"), strings.Split(want, "/")
	return slices.EqualFunc(a, b, func(a, b string) bool { return a == b || a == "*" })
}

// isInteger reports whether a value of a vector consists of the digits of an integer.
func isInteger(want any) bool {
	digits, ok := want.(string)
	return ok && strings.Trim(digits, "-0123456789") == ""
}

// holds reports whether a value is the one that a vector describes.
func holds(t *testing.T, v reflect.Value, want any) bool {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		members, _ := want.(map[string]any)
		for field, value := range v.Fields() {
			if !holds(t, value, members[field.Tag.Get("json")]) {
				return false
			}
		}
		return v.NumField() == len(members)
	case reflect.Map:
		members, _ := want.(map[string]any)
		for _, name := range v.MapKeys() {
			if value, ok := members[name.String()]; !ok || !holds(t, v.MapIndex(name), value) {
				return false
			}
		}
		return v.Len() == len(members)
	case reflect.Slice:
		if bytes, ok := reflect.TypeAssert[[]byte](v); ok && v.Type() == words["bytes"] && reflect.TypeOf(want).Kind() == reflect.String {
			return base64.StdEncoding.EncodeToString(bytes) == want
		}
		elements, _ := want.([]any)
		for i, e := range elements {
			if i >= v.Len() || !holds(t, v.Index(i), e) {
				return false
			}
		}
		return v.Len() == len(elements)
	case reflect.Interface:
		if f, ok := reflect.TypeAssert[float64](v); ok && f == math.Trunc(f) && math.Abs(f) > 1<<53-1 && isInteger(want) {
			return false // a float64 would be written with other digits (TYPE-13)
		}
		return v.IsNil() == (want == nil) && (v.IsNil() || holds(t, v.Elem(), want))
	case reflect.Pointer:
		return v.IsNil() == (want == nil) && (v.IsNil() || holds(t, v.Elem(), want))
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(want.(string), v.Type().Bits()) //nolint:forcetypeassert // a panic says as much
		if err != nil {
			t.Fatal(err)
		}
		got := v.Float()
		return math.IsNaN(f) && math.IsNaN(got) || f == got && math.Signbit(f) == math.Signbit(got)
	case reflect.String: // a json.Number, too
		return v.String() == want
	case reflect.Bool:
		return v.Interface() == want
	default:
		return fmt.Sprint(v.Interface()) == want
	}
}
