package fuzz

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/go/wire"
)

// Summary is the result of a run.
type Summary struct {
	Seed     uint64           `json:"seed"`
	Asked    int              `json:"cases"`
	Redis    string           `json:"redis"`
	Seconds  float64          `json:"seconds"`
	Subjects []SubjectSummary `json:"subjects"`
	// Verdicts counts the messages by both verdicts: "tolerated, dies".
	Verdicts      map[string]int `json:"verdicts"`
	Disagreements []Disagreement `json:"disagreements"`
}

// Participant is the identity of an implementation.
type Participant struct {
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Details map[string]string `json:"details,omitempty"`
}

// String names the implementation: "remote_event_bundle 1.6".
func (p Participant) String() string { return strings.TrimSpace(p.Name + " " + p.Version) }

// SubjectSummary is the result of one implementation.
type SubjectSummary struct {
	Participant

	Original      bool           `json:"original"`
	Cases         int            `json:"cases"`  // messages run
	Starts        int            `json:"starts"` // starts of its process
	Outcomes      map[string]int `json:"outcomes"`
	Disagreements int            `json:"disagreements"`
}

// Disagreement is a message whose outcome differs from the prediction.
type Disagreement struct {
	Case    int    `json:"case"`
	Subject string `json:"subject"`
	Kind    string `json:"kind"`
	// Repeats reports whether a new process showed the same difference. Only then the
	// message is minimised.
	Repeats bool     `json:"repeats"`
	Error   string   `json:"error,omitempty"`   // of an ended queue
	Payload string   `json:"payload,omitempty"` // as the listener received it
	Signals []string `json:"signals,omitempty"` // as the listener received them
	Vector  Vector   `json:"vector"`
}

// requirements returns the findings that every validator names (VERDICT-2): of a malformed
// message, the requirements that make it malformed.
func requirements(t *trial) []string {
	ids := []string{}
	for _, f := range t.report.Findings {
		if t.report.Verdict == wire.Malformed && f.Severity != wire.SeverityMalformed {
			continue
		}
		ids = append(ids, string(f.Requirement))
	}
	slices.Sort(ids)
	return ids
}

// WriteText writes the summary as text, the disagreements first.
func (s *Summary) WriteText(out io.Writer) error {
	var b strings.Builder
	for _, d := range s.Disagreements {
		fmt.Fprintf(&b, "DISAGREES  case %d, %s: %s\n", d.Case, d.Subject, d.Kind)
		if !d.Repeats {
			b.WriteString("           not repeated by a new process\n")
		}
		if d.Error != "" {
			fmt.Fprintf(&b, "           error:    %s\n", d.Error)
		}
		if d.Payload != "" {
			fmt.Fprintf(&b, "           received: %s, signals %q\n", d.Payload, d.Signals)
		}
		var vector strings.Builder
		encoder := json.NewEncoder(&vector)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(d.Vector); err != nil {
			return err
		}
		fmt.Fprintf(&b, "           vector:   %s\n", vector.String())
	}
	fmt.Fprintf(&b, "seed %d, %s, %.0f s\n", s.Seed, s.Redis, s.Seconds)
	for _, subject := range s.Subjects {
		fmt.Fprintf(&b, "\n%s", subject)
		for i, name := range slices.Sorted(maps.Keys(subject.Details)) {
			fmt.Fprintf(&b, "%s%s %s", map[bool]string{true: " (", false: ", "}[i == 0], name, subject.Details[name])
		}
		if len(subject.Details) > 0 {
			b.WriteByte(')')
		}
		fmt.Fprintf(&b, ": %d of %d messages, started %d times\n  ", subject.Cases, s.Asked, subject.Starts)
		for i, outcome := range []string{delivers, drops, dies, hangs} {
			if n := subject.Outcomes[outcome]; n > 0 || i < 3 {
				fmt.Fprintf(&b, "%s %d, ", outcome, n)
			}
		}
		fmt.Fprintf(&b, "disagreements %d\n", subject.Disagreements)
	}
	fmt.Fprintf(&b, "\n%-10s %9s %9s %9s  ← legacy\n", "verdict ↓", wire.Delivers, wire.Drops, wire.Dies)
	for _, verdict := range []wire.Verdict{wire.Safe, wire.Tolerated, wire.Malformed} {
		fmt.Fprintf(&b, "%-10s", verdict)
		for _, legacy := range []wire.Legacy{wire.Delivers, wire.Drops, wire.Dies} {
			fmt.Fprintf(&b, " %9d", s.Verdicts[string(verdict)+", "+string(legacy)])
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// Disagree reports whether any outcome of an implementation differs from the predicted one.
func (s *Summary) Disagree() bool {
	return slices.ContainsFunc(s.Subjects, func(subject SubjectSummary) bool { return subject.Disagreements > 0 })
}
