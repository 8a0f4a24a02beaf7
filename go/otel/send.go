package remoteeventotel

import (
	"context"
	"errors"
	"maps"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// send is a middleware that makes a span and metrics for each call of a sender.
func (t *Telemetry) send(next remoteevent.SendFunc) remoteevent.SendFunc {
	return func(ctx context.Context, events []*wire.Envelope) error {
		start := time.Now()
		call := newSendCall(events)
		ctx, span := t.tracer.Start(ctx, spanName(sendOperation, call.queue), t.sendOptions(call, events, start)...) //nolint:spancheck // sent ends it
		t.inject(ctx, events)
		err := errPanicked
		defer func() { // also after a panic of an inner middleware
			t.sent(ctx, span, call, time.Since(start), err)
		}()
		err = next(ctx, events)
		return err //nolint:spancheck // sent ends the span
	}
}

// inject writes the context of the span into the events that have none of another span.
func (t *Telemetry) inject(ctx context.Context, events []*wire.Envelope) {
	fields := attributes{}
	t.propagator.Inject(ctx, fields)
	for _, event := range events {
		if event == nil || event.Metadata.Attributes[wire.AttributeTraceParent] != "" {
			continue
		}
		if event.Metadata.Attributes == nil {
			event.Metadata.Attributes = map[string]string{}
		}
		maps.Copy(event.Metadata.Attributes, fields)
	}
}

// errPanicked is the error of a call that did not return.
var errPanicked = errors.New("a send middleware panicked")

// sendCall describes the events of a call.
type sendCall struct {
	queue  string   // of all events; "" if there are several
	queues []string // of each event
}

func newSendCall(events []*wire.Envelope) *sendCall {
	c := &sendCall{queues: make([]string, len(events))}
	for i, event := range events {
		if event != nil {
			c.queues[i] = event.EventName
		}
		if i == 0 {
			c.queue = c.queues[0]
		} else if c.queue != c.queues[i] {
			c.queue = ""
		}
	}
	return c
}

// sendOptions returns the options of the span of a call.
func (t *Telemetry) sendOptions(call *sendCall, events []*wire.Envelope, start time.Time) []trace.SpanStartOption {
	var id string
	var bytes int
	if len(events) == 1 && events[0] != nil {
		id, bytes = events[0].Metadata.Attributes[wire.AttributeID], len(events[0].Payload)
	}
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindProducer), trace.WithTimestamp(start),
		trace.WithAttributes(sendAttributes(call.queue, id, bytes, len(events))...),
	}
	for _, event := range events {
		if event == nil || event.Metadata.Attributes[wire.AttributeTraceParent] == "" {
			continue
		}
		creator := trace.SpanContextFromContext(t.propagator.Extract(context.Background(), attributes(event.Metadata.Attributes)))
		if creator.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: creator}))
		}
	}
	return options
}

// sent records the end of a call.
func (t *Telemetry) sent(ctx context.Context, span trace.Span, call *sendCall, took time.Duration, err error) {
	defer span.End()
	type series struct{ queue, errorType string }
	counts := map[series]int64{}
	var failed int
	var first string // the type of the first error
	var batch *remoteevent.BatchError
	ofEach := errors.As(err, &batch) && batch != nil && len(batch.Results) == len(call.queues)
	for i, queue := range call.queues {
		errorType := sendErrorType(err)
		if ofEach {
			errorType = sendErrorType(batch.Results[i].Err)
		}
		if errorType != "" {
			if failed++; first == "" {
				first = errorType
			}
		}
		counts[series{queue, errorType}]++
	}
	for s, n := range counts {
		t.instruments.sent.AddSet(ctx, n, sendMetricAttributes(s.queue, s.errorType))
	}
	t.instruments.sendDuration.RecordSet(ctx, took.Seconds(), sendMetricAttributes(call.queue, first))
	if failed == 0 || !span.IsRecording() {
		return
	}
	span.SetAttributes(errorTypeKey.String(first))
	if len(call.queues) > 1 {
		span.SetAttributes(failedKey.Int(failed))
	}
	span.SetStatus(codes.Error, t.description(err))
}

// description returns the description of the status of a span, which is empty unless
// WithErrorText permits it.
func (t *Telemetry) description(err error) string {
	if !t.errorText || err == nil {
		return ""
	}
	return err.Error()
}
