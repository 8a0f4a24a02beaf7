package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/wire"
)

// hook observes everything. It calls the function before it records an info. Its channels have
// room for all.
type hook struct {
	call  func()
	infos chan any
}

func newHook() *hook { return &hook{call: func() {}, infos: make(chan any, 1000)} }

func (h *hook) note(info any) {
	h.call()
	select {
	case h.infos <- info:
	default: // an event may be released and taken over and over
	}
}

func (h *hook) OnSent(_ context.Context, info remoteevent.SentInfo)           { h.note(info) }
func (h *hook) OnRejected(_ context.Context, info remoteevent.RejectedInfo)   { h.note(info) }
func (h *hook) OnReceived(_ context.Context, info remoteevent.ReceivedInfo)   { h.note(info) }
func (h *hook) OnHandled(_ context.Context, info remoteevent.HandledInfo)     { h.note(info) }
func (h *hook) OnLeaseLost(_ context.Context, info remoteevent.LeaseLostInfo) { h.note(info) }
func (h *hook) OnFailing(_ context.Context, info remoteevent.FailingInfo)     { h.note(info) }
func (h *hook) OnRecovered(_ context.Context, info remoteevent.RecoveredInfo) { h.note(info) }

// nextInfo returns the next info of a type, and skips others.
func nextInfo[Info any](t *testing.T, h *hook) Info {
	t.Helper()
	for {
		if info, ok := next(t, h.infos).(Info); ok {
			return info
		}
	}
}

func TestWithHooks(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{})
	t.Cleanup(func() { _ = client.Close() })
	for name, h := range map[string]remoteevent.Hook{
		"nil": nil, "a nil pointer": (*hook)(nil), "no hook": "OnSent", "a function": func() {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			option := remoteevent.WithHooks(newHook(), h)
			if _, err := remoteevent.NewSender(client, option); err == nil || !strings.Contains(err.Error(), "WithHooks: hook 2") {
				t.Errorf("NewSender returned %v", err)
			}
			if _, err := remoteevent.NewReceiver(client, new(remoteevent.Mux), option); err == nil || !strings.Contains(err.Error(), "WithHooks: hook 2") {
				t.Errorf("NewReceiver returned %v", err)
			}
		})
	}
}

// onlySent implements one interface.
type onlySent struct{ sent chan<- remoteevent.SentInfo }

func (h onlySent) OnSent(_ context.Context, info remoteevent.SentInfo) { h.sent <- info }

// TestSentHooks: each event that is sent, in each of the ways, has one info with the id
// that is on the wire.
func TestSentHooks(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	env, err := remoteevent.NewEnvelope(FileEvent{"s3cret"})
	must(t, err)
	for name, send := range map[string]func(context.Context, *remoteevent.Sender) error{
		"Send":         func(ctx context.Context, s *remoteevent.Sender) error { return s.Send(ctx, FileEvent{"s3cret"}) },
		"SendBatch":    func(ctx context.Context, s *remoteevent.Sender) error { return s.SendBatch(ctx, FileEvent{"s3cret"}) },
		"Forward":      func(ctx context.Context, s *remoteevent.Sender) error { return s.Forward(ctx, env) },
		"ForwardBatch": func(ctx context.Context, s *remoteevent.Sender) error { return s.ForwardBatch(ctx, env) },
	} {
		for _, middleware := range []bool{false, true} {
			sent := make(chan remoteevent.SentInfo, 2)
			options := []remoteevent.SenderOption{remoteevent.WithHooks(onlySent{sent}), remoteevent.WithSource("/a")}
			if middleware {
				options = append(options, remoteevent.WithSendMiddleware(func(next remoteevent.SendFunc) remoteevent.SendFunc { return next }))
			}
			s := sender(t, client, options...)
			for _, ctx := range []context.Context{context.Background(), t.Context()} {
				must(t, send(ctx, s))
				info := next(t, sent)
				raw, err := client.RPop(t.Context(), "file_event").Bytes()
				must(t, err)
				stored, err := wire.Decode(raw, wire.Limits{})
				must(t, err)
				if info.Duration <= 0 {
					t.Errorf("%s: the duration is %v", name, info.Duration)
				}
				info.Duration = 0
				want := remoteevent.SentInfo{Event: "file_event", ID: stored.Metadata.Attributes[wire.AttributeID], Bytes: len(raw), Outcome: remoteevent.Stored}
				if info != want || want.ID == "" {
					t.Errorf("%s: the info is %+v, not %+v", name, info, want)
				}
			}
		}
	}
}

// TestSentHooksOfFailures: the infos of events that are not stored have the outcome and
// an error that does not show the payload, not even by what it wraps.
func TestSentHooksOfFailures(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	defer client.Close()
	h := newHook()
	s := sender(t, client, remoteevent.WithHooks(h))
	server.SetError("ERR s3cret")
	if s.Send(t.Context(), FileEvent{"s3cret"}) == nil {
		t.Error("Send returned no error")
	}
	info := nextInfo[remoteevent.SentInfo](t, h)
	if info.Outcome != remoteevent.Rejected || info.Err == nil || strings.Contains(fmt.Sprintf("%v %+v", info.Err, info), "s3cret") {
		t.Errorf("the info is %+v", info)
	}
	server.SetError("")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if s.Send(ended, FileEvent{"s3cret"}) == nil {
		t.Error("Send returned no error")
	}
	if info := nextInfo[remoteevent.SentInfo](t, h); info.Outcome != remoteevent.Rejected || !errors.Is(info.Err, remoteevent.ErrNotSent) || !errors.Is(info.Err, context.Canceled) {
		t.Errorf("the info is %+v", info)
	}

	var batch *remoteevent.BatchError
	if err := s.SendBatch(t.Context(), FileEvent{"s3cret\xff"}, FileEvent{"b"}); !errors.As(err, &batch) || batch.Count(remoteevent.Rejected) != 1 {
		t.Errorf("SendBatch returned %v", err)
	}
	rejected, ok := next(t, h.infos).(remoteevent.RejectedInfo)
	if !ok || rejected.Event != "file_event" || rejected.Err == nil || strings.Contains(fmt.Sprintf("%v %+v", rejected.Err, rejected), "s3cret") {
		t.Errorf("the info is %+v", rejected)
	}
	if sent, ok := next(t, h.infos).(remoteevent.SentInfo); !ok || sent.Outcome != remoteevent.Stored {
		t.Errorf("the info is %+v", sent)
	}
	if s.Send(t.Context(), nil) == nil {
		t.Error("Send returned no error")
	}
	if rejected, ok := next(t, h.infos).(remoteevent.RejectedInfo); !ok || rejected.Event != "" || rejected.Err == nil {
		t.Errorf("the info is %+v", rejected)
	}
	if len(h.infos) > 0 {
		t.Errorf("%d more infos came", len(h.infos))
	}
}

// TestHandledHooks: every disposition of a message is observed, at least once and at most
// once.
func TestHandledHooks(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = client.Close() })
	failed := errors.New("failed")
	fit := `{"data": {"path": "a"}, "signals": ["file_event"], "metadata": {"id": "an id"}}`
	for name, c := range map[string]struct {
		raw     string
		handler remoteevent.HandlerFunc
		options []remoteevent.ReceiverOption
		want    remoteevent.HandledInfo
	}{
		"acknowledged": {raw: fit, want: remoteevent.HandledInfo{Event: "file_event", ID: "an id", Attempt: 1, Disposition: remoteevent.Acknowledged}},
		"acknowledged at most once": {
			raw: fit, options: []remoteevent.ReceiverOption{remoteevent.WithAtMostOnce()},
			want: remoteevent.HandledInfo{Event: "file_event", ID: "an id", Attempt: 1, Disposition: remoteevent.Acknowledged},
		},
		"retried": {
			raw: fit, handler: func(context.Context, *remoteevent.Delivery) error { return failed },
			options: []remoteevent.ReceiverOption{remoteevent.WithBackoff(time.Hour, time.Hour)},
			want:    remoteevent.HandledInfo{Event: "file_event", ID: "an id", Attempt: 1, Disposition: remoteevent.Retried, Code: "failed", Err: failed},
		},
		"the last attempt": {
			raw: fit, handler: func(context.Context, *remoteevent.Delivery) error { panic("a listener") },
			options: []remoteevent.ReceiverOption{remoteevent.WithMaxAttempts(1)},
			want:    remoteevent.HandledInfo{Event: "file_event", ID: "an id", Attempt: 1, Disposition: remoteevent.DeadLettered, Code: "panicked"},
		},
		"permanent": {
			raw: fit, handler: func(context.Context, *remoteevent.Delivery) error { return remoteevent.Permanent(failed) },
			want: remoteevent.HandledInfo{Event: "file_event", ID: "an id", Attempt: 1, Disposition: remoteevent.DeadLettered, Code: "permanent", Err: failed},
		},
		"malformed": {raw: `{"s3cret"`, want: remoteevent.HandledInfo{Attempt: 1, Disposition: remoteevent.DeadLettered, Code: "malformed"}},
		"a payload that does not fit its schema": {
			raw: fit, options: []remoteevent.ReceiverOption{remoteevent.WithPayloadSchemas(unfit{})},
			want: remoteevent.HandledInfo{Event: "file_event", ID: "an id", Attempt: 1, Disposition: remoteevent.DeadLettered, Code: "schema"},
		},
		"malformed at most once": {
			raw: `{"s3cret"`, options: []remoteevent.ReceiverOption{remoteevent.WithAtMostOnce()},
			want: remoteevent.HandledInfo{Attempt: 1, Disposition: remoteevent.Dropped, Code: "malformed"},
		},
		"dropped": {
			raw: fit, handler: func(context.Context, *remoteevent.Delivery) error { return failed },
			options: []remoteevent.ReceiverOption{remoteevent.WithAtMostOnce()},
			want:    remoteevent.HandledInfo{Event: "file_event", ID: "an id", Attempt: 1, Disposition: remoteevent.Dropped, Code: "failed", Err: failed},
		},
		"dead at most once": {
			raw: fit, handler: func(context.Context, *remoteevent.Delivery) error { return failed },
			options: []remoteevent.ReceiverOption{remoteevent.WithAtMostOnce(), remoteevent.WithDeadLetters()},
			want:    remoteevent.HandledInfo{Event: "file_event", ID: "an id", Attempt: 1, Disposition: remoteevent.DeadLettered, Code: "failed", Err: failed},
		},
		"released": {
			raw: fit, handler: func(context.Context, *remoteevent.Delivery) error { return remoteevent.ErrRelease },
			want: remoteevent.HandledInfo{Event: "file_event", ID: "an id", Attempt: 1, Disposition: remoteevent.Released},
		},
		"a listener that ends its goroutine": {
			raw: fit, handler: func(context.Context, *remoteevent.Delivery) error { runtime.Goexit(); return nil },
			want: remoteevent.HandledInfo{Event: "file_event", ID: "an id", Attempt: 1, Disposition: remoteevent.Retried, Code: "failed"},
		},
		"a schema that ends its goroutine": {
			raw: fit, options: []remoteevent.ReceiverOption{remoteevent.WithPayloadSchemas(endingSchema{})},
			want: remoteevent.HandledInfo{Event: "file_event", ID: "an id", Attempt: 1, Disposition: remoteevent.Retried, Code: "failed"},
		},
		"a schema that panics": {
			raw: fit, options: []remoteevent.ReceiverOption{remoteevent.WithPayloadSchemas(panickingSchema{})},
			want: remoteevent.HandledInfo{Event: "file_event", ID: "an id", Attempt: 1, Disposition: remoteevent.Retried, Code: "panicked"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := c.handler
			if handler == nil {
				handler = func(context.Context, *remoteevent.Delivery) error { return nil }
			}
			h := newHook()
			options := append([]remoteevent.ReceiverOption{
				remoteevent.WithHooks(h), remoteevent.WithQueues(name), remoteevent.WithLogger(slog.New(slog.DiscardHandler)),
			}, c.options...)
			must(t, client.LPush(t.Context(), name, c.raw).Err())
			stop := start(t, receiverOf(t, client, handler, options...))
			received := nextInfo[remoteevent.ReceivedInfo](t, h)
			if received.Queue != name || received.Attempt != 1 || received.Bytes != len(c.raw) {
				t.Errorf("received %+v", received)
			}
			info := nextInfo[remoteevent.HandledInfo](t, h)
			must(t, stop())
			if info.Delivery != received.Delivery || (info.Duration > 0) != (info.Event != "" && !strings.Contains(name, "schema")) || (info.RetryIn > 0) != (info.Disposition == remoteevent.Retried) {
				t.Errorf("the info is %+v", info)
			}
			if (info.Err != nil) != (c.want.Code != "") || c.want.Err != nil && !errors.Is(info.Err, c.want.Err) {
				t.Errorf("the error is %v", info.Err)
			}
			if strings.Contains(fmt.Sprintf("%v %+v", info.Err, info), "s3cret") {
				t.Errorf("the info %+v shows the payload", info)
			}
			c.want.Queue, c.want.Delivery, c.want.Duration, c.want.RetryIn, c.want.Err = name, info.Delivery, info.Duration, info.RetryIn, info.Err
			if info != c.want {
				t.Errorf("the info is\n%+v, not\n%+v", info, c.want)
			}
		})
	}
}

// endingSchema is a schema that ends its goroutine.
type endingSchema struct{}

func (endingSchema) Check(string, []byte) error { runtime.Goexit(); return nil }

// panickingSchema is a schema that panics.
type panickingSchema struct{}

func (panickingSchema) Check(string, []byte) error { panic("s3cret") }

// unfit is a schema that nothing fits.
type unfit struct{}

func (unfit) Check(string, []byte) error { return errors.New("s3cret") }

// TestDuplicateHook: a repeated event is observed as such.
func TestDuplicateHook(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	h := newHook()
	mux, r := receiver(t, client, remoteevent.WithHooks(h), remoteevent.WithDeduplication(time.Hour, 10))
	must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error { return nil }))
	env, err := remoteevent.NewEnvelope(FileEvent{"a"})
	must(t, err)
	env = remoteevent.Stamp(env)
	s := sender(t, client)
	must(t, s.Forward(t.Context(), env))
	must(t, s.Forward(t.Context(), env))
	start(t, r)
	for _, want := range []remoteevent.Disposition{remoteevent.Acknowledged, remoteevent.Duplicate} {
		info := nextInfo[remoteevent.HandledInfo](t, h)
		if info.Disposition != want || info.ID != env.Metadata.Attributes[wire.AttributeID] || info.Err != nil {
			t.Errorf("the info is %+v", info)
		}
	}
}

// TestHookOfUnstarted: messages that a shutdown releases before a handler began with them
// are observed.
func TestHookOfUnstarted(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	h := newHook()
	mux, r := receiver(t, client, remoteevent.WithHooks(h), remoteevent.WithPrefetch(2))
	begun, end := make(chan struct{}, 3), make(chan struct{})
	must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error {
		begun <- struct{}{}
		<-end
		return nil
	}))
	must(t, sender(t, client).SendBatch(t.Context(), FileEvent{"a"}, FileEvent{"b"}, FileEvent{"c"}))
	stop := start(t, r)
	next(t, begun)
	for range 3 {
		nextInfo[remoteevent.ReceivedInfo](t, h)
	}
	go func() {
		for range 2 {
			if info := nextInfo[remoteevent.HandledInfo](t, h); info.Disposition != remoteevent.Released || info.Queue != "file_event" || info.Event != "file_event" || info.ID == "" || info.Duration != 0 || info.Err != nil {
				t.Errorf("the info is %+v", info)
			}
		}
		close(end)
	}()
	must(t, stop())
	if info := nextInfo[remoteevent.HandledInfo](t, h); info.Disposition != remoteevent.Acknowledged {
		t.Errorf("the info is %+v", info)
	}
}

// TestOutageHooks: an outage is observed at its begin and at its end.
func TestOutageHooks(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	server := redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	h := newHook()
	_, r := receiver(t, client, remoteevent.WithHooks(h), remoteevent.WithQueues("q"), remoteevent.WithLogger(slog.New(slog.DiscardHandler)))
	start(t, r)
	must(t, client.LPush(t.Context(), "q", `{"data": {}, "signals": ["q"]}`).Err())
	nextInfo[remoteevent.HandledInfo](t, h)
	server.Stop()
	failing := nextInfo[remoteevent.FailingInfo](t, h)
	if failing.Queue != "q" || failing.Err == nil {
		t.Errorf("the info is %+v", failing)
	}
	redistest.Start(t, addr)
	recovered := nextInfo[remoteevent.RecoveredInfo](t, h)
	if recovered.Queue != "q" || recovered.Failures < 1 || time.Since(recovered.Since) <= 0 || recovered.Since.IsZero() {
		t.Errorf("the info is %+v", recovered)
	}
}

// TestHookPanics: whatever a hook does, events are sent and handled, and its first panic
// is logged.
func TestHookPanics(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fail   func()
		logged []string // methods
	}{
		"panic":  {func() { panic("s3cret") }, []string{"OnSent", "OnReceived", "OnHandled"}},
		"Goexit": {runtime.Goexit, []string{"OnReceived", "OnHandled"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
			defer client.Close()
			logged, option := newLog()
			bad := &hook{call: c.fail}
			handled := make(chan struct{}, 3)
			mux, r := receiver(t, client, remoteevent.WithHooks(bad), option)
			must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error { handled <- struct{}{}; return nil }))
			stop := start(t, r)
			s := sender(t, client, remoteevent.WithHooks(bad), option)
			for range 3 {
				sent := make(chan error, 1)
				go func() {
					defer close(sent) // a hook of a sender may end the goroutine of its caller
					sent <- s.Send(context.Background(), FileEvent{"a"})
				}()
				must(t, <-sent)
				next(t, handled)
			}
			must(t, stop())
			text := logged.String()
			for _, method := range c.logged {
				if n := strings.Count(text, "method="+method); n != 1 {
					t.Errorf("the panic of %s is logged %d times", method, n)
				}
			}
			if strings.Contains(text, "s3cret") || strings.Count(text, "hook panicked;") != len(c.logged) {
				t.Error(text)
			}
		})
	}
}

// TestHookOfConcurrentSends: with hooks, concurrent calls share commands as without.
func TestHookOfConcurrentSends(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	h := newHook()
	s := sender(t, client, remoteevent.WithHooks(h))
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if err := s.Send(t.Context(), FileEvent{"a"}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	ids := map[string]bool{}
	for range 100 {
		info := nextInfo[remoteevent.SentInfo](t, h)
		ids[info.ID] = info.Outcome == remoteevent.Stored
	}
	if len(ids) != 100 || len(h.infos) > 0 {
		t.Errorf("%d events and %d infos too many were observed", len(ids), len(h.infos))
	}
}
