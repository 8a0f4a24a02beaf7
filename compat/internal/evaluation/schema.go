package evaluation

import (
	"encoding/json"
	"slices"

	"github.com/remote-events/remote-events/spec"
)

// schema asks whether a payload fits the schema of its event.
func schema(vector json.RawMessage) ([]Question, error) {
	var v spec.SchemaVector
	if err := json.Unmarshal(vector, &v); err != nil {
		return nil, err
	}
	type input struct {
		Schema  json.RawMessage `json:"schema"`
		Payload string          `json:"payload"`
	}
	type output struct {
		Error *string `json:"error,omitempty"`
	}
	expected := "{}"
	if v.Error != nil {
		expected = line(map[string]any{"error": v.Error})
	}
	return []Question{{
		Expected: expected,
		input:    func() any { return input{v.Schema, v.Payload} },
		compare: answer(func(got output, add func(string, ...any)) {
			switch {
			case got.Error == nil && v.Error != nil:
				add("the payload fits, but it must not: the error is at %q", []string(v.Error))
			case got.Error != nil && v.Error == nil:
				add("the payload does not fit at %q, but it must", *got.Error)
			case got.Error != nil && !slices.Contains(v.Error, *got.Error):
				add("the error is at %q, not at one of %q (SCHEMA-3)", *got.Error, []string(v.Error))
			}
		}),
	}}, nil
}
