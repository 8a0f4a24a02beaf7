package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/nilcheck"
	"github.com/remote-events/remote-events/go/wire"
)

// Sender sends events to Redis. It is safe for concurrent use and needs no closing.
//
// # Guarantee
//
// Each call returns after the reply of Redis for its own event, with one of three
// outcomes. If the error is nil, the event is stored. The event is certainly not
// stored if it was rejected (a *[RejectedError] or *[TypeError]), if Redis replied
// with an error (a redis.Error in the chain), or if no byte of the command was written
// ([ErrNotSent]). Otherwise the outcome is unknown ([ErrUnknown]): the command was
// written, and the reply was lost or did not arrive before the context ended. A Sender
// never repeats a command, whatever the client's options are, because that could store
// an event twice (SEND-5). The caller may send an event of unknown outcome again. With
// an id from [Stamp], receivers recognise the copy.
//
// # Concurrency
//
// Concurrent calls share commands (group commit). A call sends its event at once if at
// most one command is in progress. Calls that begin while two are in progress share the
// next command. No call waits for further calls. A rejected event is never part of a
// command, and an error reply for one list affects only the events of that list. The
// context of a call affects only that call: an event that is not written before the
// context ends is withdrawn, and the error is [ErrNotSent].
//
// The calls of one goroutine are stored in their order. An event of unknown outcome may
// still be stored after the events of later calls.
//
// # Contexts and timeouts
//
// The deadline of a context bounds a call, whatever the client's options are. So does
// its cancellation, with one exception: go-redis does not interrupt a write or a read. If
// a call sends its event alone through a *redis.Client whose replies have been prompt so
// far, and whose ReadTimeout and WriteTimeout are at most 5 s, it returns after the reply
// or after these timeouts. The client's own timeouts always apply.
//
// A call that sends its event alone is fastest with a context without a deadline, with a
// deadline later than the sum of these timeouts, or with the client's option
// ContextTimeoutEnabled. Otherwise it waits in a separate goroutine.
//
// A Redis with a timeout for idle clients closes connections. go-redis notices this
// before it uses one, except over TLS with RESP2. There, the outcome of each call after
// a pause is unknown. Set ConnMaxIdleTime in the client's options to less than that
// timeout.
type Sender struct {
	link       *link
	config     senderConfig
	hooks      *hooks
	middleware SendFunc // sends through the middleware; nil without
	warned     sync.Map // event names whose warnings have been logged

	shared *lane // if one server has all lists; otherwise each list has its own
	mu     sync.Mutex
	lanes  map[string]*lane // lanes in use
}

// NewSender returns a sender that uses the client, including its connections and hooks.
// The caller closes the client. NewSender returns an error for invalid combinations of
// options, and does not connect.
//
// The client may be a *redis.Client, *redis.ClusterClient, *redis.Ring or a type that
// wraps one. In a trace, a command of several callers has the context of the first.
func NewSender(client redis.UniversalClient, options ...SenderOption) (*Sender, error) {
	if err := nilcheck.Client(client); err != nil {
		return nil, fmt.Errorf("NewSender: %w", err)
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
	config.logger = containedLogger(config.logger, nil)
	hooks, err := newHooks(config.hooks, config.logger, nil)
	if err != nil {
		return nil, fmt.Errorf("NewSender: %w", err)
	}
	s := &Sender{link: newLink(client), config: config, hooks: hooks}
	if s.link.alone {
		s.shared = &lane{link: s.link}
	}
	if len(config.middleware) > 0 {
		if s.middleware, err = wrapped("WithSendMiddleware", s.sendEnvelopes, config.middleware); err != nil {
			return nil, fmt.Errorf("NewSender: %w", err)
		}
	}
	return s, nil
}

// Send stores one event in the list of its name. If the error is nil, Redis has the event.
// [Sender] describes errors, contexts and concurrent calls.
//
// It implements SEND-1 to SEND-8, and SCHEMA-1.
func (s *Sender) Send(ctx context.Context, event Event) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if s.middleware != nil {
		env, err := s.envelope(ctx, event)
		if err != nil {
			return err
		}
		return s.throughMiddleware(ctx, &env)
	}
	now := time.Now()
	m, err := s.encode(ctx, event, now)
	if err != nil {
		s.observeRejectedEvent(ctx, event, err)
		return err
	}
	return s.send(ctx, m, now)
}

// envelope returns the envelope of an event for the middleware.
func (s *Sender) envelope(ctx context.Context, event Event) (wire.Envelope, error) {
	env, err := NewEnvelope(event)
	if err != nil {
		s.observeRejectedEvent(ctx, event, err)
	}
	return env, err
}

// Forward stores an envelope: a received one, or one of an event without a Go type. An
// envelope without an id is a new event and gets the attributes that [Sender.Send] writes.
// An envelope with an id is sent unchanged. The errors are those of Send.
func (s *Sender) Forward(ctx context.Context, env wire.Envelope) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if s.middleware != nil {
		return s.throughMiddleware(ctx, &env)
	}
	return s.forward(ctx, env)
}

// forward stores an envelope without middleware.
func (s *Sender) forward(ctx context.Context, env wire.Envelope) error {
	m := newOutgoing()
	if err := s.encodeInto(ctx, m, env); err != nil {
		s.observeRejected(ctx, env.EventName, err)
		return err
	}
	return s.send(ctx, m, time.Now())
}

// SendBatch stores events in the given order. It returns nil if all are stored, and
// otherwise a *[BatchError] with the outcome of each. A rejected event does not prevent
// the others from being sent.
//
// A batch is not a transaction. The events for one list are stored in order, by commands
// of up to 1,000 events or 1 MiB. Each command is atomic. Other clients may store events
// between the commands. After a command without a reply, no further event is sent to that
// list or server: the error of the remaining events is [ErrNotSent]. The same applies
// after the end of the context.
func (s *Sender) SendBatch(ctx context.Context, events ...Event) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if s.middleware != nil {
		envelopes, errs := make([]wire.Envelope, len(events)), make([]error, len(events))
		for i, event := range events {
			envelopes[i], errs[i] = s.envelope(ctx, event)
		}
		return s.batchThroughMiddleware(ctx, envelopes, errs)
	}
	now := time.Now()
	b := s.newBatch(ctx, len(events), now)
	for i, event := range events {
		m, err := s.encode(ctx, event, now)
		if err != nil {
			s.observeRejectedEvent(ctx, event, err)
		}
		b.add(i, m, err)
	}
	return s.finish(b)
}

// ForwardBatch stores envelopes as [Sender.SendBatch] stores events.
func (s *Sender) ForwardBatch(ctx context.Context, envelopes ...wire.Envelope) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if s.middleware != nil {
		return s.batchThroughMiddleware(ctx, slices.Clone(envelopes), nil)
	}
	all := make([]*wire.Envelope, len(envelopes))
	for i := range envelopes {
		all[i] = &envelopes[i]
	}
	return s.forwardBatch(ctx, all)
}

// forwardBatch stores envelopes without middleware.
func (s *Sender) forwardBatch(ctx context.Context, envelopes []*wire.Envelope) error {
	b := s.newBatch(ctx, len(envelopes), time.Now())
	for i, env := range envelopes {
		m := newOutgoing()
		err := s.encodeInto(ctx, m, *env)
		if err != nil {
			s.observeRejected(ctx, env.EventName, err)
		}
		b.add(i, m, err)
	}
	return s.finish(b)
}

// newBatch begins a batch.
func (s *Sender) newBatch(ctx context.Context, size int, begun time.Time) *batch {
	b := &batch{ctx: ctx, link: s.link, begun: begun, results: make([]Result, size), chunk: newRound(ctx)}
	if s.hooks.sent != nil {
		b.infos = make([]SentInfo, size)
	}
	return b
}

// finish ends a batch.
func (s *Sender) finish(b *batch) error {
	results := b.finish()
	if b.infos != nil {
		took := time.Since(b.begun)
		for i, result := range results {
			b.infos[i].Duration, b.infos[i].Outcome, b.infos[i].Err = took, result.Outcome, result.Err
		}
		s.observeSent(b.ctx, b.infos...)
	}
	return batchError(results)
}

// send sends a message for a call that began at start.
func (s *Sender) send(ctx context.Context, m *outgoing, start time.Time) error {
	if s.hooks.sent == nil {
		return s.sendByLane(ctx, m, start).Err
	}
	info := m.info()
	result := s.sendByLane(ctx, m, start)
	info.Duration, info.Outcome, info.Err = time.Since(start), result.Outcome, result.Err
	s.observeSent(ctx, info)
	return result.Err
}

// sendByLane sends a message through its lane.
func (s *Sender) sendByLane(ctx context.Context, m *outgoing, start time.Time) Result {
	if s.shared != nil {
		return s.shared.send(ctx, m, start)
	}
	key := m.key
	s.mu.Lock()
	l := s.lanes[key]
	if l == nil {
		if s.lanes == nil {
			s.lanes = map[string]*lane{}
		}
		l = &lane{link: s.link}
		s.lanes[key] = l
	}
	l.users++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(s.lanes, key)
		}
	}()
	return l.send(ctx, m, start)
}

// warn logs the warnings about an event, once for each event name.
func (s *Sender) warn(ctx context.Context, name string, warnings []wire.Finding) {
	if len(warnings) == 0 {
		return
	}
	if _, logged := s.warned.LoadOrStore(name, true); logged {
		return
	}
	for _, w := range warnings {
		s.config.logger.WarnContext(ctx, "event is not portable; logged once for each event name",
			"event", name, "requirement", string(w.Requirement), "problem", w.Message)
	}
}

// hasWarned reports whether the warnings for an event name have been logged.
func (s *Sender) hasWarned(name string) bool {
	_, logged := s.warned.Load(name)
	return logged
}
