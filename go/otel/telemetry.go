package remoteeventotel

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// Telemetry makes spans and metrics for senders and receivers. One value serves any number
// of them, and is safe for concurrent use. It needs no closing: shut down the providers
// after the receivers have stopped.
type Telemetry struct {
	config
	tracer      trace.Tracer
	meter       metric.Meter
	instruments *instruments
}

type config struct {
	tracers        trace.TracerProvider
	meters         metric.MeterProvider
	propagator     propagation.TextMapPropagator
	senderIsParent bool
	errorText      bool
}

// Option configures a [Telemetry]. Pass it to [New].
type Option func(*config)

// WithTracerProvider sets the provider of the tracer. The default is
// [otel.GetTracerProvider] at the time of [New].
func WithTracerProvider(provider trace.TracerProvider) Option {
	return func(c *config) { c.tracers = provider }
}

// WithMeterProvider sets the provider of the meter. The default is
// [otel.GetMeterProvider] at the time of [New].
func WithMeterProvider(provider metric.MeterProvider) Option {
	return func(c *config) { c.meters = provider }
}

// WithPropagator sets how the context of a sender's span travels in the metadata of an
// event. The default is [propagation.TraceContext], which uses the attributes that the
// specification defines, traceparent and tracestate. It is not the global propagator.
//
// The names of attributes consist of a–z and 0–9 (META-2). Fields with other names are not
// sent. Add [propagation.Baggage] to send the baggage too, which every receiver can read.
func WithPropagator(propagator propagation.TextMapPropagator) Option {
	return func(c *config) { c.propagator = propagator }
}

// WithSenderAsParent makes the span of a delivery a child of the sender's span, and not
// only link to it, so that one trace shows the event from the sender through all attempts.
// By default, each attempt begins a trace of its own.
//
// A trace then lasts as long as its events wait and are retried, which may be days. The
// sender decides whether the spans of the receiver are sampled, if the sampler follows the
// parent: use this option only where you trust the senders.
func WithSenderAsParent() Option {
	return func(c *config) { c.senderIsParent = true }
}

// WithErrorText records the texts of errors as the description of the status of spans. By
// default, spans have only the type of an error: the text of a listener's error may quote
// the payload.
func WithErrorText() Option {
	return func(c *config) { c.errorText = true }
}

// New returns a Telemetry. It returns an error for an option that is nil or sets nil, and
// if the meter provider rejects an instrument.
func New(options ...Option) (*Telemetry, error) {
	c := config{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider(), propagator: propagation.TraceContext{}}
	for _, option := range options {
		if option == nil {
			return nil, errors.New("New: an option is nil")
		}
		option(&c)
	}
	switch {
	case c.tracers == nil:
		return nil, errors.New("New: WithTracerProvider(nil): pass noop.NewTracerProvider() of go.opentelemetry.io/otel/trace/noop to make no spans")
	case c.meters == nil:
		return nil, errors.New("New: WithMeterProvider(nil): pass noop.NewMeterProvider() of go.opentelemetry.io/otel/metric/noop to make no metrics")
	case c.propagator == nil:
		return nil, errors.New("New: WithPropagator(nil): pass propagation.NewCompositeTextMapPropagator() to propagate nothing")
	}
	t := &Telemetry{
		config: c,
		tracer: c.tracers.Tracer(scope, trace.WithSchemaURL(schemaURL)),
		meter:  c.meters.Meter(scope, metric.WithSchemaURL(schemaURL)),
	}
	var err error
	if t.instruments, err = newInstruments(t.meter); err != nil {
		return nil, fmt.Errorf("New: %w", err)
	}
	return t, nil
}

// scope is the name of the instrumentation.
const scope = "github.com/remote-events/remote-events/go/otel"

// Sender returns the option that makes a sender record spans and metrics, and write the
// context of the span into the events.
//
// Each call of the sender is one span. The events of a batch share its context, as the
// semantic conventions provide for senders without a span for each message. An event that
// has a traceparent already, such as one that is forwarded, keeps it, and the span
// links to it. An event that cannot become a message, because its type is unusable, has
// no span.
//
// The option is a send middleware: it is outermost if it is the first option with
// middleware. With [remoteevent.WithoutMetadata], traceparent and tracestate are the only
// attributes of an event.
func (t *Telemetry) Sender() remoteevent.SenderOption {
	return remoteevent.WithSendMiddleware(t.send)
}

// Receiver returns the option that makes a receiver record spans and metrics.
//
// The span of an attempt begins before the schema of the event is checked, and ends when
// its disposition is decided. Handlers and middleware have it in their context. A message
// that cannot be decoded has a span without duration.
func (t *Telemetry) Receiver() remoteevent.ReceiverOption {
	return remoteevent.WithHooks(&receiverHook{t})
}
