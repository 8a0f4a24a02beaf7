package wire

import (
	"fmt"
	"slices"
)

// Verdict is the specification's classification of a message.
type Verdict string

const (
	// Safe messages may be sent.
	Safe Verdict = "safe"
	// Tolerated messages must be delivered by receivers, but not written by senders.
	Tolerated Verdict = "tolerated"
	// Malformed messages are not delivered. They are kept unchanged as dead letters, or
	// logged by receivers without dead letters.
	Malformed Verdict = "malformed"
)

// Legacy is the outcome of a message in an original Python receiver: the worst of the
// measured versions and interpreters.
type Legacy string

const (
	// Delivers means that the listener is called and the receiver continues.
	Delivers Legacy = "delivers"
	// Drops means that the message is lost silently and the receiver continues.
	Drops Legacy = "drops"
	// Dies means that the thread of the queue ends permanently, at once or after
	// the call. The process continues and logs nothing.
	Dies Legacy = "dies"
)

// Severity is the effect of a finding on the verdict.
type Severity string

// The severities. A message with only warnings is safe.
const (
	SeverityWarning   Severity = "warning"
	SeverityTolerated Severity = "tolerated"
	SeverityMalformed Severity = "malformed"
)

// Finding is one fault of a message. A repeated fault is one finding, at its first
// occurrence.
type Finding struct {
	// Requirement is the id of the violated requirement.
	Requirement Requirement `json:"requirement"`
	// Severity is the effect on the verdict.
	Severity Severity `json:"severity"`
	// Message describes the fault, without quoting the payload.
	Message string `json:"message"`
	// Offset is the position of the fault in the message, in bytes from 0.
	Offset int `json:"offset"`
}

func (f Finding) String() string {
	return fmt.Sprintf("[%s] %s, at byte %d", f.Requirement, f.Message, f.Offset)
}

// Report is the result of validating a raw message.
type Report struct {
	Verdict Verdict `json:"verdict"`
	Legacy  Legacy  `json:"legacy"`
	// Findings are sorted by severity, the most severe first, then by offset. A safe
	// message may have warnings.
	Findings []Finding `json:"findings"`
}

// report sorts the findings and derives the verdict from them.
func report(findings []Finding, legacy Legacy) Report {
	rank := map[Severity]int{SeverityMalformed: 0, SeverityTolerated: 1, SeverityWarning: 2}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		if d := rank[a.Severity] - rank[b.Severity]; d != 0 {
			return d
		}
		return a.Offset - b.Offset
	})
	verdict := Safe
	if len(findings) > 0 {
		switch findings[0].Severity {
		case SeverityMalformed:
			verdict = Malformed
		case SeverityTolerated:
			verdict = Tolerated
		case SeverityWarning:
		}
	}
	if findings == nil {
		findings = []Finding{}
	}
	return Report{Verdict: verdict, Legacy: legacy, Findings: findings}
}
