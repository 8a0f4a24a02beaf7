package remoteeventotel

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// receiverHook makes spans and metrics for a receiver.
type receiverHook struct{ *Telemetry }

// spanKey is the key of the span of a hook in the context of a delivery.
type spanKey struct{ hook *receiverHook }

// OnDelivering implements [remoteevent.HookDelivering].
func (h *receiverHook) OnDelivering(ctx context.Context, d *remoteevent.Delivery) context.Context {
	// The context of Run may have a span, which is not the sender's.
	ctx = h.propagator.Extract(trace.ContextWithSpanContext(ctx, trace.SpanContext{}), received{d})
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(processAttributes(d)...)}
	if sender := trace.SpanContextFromContext(ctx); sender.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: sender}))
	}
	if !h.senderIsParent {
		options = append(options, trace.WithNewRoot())
	}
	ctx, span := h.tracer.Start(ctx, spanName(processOperation, d.Queue), options...) //nolint:spancheck // OnHandled ends it
	return context.WithValue(ctx, spanKey{h}, span)                                   //nolint:spancheck // OnHandled ends it
}

// OnHandled implements [remoteevent.HookHandled].
func (h *receiverHook) OnHandled(ctx context.Context, info remoteevent.HandledInfo) {
	set := handledMetricAttributes(info)
	h.instruments.consumed.AddSet(ctx, 1, set)
	if info.Duration > 0 {
		h.instruments.processDuration.RecordSet(ctx, info.Duration.Seconds(), set)
	}
	span, begun := ctx.Value(spanKey{h}).(trace.Span)
	if !begun {
		if info.Code == "" { // it was released
			return
		}
		_, span = h.tracer.Start(ctx, spanName(processOperation, info.Queue), trace.WithNewRoot(),
			trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(unreadAttributes(info)...))
	}
	defer span.End()
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(handledAttributes(info)...)
	if info.Code != "" {
		span.SetStatus(codes.Error, h.description(info.Err))
	}
}

// OnLeaseLost implements [remoteevent.HookLeaseLost].
func (h *receiverHook) OnLeaseLost(ctx context.Context, info remoteevent.LeaseLostInfo) {
	h.instruments.leaseLost.Add(ctx, int64(info.Events), withSet(queueAttributes(info.Queue, "")))
}

// OnFailing implements [remoteevent.HookFailing].
func (h *receiverHook) OnFailing(ctx context.Context, info remoteevent.FailingInfo) {
	h.instruments.outages.Add(ctx, 1, withSet(queueAttributes(info.Queue, "")))
}
