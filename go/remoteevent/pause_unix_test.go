//go:build unix

package remoteevent_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// atWork starts a receiver whose listener works until end is closed, and which waits for a
// second event.
func atWork(t *testing.T, client *redis.Client, options ...remoteevent.ReceiverOption) (end chan struct{}, stop func() error) {
	t.Helper()
	mux, r := receiver(t, client, append(options, remoteevent.WithConcurrency(2))...)
	begun, end := make(chan struct{}, 1), make(chan struct{})
	must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error { begun <- struct{}{}; <-end; return nil }))
	must(t, sender(t, client).Send(t.Context(), FileEvent{"x"}))
	stop = start(t, r)
	next(t, begun)
	for figure(t, client, "blocked_clients") != 1 {
		must(t, t.Context().Err())
	}
	return end, stop
}

// inBackground calls stop, and asserts that it does not return within a time.
func inBackground(t *testing.T, stop func() error, pause time.Duration) (stopped <-chan error) {
	t.Helper()
	result := make(chan error, 1)
	go func() { result <- stop() }()
	select {
	case err := <-result:
		t.Fatal("Run returned during the pause of Redis:", err)
	case <-time.After(pause):
	}
	return result
}

// TestStopDuringPause: a Redis that pauses as the receiver stops, and is back when its
// listener returns, has the event acknowledged.
func TestStopDuringPause(t *testing.T) {
	t.Parallel()
	server, client := stoppable(t)
	logged, quiet := newLog()
	end, stop := atWork(t, client, quiet)
	must(t, server.Signal(syscall.SIGSTOP))
	stopped := inBackground(t, stop, 1500*time.Millisecond) // the waits were cut off
	must(t, server.Signal(syscall.SIGCONT))
	close(end)
	must(t, next(t, stopped))
	expectStats(t, queue(t, client), queueadmin.Stats{})
	if strings.Contains(logged.String(), "cannot reach Redis") {
		t.Errorf("logged:\n%s", logged)
	}
}

// TestStopDuringLongPause: a Redis that pauses for some seconds as the receiver stops has
// the event acknowledged afterwards, although its listener has returned before.
func TestStopDuringLongPause(t *testing.T) {
	t.Parallel()
	server, client := stoppable(t)
	end, stop := atWork(t, client)
	must(t, server.Signal(syscall.SIGSTOP))
	close(end)
	stopped := inBackground(t, stop, 3*time.Second) // longer than Run waits for calls that it can cancel
	must(t, server.Signal(syscall.SIGCONT))
	must(t, next(t, stopped))
	expectStats(t, queue(t, client), queueadmin.Stats{})
}

// TestStopAwaitsPops: at most once, a receiver that stops while Redis hangs waits for the
// reply to its pop, and loses no event.
func TestStopAwaitsPops(t *testing.T) {
	t.Parallel()
	for name, hurried := range map[string]bool{"while it waits": false, "in a burst": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := stoppable(t)
			var handled atomic.Int64
			mux, r := receiver(t, client, remoteevent.WithAtMostOnce())
			must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error { handled.Add(1); return nil }))
			count := 1
			if hurried {
				count = 50_000
				must(t, sender(t, client).SendBatch(t.Context(), slices.Repeat([]remoteevent.Event{FileEvent{"x"}}, count)...))
			}
			stop := start(t, r)
			for hurried && handled.Load() == 0 || !hurried && figure(t, client, "blocked_clients") != 1 {
				must(t, t.Context().Err())
			}
			must(t, server.Signal(syscall.SIGSTOP))
			sent := make(chan error, 1)
			if !hurried {
				go func() { sent <- sender(t, client).Send(t.Context(), FileEvent{"x"}) }()
			}
			select {
			case err := <-sent:
				t.Fatal("Send returned before Redis replied:", err)
			case <-time.After(200 * time.Millisecond): // the popped events are handled, and both commands are in progress
			}
			stopped := inBackground(t, stop, 2*time.Second) // longer than Run waits for calls that it can cancel
			must(t, server.Signal(syscall.SIGCONT))
			if !hurried {
				must(t, next(t, sent))
			}
			must(t, next(t, stopped))
			if left := client.LLen(t.Context(), "file_event").Val(); handled.Load()+left != int64(count) {
				t.Errorf("of %d events, %d were handled and %d are left", count, handled.Load(), left)
			}
		})
	}
}

// stoppable starts a Redis whose process can be sent signals.
func stoppable(t *testing.T) (*os.Process, *redis.Client) {
	t.Helper()
	server := redistest.Start(t, redistest.FreeAddr(t))
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = client.Close() })
	process, err := os.FindProcess(figure(t, client, "process_id"))
	must(t, err)
	t.Cleanup(func() { _ = process.Signal(syscall.SIGCONT) })
	return process, client
}
