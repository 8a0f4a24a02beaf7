package evaluation

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/remote-events/remote-events/spec"
)

// decoded is the output for a payload and a type.
type decoded struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error *string         `json:"error,omitempty"`
}

const encodes = "SEND-8"

// typed asks a receiver to decode a payload into a type, and a sender to encode its value.
func typed(vector json.RawMessage) ([]Question, error) {
	var v spec.TypedVector
	if err := json.Unmarshal(vector, &v); err != nil {
		return nil, err
	}
	expected := decoded{v.Value, v.Error}
	type input struct {
		Type    json.RawMessage `json:"type"`
		Payload *string         `json:"payload,omitempty"`
		Value   json.RawMessage `json:"value,omitempty"`
	}
	questions := []Question{{
		Op:           "receive",
		Requirements: slices.DeleteFunc(slices.Clone(v.Requirements), func(id string) bool { return id == encodes }),
		Expected:     line(expected),
		input:        func() any { return input{Type: v.Type, Payload: &v.Payload} },
		compare: answer(func(got decoded, add func(string, ...any)) {
			switch {
			case got.Error != nil && v.Error == nil:
				add("the payload does not fit at %q, but it must", *got.Error)
			case got.Error != nil && !samePlace(*got.Error, *v.Error):
				add("the error is at %q, not at %q", *got.Error, *v.Error)
			case got.Error != nil:
			case v.Value == nil:
				add("the payload fits, but it must not: the error is at %q", *v.Error)
			case got.Value == nil:
				add("the output has neither value nor error")
			case !sameTyped(record(v.Type), got.Value, v.Value, v.Error != nil):
				add("the value is %s, not %s", got.Value, v.Value)
			}
		}),
	}}
	if slices.Contains(v.Requirements, encodes) && v.Value != nil {
		type output struct {
			Payload string `json:"payload"`
		}
		questions = append(questions, Question{
			Op:           "send",
			Requirements: []string{encodes},
			Expected:     line(output{v.Payload}),
			input:        func() any { return input{Type: v.Type, Value: v.Value} },
			compare: answer(func(got output, add func(string, ...any)) {
				if !sameFloats(got.Payload, v.Payload) {
					add("the payload is %s, not %s, or with other numbers that have a decimal point or an exponent", got.Payload, v.Payload)
				}
			}),
		})
	}
	return questions, nil
}

// record returns the type of a record with these members.
func record(members json.RawMessage) json.RawMessage {
	return json.RawMessage(`{"record":` + string(members) + `}`)
}

// samePlace compares JSON Pointers. The first may have * for the name of a map's member.
// If the second has *, any last part passes.
func samePlace(got, want string) bool {
	a, b := strings.Split(got, "/"), strings.Split(want, "/")
	return slices.EqualFunc(a, b, func(a, b string) bool { return a == b || a == "*" || b == "*" })
}

// sameTyped compares two values of a type. In generic values, any form of a number passes
// if forms is set (TYPE-17).
func sameTyped(declared, got, want json.RawMessage, forms bool) bool {
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal(want, &b) != nil {
		return false
	}
	return comparison{forms}.same(declared, a, b)
}

type comparison struct{ forms bool }

func (c comparison) same(declared json.RawMessage, got, want any) bool {
	var word string
	if json.Unmarshal(declared, &word) == nil {
		return c.sameWord(word, got, want)
	}
	var of struct {
		List     json.RawMessage            `json:"list"`
		Map      json.RawMessage            `json:"map"`
		Optional json.RawMessage            `json:"optional"`
		Record   map[string]json.RawMessage `json:"record"`
	}
	if json.Unmarshal(declared, &of) != nil {
		return false
	}
	switch {
	case of.List != nil:
		a, b, ok := both[[]any](got, want)
		return ok && slices.EqualFunc(a, b, func(a, b any) bool { return c.same(of.List, a, b) })
	case of.Map != nil:
		a, b, ok := both[map[string]any](got, want)
		return ok && maps.EqualFunc(a, b, func(a, b any) bool { return c.same(of.Map, a, b) })
	case of.Optional != nil:
		if got == nil || want == nil {
			return got == want
		}
		return c.same(of.Optional, got, want)
	}
	a, b, ok := both[map[string]any](got, want)
	if !ok || len(a) != len(of.Record) || len(b) != len(of.Record) {
		return false
	}
	for name, member := range of.Record {
		x, has := a[name]
		if !has || !c.same(member, x, b[name]) {
			return false
		}
	}
	return true
}

func both[T any](a, b any) (x, y T, ok bool) {
	x, first := a.(T)
	y, second := b.(T)
	return x, y, first && second
}

func (c comparison) sameWord(word string, got, want any) bool {
	switch word {
	case "float32", "float64":
		bits := 64
		if word == "float32" {
			bits = 32
		}
		a, b, ok := both[string](got, want)
		return ok && sameFloat(a, b, bits)
	case "any":
		return c.sameAny(got, want)
	}
	return got == want // a string, a boolean, digits or base64
}

// sameAny compares generic values, whose numbers are strings.
func (c comparison) sameAny(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		return ok && maps.EqualFunc(got, want, c.sameAny)
	case []any:
		got, ok := got.([]any)
		return ok && slices.EqualFunc(got, want, c.sameAny)
	case string:
		got, ok := got.(string)
		return ok && (got == want || c.forms && sameNumber(got, want) || strings.Trim(want, "-0123456789") != "" && sameFloat(got, want, 64))
	}
	return got == want
}

// sameFloat compares two floats in the form of ECMAScript. NaN equals itself, and zeros
// have a sign.
func sameFloat(a, b string, bits int) bool {
	x, err := strconv.ParseFloat(a, bits)
	if err != nil || strings.ContainsAny(a, "xX_pP") {
		return false
	}
	y, err := strconv.ParseFloat(b, bits)
	return err == nil && (math.IsNaN(x) && math.IsNaN(y) || x == y && math.Signbit(x) == math.Signbit(y))
}

// sameFloats compares the numbers of two flat objects. Each number of the first has the
// text of the other's, or equals it and has a decimal point or an exponent (SEND-8).
func sameFloats(got, want string) bool {
	var a, b map[string]json.Number
	if json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		return false
	}
	return maps.EqualFunc(a, b, func(a, b json.Number) bool {
		return a == b || strings.ContainsAny(a.String(), ".eE") && sameFloat(a.String(), b.String(), 64)
	})
}
