package remoteevent_test

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/zerovalue"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestZeroValues: nil contexts, options, clients and receivers, and values that no
// constructor made, are errors and never a panic.
func TestZeroValues(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	mux, r := receiver(t, client)
	zerovalue.Check(t, map[string]any{
		"Decode": remoteevent.Decode[FileEvent], "Handle": remoteevent.Handle[FileEvent], "Listen": remoteevent.Listen[FileEvent],
		"NewEnvelope": remoteevent.NewEnvelope, "Marshal": remoteevent.Marshal, "Unmarshal": remoteevent.Unmarshal, "Permanent": remoteevent.Permanent, "IsPermanent": remoteevent.IsPermanent, "RetryDelay": remoteevent.RetryDelay, "RetryAfter": remoteevent.RetryAfter, "Timeout": remoteevent.Timeout,
		"Stamp": remoteevent.Stamp, "DeliveryOf": remoteevent.DeliveryOf, "NewDelivery": remoteevent.NewDelivery, "NewMux": remoteevent.NewMux,
		"WithQueue": remoteevent.WithQueue, "WithQueues": remoteevent.WithQueues,
		"WithLogger": remoteevent.WithLogger, "WithPayloadSchemas": remoteevent.WithPayloadSchemas,
		"WithAtMostOnce": remoteevent.WithAtMostOnce, "WithBackoff": remoteevent.WithBackoff, "WithConcurrency": remoteevent.WithConcurrency,
		"WithDeadLetterAge": remoteevent.WithDeadLetterAge, "WithDeadLetterLimit": remoteevent.WithDeadLetterLimit,
		"WithDeadLetters": remoteevent.WithDeadLetters, "WithDeduplication": remoteevent.WithDeduplication, "WithLease": remoteevent.WithLease,
		"WithMaxAttempts": remoteevent.WithMaxAttempts, "WithPrefetch": remoteevent.WithPrefetch, "NewReceiver": remoteevent.NewReceiver,
		"WithShutdownTimeout": remoteevent.WithShutdownTimeout, "WithMaxReceiveBytes": remoteevent.WithMaxReceiveBytes,
		"WithMiddleware": remoteevent.WithMiddleware, "NewSender": remoteevent.NewSender, "WithoutMetadata": remoteevent.WithoutMetadata,
		"WithHooks": remoteevent.WithHooks, "WithRedisHooks": remoteevent.WithRedisHooks, "WithSendMiddleware": remoteevent.WithSendMiddleware,
		"WithMaxSendBytes": remoteevent.WithMaxSendBytes, "WithSource": remoteevent.WithSource,
		"WithSlowWarning": remoteevent.WithSlowWarning, "WithTotalConcurrency": remoteevent.WithTotalConcurrency, "WithWeight": remoteevent.WithWeight,
		// Pointers that are nil are clients as well.
		"NewReceiver of no client": func() (*remoteevent.Receiver, error) {
			return remoteevent.NewReceiver((*redis.ClusterClient)(nil), mux)
		},
		// Handlers that are nil are no handlers.
		"NewReceiver of no mux":  func() (*remoteevent.Receiver, error) { return remoteevent.NewReceiver(client, (*remoteevent.Mux)(nil)) },
		"NewSender of no client": func() (*remoteevent.Sender, error) { return remoteevent.NewSender((*redis.Ring)(nil)) },
	},
		sender(t, client), r, mux, remoteevent.HandlerFunc(nil),
		&remoteevent.BatchError{}, &remoteevent.Delivery{}, remoteevent.Outcome(7), remoteevent.Disposition(7), remoteevent.State(7),
		&remoteevent.PanicError{}, remoteevent.PythonTime{}, &remoteevent.TypeError{},
		&remoteevent.MalformedError{}, &remoteevent.RejectedError{}, &remoteevent.PayloadError{},
	)
	d := new(remoteevent.Delivery)
	for i, err := range []error{
		errorOf(remoteevent.NewSender((*redis.Ring)(nil))),
		errorOf(remoteevent.NewReceiver((*redis.Client)(nil), mux)), errorOf(remoteevent.NewReceiver(client, nil)),
		errorOf(remoteevent.NewReceiver(client, (*remoteevent.Mux)(nil))), errorOf(remoteevent.NewReceiver(client, remoteevent.HandlerFunc(nil))),
		errorOf(remoteevent.NewReceiver(client, mux, nil)), errorOf(remoteevent.NewReceiver(client, mux, remoteevent.WithQueue("q", nil))),
		errorOf(remoteevent.NewMux(nil)), errorOf(remoteevent.NewMux(remoteevent.WithMiddleware(nil))),
		new(remoteevent.Receiver).Run(t.Context()), (*remoteevent.Receiver)(nil).Run(t.Context()), r.Run(nil), //nolint:staticcheck // nil is what is tested
		new(remoteevent.Sender).Send(t.Context(), FileEvent{}), sender(t, client).Send(nil, FileEvent{}), //nolint:staticcheck // nil is what is tested
		mux.Dispatch(nil, d), mux.Dispatch(t.Context(), nil), (*remoteevent.Mux)(nil).Dispatch(t.Context(), d), //nolint:staticcheck // nil is what is tested
		mux.Listen("x", nil), (*remoteevent.Mux)(nil).Listen("x", mux.Dispatch),
		remoteevent.Handle[FileEvent](mux, nil), remoteevent.Handle(nil, failing), remoteevent.Listen(nil, failing),
		remoteevent.HandlerFunc(nil).Dispatch(t.Context(), d),
	} {
		if err == nil {
			t.Errorf("number %d: a nil, or a value that no constructor made, is accepted", i)
		}
	}
	env, err := remoteevent.NewEnvelope(FileEvent{})
	must(t, err)
	env.Metadata.Attributes["ext"] = "1"
	if key := remoteevent.DeliveryOf(t.Context()).Key(); key != "" {
		t.Errorf("outside a delivery, its key is %q", key)
	}
	if d := remoteevent.DeliveryOf(t.Context()); d.Attempt != 0 || d.Shutdown != nil {
		t.Errorf("outside a delivery, it is %+v", d)
	}
}

func errorOf[T any](_ T, err error) error { return err }
