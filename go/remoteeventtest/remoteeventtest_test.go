package remoteeventtest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/remoteeventtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type NewFileEvent struct {
	Path string `json:"path"`
}

func (NewFileEvent) EventName() string { return "new_file_event" }

type NewVideoEvent struct{ NewFileEvent }

func (NewVideoEvent) EventName() string { return "new_video_event" }

type DeletedEvent struct {
	Path string `json:"path"`
}

func (*DeletedEvent) EventName() string { return "deleted_event" }

// Unfit cannot be an event.
type Unfit struct {
	X chan int `json:"x"`
}

func (Unfit) EventName() string { return "unfit" }

// fakeTB is a test that may fail.
type fakeTB struct {
	testing.TB

	failure string
}

func (f *fakeTB) Fatal(args ...any) { f.Fatalf("%s", fmt.Sprint(args...)) }
func (f *fakeTB) Fatalf(format string, args ...any) {
	f.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failureOf returns the text with which a test fails, or "".
func failureOf(t *testing.T, test func(t testing.TB)) string {
	t.Helper()
	fake := &fakeTB{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		test(fake)
	}()
	<-ended
	return fake.failure
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func video(path string) NewVideoEvent { return NewVideoEvent{NewFileEvent{path}} }

func TestRequireSent(t *testing.T) {
	t.Parallel()
	sender, client := remoteeventtest.NewSender(t)
	must(t, sender.Send(t.Context(), video("s3cret")))
	must(t, sender.Send(t.Context(), &DeletedEvent{"a"}))
	must(t, sender.Send(t.Context(), &DeletedEvent{"b"}))
	for range 2 { // the event stays
		if event := remoteeventtest.RequireSent[NewVideoEvent](t, client); event.Path != "s3cret" {
			t.Errorf("RequireSent returned %v", event)
		}
	}
	remoteeventtest.RequireNotSent[NewFileEvent](t, client)
	var paths []string
	for _, event := range remoteeventtest.Sent[*DeletedEvent](t, client) {
		paths = append(paths, event.Path)
	}
	if !slices.Equal(paths, []string{"a", "b"}) {
		t.Errorf("Sent returned %v", paths)
	}
}

func TestRequireSentFails(t *testing.T) {
	t.Parallel()
	sender, client := remoteeventtest.NewSender(t)
	must(t, sender.SendBatch(t.Context(), video("s3cret"), &DeletedEvent{"s3cret"}, &DeletedEvent{"s3cret"}))
	must(t, client.LPush(t.Context(), "new_file_event", "s3cret", `{"data": {"path": 17}, "signals": ["number_event"]}`).Err())
	const there = `; queue "deleted_event" has "deleted_event", "deleted_event"; queue "new_file_event" has a malformed message, "number_event"; queue "new_video_event" has "new_video_event"`
	empty := remoteeventtest.Redis(t)
	broken := remoteeventtest.Redis(t)
	must(t, broken.LPush(t.Context(), "new_file_event", `{"data": {"path": 17}, "signals": ["new_file_event"]}`).Err())
	closed := remoteeventtest.Redis(t)
	must(t, closed.Close())
	for name, c := range map[string]struct {
		test func(t testing.TB)
		want string
	}{
		"other events":   {func(t testing.TB) { remoteeventtest.RequireSent[NewFileEvent](t, client) }, `RequireSent: 0 events "new_file_event" were sent, not 1` + there},
		"two events":     {func(t testing.TB) { remoteeventtest.RequireSent[*DeletedEvent](t, client) }, `RequireSent: 2 events "deleted_event" were sent, not 1` + there},
		"nothing":        {func(t testing.TB) { remoteeventtest.RequireSent[NewFileEvent](t, empty) }, `RequireSent: 0 events "new_file_event" were sent, not 1; all queues are empty`},
		"sent":           {func(t testing.TB) { remoteeventtest.RequireNotSent[NewVideoEvent](t, client) }, `RequireNotSent: 1 events "new_video_event" were sent` + there},
		"another layout": {func(t testing.TB) { remoteeventtest.RequireSent[NewFileEvent](t, broken) }, `an event was sent that does not fit remoteeventtest_test.NewFileEvent: event "new_file_event": `},
		"no event":       {func(t testing.TB) { remoteeventtest.RequireSent[Unfit](t, client) }, `Handle: remoteeventtest_test.Unfit cannot be an event: `},
		"no Redis":       {func(t testing.TB) { remoteeventtest.RequireNotSent[NewFileEvent](t, closed) }, `read the queue "new_file_event": redis: client is closed`},
		"wrong option":   {func(t testing.TB) { remoteeventtest.NewSender(t, remoteevent.WithMaxSendBytes(-1)) }, `remoteeventtest.NewSender: NewSender: WithMaxSendBytes(-1): `},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := failureOf(t, c.test)
			if !strings.HasPrefix(got, c.want) || strings.Contains(got, "s3cret") {
				t.Errorf("the test fails with %q, not %q", got, c.want)
			}
		})
	}
}

// TestNewSenderRejects: the sender is a real one.
func TestNewSenderRejects(t *testing.T) {
	t.Parallel()
	sender, client := remoteeventtest.NewSender(t)
	var rejected *remoteevent.RejectedError
	if err := sender.Send(t.Context(), video("\xff")); !errors.As(err, &rejected) {
		t.Errorf("Send returned %v", err)
	}
	must(t, client.Close())
	if err := sender.Send(t.Context(), video("x")); !errors.Is(err, remoteevent.ErrNotSent) {
		t.Errorf("Send returned %v after Close", err)
	}
}

// TestLargePipeline: the connection buffers the replies of a pipeline that the
// client is still writing.
func TestLargePipeline(t *testing.T) {
	t.Parallel()
	client := remoteeventtest.Redis(t)
	const commands = 2000
	value := strings.Repeat("x", 500)
	cmds, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for range commands {
			p.LPush(t.Context(), "list", value)
			p.LIndex(t.Context(), "list", 0)
		}
		return nil
	})
	if err != nil || len(cmds) != 2*commands || client.LLen(t.Context(), "list").Val() != commands {
		t.Errorf("%d commands: %v", len(cmds), err)
	}
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	mux, err := remoteevent.NewMux()
	must(t, err)
	var got *remoteevent.Delivery
	var paths []string
	failure := errors.New("the disk is full")
	must(t, remoteevent.Listen(mux, func(ctx context.Context, event NewFileEvent) error { // hears its children
		got = remoteevent.DeliveryOf(ctx)
		paths = append(paths, event.Path)
		return failure
	}))
	if err := remoteeventtest.Deliver(t, mux, video("a")); !errors.Is(err, failure) {
		t.Errorf("Deliver returned %v", err)
	}
	if got.Queue != "new_video_event" || got.Attempt != 1 || got.ID == "" || got.ID != got.Attribute("id") ||
		got.MaxAttempts != 25 || got.LastAttempt() || got.Attribute("time") == "" || time.Since(got.FirstSeen) > time.Hour || got.Shutdown != nil {
		t.Errorf("by default, the delivery is %+v", got)
	}

	seen, begun := time.Now().Add(-time.Hour), make(chan struct{})
	ctx := context.WithValue(t.Context(), testKey{}, "value")
	must(t, mux.Listen("event", func(ctx context.Context, _ *remoteevent.Delivery) error {
		if ctx.Value(testKey{}) != "value" {
			t.Error("the listener has another context")
		}
		return nil
	}))
	_ = remoteeventtest.Deliver(t, mux, video("b"), remoteeventtest.WithAttempt(3), remoteeventtest.WithMaxAttempts(3), remoteeventtest.WithID("17"),
		remoteeventtest.WithQueue("uploads"), remoteeventtest.WithFirstSeen(seen), remoteeventtest.WithShutdown(begun),
		remoteeventtest.WithAttribute("id", "x"), remoteeventtest.WithAttribute("tenant", "acme"), remoteeventtest.WithContext(ctx))
	if got.Queue != "uploads" || got.Attempt != 3 || !got.LastAttempt() || got.ID != "17" || got.Key() != "x" || got.Attribute("tenant") != "acme" ||
		!got.FirstSeen.Equal(seen) || got.Shutdown != (<-chan struct{})(begun) {
		t.Errorf("with options, the delivery is %+v", got)
	}
	if !slices.Equal(paths, []string{"a", "b"}) {
		t.Errorf("handled %v", paths)
	}
}

type testKey struct{}

func TestDeliverFails(t *testing.T) {
	t.Parallel()
	mux, err := remoteevent.NewMux()
	must(t, err)
	for name, c := range map[string]struct {
		event  remoteevent.Event
		option remoteeventtest.DeliverOption
		want   string
	}{
		"attempt":   {video("x"), remoteeventtest.WithAttempt(0), "Deliver: WithAttempt(0): attempts count from 1"},
		"max":       {video("x"), remoteeventtest.WithMaxAttempts(0), "Deliver: WithMaxAttempts(0): there is at least one attempt"},
		"no event":  {Unfit{}, remoteeventtest.WithAttempt(1), "Deliver: remoteeventtest_test.Unfit cannot be an event: "},
		"payload":   {video("s3cret\xff"), remoteeventtest.WithAttempt(1), "Deliver: "},
		"attribute": {video("x"), remoteeventtest.WithAttribute("Not A Name", "s3cret"), "Deliver: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := failureOf(t, func(t testing.TB) { _ = remoteeventtest.Deliver(t, mux, c.event, c.option) })
			if !strings.HasPrefix(got, c.want) || strings.Contains(got, "s3cret") {
				t.Errorf("the test fails with %q, not %q", got, c.want)
			}
		})
	}
}

// TestReceiverInBubble runs a sender, a receiver with its retries and the operator's
// functions in the time of a bubble.
func TestReceiverInBubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sender, client := remoteeventtest.NewSender(t)
		mux, err := remoteevent.NewMux()
		must(t, err)
		var attempts []time.Duration
		start := time.Now()
		buried := make(chan struct{})
		must(t, remoteevent.Handle(mux, func(ctx context.Context, _ NewVideoEvent) error {
			attempts = append(attempts, time.Since(start))
			if remoteevent.DeliveryOf(ctx).Attempt == 3 {
				close(buried)
			}
			return errors.New("the disk is full")
		}))
		receiver, err := remoteevent.NewReceiver(client, mux, remoteevent.WithMaxAttempts(3), remoteevent.WithBackoff(10*time.Second, 10*time.Second),
			remoteevent.WithLogger(slog.New(slog.DiscardHandler)))
		must(t, err)
		must(t, sender.Send(t.Context(), video("a")))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- receiver.Run(ctx) }()
		<-buried
		stop()
		must(t, <-done)
		if len(attempts) != 3 || attempts[0] > time.Second || attempts[2] < 10*time.Second || attempts[2] > 21*time.Second {
			t.Errorf("attempts after %v", attempts)
		}
		queue, err := queueadmin.Open(client, "new_video_event")
		must(t, err)
		stats, err := queue.Stats(t.Context())
		if must(t, err); stats.Dead != 1 || stats.Queued+stats.Leased+stats.Retrying != 0 {
			t.Errorf("%+v", stats)
		}
	})
}

// TestRedisNoticesDepartures: the Redis of a test executes nothing for a client that has
// gone while it waited, not even the command that it had pipelined.
func TestRedisNoticesDepartures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := remoteeventtest.Redis(t)
		conn, err := client.Options().Dialer(t.Context(), "", "")
		must(t, err)
		_, err = conn.Write([]byte("*3\r\n$5\r\nBRPOP\r\n$1\r\nq\r\n$1\r\n0\r\n*3\r\n$4\r\nRPOP\r\n$1\r\nq\r\n$2\r\n10\r\n"))
		must(t, err)
		synctest.Wait()
		must(t, conn.Close())
		synctest.Wait()
		must(t, client.LPush(t.Context(), "q", 1, 2, 3).Err())
		if n := client.LLen(t.Context(), "q").Val(); n != 3 {
			t.Errorf("%d of 3 messages are left", n)
		}
	})
}
