package remoteevent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

func TestSendAndReceive(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ctx := t.Context()
		got := make(chan string, 100)
		mux, r := receiver(t, client)
		must(t, remoteevent.Handle(mux, func(_ context.Context, e NewFileEvent) error { got <- fmt.Sprintf("child %+v", e); return nil }))
		must(t, remoteevent.Handle(mux, func(_ context.Context, e *FileEvent) error { got <- fmt.Sprintf("parent %+v", *e); return nil }))
		must(t, mux.Listen("event", func(_ context.Context, d *remoteevent.Delivery) error {
			got <- fmt.Sprintf("any %s %s %s", d.Queue, d.EventName(), d.Payload())
			return nil
		}))
		start(t, r)
		s := sender(t, client, remoteevent.WithSource("/test"))
		must(t, s.Send(ctx, NewFileEvent{FileEvent{"/uploads/video1.mp4"}, 7}))
		for _, want := range []string{
			"child {FileEvent:{Path:/uploads/video1.mp4} Size:7}",
			"parent {Path:/uploads/video1.mp4}",
			`any new_file_event new_file_event {"path":"/uploads/video1.mp4","size":7}`,
		} {
			if event := next(t, got); event != want {
				t.Errorf("got %s, want %s", event, want)
			}
		}
		// A message of an original: no metadata, Python's formatting.
		must(t, client.LPush(ctx, "file_event", `{"data": {"path": "/x", "score": NaN}, "signals": ["file_event", "remote_event", "event"]}`).Err())
		for _, want := range []string{"parent {Path:/x}", `any file_event file_event {"path": "/x", "score": NaN}`} {
			if event := next(t, got); event != want {
				t.Errorf("got %s, want %s", event, want)
			}
		}
	})
}

func TestBytesOnTheWire(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ctx := t.Context()
		must(t, sender(t, client, remoteevent.WithoutMetadata()).Send(ctx, NewFileEvent{FileEvent: FileEvent{"/x"}}))
		raw := client.RPop(ctx, "new_file_event").Val()
		if want := `{"data": {"path":"/x"}, "signals": ["new_file_event", "file_event", "remote_event", "event"]}`; raw != want {
			t.Errorf("got %s", raw)
		}
		must(t, sender(t, client, remoteevent.WithSource("/test")).Send(ctx, FileEvent{"/x"}))
		raw = client.RPop(ctx, "file_event").Val()
		env, err := wire.Decode([]byte(raw), wire.Limits{})
		must(t, err)
		a := env.Metadata.Attributes
		if sent, err := time.Parse(time.RFC3339, a["time"]); err != nil || time.Since(sent) > time.Minute || a["source"] != "/test" || len(a["id"]) != 36 || a["id"][14] != '7' || len(a) != 3 {
			t.Errorf("attributes %v", a)
		}
		if judged := wire.InspectFrom("file_event", []byte(raw), wire.Limits{}); judged.Verdict != wire.Safe || len(judged.Findings) != 0 {
			t.Errorf("%+v", judged)
		}
	})
}

func TestForward(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ctx := t.Context()
		s := sender(t, client)
		name := "日本 {x} \"'\n"
		attributes := map[string]string{"ext": "1"}
		must(t, s.Forward(ctx, wire.Envelope{EventName: name, Payload: json.RawMessage(`{ "big" : 12345678901234567890 }`), Metadata: wire.Metadata{Attributes: attributes}}))
		if len(attributes) != 1 {
			t.Errorf("the caller's attributes changed to %v", attributes)
		}
		env, err := wire.Decode([]byte(client.RPop(ctx, name).Val()), wire.Limits{})
		must(t, err)
		if env.EventName != name || string(env.Payload) != `{ "big" : 12345678901234567890 }` || env.Metadata.Attributes["ext"] != "1" || env.Metadata.Attributes["id"] == "" {
			t.Errorf("%+v", env)
		}
		must(t, s.Forward(ctx, env))
		again, err := wire.Decode([]byte(client.RPop(ctx, name).Val()), wire.Limits{})
		must(t, err)
		if fmt.Sprint(again) != fmt.Sprint(env) {
			t.Errorf("forwarded %+v as %+v", env, again)
		}
	})
}

func TestSendBatch(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ctx := t.Context()
		must(t, client.Set(ctx, "tags", "not a list", 0).Err())
		s := sender(t, client, remoteevent.WithoutMetadata())
		var events []remoteevent.Event
		for i := range 2500 {
			events = append(events, FileEvent{fmt.Sprint(i)})
		}
		must(t, s.SendBatch(ctx, events...))
		for i := range 2500 {
			if raw := client.RPop(ctx, "file_event").Val(); !strings.Contains(raw, fmt.Sprintf(`{"path":"%d"}`, i)) {
				t.Fatalf("number %d is %s", i, raw)
			}
		}
		err := s.SendBatch(ctx, FileEvent{"a"}, Measurement{0}, FileEvent{"\xff"}, Tags{}, FileEvent{"b"}, Promoted{})
		var batch *remoteevent.BatchError
		if !errors.As(err, &batch) {
			t.Fatalf("got %v", err)
		}
		var outcomes []remoteevent.Outcome
		for _, r := range batch.Results {
			outcomes = append(outcomes, r.Outcome)
		}
		if want := []remoteevent.Outcome{remoteevent.Stored, remoteevent.Stored, remoteevent.Rejected, remoteevent.Rejected, remoteevent.Stored, remoteevent.Rejected}; !slices.Equal(outcomes, want) {
			t.Errorf("outcomes %v, %v", outcomes, err)
		}
		if n := client.LLen(ctx, "file_event").Val(); n != 2 {
			t.Errorf("%d events of the batch stored", n)
		}
		must(t, s.SendBatch(ctx))
	})
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.FreeAddr(t)})
	defer client.Close()
	s := sender(t, client)
	if err := s.Send(t.Context(), FileEvent{"x"}); !errors.Is(err, remoteevent.ErrNotSent) {
		t.Errorf("got %v", err)
	}
	err := s.SendBatch(t.Context(), FileEvent{"x"}, Tags{})
	var batch *remoteevent.BatchError
	if !errors.As(err, &batch) || batch.Count(remoteevent.Rejected) != 2 {
		t.Errorf("got %v", err)
	}
}

func TestBadMessagesStopNothing(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ctx := t.Context()
		logged, option := newLog()
		got := make(chan string, 10)
		mux, r := receiver(t, client, option)
		must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error {
			switch e.Path {
			case "panic":
				panic("secret of the listener")
			case "error":
				return errors.New("the disk is full")
			}
			got <- e.Path
			return nil
		}))
		for _, raw := range []string{
			"", "\xff\xfe", "secret", `{"data": {"path": "secret"}}`,
			`{"data": {"path": 5}, "signals": ["file_event"]}`,
			`{"data": {"path": "panic"}, "signals": ["file_event"]}`,
			`{"data": {"path": "error"}, "signals": ["file_event"]}`,
			`{"data": {}, "signals": ["kernel.kernel_shutdown", "event"]}`,
			`{"data": {"path": "once"}, "signals": ["file_event", "file_event"]}`,
			`{"data": {"path": "canary"}, "signals": ["file_event"]}`,
		} {
			must(t, client.LPush(ctx, "file_event", raw).Err())
		}
		stop := start(t, r)
		if a, b := next(t, got), next(t, got); a != "once" || b != "canary" {
			t.Errorf("got %s and %s", a, b)
		}
		must(t, stop())
		text := logged.String()
		for words, count := range map[string]int{"verdict=malformed": 4, "legacy=dies": 4, "payload does not fit event type; event moved to dead letters": 1, "listener failed; event will be retried": 2, "no listener for event": 1, "at /path": 1, "the disk is full": 1} {
			if strings.Count(text, words) != count {
				t.Errorf("want %q %d times in the log:\n%s", words, count, text)
			}
		}
		if strings.Contains(text, `"secret"`) {
			t.Errorf("the log contains a payload:\n%s", text)
		}
	})
}

func TestConcurrencyAndDrain(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ctx := t.Context()
		started, release, done := make(chan string, 10), make(chan struct{}), make(chan string, 10)
		mux, r := receiver(t, client, remoteevent.WithConcurrency(3))
		must(t, remoteevent.Handle(mux, func(ctx context.Context, e FileEvent) error {
			started <- e.Path
			<-release
			if ctx.Err() == nil {
				done <- e.Path
			}
			return nil
		}))
		for i := range 5 {
			must(t, sender(t, client).Send(ctx, FileEvent{fmt.Sprint(i)}))
		}
		ctx, cancel := context.WithCancel(ctx)
		result := make(chan error, 1)
		go func() { result <- r.Run(ctx) }()
		for range 3 {
			next(t, started)
		}
		if n := client.LLen(t.Context(), "file_event").Val(); n != 2 {
			t.Errorf("with 3 slots, %d of 5 events remain in Redis", n)
		}
		cancel()
		close(release)
		must(t, next(t, result))
		if len(done) != 3 || len(started) != 0 {
			t.Errorf("%d events handled to the end, %d taken after the end of the context", len(done), len(started))
		}
		if err := r.Run(t.Context()); !errors.Is(err, remoteevent.ErrRunning) {
			t.Errorf("second Run: %v", err)
		}
	})
}

func TestShutdownTimeout(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ctx, cancel := context.WithCancel(t.Context())
		cause := make(chan error, 1)
		mux, r := receiver(t, client, remoteevent.WithShutdownTimeout(time.Millisecond))
		must(t, remoteevent.Handle(mux, func(ctx context.Context, _ FileEvent) error {
			cancel()
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return nil
		}))
		must(t, sender(t, client).Send(t.Context(), FileEvent{}))
		if err := r.Run(ctx); !errors.Is(err, remoteevent.ErrShutdownTimeout) {
			t.Errorf("Run returned %v", err)
		}
		if err := next(t, cause); !errors.Is(err, remoteevent.ErrShutdownTimeout) {
			t.Errorf("the listener's context was cancelled with %v", err)
		}
	})
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		got := make(chan string, 10)
		named := func(name string) remoteevent.Middleware {
			return func(next remoteevent.HandlerFunc) remoteevent.HandlerFunc {
				return func(ctx context.Context, d *remoteevent.Delivery) error {
					got <- name
					return next(ctx, d)
				}
			}
		}
		mux, err := remoteevent.NewMux(remoteevent.WithMiddleware(named("outer"), named("inner")))
		must(t, err)
		r := receiverOf(t, client, mux)
		must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error { got <- "listener"; return nil }))
		start(t, r)
		must(t, sender(t, client).Send(t.Context(), FileEvent{}))
		for _, want := range []string{"outer", "inner", "listener"} {
			if name := next(t, got); name != want {
				t.Errorf("got %s, want %s", name, want)
			}
		}
	})
}

// TestManyQueues uses more queues than an original has threads, and more than a client has
// connections.
func TestManyQueues(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		const queues = 60
		got := make(chan string, queues)
		mux, r := receiver(t, client, remoteevent.WithQueues(numberedQueues(queues)...), remoteevent.WithQueues(numberedQueues(queues)...))
		must(t, mux.Listen("event", func(_ context.Context, d *remoteevent.Delivery) error { got <- d.Queue; return nil }))
		start(t, r)
		seen := map[string]bool{}
		for i := range queues {
			must(t, sender(t, client).Forward(t.Context(), wire.Envelope{EventName: fmt.Sprint("q", i), Payload: []byte(`{}`)}))
		}
		for range queues {
			seen[next(t, got)] = true
		}
		if len(seen) != queues {
			t.Errorf("received from %d of %d queues", len(seen), queues)
		}
	})
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	for _, option := range []remoteevent.ReceiverOption{
		remoteevent.WithConcurrency(0), remoteevent.WithShutdownTimeout(-1), remoteevent.WithMaxReceiveBytes(-1), remoteevent.WithLogger(nil),
		remoteevent.WithPrefetch(-1), remoteevent.WithLease(time.Millisecond), remoteevent.WithMaxAttempts(0),
		remoteevent.WithBackoff(2, 1), remoteevent.WithDeduplication(time.Hour, 0),
	} {
		if _, err := remoteevent.NewReceiver(client, new(remoteevent.Mux), option); err == nil {
			t.Error("an invalid option was accepted")
		}
	}
	if _, err := remoteevent.NewSender(client, remoteevent.WithoutMetadata(), remoteevent.WithSource("/x")); err == nil {
		t.Error("WithSource without metadata was accepted")
	}
	if _, err := remoteevent.NewSender(nil); err == nil {
		t.Error("a sender without a client was accepted")
	}
	mux, r := receiver(t, client)
	if err := r.Run(t.Context()); !errors.Is(err, remoteevent.ErrNoQueues) {
		t.Errorf("without queues: %v", err)
	}
	if err := mux.Listen("kernel.kernel_shutdown", nil); err == nil {
		t.Error("a listener for a signal of the kernel was accepted")
	}
	var fault *remoteevent.TypeError
	if err := remoteevent.Handle(mux, func(context.Context, Promoted) error { return nil }); !errors.As(err, &fault) {
		t.Errorf("listener for an invalid event type: %v", err)
	}
}

func TestAnyNameIsAQueue(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		names := []string{"日本 {x}", "", " ", "{}", "a\x00b\n", "*", strings.Repeat("long", 1000)}
		got := make(chan string, len(names))
		mux, r := receiver(t, client, remoteevent.WithQueues(names...))
		must(t, mux.Listen("event", func(_ context.Context, d *remoteevent.Delivery) error { got <- d.Queue; return nil }))
		start(t, r)
		for _, name := range names {
			must(t, sender(t, client).Forward(t.Context(), wire.Envelope{EventName: name, Payload: []byte(`{}`)}))
			if queue := next(t, got); queue != name {
				t.Errorf("%q arrived by queue %q", name, queue)
			}
		}
	})
}

func TestLongMessage(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		long := FileEvent{strings.Repeat("x", 20<<20)}
		var refused *remoteevent.RejectedError
		if err := sender(t, client).Send(t.Context(), long); !errors.As(err, &refused) || refused.Findings[0].Requirement != wire.ReqSize {
			t.Errorf("got %v", err)
		}
		got := make(chan int, 1)
		mux, r := receiver(t, client)
		must(t, remoteevent.Handle(mux, func(_ context.Context, e FileEvent) error { got <- len(e.Path); return nil }))
		start(t, r)
		must(t, sender(t, client, remoteevent.WithMaxSendBytes(32<<20)).Send(t.Context(), long))
		if n := next(t, got); n != 20<<20 {
			t.Errorf("received %d characters", n)
		}
		// A message that is too long for this receiver is not delivered.
		logged, option := newLog()
		_, small := receiver(t, client, option, remoteevent.WithMaxReceiveBytes(1000), remoteevent.WithQueues("other"))
		must(t, client.LPush(t.Context(), "other", strings.Repeat("x", 1001)).Err())
		start(t, small)
		logged.wait(t, "LIMIT-3")
	})
}
