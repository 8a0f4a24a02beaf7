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

// judge holds a reaction against what is wanted, in a result.
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
	result.Problems = d.want.problems(got)
	switch {
	case p.Original && d.measured():
		if surprises := d.surprises(got); len(surprises) > 0 {
			result.Outcome = report.Failed
			result.Expected = d.c.Delivery.Legacy + ", as was measured of the originals"
			result.Problems = surprises
		} else if len(result.Problems) > 0 {
			result.Outcome = report.Deviates
			result.Deviation = foretold(d, result.Observed)
		}
	case len(result.Problems) > 0:
		result.Outcome = report.Failed
	}
	if result.Outcome == "" {
		result.Outcome = report.Passed
	}
	return result
}

// measured reports whether it is known what an original does.
func (d delivery) measured() bool {
	return d.c.Delivery != nil && (d.c.Delivery.Listeners == nil || d.c.Delivery.Python != nil)
}

// foretold is the deviation that the specification describes.
func foretold(d delivery, observed string) *report.Deviation {
	class, _, _ := strings.Cut(observed, " ")
	why := "the specification foretells that an original " + d.c.Delivery.Legacy
	if d.listeners != nil {
		why = "the specification foretells which listeners an original calls"
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

// String is one line: what became of the message, the worst first.
func (r reaction) String() string {
	switch {
	case r.fault != nil:
		return observed(r.fault)
	case r.died != nil:
		line, _, _ := strings.Cut(r.died.Error, "\n")
		return strings.TrimRight("dies: "+Text([]byte(line), 300), ": ")
	case len(r.calls) == 0:
		return "drops"
	}
	var signals []string
	for _, call := range r.calls {
		signals = append(signals, call.Signal)
	}
	return fmt.Sprintf("delivers %s to %s", Text([]byte(r.calls[0].PayloadText), 200), Text([]byte(strings.Join(signals, ", ")), 200))
}

// problems are the ways in which a reaction is not what is wanted.
func (w want) problems(got reaction) []string {
	var problems []string
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if got.died != nil {
		say("its queue is consumed no more: %s", strings.TrimSpace(got.died.Queue+" "+got.died.Error))
	}
	if !w.delivered {
		if len(got.calls) > 0 {
			say("listeners were called, and nobody may see this message")
		}
		return problems
	}
	var heard []string
	for _, call := range got.calls {
		heard = append(heard, call.Signal)
	}
	if got.died == nil && !slices.Equal(heard, w.calls) {
		say("the listeners to %q were called, in this order, not those to %q", heard, w.calls)
	}
	return append(problems, w.differences(got.calls)...)
}

// differences are what is wrong in the content of calls, each said once.
func (w want) differences(calls []protocol.Event) []string {
	var problems []string
	say := func(format string, args ...any) {
		if problem := fmt.Sprintf(format, args...); !slices.Contains(problems, problem) {
			problems = append(problems, problem)
		}
	}
	for _, call := range calls {
		if same, err := value.Equal([]byte(call.PayloadText), w.payload); err != nil {
			say("the payload that is reported cannot be read: %v", err)
		} else if !same {
			say("the payload came as %s", Text([]byte(call.PayloadText), 300))
		}
		if !w.sameSignals(call.Signals) {
			say("it came with the signals %q", call.Signals)
		}
		if call.Metadata == nil {
			continue // the implementation has none
		}
		for _, name := range slices.Sorted(maps.Keys(w.metadata)) {
			if got, ok := call.Metadata[name]; !ok {
				say("the attribute %s did not come", name)
			} else if got != w.metadata[name] {
				say("the attribute %s came as %q", name, got)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(call.Metadata)) {
			if _, ok := w.metadata[name]; !ok {
				say("the attribute %s came, which is none", name)
			}
		}
	}
	return problems
}

// sameSignals compares the signals that were reported. Elements that are no
// strings may stand there, as their JSON, or be left out, and so may those with
// a surrogate that has no partner.
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

// listened are the calls of listeners that the case has. Those of other cases
// are in the same process.
func (d delivery) listened(calls []protocol.Event) []protocol.Event {
	if d.listeners == nil {
		return calls
	}
	return slices.DeleteFunc(slices.Clone(calls), func(call protocol.Event) bool { return !slices.Contains(d.listeners, call.Signal) })
}

// surprises are the ways in which an original did not do what was measured.
func (d delivery) surprises(got reaction) []string {
	foretold := d.c.Delivery
	if foretold.Listeners != nil {
		return d.otherCalls(got)
	}
	class := string(wire.Drops)
	for _, call := range got.calls {
		if call.Signal == foretold.Key {
			class = string(wire.Delivers)
		}
	}
	if got.died != nil {
		class = string(wire.Dies)
	}
	if class != foretold.Legacy && (!foretold.Platform || class != string(wire.Delivers)) {
		return []string{fmt.Sprintf("it %s, and was foretold otherwise", class)}
	}
	if class == string(wire.Dies) || foretold.Disturbs || !d.want.delivered {
		return nil // what is called meanwhile was not foretold
	}
	// Every element that is a string calls, as often as it stands there.
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

// otherCalls are the ways in which an original called other listeners than it
// was seen to call.
func (d delivery) otherCalls(got reaction) []string {
	measured := d.c.Delivery.Python
	var heard []string
	for _, call := range got.calls {
		heard = append(heard, call.Signal)
	}
	var problems []string
	if died := got.died != nil; died != measured.Dies {
		problems = append(problems, fmt.Sprintf("that it dies is %v, and was foretold otherwise", died))
	}
	if !slices.Equal(heard, measured.Calls) {
		problems = append(problems, fmt.Sprintf("the listeners to %q were called, and those to %q when it was measured", heard, measured.Calls))
	}
	return problems
}
