package evaluation

import (
	"encoding/json"
	"slices"

	"github.com/remote-events/remote-events/spec"
)

// chain asks for the signal chain of a declared type.
func chain(vector json.RawMessage) ([]Question, error) {
	var v spec.ChainVector
	if err := json.Unmarshal(vector, &v); err != nil {
		return nil, err
	}
	var form struct {
		Types json.RawMessage `json:"types"`
	}
	if err := json.Unmarshal(vector, &form); err != nil {
		return nil, err
	}
	type output struct {
		Signals  []string `json:"signals,omitempty"`
		Rejected bool     `json:"rejected,omitempty"`
	}
	expected := line(output{Signals: v.Signals})
	switch {
	case v.Signals == nil:
		expected = line(output{Rejected: true})
	case v.Rejected != nil:
		expected += " or " + line(output{Rejected: true})
	}
	return []Question{{
		Op:       "send",
		Expected: expected,
		input:    func() any { return form },
		compare: answer(func(got output, add func(string, ...any)) {
			switch {
			case got.Rejected && v.Rejected == nil:
				add("the declaration is rejected")
			case !got.Rejected && v.Signals == nil:
				add("the declaration is not rejected: the signals are %q", got.Signals)
			case !got.Rejected && !slices.Equal(got.Signals, v.Signals):
				add("the signals are %q, not %q", got.Signals, v.Signals)
			}
		}),
	}}, nil
}
