package remoteeventotel_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/remote-events/remote-events/go/internal/redistest"
	remoteeventotel "github.com/remote-events/remote-events/go/otel"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// telemetries are what the benchmarks compare: no telemetry, one whose providers do
// nothing, the SDK without a sampled span, and the SDK with an exporter that discards.
var telemetries = []string{"without", "noop", "unsampled", "sdk"}

func telemetryFor(b *testing.B, name string) ([]remoteevent.SenderOption, []remoteevent.ReceiverOption) {
	b.Helper()
	if name == "without" {
		return nil, nil
	}
	options := []remoteeventotel.Option{
		remoteeventotel.WithTracerProvider(tracenoop.NewTracerProvider()), remoteeventotel.WithMeterProvider(metricnoop.NewMeterProvider()),
	}
	if name != "noop" {
		sampler := trace.AlwaysSample()
		if name == "unsampled" {
			sampler = trace.NeverSample()
		}
		tracers := trace.NewTracerProvider(trace.WithSampler(sampler), trace.WithBatcher(tracetest.NewNoopExporter()))
		meters := metric.NewMeterProvider(metric.WithReader(metric.NewManualReader()))
		b.Cleanup(func() {
			must(b, tracers.Shutdown(context.Background()))
			must(b, meters.Shutdown(context.Background()))
		})
		options = []remoteeventotel.Option{remoteeventotel.WithTracerProvider(tracers), remoteeventotel.WithMeterProvider(meters)}
	}
	telemetry, err := remoteeventotel.New(options...)
	must(b, err)
	return []remoteevent.SenderOption{telemetry.Sender()}, []remoteevent.ReceiverOption{telemetry.Receiver()}
}

// report reports the time of an operation as a multiple of that without telemetry, which
// runs first.
func report(b *testing.B, name string, without *float64) {
	b.Helper()
	took := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	if name == "without" {
		*without = took
	}
	if *without > 0 { // it is not left out by -bench
		b.ReportMetric(took / *without, "ratio")
	}
}

func benchmarkClient(b *testing.B) *redis.Client {
	b.Helper()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(b, redistest.FreeAddr(b)).Addr})
	b.Cleanup(func() { _ = client.Close() })
	return client
}

// BenchmarkSend sends one event after the other to a real Redis.
func BenchmarkSend(b *testing.B) {
	var without float64
	for _, name := range telemetries {
		b.Run(name, func(b *testing.B) {
			options, _ := telemetryFor(b, name)
			s := sender(b, benchmarkClient(b), options...)
			b.ReportAllocs()
			for b.Loop() {
				must(b, s.Send(context.Background(), FileEvent{"/uploads/video1.mp4"}))
			}
			report(b, name, &without)
		})
	}
}

// BenchmarkSendBatch sends 100 events at a time.
func BenchmarkSendBatch(b *testing.B) {
	const size = 100
	events := make([]remoteevent.Event, size)
	for i := range events {
		events[i] = FileEvent{"/uploads/video1.mp4"}
	}
	var without float64
	for _, name := range telemetries {
		b.Run(name, func(b *testing.B) {
			options, _ := telemetryFor(b, name)
			s := sender(b, benchmarkClient(b), options...)
			b.ReportAllocs()
			for b.Loop() {
				must(b, s.SendBatch(context.Background(), events...))
			}
			report(b, name, &without)
		})
	}
}

// BenchmarkReceive receives events that wait in a real Redis, at least once and with
// default options.
func BenchmarkReceive(b *testing.B) {
	var without float64
	for _, name := range telemetries {
		b.Run(name, func(b *testing.B) {
			sending, receiving := telemetryFor(b, name)
			client := benchmarkClient(b)
			s := sender(b, client, sending...)
			batch := make([]remoteevent.Event, 1000)
			for i := range batch {
				batch[i] = FileEvent{"/uploads/video1.mp4"}
			}
			for left := b.N; left > 0; left -= len(batch) {
				must(b, s.SendBatch(context.Background(), batch[:min(left, len(batch))]...))
			}
			var count atomic.Int64
			done := make(chan struct{})
			b.ReportAllocs()
			b.ResetTimer()
			stop := run(b, client, remoteevent.HandlerFunc(func(context.Context, *remoteevent.Delivery) error {
				if count.Add(1) == int64(b.N) {
					close(done)
				}
				return nil
			}), receiving...)
			<-done
			b.StopTimer()
			report(b, name, &without)
			stop()
		})
	}
}
