package remoteevent

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/remote-events/remote-events/go/wire"
)

// SenderOption configures a [Sender]. Pass it to [NewSender].
type SenderOption interface{ applyToSender(*senderConfig) }

// ReceiverOption configures a [Receiver]. Pass it to [NewReceiver].
type ReceiverOption interface{ applyToReceiver(*receiverConfig) }

// MuxOption configures a [Mux]. Pass it to [NewMux].
type MuxOption interface{ applyToMux(*muxConfig) }

// Option configures a [Sender] or a [Receiver].
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
	hooks    []Hook

	middleware []SendMiddleware
}

func (c *senderConfig) validate() error {
	switch {
	case c.plain && c.source != "":
		return errors.New("NewSender: WithoutMetadata() and WithSource: an event without metadata has no source: remove one of the two")
	case c.source != "" && !validSource(c.source):
		return errors.New("NewSender: WithSource: the source is not a URI reference (META-5)")
	case c.maxBytes < 0 || c.maxBytes > maxValueBytes:
		return fmt.Errorf("NewSender: WithMaxSendBytes(%d): the maximum is between 1 and %d bytes, the longest value that Redis stores; 0 means the default", c.maxBytes, maxValueBytes)
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
	queueConfig // the default for all queues

	queues           []namedQueue
	shutdownTimeout  time.Duration
	maxBytes         int
	logger           *slog.Logger
	schemas          PayloadSchemas
	hooks            []Hook
	redisHooks       redisHooks
	totalConcurrency int
}

// namedQueue is a queue that an option names.
type namedQueue struct {
	name    string
	options []QueueOption
}

func (c *receiverConfig) validate() error {
	if err := c.queueConfig.validate(); err != nil {
		return err
	}
	switch {
	case c.totalConcurrency < 0 || c.totalConcurrency > maxConcurrency:
		return fmt.Errorf("WithTotalConcurrency(%d): the concurrency is between 1 and %d; 0 means no limit", c.totalConcurrency, maxConcurrency)
	case c.shutdownTimeout < 0 || c.shutdownTimeout > maxTime:
		return fmt.Errorf("WithShutdownTimeout(%v): the timeout is between 0 and %v", c.shutdownTimeout, maxTime)
	case c.maxBytes < 0 || c.maxBytes > maxValueBytes:
		return fmt.Errorf("WithMaxReceiveBytes(%d): the maximum is between 1 and %d bytes, the longest value that Redis stores; 0 means the default", c.maxBytes, maxValueBytes)
	case c.logger == nil:
		return errors.New("WithLogger(nil): pass slog.New(slog.DiscardHandler) to log nothing")
	}
	return checkRedisHooks(c.redisHooks)
}

type muxConfig struct{ middleware []Middleware }

type senderOption func(*senderConfig)

func (o senderOption) applyToSender(c *senderConfig) { o(c) }

type receiverOption func(*receiverConfig)

func (o receiverOption) applyToReceiver(c *receiverConfig) { o(c) }

type muxOption func(*muxConfig)

func (o muxOption) applyToMux(c *muxConfig) { o(c) }

// WithSource names the sender in the attribute source of every event that it
// makes: a URI or a path, such as "/billing/worker-3". Without it, events have
// no source.
func WithSource(source string) SenderOption {
	return senderOption(func(c *senderConfig) { c.source = source })
}

// WithoutMetadata makes events without metadata, like those that an original sends.
// Messages are shorter by about 90 bytes, but have no id by which a receiver recognizes
// an event that was sent twice. Originals ignore metadata and do not need this option.
func WithoutMetadata() SenderOption {
	return senderOption(func(c *senderConfig) { c.plain = true })
}

// WithMaxSendBytes sets the maximum length of a message that is sent, 1 MiB by default
// (LIMIT-2), and up to 512 MiB, which is Redis' own limit. Longer messages are rejected.
// Long messages block Redis and its other users; receivers that implement the
// specification take 64 MiB unless they are configured otherwise.
func WithMaxSendBytes(n int) SenderOption {
	return senderOption(func(c *senderConfig) { c.maxBytes = n })
}

// WithMiddleware wraps all listeners of a mux. A middleware sees every delivery once,
// whether or not a listener is registered for it. The first middleware is the outermost.
// If the option is given several times, later middleware is nearer to the listeners.
func WithMiddleware(middleware ...Middleware) MuxOption {
	return muxOption(func(c *muxConfig) { c.middleware = append(c.middleware, middleware...) })
}

// WithQueues makes the receiver consume the queues with these names, such as those
// of a configuration file, besides those that its handler names. See [Receiver.Run] for
// misspelt names.
func WithQueues(names ...string) ReceiverOption {
	return receiverOption(func(c *receiverConfig) {
		for _, name := range names {
			c.queues = append(c.queues, namedQueue{name: name})
		}
	})
}

// WithQueue makes the receiver consume the queue with this name, with options of its
// own, which override the receiver's defaults. The handler or [WithQueues] may name the
// queue as well. It is an error to configure one queue in two different
// ways. See [Receiver.Run] for misspelt names.
func WithQueue(name string, options ...QueueOption) ReceiverOption {
	return receiverOption(func(c *receiverConfig) { c.queues = append(c.queues, namedQueue{name, options}) })
}

// WithTotalConcurrency limits how many events of all queues together are handled at a
// time, up to 100,000, besides [WithConcurrency] for each queue. By default, and with 0,
// there is no such limit. Use it where the listeners of all queues share something scarce,
// such as the connections of a database.
//
// While the queues have more events than the receiver may handle, they get their shares of
// the limit by [WithWeight], and each queue proceeds. A queue that uses less than its share
// leaves the rest to the others. A queue takes events only when it has a slot for one of
// them, so other receivers get the events that wait. Events that are fetched ahead while
// other queues take the slots are released after about 40 ms, unless [WithPrefetch] sets
// their number.
//
// A server that does not reply keeps the slots of its queues for a quarter of a second, and
// with [WithDeduplication] for one second: then the queues of other nodes of a cluster get
// them. An event whose look-up has not succeeded by then is released.
//
// Too low a limit makes queues wait although their listeners are idle; too high a limit has
// no effect. A listener that never returns occupies its slot for all queues: see [Timeout] and
// [WithSlowWarning].
func WithTotalConcurrency(n int) ReceiverOption {
	return receiverOption(func(c *receiverConfig) { c.totalConcurrency = n })
}

// WithShutdownTimeout sets how long listeners may continue after the context of
// [Receiver.Run] has ended, 10 seconds by default. Then their contexts are
// cancelled, and the events that they have not handled are retried, or dropped with
// [WithAtMostOnce]. Too short a timeout interrupts work that has to be repeated; too
// long a timeout delays a deployment, and a supervisor may kill the process first.
func WithShutdownTimeout(d time.Duration) ReceiverOption {
	return receiverOption(func(c *receiverConfig) { c.shutdownTimeout = d })
}

// WithMaxReceiveBytes sets the maximum length of a message that is delivered, 64 MiB by
// default (LIMIT-3). Longer messages are malformed. Redis stores up to 512 MiB. Each
// event that is being handled may need several times this much memory.
func WithMaxReceiveBytes(n int) ReceiverOption {
	return receiverOption(func(c *receiverConfig) { c.maxBytes = n })
}

type loggerOption struct{ logger *slog.Logger }

func (o loggerOption) applyToSender(c *senderConfig)     { c.logger = o.logger }
func (o loggerOption) applyToReceiver(c *receiverConfig) { c.logger = o.logger }

// WithLogger sets the logger, [slog.Default] by default. A [Mux] logs to the logger of
// its receiver. Neither payloads nor passwords are logged. The texts of your listeners'
// errors are logged, and stored with retries and dead letters: keep payloads out of them. The
// receiver waits for the logger's handler, but during a shutdown no longer than for a [Hook].
//
// go-redis has a log of its own, one for the process, which goes to the standard error
// unless redis.SetLogger changes it. Lost connections, failed dials and rejected passwords
// of a receiver's own connections are logged to this logger only. The log of go-redis still
// has the problems of the client of a [Sender], such as failed dials and re-authentication
// by a streaming credentials provider; the lines of Sentinel about primaries and replicas;
// and connections with unexpected data. go-redis does not redact its lines.
func WithLogger(logger *slog.Logger) Option { return loggerOption{logger} }
