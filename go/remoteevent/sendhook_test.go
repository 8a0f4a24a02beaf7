package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// watching is a hook of a client. It records the texts that a tracing hook would show, and
// panics if panics is set.
type watching struct {
	seen   chan string
	panics bool
}

func (watching) DialHook(next redis.DialHook) redis.DialHook { return next }
func (watching) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (w watching) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() != "lpush" {
			return next(ctx, cmd)
		}
		if w.panics {
			panic("s3cret")
		}
		w.seen <- fmt.Sprint(cmd.Args()...)
		return next(ctx, cmd)
	}
}

// TestHooksOfTheClient: the client's hooks see the commands without payloads, and
// their panics are errors of Send, in the caller's goroutine and in another.
func TestHooksOfTheClient(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	for _, ctx := range []context.Context{context.Background(), t.Context()} {
		client := redis.NewClient(&redis.Options{Addr: addr})
		defer client.Close()
		hook := watching{seen: make(chan string, 1)}
		client.AddHook(hook)
		must(t, sender(t, client).Send(ctx, FileEvent{"s3cret"}))
		if text := next(t, hook.seen); strings.Contains(text, "s3cret") || !strings.Contains(text, "file_event") {
			t.Error(text)
		}
		client.AddHook(watching{panics: true})
		err := sender(t, client).Send(ctx, FileEvent{"x"})
		var panicked *remoteevent.PanicError
		if !errors.Is(err, remoteevent.ErrNotSent) || !errors.As(err, &panicked) || strings.Contains(err.Error(), "s3cret") {
			t.Error(err)
		}
	}
}

// ending is a hook of a client that ends the goroutine in which an event is sent.
type ending struct{ on *atomic.Bool }

func (ending) DialHook(next redis.DialHook) redis.DialHook { return next }
func (ending) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (e ending) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "lpush" && e.on.Load() {
			runtime.Goexit()
		}
		return next(ctx, cmd)
	}
}

// TestHookThatEndsItsGoroutine: an event that was not sent for it is not stored, and
// later ones are sent.
func TestHookThatEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr})
	defer client.Close()
	hook := ending{new(atomic.Bool)}
	client.AddHook(hook)
	s := sender(t, client)
	hook.on.Store(true)
	for range 3 { // in a goroutine of the sender
		if err := s.Send(t.Context(), FileEvent{"x"}); !errors.Is(err, remoteevent.ErrNotSent) {
			t.Errorf("Send returned %v", err)
		}
	}
	for range 3 { // in the caller's
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = s.Send(context.Background(), FileEvent{"x"})
		}()
		next(t, ended)
	}
	var batch *remoteevent.BatchError
	if err := s.SendBatch(t.Context(), FileEvent{"x"}); !errors.As(err, &batch) || batch.Count(remoteevent.Rejected) != 1 {
		t.Errorf("SendBatch returned %v", err)
	}
	hook.on.Store(false)
	must(t, s.Send(t.Context(), FileEvent{"y"}))
	if n := client.LLen(t.Context(), "file_event").Val(); n != 1 {
		t.Errorf("%d events are stored", n)
	}
}
