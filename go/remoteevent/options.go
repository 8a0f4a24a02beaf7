package remoteevent

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/remote-events/remote-events/go/wire"
)

// SenderOption is an option of [NewSender].
type SenderOption interface{ applyToSender(*senderConfig) }

// ReceiverOption is an option of [NewReceiver].
type ReceiverOption interface{ applyToReceiver(*receiverConfig) }

// Option is an option of both.
type Option interface {
	SenderOption
	ReceiverOption
}

type senderConfig struct {
	source   string
	plain    bool
	maxBytes int
	logger   *slog.Logger
	schemas  PayloadSchemas
}

func (c *senderConfig) validate() error {
	switch {
	case c.plain && c.source != "":
		return errors.New("NewSender: Plain() writes no metadata, and so no source: leave out one of the two")
	case c.source != "" && !validSource(c.source):
		return errors.New("NewSender: WithSource: the source is not a URI reference (META-5)")
	case c.maxBytes < 0 || c.maxBytes > maxValueBytes:
		return fmt.Errorf("NewSender: WithMaxSendBytes(%d): the limit is between 1 and %d bytes, the longest value that Redis takes; 0 is the default", c.maxBytes, maxValueBytes)
	case c.logger == nil:
		return errors.New("NewSender: WithLogger(nil): pass slog.New(slog.DiscardHandler) to log nothing")
	}
	return nil
}

// maxValueBytes is the longest value that Redis takes by default.
const maxValueBytes = 512 << 20

// validSource reports whether a sender may write a source.
func validSource(source string) bool {
	_, _, err := wire.Encode(wire.Envelope{Payload: []byte("{}"), Metadata: wire.Metadata{Attributes: map[string]string{wire.AttributeSource: source}}}, wire.Limits{})
	return err == nil
}

type receiverConfig struct {
	queueConfig // of queues that have none of their own

	drainTimeout time.Duration
	middleware   []Middleware
	maxBytes     int
	logger       *slog.Logger
	schemas      PayloadSchemas
}

func (c *receiverConfig) validate() error {
	if err := c.queueConfig.validate(); err != nil {
		return fmt.Errorf("NewReceiver: %w", err)
	}
	switch {
	case c.drainTimeout < 0 || c.drainTimeout > maxTime:
		return fmt.Errorf("NewReceiver: WithDrainTimeout(%v): the time is not negative nor longer than %v", c.drainTimeout, maxTime)
	case slices.ContainsFunc(c.middleware, func(m Middleware) bool { return m == nil }):
		return errors.New("NewReceiver: WithMiddleware(nil): a middleware is a function")
	case c.maxBytes < 0 || c.maxBytes > maxValueBytes:
		return fmt.Errorf("NewReceiver: WithMaxReceiveBytes(%d): the limit is between 1 and %d bytes, the longest value that Redis takes; 0 is the default", c.maxBytes, maxValueBytes)
	case c.logger == nil:
		return errors.New("NewReceiver: WithLogger(nil): pass slog.New(slog.DiscardHandler) to log nothing")
	}
	return nil
}

type senderOption func(*senderConfig)

func (o senderOption) applyToSender(c *senderConfig) { o(c) }

type receiverOption func(*receiverConfig)

func (o receiverOption) applyToReceiver(c *receiverConfig) { o(c) }

// WithSource names the sender in the attribute source of every event that it
// makes: a URI or a path, such as "/billing/worker-3". Without it, events have
// no source.
func WithSource(source string) SenderOption {
	return senderOption(func(c *senderConfig) { c.source = source })
}

// Plain makes events without metadata, in the shape of those that an original
// sends. Nothing but size is gained: originals ignore metadata. What is lost is
// the id, by which a receiver knows an event that was sent twice.
func Plain() SenderOption {
	return senderOption(func(c *senderConfig) { c.plain = true })
}

// WithMaxSendBytes sets the longest message that is sent, 1 MiB by default
// (LIMIT-2), at most 512 MiB, which is Redis' own limit. Longer messages hold up
// Redis and whoever shares it; receivers of this specification take 64 MiB unless
// they are configured otherwise.
func WithMaxSendBytes(n int) SenderOption {
	return senderOption(func(c *senderConfig) { c.maxBytes = n })
}

// WithDrainTimeout sets how long [Receiver.Run] lets events be handled after
// its context has ended, 10 seconds by default. Then the contexts of the
// listeners are cancelled, and what they have not done is tried again, except
// with [AtMostOnce]. Too short a time cuts off work that has to be repeated; too
// long a time holds up a deployment.
func WithDrainTimeout(d time.Duration) ReceiverOption {
	return receiverOption(func(c *receiverConfig) { c.drainTimeout = d })
}

// WithMiddleware wraps the dispatch of every event. The first is the outermost.
// Given more than once, it adds to what was there.
func WithMiddleware(middleware ...Middleware) ReceiverOption {
	return receiverOption(func(c *receiverConfig) { c.middleware = append(c.middleware, middleware...) })
}

// WithMaxReceiveBytes changes how long a message may be to be taken in, 64 MiB
// by default (LIMIT-3). Redis itself ends at 512 MB. Each event that is handled
// at a time may need some times this much memory.
func WithMaxReceiveBytes(n int) ReceiverOption {
	return receiverOption(func(c *receiverConfig) { c.maxBytes = n })
}

type loggerOption struct{ logger *slog.Logger }

func (o loggerOption) applyToSender(c *senderConfig)     { c.logger = o.logger }
func (o loggerOption) applyToReceiver(c *receiverConfig) { c.logger = o.logger }

// WithLogger sets the logger, [slog.Default] by default. Neither payloads nor
// passwords are logged.
func WithLogger(logger *slog.Logger) Option { return loggerOption{logger} }
