package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/compat/internal/value"
	"github.com/remote-events/remote-events/go/wire"
)

// judgeEvent holds what was sent against an event that every sender can send.
func judgeEvent(event suite.Event, sent []pushed, err error) report.Result {
	result := report.Result{Expected: "sends " + Text([]byte(event.PayloadText), 200), Observed: sending(sent, err), Outcome: report.Passed}
	result.Problems = eventProblems(event, sent, err)
	if result.Outcome = outcomeOf(err); err == nil && len(result.Problems) > 0 {
		result.Outcome = report.Failed
	}
	return result
}

// attributesBytes is what a sender may add to a message by attributes of its own.
const attributesBytes = 1024

// sending is what a sender did, in one line.
func sending(sent []pushed, err error) string {
	switch {
	case outcomeOf(err) == report.Unsupported:
		return "unsupported"
	case err != nil:
		return observed(err)
	}
	return "sends " + Text(sent[0].raw, 300)
}

func eventProblems(event suite.Event, sent []pushed, err error) []string {
	if err != nil {
		return problemsOf(err)
	}
	problems := faults(event, sent[0].raw)
	if err := sent[0].in(event.EventName); err != nil {
		problems = append(problems, err.Error())
	}
	return problems
}

// judgeSending holds what was sent against a vector: an implementation against
// the specification, an original against what it was measured to do.
func (p *participant) judgeSending(id string, c *suite.Sending, sent []pushed, err error) report.Result {
	result := report.Result{Observed: sending(sent, err), Outcome: report.Passed}
	refusal, refused := errors.AsType[*protocol.FailedError](err)
	switch {
	case outcomeOf(err) == report.Errored:
		result.Expected = "sends " + Text(c.Message, 300)
		if c.Refused != nil {
			result.Expected = "refuses: " + strings.Join(c.Refused, ", ")
		}
		result.Outcome, result.Problems = report.Errored, problemsOf(err)
		return result
	case refused && len(c.Message) > wire.DefaultSendBytes-attributesBytes && strings.Contains(refusal.Reason, "LIMIT-2"):
		// With the attributes that it adds (SEND-4) the message is too long.
		result.Expected = "sends " + Text(c.Message, 300)
	case c.Refused == nil:
		result.Expected = "sends " + Text(c.Message, 300)
		result.Problems = eventProblems(c.Event, sent, err)
	case err == nil:
		result.Expected = "refuses: " + strings.Join(c.Refused, ", ")
		// A parser that cannot even read what is to be refused may have made
		// something else of it: that is no violation where it means the same.
		if problems := eventProblems(c.Event, sent, nil); len(problems) > 0 {
			result.Problems = append([]string{"it was sent, and had to be refused"}, problems...)
		}
	default:
		result.Expected = "refuses: " + strings.Join(c.Refused, ", ")
		if !refused || len(sent) > 0 {
			result.Problems = problemsOf(err)
		} else if names := func(id string) bool { return strings.Contains(refusal.Reason, id) }; !p.Original && strictly(c.PayloadText) && !slices.ContainsFunc(c.Refused, names) {
			result.Problems = []string{fmt.Sprintf("the refusal names none of %s (SEND-2): %s", strings.Join(c.Refused, ", "), refusal.Reason)}
		}
	}
	switch {
	case refused && refusal.Unsupported():
		result.Outcome = report.Unsupported
	case p.Original && c.Python != nil && !asMeasured(c.Python, sent, err):
		result.Outcome = report.Failed
		result.Expected = measured(c.Python) + ", as was measured of the originals"
		result.Problems = []string{"it was measured otherwise"}
	case p.Original && c.Python != nil && len(result.Problems) > 0:
		class, _, _ := strings.Cut(result.Observed, " ")
		result.Outcome = report.Deviates
		result.Deviation = &report.Deviation{
			Pattern: id, Observed: strings.TrimRight(class, ":"), Kind: report.WontFix,
			Why: "it is what originals were measured to do: they check nothing of what they send, and stay as they are",
		}
	case len(result.Problems) > 0:
		result.Outcome = report.Failed
	}
	return result
}

// asMeasured reports whether an original did what it did when it was measured.
func asMeasured(m *suite.Measured, sent []pushed, err error) bool {
	if m.Message == nil {
		_, refused := errors.AsType[*protocol.FailedError](err)
		return refused && len(sent) == 0
	}
	return err == nil && !sent[0].right && m.Is(sent[0].key, sent[0].raw)
}

// strictly reports whether a text is JSON by its own grammar, without what
// parsers silently mend.
func strictly(text string) bool {
	return json.Valid([]byte(text)) && !strings.Contains(text, `\u`)
}

// faults are what is wrong with a message that was made of an event.
func faults(event suite.Event, raw []byte) []string {
	var problems []string
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	judged := wire.InspectFrom(event.EventName, raw, wire.Limits{})
	if judged.Verdict != wire.Safe {
		say("the message is %s: %v", judged.Verdict, judged.Findings)
	}
	if judged.Legacy != wire.Delivers {
		say("of the message an original %s", judged.Legacy)
	}
	env, err := wire.Decode(raw, wire.Limits{})
	if err != nil {
		return problems
	}
	if chain := wire.Chain(event.EventName, event.Parents...); !slices.Equal(env.Metadata.Signals, chain) {
		say("its signals are %q, not %q", env.Metadata.Signals, chain)
	}
	if same, err := value.Equal(env.Payload, []byte(event.PayloadText)); err != nil || !same {
		say("its payload is another: %s", Text(env.Payload, 300))
	}
	for _, name := range slices.Sorted(maps.Keys(event.Metadata)) {
		if got, ok := env.Metadata.Attributes[name]; !ok {
			say("its attribute %s is not there", name)
		} else if got != event.Metadata[name] {
			say("its attribute %s is %q", name, got)
		}
	}
	return problems
}
