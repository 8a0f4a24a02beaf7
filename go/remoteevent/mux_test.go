package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

const newFileMessage = `{"data": {"path": "/x", "size": 7}, "signals": ["new_file_event", "file_event", "remote_event", "event"]}`

func delivery(t testing.TB, queue, raw string) *remoteevent.Delivery {
	t.Helper()
	d, err := remoteevent.NewDelivery(queue, []byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestMuxWithoutRedis: listeners and middleware are called, in their order, with a delivery
// that no receiver made; all are called although some fail.
func TestMuxWithoutRedis(t *testing.T) {
	t.Parallel()
	var calls []string
	failed := errors.New("no")
	named := func(name string) remoteevent.Middleware {
		return func(next remoteevent.HandlerFunc) remoteevent.HandlerFunc {
			return func(ctx context.Context, d *remoteevent.Delivery) error {
				calls = append(calls, name)
				return next(ctx, d)
			}
		}
	}
	mux, err := remoteevent.NewMux(remoteevent.WithMiddleware(named("outer")), remoteevent.WithMiddleware(named("inner")))
	must(t, err)
	must(t, mux.Listen("event", func(context.Context, *remoteevent.Delivery) error { panic("at the network") }))
	must(t, remoteevent.Listen(mux, func(_ context.Context, e FileEvent) error {
		calls = append(calls, "parent "+e.Path)
		return nil
	}))
	must(t, remoteevent.Handle(mux, func(ctx context.Context, e *NewFileEvent) error {
		d := remoteevent.DeliveryOf(ctx)
		calls = append(calls, fmt.Sprint("child ", e.Size, d.Queue, d.Attempt, d.Key()))
		return failed
	}))
	d := delivery(t, "queue", newFileMessage)
	d.Attempt, d.ID = 3, "5-1"
	err = mux.Dispatch(t.Context(), d)
	var panicked *remoteevent.PanicError
	if !errors.Is(err, failed) || !errors.As(err, &panicked) || panicked.Value != "at the network" {
		t.Errorf("got %v", err)
	}
	if want := []string{"outer", "inner", "child 7queue35-1", "parent /x"}; !slices.Equal(calls, want) {
		t.Errorf("called are %q, want %q", calls, want)
	}
	if queues := mux.Queues(); !slices.Equal(queues, []string{"new_file_event"}) {
		t.Errorf("the queues are %q", queues)
	}
	if _, err := remoteevent.NewDelivery("queue", []byte(`{}`)); !isMalformed(err) {
		t.Errorf("a message without signals: %v", err)
	}
}

func isMalformed(err error) bool {
	var malformed *remoteevent.MalformedError
	return errors.As(err, &malformed)
}

// TestMuxQueues: each handled event names its queue once, in the order of registration.
func TestMuxQueues(t *testing.T) {
	t.Parallel()
	var mux remoteevent.Mux
	for range 2 {
		must(t, remoteevent.Handle(&mux, func(context.Context, NewFileEvent) error { return nil }))
		must(t, remoteevent.Handle(&mux, func(context.Context, FileEvent) error { return nil }))
	}
	queues := mux.Queues()
	if want := []string{"new_file_event", "file_event"}; !slices.Equal(queues, want) {
		t.Errorf("got %q, want %q", queues, want)
	}
	queues[0] = "changed"
	if mux.Queues()[0] != "new_file_event" {
		t.Error("the queues are shared with the caller")
	}
}

// TestMuxPanickingMiddleware: a panic of a middleware is an error, as one of a listener is.
func TestMuxPanickingMiddleware(t *testing.T) {
	t.Parallel()
	mux, err := remoteevent.NewMux(remoteevent.WithMiddleware(func(remoteevent.HandlerFunc) remoteevent.HandlerFunc {
		return func(context.Context, *remoteevent.Delivery) error { panic("of the middleware") }
	}))
	must(t, err)
	var panicked *remoteevent.PanicError
	if err := mux.Dispatch(t.Context(), delivery(t, "q", newFileMessage)); !errors.As(err, &panicked) || panicked.Value != "of the middleware" {
		t.Errorf("got %v", err)
	}
}

// TestMuxRegistersWhileItDispatches: listeners may be registered at any time.
func TestMuxRegistersWhileItDispatches(t *testing.T) {
	t.Parallel()
	var mux remoteevent.Mux
	var group sync.WaitGroup
	const listeners = 50
	d := delivery(t, "q", newFileMessage)
	for range 4 {
		group.Go(func() {
			for range listeners {
				_ = mux.Listen("file_event", func(context.Context, *remoteevent.Delivery) error { return errors.New("called") })
				_ = mux.Dispatch(t.Context(), d)
			}
		})
	}
	group.Wait()
	if n := strings.Count(mux.Dispatch(t.Context(), d).Error(), "called"); n != 4*listeners {
		t.Errorf("%d of %d listeners are called", n, 4*listeners)
	}
}

// TestMuxDoesNotAllocate: in the context of a delivery, as a receiver calls it, Dispatch
// allocates nothing.
func TestMuxDoesNotAllocate(t *testing.T) { //nolint:paralleltest // it counts all allocations of the process
	var outer, inner remoteevent.Mux
	must(t, inner.Listen("event", func(context.Context, *remoteevent.Delivery) error { return nil }))
	measured := false
	must(t, outer.Listen("event", func(ctx context.Context, d *remoteevent.Delivery) error {
		measured = true
		if n := testing.AllocsPerRun(100, func() { _ = inner.Dispatch(ctx, d) }); n != 0 {
			return fmt.Errorf("Dispatch allocates %v times", n)
		}
		return nil
	}))
	must(t, outer.Dispatch(t.Context(), delivery(t, "q", newFileMessage)))
	if !measured {
		t.Error("nothing was measured")
	}
}

// TestHandlerOfQueues: a receiver passes the events of named queues to a function.
func TestHandlerOfQueues(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	got := make(chan string, 2)
	r := receiverOf(t, client, remoteevent.HandlerFunc(func(ctx context.Context, d *remoteevent.Delivery) error {
		got <- d.Queue + remoteevent.DeliveryOf(ctx).EventName()
		return nil
	}), remoteevent.WithQueues("a"), remoteevent.WithQueue("b"))
	start(t, r)
	must(t, client.LPush(t.Context(), "a", `{"data": {}, "signals": ["x"]}`).Err())
	must(t, client.LPush(t.Context(), "b", `{"data": {}, "signals": ["y"]}`).Err())
	both := []string{next(t, got), next(t, got)}
	if slices.Sort(both); !slices.Equal(both, []string{"ax", "by"}) {
		t.Errorf("got %q", both)
	}
}

// TestListenersOfARunningReceiver: an event may be handled after NewReceiver and is consumed;
// a listener may be registered while the receiver runs.
func TestListenersOfARunningReceiver(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	logged, option := newLog()
	mux, r := receiver(t, client, option)
	must(t, remoteevent.Handle(mux, func(context.Context, NewFileEvent) error { return nil }))
	start(t, r)
	send := func(name string) {
		must(t, client.LPush(t.Context(), "new_file_event", fmt.Sprintf(`{"data": {}, "signals": [%q, "event"]}`, name)).Err())
	}
	send("other")
	if line := logged.wait(t, "no listener for event"); !strings.Contains(line, "event=other queue=new_file_event") {
		t.Error(line)
	}
	got := make(chan string, 1)
	must(t, mux.Listen("other", func(_ context.Context, d *remoteevent.Delivery) error { got <- d.EventName(); return nil }))
	send("other")
	if name := next(t, got); name != "other" {
		t.Errorf("got %s", name)
	}
	if err := r.Run(t.Context()); !errors.Is(err, remoteevent.ErrRunning) {
		t.Errorf("Run returned %v the second time", err)
	}
}

// TestShutdownIsVisible: a listener sees that the shutdown has begun, long before its context
// ends.
func TestShutdownIsVisible(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	mux, r := receiver(t, client)
	begun := make(chan struct{})
	must(t, remoteevent.Handle(mux, func(ctx context.Context, _ FileEvent) error {
		shutdown := remoteevent.DeliveryOf(ctx).Shutdown
		select {
		case <-shutdown:
			t.Error("the shutdown begins too early")
		default:
		}
		close(begun)
		select {
		case <-shutdown:
		case <-ctx.Done():
			t.Error("the context ends first")
		}
		return ctx.Err()
	}))
	must(t, sender(t, client).Send(t.Context(), FileEvent{}))
	stop := start(t, r)
	next(t, begun)
	must(t, stop())
	expectStats(t, queue(t, client), queueadmin.Stats{})
}

// TestQueueConfiguredTwice: contradicting options of one queue are an error, and others
// are not.
func TestQueueConfiguredTwice(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	mux := new(remoteevent.Mux)
	must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error { return nil }))
	two := remoteevent.WithQueue("file_event", remoteevent.WithConcurrency(2))
	receiverOf(t, client, mux, two, remoteevent.WithQueues("file_event"), two, remoteevent.WithQueue("file_event"))
	_, err := remoteevent.NewReceiver(client, mux, two, remoteevent.WithQueue("file_event", remoteevent.WithConcurrency(3)))
	if err == nil || !strings.Contains(err.Error(), `queue "file_event"`) {
		t.Errorf("got %v", err)
	}
	for _, option := range []remoteevent.ReceiverOption{
		remoteevent.WithQueue("q", remoteevent.WithConcurrency(0)), remoteevent.WithQueues("remote-event:v1:{q}:staging:q"),
	} {
		if _, err := remoteevent.NewReceiver(client, mux, option); err == nil || !strings.Contains(err.Error(), "NewReceiver: queue ") {
			t.Errorf("got %v", err)
		}
	}
}
