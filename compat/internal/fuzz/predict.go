package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/value"
	"github.com/remote-events/remote-events/go/pyjson"
	"github.com/remote-events/remote-events/go/wire"
)

// key is the event that every receiver listens to.
const key = "e"

// The outcomes: the values of the legacy verdict, and one that only faulty implementations have.
const (
	delivers = string(wire.Delivers)
	drops    = string(wire.Drops)
	dies     = string(wire.Dies)
	hangs    = "hangs" // neither the event nor the next one is delivered
)

// trial is a message and the outcome that the library predicts.
type trial struct {
	number  int
	message []byte
	report  wire.Report

	envelope *wire.Envelope // nil if the message is malformed
	elements []string       // of signals, as JSON; nil if it is not an array
	payload  string         // in canonical form, "" if there is none

	platform bool // the outcome of an original depends on its interpreter
	kernel   bool // an original is unusable afterwards
}

func newTrial(number int, message []byte) *trial {
	t := &trial{number: number, message: message, report: wire.InspectFrom(key, message, wire.Limits{})}
	if envelope, err := wire.Decode(message, wire.Limits{}); err == nil {
		t.envelope = &envelope
	}
	for _, f := range t.report.Findings {
		switch f.Requirement {
		case wire.ReqDepth, wire.ReqReceiveDepth, wire.ReqIntegerDigits:
			t.platform = true
		case wire.ReqReservedData: // some of these end only originals with an older blinker
			t.platform = t.platform || t.report.Legacy == wire.Dies
		default:
		}
	}
	t.read()
	return t
}

// read sets the fields that the library's report does not provide.
func (t *trial) read() {
	s := pyjson.Scanner{Src: t.message}
	kind, start, _, err := s.Document()
	if err != nil {
		return
	}
	t.kernel = commands(t.message)
	if kind != pyjson.Object || t.envelope == nil {
		return
	}
	var signals int
	s = pyjson.Scanner{Src: t.message}
	_, _ = s.Members(start, func(raw []byte, pos int) (int, error) {
		if name, _ := pyjson.Unquote(raw); name == "signals" {
			signals = pos
		}
		return s.Value(pos)
	})
	_, _ = s.Elements(signals, func(pos int) (int, error) {
		end, err := s.Value(pos)
		if err == nil {
			t.elements = append(t.elements, string(t.message[pos:end]))
		}
		return end, err
	})
	t.payload = canonical(t.envelope.Payload)
}

// commands reports whether any string of a text begins like a signal of the kernel.
func commands(text []byte) bool {
	w := &commandFinder{}
	s := pyjson.Scanner{Src: text, Observer: w}
	_, _ = s.Value(s.Space(0))
	return w.found
}

type commandFinder struct{ found bool }

func (c *commandFinder) Open(pyjson.Kind, int) {}
func (c *commandFinder) Close()                {}

func (c *commandFinder) Name(raw []byte, _ int) {
	name, _ := pyjson.Unquote(raw)
	c.found = c.found || wire.Reserved(name)
}

func (c *commandFinder) Scalar(kind pyjson.Kind, raw []byte, _ int) {
	if kind == pyjson.String {
		c.Name(raw[1:len(raw)-1], 0)
	}
}

// canonical returns the form that all payloads of one value share, without the members that
// an original adds to its events.
func canonical(payload []byte) string {
	s := pyjson.Scanner{Src: payload}
	var kept bytes.Buffer
	kept.WriteByte('{')
	start := s.Space(0)
	if kind, err := s.Peek(start); err != nil || kind != pyjson.Object {
		return "no object: " + string(payload)
	}
	_, err := s.Members(start, func(raw []byte, pos int) (int, error) {
		end, err := s.Value(pos)
		if name, _ := pyjson.Unquote(raw); err == nil && name != "_signals" && name != "_propagated" {
			if kept.Len() > 1 {
				kept.WriteByte(',')
			}
			kept.WriteString(`"` + string(raw) + `":`)
			kept.Write(payload[pos:end])
		}
		return end, err
	})
	kept.WriteByte('}')
	if err != nil {
		return "no JSON: " + err.Error()
	}
	text, err := value.Canonical(kept.Bytes())
	if err != nil {
		return "no JSON: " + err.Error()
	}
	return text
}

// observed is the observed outcome of a message.
type observed struct {
	outcome string
	events  []protocol.Event
	err     string // the error of an ended queue
}

// difference describes how the outcome differs from the predicted one. It returns "" if
// they are the same. Messages with the same difference are minimised alike.
func (t *trial) difference(original bool, o observed) string {
	want := t.predicted(original)
	if original && t.platform && (o.outcome == delivers || o.outcome == drops) {
		want = o.outcome
	}
	if o.outcome != want {
		return want + " predicted, " + o.outcome + " observed"
	}
	if o.outcome != delivers || t.envelope == nil {
		return ""
	}
	for _, event := range o.events {
		if canonical([]byte(event.PayloadText)) != t.payload {
			return "another payload"
		}
		if !t.sameSignals(event.Signals) {
			return "other signals"
		}
	}
	if !original && len(o.events) > 1 {
		return "delivered more than once"
	}
	return ""
}

// predicted returns the outcome that a receiver must have.
func (t *trial) predicted(original bool) string {
	switch {
	case original:
		return string(t.report.Legacy)
	case t.envelope != nil && slices.Contains(t.envelope.Metadata.Signals, key):
		return delivers
	default:
		return drops
	}
}

// sameSignals compares the reported signals with the signals of the message. A receiver that
// supports only names omits other elements.
func (t *trial) sameSignals(got []string) bool {
	if slices.Equal(got, t.envelope.Metadata.Signals) {
		return true
	}
	return slices.EqualFunc(got, t.elements, func(got, element string) bool {
		if strings.HasPrefix(element, `"`) {
			text, err := asJSON(element)
			return err == nil && text == got
		}
		equal, err := value.Equal([]byte(got), []byte(element))
		return err == nil && equal
	})
}

// asJSON decodes a string as the runner decodes a report of an adapter: lone surrogates are
// replaced.
func asJSON(element string) (text string, err error) {
	if err := json.Unmarshal([]byte(element), &text); err != nil {
		return "", errors.New("not a string")
	}
	return text, nil
}
