package fuzz

import (
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/remote-events/remote-events/spec"
)

// Vector is a case of the families of messages in spec/vectors. Its legacy verdict is the
// observed outcome if the subject is an original.
type Vector struct {
	ID           string     `json:"id"`
	About        string     `json:"about"`
	Requirements []string   `json:"requirements"`
	Flags        []string   `json:"flags,omitempty"`
	Message      any        `json:"message"`
	Verdict      string     `json:"verdict"`
	Legacy       string     `json:"legacy"`
	Findings     []string   `json:"findings"`
	Delivered    *delivered `json:"delivered,omitempty"`
}

type delivered struct {
	EventName  string            `json:"event_name"`
	Signals    []string          `json:"signals"`
	Payload    any               `json:"payload"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

func newVector(seed uint64, t *trial, o observed, original bool, d Disagreement) Vector {
	v := Vector{
		ID:      fmt.Sprintf("wire/fuzz-%d-%d", seed, t.number),
		About:   d.Subject + ": " + d.Kind,
		Message: rawMessage(t.message), Verdict: string(t.report.Verdict), Legacy: string(t.report.Legacy),
		Findings: requirements(t),
	}
	if t.platform {
		v.Flags = append(v.Flags, spec.FlagPlatform)
	}
	if t.kernel {
		v.Flags = append(v.Flags, spec.FlagDisturbs)
	}
	if original && o.outcome != hangs {
		v.Legacy = o.outcome
	}
	if v.Requirements = v.Findings; len(v.Requirements) == 0 {
		v.Requirements = []string{"RECV-2"}
	}
	if e := t.envelope; e != nil {
		v.Delivered = &delivered{e.EventName, e.Metadata.Signals, rawMessage(e.Payload), e.Metadata.Attributes}
	}
	return v
}

// rawMessage returns a message in the form of vectors: text, or base64 of other bytes.
// Repeated parts are written once.
func rawMessage(message []byte) any {
	form := func(text []byte) any {
		if utf8.Valid(text) {
			return string(text)
		}
		return map[string][]byte{"base64": text}
	}
	const long = 64
	var parts []any
	rest := message
	for at := 0; at < len(rest); {
		run, width := repeated(rest[at:])
		if run < long || width == 0 {
			at++
			continue
		}
		if at > 0 {
			parts = append(parts, form(rest[:at]))
		}
		parts = append(parts, map[string]any{"repeat": string(rest[at : at+width]), "times": run})
		rest, at = rest[at+run*width:], 0
	}
	if parts == nil {
		return form(message)
	}
	if len(rest) > 0 {
		parts = append(parts, form(rest))
	}
	return parts
}

// repeated returns how often the first one to eight ASCII characters of a text are repeated.
func repeated(text []byte) (times, width int) {
	for n := 1; n <= min(8, len(text)) && text[n-1] < utf8.RuneSelf; n++ {
		count := 1
		for at := n; at+n <= len(text) && string(text[at:at+n]) == string(text[:n]); at += n {
			count++
		}
		if count > 1 && count*n > times*width {
			times, width = count, n
		}
	}
	return times, width
}

// WriteVectors writes the messages as a file of vectors.
func (s *Summary) WriteVectors(out io.Writer) error {
	vectors := []Vector{}
	for _, d := range s.Disagreements {
		vectors = append(vectors, d.Vector)
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{
		"family": "wire",
		"about":  fmt.Sprintf("Findings of fuzzing with seed %d. The key of the list is %s.", s.Seed, key),
		"flags": map[string]string{
			spec.FlagPlatform: "The outcome of an original depends on its interpreter: legacy is the worst.",
			spec.FlagDisturbs: "The message changes the behaviour of the process of an original.",
		},
		"cases": vectors,
	})
}
