package remoteeventotel_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	remoteeventotel "github.com/remote-events/remote-events/go/otel"
	"github.com/remote-events/remote-events/go/remoteevent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// FileEvent is the event of the tests.
type FileEvent struct {
	Path string `json:"path"`
}

// EventName is the name of the event.
func (FileEvent) EventName() string { return "file_event" }

// recorded is a telemetry, and what it recorded.
type recorded struct {
	*remoteeventotel.Telemetry
	spans  *tracetest.SpanRecorder
	tracer *trace.TracerProvider
	reader *metric.ManualReader
}

func record(t testing.TB, options ...remoteeventotel.Option) *recorded {
	t.Helper()
	r := &recorded{spans: tracetest.NewSpanRecorder(), reader: metric.NewManualReader()}
	r.tracer = trace.NewTracerProvider(trace.WithSpanProcessor(r.spans))
	meters := metric.NewMeterProvider(metric.WithReader(r.reader))
	t.Cleanup(func() {
		must(t, r.tracer.Shutdown(context.Background()))
		must(t, meters.Shutdown(context.Background()))
	})
	var err error
	r.Telemetry, err = remoteeventotel.New(slices.Concat([]remoteeventotel.Option{
		remoteeventotel.WithTracerProvider(r.tracer), remoteeventotel.WithMeterProvider(meters),
	}, options)...)
	must(t, err)
	return r
}

// named returns the ended spans with a name, in the order of their ends.
func (r *recorded) named(name string) (spans []trace.ReadOnlySpan) {
	for _, span := range r.spans.Ended() {
		if span.Name() == name {
			spans = append(spans, span)
		}
	}
	return spans
}

// one returns the only ended span with a name.
func (r *recorded) one(t *testing.T, name string) trace.ReadOnlySpan {
	t.Helper()
	spans := r.named(name)
	if len(spans) != 1 {
		t.Fatalf("%d spans have the name %q, of %d", len(spans), name, len(r.spans.Ended()))
	}
	return spans[0]
}

// collect returns the data of each metric by its name.
func (r *recorded) collect(t *testing.T) map[string]metricdata.Aggregation {
	t.Helper()
	var data metricdata.ResourceMetrics
	must(t, r.reader.Collect(t.Context(), &data))
	metrics := map[string]metricdata.Aggregation{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			metrics[m.Name] = m.Data
		}
	}
	return metrics
}

// points are the values of a metric, the count for a histogram, by the values of
// attributes.
func points(t *testing.T, data metricdata.Aggregation, keys ...attribute.Key) map[string]int64 {
	t.Helper()
	values := map[string]int64{}
	add := func(set attribute.Set, value int64) {
		var name string
		for i, key := range keys {
			if i > 0 {
				name += " "
			}
			if v, ok := set.Value(key); ok {
				name += v.String()
			} else {
				name += "-"
			}
		}
		values[name] += value
	}
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			add(p.Attributes, p.Value)
		}
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			add(p.Attributes, p.Value)
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			add(p.Attributes, int64(p.Count))
		}
	default:
		t.Fatalf("the data of the metric are %T", data)
	}
	return values
}

// valueOf returns the text of an attribute of a span, or "".
func valueOf(span trace.ReadOnlySpan, key attribute.Key) string {
	for _, a := range span.Attributes() {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}

// run runs a receiver until the test ends or stop is called.
func run(t testing.TB, client redis.UniversalClient, handler remoteevent.Handler, options ...remoteevent.ReceiverOption) (stop func()) {
	t.Helper()
	receiver, err := remoteevent.NewReceiver(client, handler, append([]remoteevent.ReceiverOption{quiet, remoteevent.WithQueues("file_event")}, options...)...)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- receiver.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		must(t, <-done)
	}
	t.Cleanup(stop)
	return stop
}

var quiet = remoteevent.WithLogger(slog.New(slog.DiscardHandler))

// handled is a hook that reports the disposition of each attempt, after the hooks before
// it have been called.
type handled chan remoteevent.Disposition

func (h handled) OnHandled(_ context.Context, info remoteevent.HandledInfo) { h <- info.Disposition }

func (h handled) wait(t *testing.T, want ...remoteevent.Disposition) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-h:
			if got != w {
				t.Fatalf("an attempt ended with %v instead of %v", got, w)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no attempt ended with %v", w)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
