package evaluation

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/spec"
)

// converted is the output for an envelope or a CloudEvent.
type converted struct {
	CloudEvent json.RawMessage `json:"cloudevent,omitempty"`
	Envelope   json.RawMessage `json:"envelope,omitempty"`
	Rejected   bool            `json:"rejected,omitempty"`
}

// cloudevents asks a converter for the CloudEvent of an envelope, and for the envelope of a
// CloudEvent.
func cloudevents(vector json.RawMessage) ([]Question, error) {
	var v spec.CloudEventVector
	if err := json.Unmarshal(vector, &v); err != nil {
		return nil, err
	}
	var questions []Question
	ask := func(input, want converted, of func(converted) json.RawMessage) {
		want.Rejected = v.Rejected
		if v.Rejected {
			want.CloudEvent, want.Envelope = nil, nil
		}
		questions = append(questions, Question{
			Expected: line(want),
			input:    func() any { return input },
			compare: answer(func(got converted, add func(string, ...any)) {
				switch {
				case got.Rejected && !v.Rejected:
					add("it is rejected")
				case !got.Rejected && v.Rejected:
					add("it is not rejected")
				case !v.Rejected && of(got) == nil:
					add("the output has neither the converted event nor rejected")
				case !v.Rejected && !equal(of(got), of(want)):
					add("it is converted to %s, not to %s", of(got), of(want))
				}
			}),
		})
	}
	if v.Envelope != nil && v.Direction != "from" {
		ask(converted{Envelope: v.Envelope}, converted{CloudEvent: v.CloudEvent}, func(c converted) json.RawMessage { return c.CloudEvent })
	}
	if v.CloudEvent != nil && v.Direction != "to" {
		ask(converted{CloudEvent: v.CloudEvent}, converted{Envelope: v.Envelope}, func(c converted) json.RawMessage { return c.Envelope })
	}
	return questions, nil
}

// equal compares two JSON texts by value, and numbers by their exact value.
func equal(a, b json.RawMessage) bool {
	var values [2]any
	for i, text := range [][]byte{a, b} {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if decoder.Decode(&values[i]) != nil {
			return false
		}
	}
	return sameValue(values[0], values[1])
}

func sameValue(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, sameValue)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameValue)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(a.String(), b.String())
	}
	return a == b
}

// sameNumber compares two decimal numbers by their exact value. It compares numbers with
// long exponents by their text.
func sameNumber(a, b string) bool {
	const longest = 6
	for _, text := range []string{a, b} {
		if i := strings.IndexAny(text, "eE"); i >= 0 && len(text)-i > longest {
			return a == b
		}
	}
	x, ok := new(big.Rat).SetString(a)
	if !ok {
		return false
	}
	y, ok := new(big.Rat).SetString(b)
	return ok && x.Cmp(y) == 0
}
