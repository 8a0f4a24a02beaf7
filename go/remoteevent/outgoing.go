package remoteevent

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/remote-events/remote-events/go/internal/layout"
	"github.com/remote-events/remote-events/go/internal/payload"
	"github.com/remote-events/remote-events/go/wire"
)

// outgoing is the message of an event, as it is stored in a list. As an argument of a
// command, it records when the command is written.
type outgoing struct {
	key   string
	text  []byte
	index int          // in a batch
	name  any          // the key as an argument, if it is known for the type
	self  [1]*outgoing // the messages of a command with only this message

	// id is the attribute id, for hooks. Without hooks it is "".
	id string

	Result

	round     *round    // of the first message of a round
	latest    time.Time // the latest time to write the command, or zero
	push      *push     // of the last message of a push
	withdrawn bool      // the caller no longer waits; guarded by the round's mutex
}

// outgoings has unused messages. Their buffers are reused.
var outgoings = sync.Pool{New: func() any { return new(outgoing) }}

// maxKept is the maximum capacity of a buffer that is reused.
const maxKept = 64 << 10

func newOutgoing() *outgoing {
	return outgoings.Get().(*outgoing) //nolint:forcetypeassert // the pool holds nothing else
}

// free returns an unused message to the pool.
func (m *outgoing) free() {
	text := m.text[:0]
	if cap(text) > maxKept {
		text = nil
	}
	*m = outgoing{text: text}
	outgoings.Put(m)
}

// MarshalBinary returns the text. go-redis calls it when it writes the command.
func (m *outgoing) MarshalBinary() ([]byte, error) {
	if m.round != nil && !m.round.beginWrite() {
		return nil, errWithdrawn
	}
	if !m.latest.IsZero() && time.Now().After(m.latest) {
		return nil, errLate
	}
	if m.push != nil {
		m.push.writes.Add(1)
	}
	return m.text, nil
}

// String describes the argument for tracing hooks, without the payload.
func (m *outgoing) String() string { return fmt.Sprintf("(a message of %d bytes)", len(m.text)) }

// info describes the message for hooks.
func (m *outgoing) info() SentInfo { return SentInfo{Event: m.key, ID: m.id, Bytes: len(m.text)} }

// encode makes the message of an event that is sent now, or rejects the event. It does not
// read again the text that the library itself writes.
func (s *Sender) encode(ctx context.Context, event Event, now time.Time) (*outgoing, error) {
	info, err := infoFor(event)
	if err != nil {
		return nil, err
	}
	name := info.signals[0]
	m := newOutgoing()
	m.text = append(m.text[:0], layout.Prefix...)
	text, facts, err := appendPayload(m.text, name, event)
	if err != nil {
		m.free()
		return nil, err
	}
	m.key, m.name, m.text = name, info.key, text
	body := text[len(layout.Prefix):]
	if !facts.Foreign && info.tail != nil && (!facts.Unsafe || s.hasWarned(name)) {
		text = append(text, info.tail...)
		if !s.config.plain {
			begun := len(text)
			text = s.appendStamp(text, now)
			if s.hooks.sent != nil {
				m.id = stampedID(text[begun:])
			}
		}
		text = layout.AppendEnd(text, !s.config.plain)
		m.text = text
		if len(text) <= s.maxBytes() {
			if err := s.fit(name, body); err != nil {
				m.free()
				return nil, err
			}
			return m, nil
		}
	}
	env := wire.Envelope{EventName: name, Payload: body, Metadata: wire.Metadata{Signals: info.signals}}
	return m, s.encodeInto(ctx, m, env)
}

// appendPayload appends the payload of an event or value, by whose methods it may be
// written.
func appendPayload(dst []byte, name string, event any) (text []byte, facts payload.Facts, err error) {
	if panicked := contain(func() { text, facts, err = payload.Append(dst, event) }); panicked != nil {
		panicked.in = "a method for JSON of the event"
		err = panicked
	}
	if err != nil {
		return nil, facts, rejectPayload(name, err)
	}
	return text, facts, nil
}

// encodeInto makes m the message of an envelope, or rejects it.
func (s *Sender) encodeInto(ctx context.Context, m *outgoing, env wire.Envelope) error {
	s.stamp(&env)
	text, warnings, err := wire.Encode(env, wire.Limits{SendBytes: s.config.maxBytes})
	if err == nil {
		err = s.fit(env.EventName, env.Payload)
	}
	if err != nil {
		return err
	}
	s.warn(ctx, env.EventName, warnings)
	m.key, m.text = env.EventName, text
	if s.hooks.sent != nil {
		m.id = env.Metadata.Attributes[wire.AttributeID]
	}
	return nil
}

// fit rejects an event that does not fit its schema.
func (s *Sender) fit(name string, body []byte) error {
	if s.config.schemas == nil {
		return nil
	}
	return refuseUnfit(s.config.schemas, name, body)
}

func (s *Sender) maxBytes() int {
	if s.config.maxBytes == 0 {
		return wire.DefaultSendBytes
	}
	return s.config.maxBytes
}
