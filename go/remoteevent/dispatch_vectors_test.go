package remoteevent_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
	"github.com/remote-events/remote-events/spec"
)

// TestDispatchVectors sends each message of the vectors, followed by a canary, to a receiver
// with the listeners of the vector.
func TestDispatchVectors(t *testing.T) {
	t.Parallel()
	vectors, err := spec.DispatchVectors()
	if err != nil || len(vectors) == 0 {
		t.Fatalf("%d cases, %v", len(vectors), err)
	}
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		// All cases run at once, because a receiver needs a second to stop.
		called := map[string]<-chan int{}
		for _, v := range vectors {
			called[v.ID] = listen(t, client, v)
		}
		for _, v := range vectors {
			var calls []int
			for place := next(t, called[v.ID]); place != canary; place = next(t, called[v.ID]) {
				calls = append(calls, place)
			}
			if !slices.Equal(calls, v.Calls) {
				t.Errorf("%s: called %v, want %v", v.ID, calls, v.Calls)
			}
		}
	})
}

const canary = -1

// listen starts the receiver of a case. It returns the indexes of the called listeners.
func listen(t *testing.T, client *redis.Client, v spec.DispatchVector) <-chan int {
	t.Helper()
	_, quiet := newLog()
	mux, r := receiver(t, client, quiet, remoteevent.WithQueues(v.ID))
	called := make(chan int, 100)
	listener := func(signal string, place int, fails bool) error {
		return mux.Listen(signal, func(context.Context, *remoteevent.Delivery) error {
			called <- place
			if fails {
				return errors.New("listener fails as configured")
			}
			return nil
		})
	}
	for i, l := range v.Listeners {
		// A listener that cannot be registered is not called.
		if err := listener(l.Signal, i, l.Fails); err != nil && !wire.Reserved(l.Signal) {
			t.Fatal(err)
		}
	}
	must(t, listener("canary", canary, false))
	must(t, client.LPush(t.Context(), v.ID, v.Message.Bytes(), `{"data": {}, "signals": ["canary", "remote_event", "event"]}`).Err())
	start(t, r)
	return called
}
