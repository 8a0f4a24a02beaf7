package remoteeventotel_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/remote-events/remote-events/go/embeddedredis"
	remoteeventotel "github.com/remote-events/remote-events/go/otel"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// Three lines instrument a program. The span of the delivery links to that of the sender.
func Example() {
	recorder := tracetest.NewSpanRecorder() // an exporter to a collector, in a service
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(recorder))
	defer provider.Shutdown(context.Background()) //nolint:errcheck // nothing is left to export
	otel.SetTracerProvider(provider)

	server, err := embeddedredis.Listen("127.0.0.1:0")
	check(err)
	defer server.Close() //nolint:errcheck // it holds nothing
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	mux := new(remoteevent.Mux)

	telemetry, err := remoteeventotel.New()
	check(err)
	sender, err := remoteevent.NewSender(client, telemetry.Sender())
	check(err)
	receiver, err := remoteevent.NewReceiver(client, mux, telemetry.Receiver(), remoteevent.WithLogger(slog.New(slog.DiscardHandler)))
	check(err)

	ctx, stop := context.WithCancel(context.Background())
	check(remoteevent.Handle(mux, func(_ context.Context, event FileEvent) error {
		fmt.Println("handled", event.Path)
		stop()
		return nil
	}))
	check(sender.Send(ctx, FileEvent{"/uploads/video1.mp4"}))
	check(receiver.Run(ctx))

	send, process := recorder.Ended()[0], recorder.Ended()[1]
	fmt.Println(send.Name(), "by a", send.SpanKind())
	fmt.Println(process.Name(), "by a", process.SpanKind())
	fmt.Println("linked:", process.Links()[0].SpanContext.TraceID() == send.SpanContext().TraceID())
	// Output:
	// handled /uploads/video1.mp4
	// send file_event by a producer
	// process file_event by a consumer
	// linked: true
}

// check ends the example after an error.
func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
