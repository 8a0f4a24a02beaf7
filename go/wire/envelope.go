package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// FormatVersion is the version of the specification that this package implements.
const FormatVersion = "1.0"

// The last signals of every chain. They are the names of Python's base classes.
const (
	SignalRemoteEvent = "remote_event"
	SignalEvent       = "event"
)

// Envelope is an event, independent of its representation in Redis. Its JSON form is
// {"event_name": …, "payload": …, "metadata": …}.
type Envelope struct {
	// EventName is the event's name, which is the key of its list and its first
	// signal. Any Unicode string is a name.
	EventName string
	// Payload is the event's data: a JSON object in the sender's bytes. A payload from
	// Python may contain values that only Python accepts, such as NaN.
	Payload json.RawMessage
	// Metadata describes the event.
	Metadata Metadata
}

// Metadata describes an event. Its JSON form is one object with the signals and
// the attributes as members.
type Metadata struct {
	// Signals is the signal chain, whose names select the listeners: the event's name,
	// the names of its ancestors, then remote_event and event. If it is nil, [Encode] uses the
	// chain of an event without parents.
	Signals []string
	// Attributes contains the other members: the attributes of the Attribute constants, and
	// extensions whose names consist of a–z and 0–9. It is nil if the message has
	// none, as messages of the originals.
	Attributes map[string]string
}

// The attributes that the specification defines (META-5). They have the names and
// meanings of CloudEvents and W3C Trace Context.
const (
	AttributeID          = "id"          // unique per event; a UUIDv7 by default
	AttributeSource      = "source"      // the sender, as a URI reference
	AttributeTime        = "time"        // of the event, in RFC 3339
	AttributeDataSchema  = "dataschema"  // URI of the payload's schema
	AttributeTraceParent = "traceparent" // W3C Trace Context
	AttributeTraceState  = "tracestate"  // W3C Trace Context
)

// Chain returns the signal chain of an event: its name, its parents from the nearest on,
// remote_event and event.
func Chain(name string, parents ...string) []string {
	chain := make([]string, 0, len(parents)+3)
	chain = append(chain, name)
	chain = append(chain, parents...)
	return append(chain, SignalRemoteEvent, SignalEvent)
}

// MarshalJSON returns the JSON form of the envelope, which is always strict JSON: for a
// payload that only Python accepts, it has the string payload_text
// instead of payload. The payload keeps its bytes, unless [json.Marshal] calls
// MarshalJSON, which removes white space and escapes <, > and &.
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

// UnmarshalJSON decodes the JSON form of an envelope.
func (e *Envelope) UnmarshalJSON(text []byte) error {
	var form envelopeJSON
	if err := json.Unmarshal(text, &form); err != nil {
		return err
	}
	switch {
	case form.Payload != nil && form.PayloadText != nil:
		return errors.New("an envelope cannot have both payload and payload_text")
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

// MarshalJSON returns the signals and the attributes as one object: the signals
// first, and then the attributes sorted by name.
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

// UnmarshalJSON decodes the JSON form of metadata.
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
