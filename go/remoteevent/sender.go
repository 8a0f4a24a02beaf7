package remoteevent

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/wire"
)

// Sender puts events into Redis. It may be used by several goroutines at once,
// and needs no closing.
type Sender struct {
	client redis.UniversalClient
	config senderConfig
	warned sync.Map // event names whose warnings have been logged
}

// NewSender makes a sender that works through the client, which stays the
// caller's to close. It returns an error for options that make no sense
// together, and does not connect.
//
// The client's timeouts hold. Its automatic retries do not: a command that is
// repeated after its answer was lost would store an event twice.
func NewSender(client redis.UniversalClient, options ...SenderOption) (*Sender, error) {
	if client == nil {
		return nil, errors.New("NewSender: the client is nil")
	}
	config := senderConfig{logger: slog.Default()}
	for _, option := range options {
		if option == nil {
			return nil, errors.New("NewSender: an option is nil")
		}
		option.applyToSender(&config)
	}
	if err := config.validate(); err != nil {
		return nil, err
	}
	config.logger = containedLogger(config.logger)
	return &Sender{client: client, config: config}, nil
}

// Send stores one event in the list of its name. When it returns nil, Redis has
// the event. Before anything is sent, an event that is not portable is refused
// with a *[RefusedError], and a type that cannot be an event with a
// *[TypeError]. Where Redis answers with an error, that is in the chain as a
// redis.Error. Otherwise the error is [ErrNotSent] or [ErrUnknown].
//
// It implements SEND-1 to SEND-5, and SCHEMA-1.
func (s *Sender) Send(ctx context.Context, event Event) error {
	env, err := NewEnvelope(event)
	if err != nil {
		return err
	}
	return s.Forward(ctx, env)
}

// SendBatch stores events in the order in which they are given, in one round
// trip. It returns nil if all are stored, else a *[BatchError], which has the
// outcome of each. An event that is refused holds up none of the others.
//
// A batch is no transaction: events for one list are stored in their order, up
// to 1,000 of them or 1 MiB all together or not at all, and other clients may
// come between.
func (s *Sender) SendBatch(ctx context.Context, events ...Event) error {
	envelopes := make([]wire.Envelope, len(events))
	faults := make([]error, len(events))
	for i, event := range events {
		envelopes[i], faults[i] = NewEnvelope(event)
	}
	return batchError(s.forward(ctx, envelopes, faults))
}

// Forward stores an envelope, such as one that was received, or that was made
// for an event of which there is no Go type. An envelope without an id is a new
// event and gets the attributes that [Sender.Send] writes; one with an id goes
// out as it is. Its errors are those of Send.
func (s *Sender) Forward(ctx context.Context, env wire.Envelope) error {
	return s.forward(ctx, []wire.Envelope{env}, make([]error, 1))[0].Err
}

// ForwardBatch stores envelopes as [Sender.SendBatch] does events.
func (s *Sender) ForwardBatch(ctx context.Context, envelopes ...wire.Envelope) error {
	return batchError(s.forward(ctx, envelopes, make([]error, len(envelopes))))
}

// forward encodes and stores envelopes, except those that have a fault already.
func (s *Sender) forward(ctx context.Context, envelopes []wire.Envelope, faults []error) []Result {
	results := make([]Result, len(envelopes))
	batch := newBatch(len(envelopes))
	for i, env := range envelopes {
		if err := faults[i]; err != nil {
			results[i] = Result{Refused, err}
			continue
		}
		s.stamp(&env)
		message, warnings, err := wire.Encode(env, wire.Limits{SendBytes: s.config.maxBytes})
		if err == nil {
			err = refuseUnfit(s.config.schemas, env)
		}
		if err != nil {
			results[i] = Result{Refused, err}
			continue
		}
		s.warn(ctx, env.EventName, warnings)
		batch.add(i, env.EventName, message)
	}
	batch.store(ctx, s.client, results)
	return results
}

// stamp gives a new event its attributes.
func (s *Sender) stamp(env *wire.Envelope) {
	if _, known := env.Metadata.Attributes[wire.AttributeID]; known || s.config.plain {
		return
	}
	*env = Stamp(*env)
	if s.config.source != "" && env.Metadata.Attributes[wire.AttributeSource] == "" {
		env.Metadata.Attributes[wire.AttributeSource] = s.config.source
	}
}

// Stamp returns the envelope with an id, a UUIDv7, and the time, where it lacks
// them, as [Sender.Send] sends it. It is for who wants to know the id before the
// event is sent. The attributes are a copy.
func Stamp(env wire.Envelope) wire.Envelope {
	now := time.Now().UTC()
	attributes := map[string]string{
		wire.AttributeID:   newID(now),
		wire.AttributeTime: now.Format("2006-01-02T15:04:05.000Z"),
	}
	maps.Copy(attributes, env.Metadata.Attributes)
	env.Metadata.Attributes = attributes
	return env
}

// warn logs what is doubtful about an event, once for each event's name.
func (s *Sender) warn(ctx context.Context, name string, warnings []wire.Finding) {
	if len(warnings) == 0 {
		return
	}
	if _, logged := s.warned.LoadOrStore(name, true); logged {
		return
	}
	for _, w := range warnings {
		s.config.logger.WarnContext(ctx, "an event was sent that not every language reads alike; later ones of this name are not reported",
			"event", name, "requirement", string(w.Requirement), "problem", w.Message)
	}
}

// newID makes a UUIDv7 (RFC 9562): the time in milliseconds, then chance.
func newID(now time.Time) string {
	var id [16]byte
	_, _ = rand.Read(id[6:]) // never fails: crypto/rand ends the program first
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(id[:6], ms[2:])
	id[6] = id[6]&0x0F | 0x70
	id[8] = id[8]&0x3F | 0x80
	text := make([]byte, 0, 36)
	for i, part := range [][]byte{id[0:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, part)
	}
	return string(text)
}
