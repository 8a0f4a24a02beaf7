package wire

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/remote-events/remote-events/go/pyjson"
)

// Message is a raw message that [Scan] accepted. Its methods decode the members on
// request. It refers to the scanned bytes, which must not change while the message is in
// use. It is safe for concurrent reads.
type Message struct {
	raw     []byte
	parts   parts
	signals []string // shared with other messages: read-only
}

// Scan finds the members of a raw message in one pass, including Python's dialect of
// JSON. It returns a *MalformedError for a malformed message. It does not allocate if a
// recent message had the same signals.
//
// It implements RECV-2, RECV-3, LIMIT-3 and LIMIT-4.
func Scan(raw []byte, limits Limits) (Message, error) {
	fault := oversize(raw, limits.orDefaults())
	if fault != nil {
		return Message{}, &MalformedError{Finding: *fault}
	}
	p, fault := scan(raw, nil)
	if fault == nil {
		fault = p.checkData(raw)
	}
	if fault != nil {
		return Message{}, &MalformedError{Finding: *fault}
	}
	signals, fault := p.knownSignals(raw)
	if fault != nil {
		return Message{}, &MalformedError{Finding: *fault}
	}
	return Message{raw: raw, parts: p, signals: signals}, nil
}

// Raw returns the scanned bytes.
func (m *Message) Raw() []byte { return m.raw }

// EventName returns the first signal. It does not depend on the list (RECV-9).
// It is empty for the zero Message.
func (m *Message) EventName() string {
	if len(m.signals) == 0 {
		return ""
	}
	return m.signals[0]
}

// Payload returns the payload, as a slice of the message (WIRE-8).
func (m *Message) Payload() json.RawMessage { return m.parts.data.in(m.raw) }

// Signals returns the signals in their order, with repetitions.
func (m *Message) Signals() iter.Seq[string] { return slices.Values(m.signals) }

// Attribute returns the value of an attribute of the metadata, and whether the
// message has it. It decodes no other attribute.
func (m *Message) Attribute(name string) (value string, ok bool) {
	metadata := &m.parts.metadata
	if metadata.kind != pyjson.Object || !isAttributeName(name) {
		return "", false
	}
	var found []byte // the last one with the name
	s := pyjson.Scanner{Src: m.raw}
	pos, more, err := s.Begin(pyjson.Object, metadata.start)
	for more && err == nil { // cannot fail: the message was scanned
		raw, start, _ := s.Name(pos)
		end, _ := s.Value(start)
		if sameName(raw, name) {
			found = m.raw[start:end]
		}
		pos, more, err = s.Next(pyjson.Object, end)
	}
	if len(found) == 0 || found[0] != '"' {
		return "", false
	}
	if value, ok = pyjson.Unquote(found[1 : len(found)-1]); !ok {
		return "", false
	}
	return value, true
}

// Envelope decodes the message, except for the payload.
func (m *Message) Envelope() Envelope {
	return Envelope{
		EventName: m.EventName(),
		Payload:   m.Payload(),
		Metadata:  Metadata{Signals: slices.Clone(m.signals), Attributes: m.parts.attributes(m.raw)},
	}
}

func sameName(raw []byte, name string) bool {
	if string(raw) == name {
		return true
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return false
	}
	text, _ := pyjson.Unquote(raw)
	return text == name
}

// Most messages of a queue have the same signals. This cache keeps some recent ones,
// indexed by a hash of their text.
var (
	known     [256]atomic.Pointer[signalsRead]
	knownSeed = maphash.MakeSeed()
)

// maxKnown is the maximum length of a cached text of signals. It limits the cache to less
// than a megabyte.
const maxKnown = 1024

// signalsRead is the result of reading a text of signals.
type signalsRead struct {
	text  string
	names []string
}

// knownSignals is checkSignals with the cache.
func (p *parts) knownSignals(raw []byte) ([]string, *Finding) {
	text := p.signals.in(raw)
	if p.signals.kind != pyjson.Array || len(text) > maxKnown {
		return p.checkSignals(raw)
	}
	place := &known[maphash.Bytes(knownSeed, text)%uint64(len(known))]
	if read := place.Load(); read != nil && read.text == string(text) {
		return read.names, nil
	}
	names, fault := p.checkSignals(raw)
	if fault == nil {
		place.Store(&signalsRead{text: string(text), names: slices.Clip(names)})
	}
	return names, fault
}
