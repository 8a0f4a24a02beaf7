package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/compat/internal/value"
	"github.com/remote-events/remote-events/go/wire"
)

// judgeEvent compares the sent message with an event that every sender can send.
func judgeEvent(event suite.Event, sent []pushed, err error) report.Result {
	result := report.Result{Expected: "sends " + Text(event.PayloadText, 200), Observed: sending(sent, err), Outcome: report.Passed}
	result.Problems = eventProblems(event, sent, err)
	if result.Outcome = outcomeOf(err); err == nil && len(result.Problems) > 0 {
		result.Outcome = report.Failed
	}
	return result
}

// attributesBytes is the maximum size of the attributes that a sender adds.
const attributesBytes = 1024

// sending returns the result of a sender in one line.
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

// judgeSending compares the sent message with a vector: with the specification, or for an
// original with its measured behaviour.
func (p *participant) judgeSending(id string, c *suite.Sending, sent []pushed, err error) report.Result {
	result := report.Result{Observed: sending(sent, err), Outcome: report.Passed}
	rejection, rejected := errors.AsType[*protocol.FailedError](err)
	switch {
	case unknown(outcomeOf(err)):
		result.Expected = "sends " + Text(c.Message, 300)
		if c.Rejected != nil {
			result.Expected = "rejects: " + strings.Join(c.Rejected, ", ")
		}
		result.Outcome, result.Problems = outcomeOf(err), problemsOf(err)
		return result
	case rejected && len(c.Message) > wire.DefaultSendBytes-attributesBytes && strings.Contains(rejection.Reason, "LIMIT-2"):
		// With the attributes that it adds (SEND-4) the message is too long.
		result.Expected = "sends " + Text(c.Message, 300)
	case c.Rejected == nil:
		result.Expected = "sends " + Text(c.Message, 300)
		result.Problems = eventProblems(c.Event, sent, err)
	case err == nil:
		result.Expected = "rejects: " + strings.Join(c.Rejected, ", ")
		// The parser of the adapter may have changed an event that must be rejected. This is
		// not a violation if the result has the same meaning.
		if problems := eventProblems(c.Event, sent, nil); len(problems) > 0 {
			result.Problems = append([]string{"it was sent, and must be rejected"}, problems...)
		}
	default:
		result.Expected = "rejects: " + strings.Join(c.Rejected, ", ")
		if !rejected || len(sent) > 0 {
			result.Problems = problemsOf(err)
		} else if names := func(id string) bool { return strings.Contains(rejection.Reason, id) }; !p.Original && strictly(c.PayloadText) && !slices.ContainsFunc(c.Rejected, names) {
			result.Problems = []string{fmt.Sprintf("the error names none of %s (SEND-2): %s", strings.Join(c.Rejected, ", "), rejection.Reason)}
		} else if others := namedBeside(rejection.Reason, c.Rejected); !p.Original && len(others) > maxNamed {
			result.Problems = []string{fmt.Sprintf("the error names %d requirements that the event does not violate, such as %s (SEND-2)", len(others), strings.Join(others[:maxNamed], ", "))}
		}
	}
	switch {
	case rejected && (rejection.Unsupported() || len(result.Problems) > 0 && len(sent) == 0 && !utf8.ValidString(c.EventName+c.PayloadText)):
		// A language whose strings can only contain text cannot represent the event.
		result.Outcome = report.Unsupported
	case p.Original && c.Python != nil && !asMeasured(c.Python, sent, err):
		result.Outcome = report.Failed
		result.Expected = measured(c.Python) + ", as measured with the originals"
		result.Problems = []string{"the measured behaviour is another"}
	case p.Original && c.Python != nil && len(result.Problems) > 0:
		class, _, _ := strings.Cut(result.Observed, " ")
		result.Outcome = report.Deviates
		result.Deviation = &report.Deviation{
			Pattern: id, Observed: strings.TrimRight(class, ":"), Kind: report.WontFix,
			Why: "originals do not check what they send, and stay as they are",
		}
	case len(result.Problems) > 0:
		result.Outcome = report.Failed
	}
	return result
}

// maxNamed is the maximum number of requirements that a rejection names without a violation
// that the vector has.
const maxNamed = 3

var namedRequirement = regexp.MustCompile(`\b(?:JSON|WIRE|SIG|META|LIMIT)-[0-9]+\b`)

// namedBeside returns the requirements that a text names and the rejection does not have.
func namedBeside(text string, rejected []string) []string {
	return slices.DeleteFunc(union(nil, namedRequirement.FindAllString(text, -1)...), func(id string) bool { return slices.Contains(rejected, id) })
}

// asMeasured reports whether an original shows its measured behaviour.
func asMeasured(m *suite.Measured, sent []pushed, err error) bool {
	if m.Message == nil {
		_, rejected := errors.AsType[*protocol.FailedError](err)
		return rejected && len(sent) == 0
	}
	return err == nil && !sent[0].right && m.Is(sent[0].key, sent[0].raw)
}

// strictly reports whether a text is valid JSON that no parser changes silently.
func strictly(text string) bool {
	return json.Valid([]byte(text)) && !strings.Contains(text, `\u`)
}

// faults returns the problems of a message that was made of an event.
func faults(event suite.Event, raw []byte) []string {
	var problems []string
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	judged := wire.InspectFrom(event.EventName, raw, wire.Limits{})
	if judged.Verdict != wire.Safe {
		add("the message is %s: %v", judged.Verdict, judged.Findings)
	}
	if slices.ContainsFunc(judged.Findings, func(f wire.Finding) bool { return f.Requirement == wire.ReqMetadataEmpty }) {
		add("the message has a metadata without attributes (META-4)")
	}
	if judged.Legacy != wire.Delivers {
		add("an original %s because of the message", judged.Legacy)
	}
	env, err := wire.Decode(raw, wire.Limits{})
	if err != nil {
		return problems
	}
	if chain := event.Chain(); !slices.Equal(env.Metadata.Signals, chain) {
		add("its signals are %q, not %q", env.Metadata.Signals, chain)
	}
	if same, err := value.Equal(env.Payload, []byte(event.PayloadText)); err != nil || !same {
		add("its payload is another: %s", Text(env.Payload, 300))
	}
	for _, name := range slices.Sorted(maps.Keys(event.Metadata)) {
		if got, ok := env.Metadata.Attributes[name]; !ok {
			add("its attribute %s is missing", name)
		} else if got != event.Metadata[name] {
			add("its attribute %s is %q", name, got)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(env.Metadata.Attributes)) {
		if _, ok := event.Metadata[name]; !ok && event.Signals != nil {
			add("its attribute %s was added, but the event is forwarded (SEND-4)", name)
		}
	}
	return problems
}
