package wire

import (
	"fmt"
	"slices"
)

// Verdict is what this specification says of a message.
type Verdict string

const (
	// Safe messages may be sent.
	Safe Verdict = "safe"
	// Tolerated messages are delivered by receivers; no sender may write one.
	Tolerated Verdict = "tolerated"
	// Malformed messages are delivered by nobody. They are kept as they are,
	// as dead letters, or logged where there are none.
	Malformed Verdict = "malformed"
)

// Legacy is what becomes of an original Python receiver that takes a message:
// the worst over the versions and interpreters that were measured.
type Legacy string

const (
	// Delivers means that its listener is called and it lives.
	Delivers Legacy = "delivers"
	// Drops means that the message is lost without a sign, and it lives.
	Drops Legacy = "drops"
	// Dies means that the thread of its queue ends for good, at once or after
	// the call. The process lives on and logs nothing.
	Dies Legacy = "dies"
)

// Severity is what a finding does to the verdict.
type Severity string

// The severities: a warning leaves a message safe.
const (
	SeverityWarning   Severity = "warning"
	SeverityTolerated Severity = "tolerated"
	SeverityMalformed Severity = "malformed"
)

// Finding is one fault of a message. A fault that occurs many times is one
// finding, at the place where it first stands.
type Finding struct {
	// Requirement is what the message violates.
	Requirement Requirement `json:"requirement"`
	// Severity is what follows for the verdict.
	Severity Severity `json:"severity"`
	// Message says what is wrong, without quoting the payload.
	Message string `json:"message"`
	// Offset is the byte of the message at which the fault stands, from 0.
	Offset int `json:"offset"`
}

func (f Finding) String() string {
	return fmt.Sprintf("[%s] %s, at byte %d", f.Requirement, f.Message, f.Offset)
}

// Report is the judgement of one raw message.
type Report struct {
	Verdict Verdict `json:"verdict"`
	Legacy  Legacy  `json:"legacy"`
	// Findings are in the order of severity, the gravest first, then of
	// offset. A safe message may have some: warnings.
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
