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
	zerovalue.Check(t, map[string]any{
		"Decode": remoteevent.Decode[FileEvent], "Handle": remoteevent.Handle[FileEvent],
		"NewEnvelope": remoteevent.NewEnvelope, "Permanent": remoteevent.Permanent,
		"Stamp": remoteevent.Stamp, "DeliveryOf": remoteevent.DeliveryOf,
		"WithLogger": remoteevent.WithLogger, "WithPayloadSchemas": remoteevent.WithPayloadSchemas,
		"AtMostOnce": remoteevent.AtMostOnce, "WithBackoff": remoteevent.WithBackoff, "WithConcurrency": remoteevent.WithConcurrency,
		"WithDeadLetterAge": remoteevent.WithDeadLetterAge, "WithDeadLetterLimit": remoteevent.WithDeadLetterLimit,
		"WithDeadLetters": remoteevent.WithDeadLetters, "WithDeduplication": remoteevent.WithDeduplication, "WithLease": remoteevent.WithLease,
		"WithMaxAttempts": remoteevent.WithMaxAttempts, "WithPrefetch": remoteevent.WithPrefetch, "NewReceiver": remoteevent.NewReceiver,
		"WithDrainTimeout": remoteevent.WithDrainTimeout, "WithMaxReceiveBytes": remoteevent.WithMaxReceiveBytes,
		"WithMiddleware": remoteevent.WithMiddleware, "NewSender": remoteevent.NewSender, "Plain": remoteevent.Plain,
		"WithMaxSendBytes": remoteevent.WithMaxSendBytes, "WithSource": remoteevent.WithSource,
		// Pointers that are nil are clients as well.
		"NewReceiver of no client": func() (*remoteevent.Receiver, error) { return remoteevent.NewReceiver((*redis.ClusterClient)(nil)) },
		"NewSender of no client":   func() (*remoteevent.Sender, error) { return remoteevent.NewSender((*redis.Ring)(nil)) },
	},
		sender(t, client), receiver(t, client),
		&remoteevent.BatchError{}, &remoteevent.Delivery{}, remoteevent.Outcome(7),
		&remoteevent.PanicError{}, remoteevent.PythonTime{}, &remoteevent.TypeError{},
		&remoteevent.MalformedError{}, &remoteevent.RejectedError{}, &remoteevent.PayloadError{},
	)
	for _, err := range []error{
		new(remoteevent.Receiver).Run(t.Context()), new(remoteevent.Sender).Send(t.Context(), FileEvent{}),
		(*remoteevent.Receiver)(nil).Queues("q"), sender(t, client).Send(nil, FileEvent{}), //nolint:staticcheck // nil is what is tested
	} {
		if err == nil {
			t.Error("a value that no constructor made works")
		}
	}
	env, err := remoteevent.NewEnvelope(FileEvent{})
	must(t, err)
	env.Metadata.Attributes["ext"] = "1"
	if key := remoteevent.DeliveryOf(t.Context()).Key(); key != "" {
		t.Errorf("outside a delivery, its key is %q", key)
	}
}
