package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// FormatVersion is the version of the specification that this package follows.
const FormatVersion = "1.0-draft"

// The signals that end every chain: the names of Python's base classes.
const (
	SignalRemoteEvent = "remote_event"
	SignalEvent       = "event"
)

// Envelope is an event as every broker sees it, apart from how Redis carries
// it. Its JSON form is {"event_name": …, "payload": …, "metadata": …}.
type Envelope struct {
	// EventName is the event's name: the key of its list, and its first
	// signal. Any Unicode string is a name.
	EventName string
	// Payload is the JSON object that the event consists of, in the bytes in
	// which it was written. A payload that Python sent may hold what is JSON
	// to Python only, such as NaN.
	Payload json.RawMessage
	// Metadata is what is said about the event.
	Metadata Metadata
}

// Metadata is what is said about an event. In JSON it is one object, with the
// signals as a member beside the attributes.
type Metadata struct {
	// Signals is the chain of names under which listeners hear the event:
	// its own, those of its parents, then remote_event and event. [Encode]
	// makes the chain of an event without parents where Signals is nil.
	Signals []string
	// Attributes holds everything else: see the Attribute constants, and any
	// extension whose name consists of a–z and 0–9. It is nil where a message
	// has none, as those of the original senders.
	Attributes map[string]string
}

// The attributes that the specification defines (META-5). Names and meaning are
// those of CloudEvents and of W3C Trace Context.
const (
	AttributeID          = "id"          // unique to the event, a UUIDv7 by default
	AttributeSource      = "source"      // who sent it
	AttributeTime        = "time"        // when it happened, RFC 3339
	AttributeDataSchema  = "dataschema"  // URI of the payload's schema
	AttributeTraceParent = "traceparent" // W3C Trace Context
	AttributeTraceState  = "tracestate"  // W3C Trace Context
)

// Chain returns the signals of an event with the given parents, nearest first:
// its name, theirs, remote_event and event.
func Chain(name string, parents ...string) []string {
	chain := make([]string, 0, len(parents)+3)
	chain = append(chain, name)
	chain = append(chain, parents...)
	return append(chain, SignalRemoteEvent, SignalEvent)
}

// MarshalJSON writes the envelope's JSON form, which is always strict JSON: a
// payload that is JSON to Python only stands in it as the string payload_text
// instead of payload. The payload keeps its bytes, unless [json.Marshal] calls
// this, which removes white space and rewrites <, > and &.
func (e Envelope) MarshalJSON() ([]byte, error) {
	form := envelopeJSON{EventName: e.EventName, Metadata: e.Metadata}
	if form.Metadata.Signals == nil {
		form.Metadata.Signals = Chain(e.EventName)
	}
	if json.Valid(e.Payload) {
		form.Payload = e.Payload
	} else {
		text := string(e.Payload)
		form.PayloadText = &text
	}
	return marshal(form)
}

// UnmarshalJSON reads the envelope's JSON form.
func (e *Envelope) UnmarshalJSON(text []byte) error {
	var form envelopeJSON
	if err := json.Unmarshal(text, &form); err != nil {
		return err
	}
	switch {
	case form.Payload != nil && form.PayloadText != nil:
		return errors.New("an envelope has either payload or payload_text, not both")
	case form.PayloadText != nil:
		form.Payload = json.RawMessage(*form.PayloadText)
	}
	*e = Envelope{EventName: form.EventName, Payload: form.Payload, Metadata: form.Metadata}
	return nil
}

type envelopeJSON struct {
	EventName   string          `json:"event_name"`
	Payload     json.RawMessage `json:"payload,omitempty"`
	PayloadText *string         `json:"payload_text,omitempty"`
	Metadata    Metadata        `json:"metadata"`
}

// MarshalJSON writes the signals and the attributes as one object, the signals
// first and the attributes in the order of their names.
func (m Metadata) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	signals := m.Signals
	if signals == nil {
		signals = []string{}
	}
	list, err := marshal(signals)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, `{"signals":%s`, list)
	for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
		key, err := marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := marshal(m.Attributes[name])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, `,%s:%s`, key, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Metadata) UnmarshalJSON(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	var read Metadata
	for name, value := range members {
		if name == "signals" {
			if err := json.Unmarshal(value, &read.Signals); err != nil {
				return fmt.Errorf("metadata.signals: %w", err)
			}
			continue
		}
		var s string
		if err := json.Unmarshal(value, &s); err != nil {
			return fmt.Errorf("metadata.%s: %w", name, err)
		}
		if read.Attributes == nil {
			read.Attributes = map[string]string{}
		}
		read.Attributes[name] = s
	}
	*m = read
	return nil
}

// marshal is json.Marshal without the escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
