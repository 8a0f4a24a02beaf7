package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/value"
	"github.com/remote-events/remote-events/go/pyjson"
	"github.com/remote-events/remote-events/go/wire"
)

// judge compares a reaction with the required one and returns a result.
func (p *participant) judge(d delivery, got reaction) report.Result {
	result := report.Result{
		Case: d.c.ID, Sender: d.sender, Receiver: p.ID,
		Expected: d.want.String(), Observed: got.String(),
	}
	if got.fault != nil {
		result.Outcome, result.Problems = outcomeOf(got.fault), problemsOf(got.fault)
		return result
	}
	got.calls = d.listened(got.calls)
	d.want.nameless = p.Original
	result.Problems = append(d.want.problems(got), got.letter...)
	result.Requirements = got.shows(d.c.Requirements)
	switch {
	case p.Original && d.measured():
		if surprises := d.surprises(got); len(surprises) > 0 {
			result.Outcome = report.Failed
			result.Expected = d.c.Delivery.Legacy + ", as measured with the originals"
			result.Problems = surprises
		} else if len(result.Problems) > 0 {
			result.Outcome = report.Deviates
			result.Deviation = predicted(d, result.Observed)
		}
	case len(result.Problems) > 0:
		result.Outcome = report.Failed
	}
	if result.Outcome == "" {
		result.Outcome = report.Passed
	}
	return result
}

// measured reports whether the behaviour of an original is known.
func (d delivery) measured() bool {
	return d.c.Delivery != nil && (d.c.Delivery.Listeners == nil || d.c.Delivery.Python != nil)
}

// predicted returns the deviation of originals that the specification describes.
func predicted(d delivery, observed string) *report.Deviation {
	class, _, _ := strings.Cut(observed, " ")
	why := "the specification predicts that an original " + d.c.Delivery.Legacy
	if d.listeners != nil {
		why = "the specification predicts which listeners an original calls"
	}
	if d.c.Delivery.Platform {
		why += " or, on another platform, delivers"
	}
	return &report.Deviation{
		Pattern: d.c.ID, Observed: strings.TrimRight(class, ":"), Kind: report.WontFix,
		Why: why + "; originals stay as they are, and senders do not send this",
	}
}

func (w want) String() string {
	if !w.delivered {
		return "drops"
	}
	return fmt.Sprintf("delivers %s to %s", Text(w.payload, 200), strings.Join(w.calls, ", "))
}

// String returns the reaction in one line. The worst part comes first.
func (r reaction) String() string {
	switch {
	case r.fault != nil:
		return observed(r.fault)
	case r.died != nil:
		line, _, _ := strings.Cut(r.died.Error, "\n")
		return strings.TrimRight("dies: "+Text(line, 300), ": ")
	case len(r.calls) == 0:
		return "drops"
	}
	var signals []string
	for _, call := range r.calls {
		signals = append(signals, call.Signal)
	}
	return fmt.Sprintf("delivers %s to %s", Text(r.calls[0].PayloadText, 200), Text(strings.Join(signals, ", "), 200))
}

// problems returns the differences between a reaction and the required one.
func (w want) problems(got reaction) []string {
	var problems []string
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if got.died != nil {
		add("the consumer of its queue ended: %s", strings.TrimSpace(got.died.Queue+" "+got.died.Error))
	}
	if !w.delivered {
		if len(got.calls) > 0 {
			add("listeners were called, but this message must not be delivered")
		}
		return problems
	}
	var called []string
	for _, call := range got.calls {
		called = append(called, call.Signal)
	}
	if got.died == nil && !slices.Equal(called, w.calls) {
		add("the listeners to %q were called, in this order, not those to %q", called, w.calls)
	}
	problems = append(problems, w.differences(got.calls)...)
	if got.canary != nil && got.canary.Metadata != nil && slices.ContainsFunc(got.calls, withoutMetadata) {
		add("the report has no metadata, but others of the receiver have")
	}
	return problems
}

func withoutMetadata(call protocol.Event) bool { return call.Metadata == nil }

// shows returns the requirements that a case can show for a receiver without metadata. It
// returns nil if the receiver has metadata.
func (r reaction) shows(requirements []string) []string {
	if !slices.ContainsFunc(r.calls, withoutMetadata) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(requirements), func(id string) bool { return strings.HasPrefix(id, "META-") && id != "META-7" })
}

// differences returns the differences in the arguments of calls, each once.
func (w want) differences(calls []protocol.Event) []string {
	var problems []string
	add := func(format string, args ...any) {
		if problem := fmt.Sprintf(format, args...); !slices.Contains(problems, problem) {
			problems = append(problems, problem)
		}
	}
	for _, call := range calls {
		same, err := call.PayloadText == string(w.payload), error(nil) // most are
		if !same {
			same, err = value.Equal([]byte(call.PayloadText), w.payload)
		}
		if err != nil {
			add("the reported payload is not valid: %v", err)
		} else if !same {
			add("the reported payload is %s", Text(call.PayloadText, 300))
		}
		if call.EventName != w.eventName && !w.nameless {
			add("the reported name of the event is %q, not %q", call.EventName, w.eventName)
		}
		if !w.sameSignals(call.Signals) {
			add("the reported signals are %q", call.Signals)
		}
		if call.Metadata == nil {
			continue // the implementation reports none
		}
		for _, name := range slices.Sorted(maps.Keys(w.metadata)) {
			if got, ok := call.Metadata[name]; !ok {
				add("the attribute %s is missing", name)
			} else if got != w.metadata[name] {
				add("the attribute %s is %q", name, got)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(call.Metadata)) {
			if _, ok := w.metadata[name]; !ok {
				add("the attribute %s is not an attribute of the message", name)
			}
		}
	}
	return problems
}

// sameSignals compares the reported signals with the signals of the message. An
// implementation may omit elements that are not strings, or report their JSON. The same
// holds for strings with a lone surrogate.
func (w want) sameSignals(got []string) bool {
	if slices.Equal(got, w.signals) {
		return true
	}
	i := 0
	for _, signal := range got {
		if i < len(w.signals) && signal == w.signals[i] {
			i++
		} else if slices.Contains(w.signals, signal) || !strings.Contains(signal, "\uFFFD") && !pyjson.Valid([]byte(signal)) {
			return false
		}
	}
	return i == len(w.signals)
}

// listened returns the calls of the listeners of the case. The process has listeners of
// other cases, too.
func (d delivery) listened(calls []protocol.Event) []protocol.Event {
	if d.listeners == nil {
		return calls
	}
	return slices.DeleteFunc(slices.Clone(calls), func(call protocol.Event) bool { return !slices.Contains(d.listeners, call.Signal) })
}

// surprises returns the differences between an original and its measured behaviour.
func (d delivery) surprises(got reaction) []string {
	predicted := d.c.Delivery
	if predicted.Listeners != nil {
		return d.otherCalls(got)
	}
	class := string(wire.Drops)
	for _, call := range got.calls {
		if call.Signal == predicted.Key {
			class = string(wire.Delivers)
		}
	}
	if got.died != nil {
		class = string(wire.Dies)
	}
	if class != predicted.Legacy && (!predicted.Platform || class != string(wire.Delivers)) {
		return []string{fmt.Sprintf("it %s, which is not the predicted outcome", class)}
	}
	if class == string(wire.Dies) || predicted.Disturbs || !d.want.delivered {
		return nil // the calls are not predicted
	}
	// Every string calls its listener, as often as it occurs.
	listening := append([]string{d.listen}, d.want.calls...)
	measured := d.want
	measured.calls, measured.signals, measured.metadata = nil, nil, nil
	for _, element := range value.Elements(value.Member(d.message, "signals")) {
		name, isString := unquote(element)
		switch {
		case !isString:
			name = element
		case slices.Contains(listening, name):
			measured.calls = append(measured.calls, name)
		}
		measured.signals = append(measured.signals, strings.ToValidUTF8(name, "\uFFFD"))
	}
	measured.payload = value.Omit(value.Member(d.message, "data"), "_signals", "_propagated")
	return measured.problems(got)
}

// otherCalls returns the differences between the called listeners and the measured ones.
func (d delivery) otherCalls(got reaction) []string {
	measured := d.c.Delivery.Python
	var called []string
	for _, call := range got.calls {
		called = append(called, call.Signal)
	}
	var problems []string
	if died := got.died != nil; died != measured.Dies {
		problems = append(problems, fmt.Sprintf("it dies: %v, which is not the predicted outcome", died))
	}
	if !slices.Equal(called, measured.Calls) {
		problems = append(problems, fmt.Sprintf("the listeners to %q were called, not the measured ones, to %q", called, measured.Calls))
	}
	return problems
}
