package remoteevent

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestStartAndStopAreLogged: Run logs its start with the queues, and its end with the
// error.
func TestStartAndStopAreLogged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options       []ReceiverOption
		handler       HandlerFunc
		start, stop   string
		shutdownFails bool
	}{
		"default": {
			options: []ReceiverOption{WithQueues("a", "b")},
			start:   `msg="receiver started" queues="[a b]" delivery="at least once" concurrency=2`, stop: `msg="receiver stopped" ran_for=1m0`,
		},
		"options": {
			options: []ReceiverOption{WithQueue("a", WithAtMostOnce(), WithConcurrency(5)), WithQueues("b"), WithTotalConcurrency(4)},
			start:   `msg="receiver started" queues="[a b]" delivery="at most once and at least once" concurrency=4`, stop: `msg="receiver stopped" ran_for=1m0`,
		},
		"many": {
			options: []ReceiverOption{WithQueues("00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20")},
			start:   `18 19]" more_queues=1 delivery="at least once" concurrency=21`, stop: `msg="receiver stopped" ran_for=1m0`,
		},
		"a listener that does not return": {
			options: []ReceiverOption{WithQueues("a")}, shutdownFails: true,
			handler: func(context.Context, *Delivery) error { <-time.After(time.Hour); return nil },
			start:   `queues=[a] delivery="at least once" concurrency=1`,
			stop:    `msg="receiver stopped" ran_for=1m12.0002s error="Run: the shutdown timeout has passed; events still being handled: 1"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, log := newShelf(), new(lockedBuffer)
				handler := c.handler
				if handler == nil {
					handler = func(context.Context, *Delivery) error { return nil }
				}
				stop := s.run(t, handler, append(c.options, WithLogger(slog.New(slog.NewTextHandler(log, nil))))...)
				s.push("a", 1)
				<-time.After(time.Minute)
				if err := stop(); c.shutdownFails != errors.Is(err, ErrShutdownTimeout) {
					t.Errorf("Run returned %v", err)
				}
				lines := log.lines("level=INFO")
				if len(lines) != 2 || !strings.Contains(lines[0], c.start) || !strings.Contains(lines[1], c.stop) {
					t.Errorf("logged:\n%s", strings.Join(lines, ""))
				}
				<-time.After(2 * time.Hour)
			})
		})
	}
}

// TestMisspeltQueue: a queue that no listener names is logged if its name is similar to
// that of a listener; a queue for the listener of a parent is not.
func TestMisspeltQueue(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{}) // never used
	t.Cleanup(func() { _ = client.Close() })
	const misspelt, none = "is it misspelt?", "no listener is registered"
	for name, c := range map[string]struct {
		signals []string
		queues  []string
		want    []string
	}{
		"right":               {[]string{"new_file_event"}, []string{"new_file_event"}, nil},
		"misspelt":            {[]string{"new_file_event"}, []string{"new_file_event", "new_fil_event"}, []string{misspelt, "queue=new_fil_event", "listener=new_file_event"}},
		"two letters swapped": {[]string{"new_file_event"}, []string{"new_flie_event"}, []string{misspelt}},
		"child of a listener": {[]string{"file_event"}, []string{"new_file_event"}, nil},
		"all events":          {[]string{"event"}, []string{"new_file_event", "user"}, nil},
		"numbered":            {[]string{"shard_1"}, []string{"shard_1", "shard_2"}, nil},
		"short":               {[]string{"abc"}, []string{"abd"}, nil},
		"no listener":         {nil, []string{"new_file_event"}, []string{none}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux, log := new(Mux), new(lockedBuffer)
			for _, signal := range c.signals {
				if err := mux.Listen(signal, func(context.Context, *Delivery) error { return nil }); err != nil {
					t.Fatal(err)
				}
			}
			r, err := NewReceiver(client, mux, WithQueues(c.queues...), WithLogger(slog.New(slog.NewTextHandler(log, nil))))
			if err != nil {
				t.Fatal(err)
			}
			r.logStart(t.Context())
			lines := log.lines("level=WARN")
			if len(lines) != min(len(c.want), 1) || slices.ContainsFunc(c.want, func(want string) bool { return !strings.Contains(lines[0], want) }) {
				t.Errorf("logged %q", lines)
			}
		})
	}
}
