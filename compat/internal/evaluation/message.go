package evaluation

import (
	"encoding/json"
	"slices"

	"github.com/remote-events/remote-events/spec"
)

// verdict is the output for a message.
type verdict struct {
	Verdict  string   `json:"verdict"`
	Legacy   string   `json:"legacy"`
	Findings []string `json:"findings"`
}

// message asks a validator for the verdicts on a message.
func message(vector json.RawMessage) ([]Question, error) {
	var v spec.MessageVector
	if err := json.Unmarshal(vector, &v); err != nil {
		return nil, err
	}
	type input struct {
		Message blob   `json:"message"`
		Key     string `json:"key"`
	}
	return []Question{{
		Requirements: []string{"VERDICT-1", "VERDICT-2", "VERDICT-3"},
		Expected:     line(verdict{v.Verdict, v.Legacy, append([]string{}, v.Findings...)}),
		input:        func() any { return input{v.Message.Bytes(), v.Key} },
		compare: answer(func(got verdict, add func(string, ...any)) {
			if got.Verdict != v.Verdict {
				add("the verdict is %q, not %q (VERDICT-1)", got.Verdict, v.Verdict)
			}
			if got.Legacy != v.Legacy {
				add("the legacy verdict is %q, not %q (VERDICT-3)", got.Legacy, v.Legacy)
			}
			for _, id := range v.Findings {
				if !slices.Contains(got.Findings, id) {
					add("the findings do not name %s (VERDICT-2)", id)
				}
			}
			for _, id := range got.Findings {
				if v.Verdict != "malformed" && !slices.Contains(v.Findings, id) {
					add("the findings name %s, which the message does not violate (VERDICT-2)", id)
				}
			}
		}),
	}}, nil
}
