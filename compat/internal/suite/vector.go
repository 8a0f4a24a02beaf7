package suite

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/evaluation"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/go/wire"
	"github.com/remote-events/remote-events/spec"
)

// slowMessage is how long a message is that takes a while.
const slowMessage = 32 << 20

// vector makes a case of a vector that adapters can be tested with. Another, such as a
// script of reliable delivery, makes a case without a kind.
func vector(raw json.RawMessage, family string) (Case, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return Case{}, err
	}
	questions, err := evaluation.Questions(family, raw)
	if err != nil {
		return Case{}, err
	}
	has := func(name string) bool { return members[name] != nil }
	switch {
	case has("verdict"):
		var v spec.MessageVector
		err := json.Unmarshal(raw, &v)
		c := message(v)
		c.Questions = questions
		return c, err
	case questions != nil:
		var v spec.Case
		err := json.Unmarshal(raw, &v)
		c := head(v, Evaluate)
		c.Family, c.Questions = family, questions
		if c.About == "" { // a case of the configuration
			c.About = strings.NewReplacer("/", ": ", "-", " ").Replace(c.ID)
		}
		return c, err
	case has("listeners"):
		var v spec.DispatchVector
		err := json.Unmarshal(raw, &v)
		return dispatch(v), err
	case has("event") && (has("message") || has("rejected")):
		var v spec.SendVector
		err := json.Unmarshal(raw, &v)
		return send(v), err
	}
	return Case{}, nil
}

func head(c spec.Case, kind Kind) Case {
	return Case{ID: c.ID, Family: c.Family(), Kind: kind, About: c.About, Requirements: c.Requirements}
}

func message(v spec.MessageVector) Case {
	c := head(v.Case, Receive)
	c.Delivery = &Delivery{
		Key: v.Key, Message: v.Message, Verdict: v.Verdict, Legacy: v.Legacy,
		Platform: v.Has(spec.FlagPlatform), Disturbs: v.Has(spec.FlagDisturbs) || slices.Contains(v.Requirements, "SIG-4"),
	}
	if d := v.Delivered; d != nil {
		c.Delivery.Delivered = &Delivered{EventName: d.EventName, Signals: d.Signals, Payload: d.Payload, Attributes: d.Attributes}
	}
	c.Slow = v.Message.Len() > slowMessage
	c.Destructive = v.Legacy == "dies" || c.Delivery.Disturbs
	return c
}

// dispatch makes a case of a vector with listeners.
func dispatch(v spec.DispatchVector) Case {
	c := head(v.Case, Receive)
	verdict := wire.Inspect(v.Message.Bytes(), wire.Limits{}).Verdict
	d := &Delivery{Key: "e", Message: v.Message, Verdict: string(verdict), Legacy: "delivers", Calls: []string{}}
	for i, listener := range v.Listeners {
		d.Listeners = append(d.Listeners, listener.Signal)
		if listener.Fails {
			d.Fails = append(d.Fails, make([]bool, i+1-len(d.Fails))...)
			d.Fails[i] = true
		}
	}
	for _, i := range v.Calls {
		d.Calls = append(d.Calls, v.Listeners[i].Signal)
	}
	if v.Python != nil {
		d.Python = &Reaction{Calls: v.Python.Calls, Dies: v.Python.Dies}
		c.Destructive = v.Python.Dies
	}
	d.Disturbs = slices.Contains(v.Requirements, "SIG-4") || slices.Contains(v.Requirements, "DISP-3")
	c.Delivery = d
	return c
}

// send makes a case of a vector with an event.
func send(v spec.SendVector) Case {
	name := v.Event.EventName.String()
	c := head(v.Case, Send)
	s := &Sending{
		Event: Event{protocol.Message{
			EventName: name, Parents: v.Event.Ancestors, Signals: v.Event.Signals, PayloadText: v.Event.Payload.String(), Metadata: v.Event.Attributes,
		}},
		Rejected: v.Rejected,
	}
	if v.Message != nil {
		s.Message = v.Message.Bytes()
	}
	if v.Python != nil {
		s.Python = &Measured{Key: name, Error: v.Python.Error}
		if v.Python.Key != nil {
			s.Python.Key = *v.Python.Key
		}
		if v.Python.Message != nil {
			s.Python.Message = v.Python.Message.Bytes()
		}
	}
	c.Sending = s
	return c
}
