package remoteevent_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestContextBoundsPromptSend: where Redis has been prompt so far, a context ends a call
// of a client whose timeouts do not.
func TestContextBoundsPromptSend(t *testing.T) {
	t.Parallel()
	for name, timeout := range map[string]time.Duration{"a minute": time.Minute, "three seconds": 3 * time.Second, "none": -1, "no deadlines": -2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStalled(t)
			client := redis.NewClient(&redis.Options{Addr: s.client.Options().Addr, ReadTimeout: timeout, WriteTimeout: timeout})
			defer client.Close()
			s.sender = sender(t, client)
			for end, begin := range map[string]func(context.Context) (context.Context, context.CancelFunc){
				"cancel": context.WithCancel,
				"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
					return context.WithTimeout(ctx, 50*time.Millisecond)
				},
			} {
				if end == "cancel" && timeout == 3*time.Second {
					continue // the timeout ends the call
				}
				remoteevent.BePrompt(s.sender)
				ctx, cancel := begin(t.Context())
				done := s.send(ctx, "q", "x")
				if end == "cancel" {
					next(t, s.pushes)
					cancel()
				}
				err := next(t, done)
				cancel()
				if !errors.Is(err, ctx.Err()) {
					t.Errorf("%s: %v", end, err)
				}
				switch {
				case end == "cancel":
					s.answers <- ":1\r\n"
				case errors.Is(err, remoteevent.ErrUnknown): // else the deadline passed before
					next(t, s.pushes)
					s.answers <- ":1\r\n"
				}
			}
		})
	}
}

// TestLaterHooksOfTheClient: hooks that are added to the client of a sender see its
// commands, whichever context they have.
func TestLaterHooksOfTheClient(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	s := sender(t, client)
	cancelled, cancel := context.WithCancel(t.Context())
	defer cancel()
	limited, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var hooks []watching
	for range 3 {
		hooks = append(hooks, watching{seen: make(chan string, 1)})
		client.AddHook(hooks[len(hooks)-1])
		for _, ctx := range []context.Context{context.Background(), cancelled, limited, limited} {
			remoteevent.BePrompt(s)
			must(t, s.Send(ctx, FileEvent{"x"}))
			for _, hook := range hooks {
				next(t, hook.seen)
			}
		}
	}
}

// pausing is a hook of a client that is called before a command goes on.
type pausing struct{ pause func() }

func (pausing) DialHook(next redis.DialHook) redis.DialHook { return next }
func (pausing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (p pausing) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "lpush" {
			p.pause()
		}
		return next(ctx, cmd)
	}
}

// TestWithdrawnBatch: when a context ends as a command is about to be written, the events
// of the command share one outcome.
func TestWithdrawnBatch(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	var cancel context.CancelFunc
	client.AddHook(pausing{func() {
		cancel()
		for begun, wait := time.Now(), rand.N(20*time.Microsecond); time.Since(begun) < wait; {
			runtime.Gosched()
		}
	}})
	events := slices.Repeat([]remoteevent.Event{FileEvent{"x"}}, 1001) // the first 1,000 in a command
	s := sender(t, client)
	for range 100 {
		ctx, end := context.WithCancel(t.Context())
		cancel = end
		err := s.SendBatch(ctx, events...)
		end()
		batch, ok := errors.AsType[*remoteevent.BatchError](err)
		if !ok {
			continue // all are stored
		}
		first := batch.Results[0].Outcome
		if i := slices.IndexFunc(batch.Results[:1000], func(r remoteevent.Result) bool { return r.Outcome != first }); i > 0 {
			t.Fatalf("event %d is %s, and the first %s", i, batch.Results[i].Outcome, first)
		}
	}
}

// TestLateWrite: a call that gets its connection so late that the client's timeouts go
// beyond its deadline goes on in another goroutine.
func TestLateWrite(t *testing.T) {
	t.Parallel()
	const timeout = 5 * time.Second
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), ReadTimeout: timeout, WriteTimeout: timeout})
	defer client.Close()
	late, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	deadline, _ := late.Deadline()
	client.AddHook(pausing{func() { <-late.Done() }})
	s := sender(t, client)
	remoteevent.BePrompt(s)
	ctx, cancel := context.WithDeadline(t.Context(), deadline.Add(2*timeout))
	defer cancel()
	must(t, s.Send(ctx, FileEvent{"x"}))
	remoteevent.BePrompt(s)
	must(t, s.SendBatch(ctx, FileEvent{"x"}, Tags{}))
	if n := client.LLen(t.Context(), "file_event").Val() + client.LLen(t.Context(), "tags").Val(); n != 3 {
		t.Errorf("%d events are stored", n)
	}
}
