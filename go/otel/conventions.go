package remoteeventotel

import (
	"errors"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/messagingconv"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// This file has all names of spans, attributes and metrics. Those of the semantic
// conventions for messaging come from semconv: another version changes this file only.

const schemaURL = semconv.SchemaURL

// system is the value of messaging.system. The conventions have no value for this library.
const system = "remote_events"

// The operations, by name. Their types have the same names.
const (
	sendOperation    = "send"
	processOperation = "process"
)

// The names of our own attributes.
const (
	eventKey        = attribute.Key("remote_events.event")
	deliveryKey     = attribute.Key("remote_events.delivery.id")
	attemptKey      = attribute.Key("remote_events.delivery.attempt")
	maxAttemptsKey  = attribute.Key("remote_events.delivery.max_attempts")
	dispositionKey  = attribute.Key("remote_events.disposition")
	retryInKey      = attribute.Key("remote_events.retry_in")
	failedKey       = attribute.Key("remote_events.batch.failed_count")
	messageStateKey = attribute.Key("remote_events.message.state")
)

const errorTypeKey = semconv.ErrorTypeKey

// withSet returns the attributes as the option of a measurement.
func withSet(set attribute.Set) metric.MeasurementOption { return metric.WithAttributeSet(set) }

// spanName returns the name of a span of an operation. The queue is "" for a batch with
// several.
func spanName(operation, queue string) string {
	if queue == "" {
		return operation
	}
	return operation + " " + text(queue)
}

// sendAttributes returns the attributes of the span of a sender.
func sendAttributes(queue, id string, bytes, count int) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, 6)
	attributes = append(attributes,
		semconv.MessagingSystemKey.String(system), semconv.MessagingOperationName(sendOperation), semconv.MessagingOperationTypeSend)
	if queue != "" {
		attributes = append(attributes, semconv.MessagingDestinationName(text(queue)))
	}
	if count != 1 {
		return append(attributes, semconv.MessagingBatchMessageCount(count))
	}
	if id != "" {
		attributes = append(attributes, semconv.MessagingMessageID(text(id)))
	}
	return append(attributes, semconv.MessagingMessageBodySize(bytes))
}

// processAttributes returns the attributes of the span of a delivery.
func processAttributes(d *remoteevent.Delivery) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, 12)
	attributes = append(attributes,
		semconv.MessagingSystemKey.String(system), semconv.MessagingOperationName(processOperation), semconv.MessagingOperationTypeProcess,
		semconv.MessagingDestinationName(text(d.Queue)), eventKey.String(text(d.EventName())),
		semconv.MessagingMessageBodySize(len(d.Payload())), semconv.MessagingMessageEnvelopeSize(len(d.Raw)),
		attemptKey.Int(d.Attempt), maxAttemptsKey.Int(d.MaxAttempts))
	if id := d.Attribute("id"); id != "" {
		attributes = append(attributes, semconv.MessagingMessageID(text(id)))
	}
	if d.ID != "" {
		attributes = append(attributes, deliveryKey.String(d.ID))
	}
	return attributes
}

// unreadAttributes returns the attributes of the span of a message without a delivery.
func unreadAttributes(info remoteevent.HandledInfo) []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		semconv.MessagingSystemKey.String(system), semconv.MessagingOperationName(processOperation), semconv.MessagingOperationTypeProcess,
		semconv.MessagingDestinationName(text(info.Queue)), attemptKey.Int(info.Attempt),
	}
	if info.Delivery != "" {
		attributes = append(attributes, deliveryKey.String(info.Delivery))
	}
	return attributes
}

// handledAttributes returns the attributes of a span that describe its end.
func handledAttributes(info remoteevent.HandledInfo) []attribute.KeyValue {
	attributes := []attribute.KeyValue{dispositionKey.String(info.Disposition.String())}
	if info.Disposition == remoteevent.Retried {
		attributes = append(attributes, retryInKey.Float64(info.RetryIn.Seconds()))
	}
	if info.Code != "" {
		attributes = append(attributes, errorTypeKey.String(info.Code))
	}
	return attributes
}

// sendMetricAttributes returns the attributes of the metrics of a sender. errorType is ""
// for success.
func sendMetricAttributes(queue, errorType string) attribute.Set {
	attributes := make([]attribute.KeyValue, 0, 5)
	attributes = append(attributes,
		semconv.MessagingSystemKey.String(system), semconv.MessagingOperationName(sendOperation), semconv.MessagingOperationTypeSend)
	if queue != "" {
		attributes = append(attributes, semconv.MessagingDestinationName(text(queue)))
	}
	if errorType != "" {
		attributes = append(attributes, errorTypeKey.String(errorType))
	}
	return attribute.NewSet(attributes...)
}

// handledMetricAttributes returns the attributes of the metrics of an attempt.
func handledMetricAttributes(info remoteevent.HandledInfo) attribute.Set {
	attributes := make([]attribute.KeyValue, 0, 5)
	attributes = append(attributes,
		semconv.MessagingSystemKey.String(system), semconv.MessagingOperationName(processOperation),
		semconv.MessagingDestinationName(text(info.Queue)), dispositionKey.String(info.Disposition.String()))
	if info.Code != "" {
		attributes = append(attributes, errorTypeKey.String(info.Code))
	}
	return attribute.NewSet(attributes...)
}

// queueAttributes returns the attributes of the metrics of a queue. state is "" where the
// metric has none.
func queueAttributes(queue, state string) attribute.Set {
	attributes := make([]attribute.KeyValue, 0, 3)
	attributes = append(attributes, semconv.MessagingSystemKey.String(system), semconv.MessagingDestinationName(text(queue)))
	if state != "" {
		attributes = append(attributes, messageStateKey.String(state))
	}
	return attribute.NewSet(attributes...)
}

// sendErrorType returns the value of error.type for the error of an event, or "" for nil:
// "unknown_outcome", "not_sent", "rejected", the code of an error reply of Redis such
// as "OOM", or "_OTHER".
func sendErrorType(err error) string {
	var reply redis.Error
	var rejected *remoteevent.RejectedError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, remoteevent.ErrUnknown):
		return "unknown_outcome"
	case errors.Is(err, remoteevent.ErrNotSent):
		return "not_sent"
	case errors.As(err, &rejected):
		return "rejected"
	case errors.As(err, &reply):
		return replyCode(reply.Error())
	}
	return semconv.ErrorTypeOther.Value.AsString()
}

// replyCode returns the code of an error reply, which is its first word in capitals.
func replyCode(reply string) string {
	code, _, _ := strings.Cut(reply, " ")
	if code == "" || len(code) > 20 || strings.ContainsFunc(code, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return semconv.ErrorTypeOther.Value.AsString()
	}
	return code
}

// maxText is the maximum length of a text that messages determine.
const maxText = 256

// text returns a text of a message or a name of a queue as the value of an attribute: it
// is valid UTF-8, and not long.
func text(s string) string {
	if len(s) > maxText {
		s = s[:maxText-len("…")]
		for s != "" && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		s = strings.ToValidUTF8(s, "") + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// instruments are the metrics of senders and receivers.
type instruments struct {
	sent            messagingconv.ClientSentMessages
	sendDuration    messagingconv.ClientOperationDuration
	consumed        messagingconv.ClientConsumedMessages
	processDuration messagingconv.ProcessDuration
	leaseLost       metric.Int64Counter
	outages         metric.Int64Counter
}

func newInstruments(meter metric.Meter) (*instruments, error) {
	buckets := metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
	i := new(instruments)
	var errs [6]error
	i.sent, errs[0] = messagingconv.NewClientSentMessages(meter)
	i.sendDuration, errs[1] = messagingconv.NewClientOperationDuration(meter, buckets)
	i.consumed, errs[2] = messagingconv.NewClientConsumedMessages(meter)
	i.processDuration, errs[3] = messagingconv.NewProcessDuration(meter, buckets)
	i.leaseLost, errs[4] = meter.Int64Counter("remote_events.lease.lost.messages", metric.WithUnit("{message}"),
		metric.WithDescription("Number of messages that may be handled twice because their lease was lost."))
	i.outages, errs[5] = meter.Int64Counter("remote_events.redis.outages", metric.WithUnit("{outage}"),
		metric.WithDescription("Number of times that calls of Redis for a queue began to fail."))
	return i, errors.Join(errs[:]...)
}

// gauges are the metrics of the queues themselves.
type gauges struct {
	messages    metric.Int64ObservableGauge
	deadLetters metric.Int64ObservableGauge
	age         metric.Float64ObservableGauge
}

func newGauges(meter metric.Meter) (*gauges, error) {
	g := new(gauges)
	var errs [3]error
	g.messages, errs[0] = meter.Int64ObservableGauge("remote_events.queue.messages", metric.WithUnit("{message}"),
		metric.WithDescription("Number of messages of a queue by state, without its dead letters."))
	g.deadLetters, errs[1] = meter.Int64ObservableGauge("remote_events.queue.dead_letters", metric.WithUnit("{message}"),
		metric.WithDescription("Number of dead letters of a queue."))
	g.age, errs[2] = meter.Float64ObservableGauge("remote_events.queue.age", metric.WithUnit("s"),
		metric.WithDescription("Time for which the message that receivers take next has waited."))
	return g, errors.Join(errs[:]...)
}
