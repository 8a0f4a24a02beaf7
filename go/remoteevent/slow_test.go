package remoteevent

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) lines(with string) (lines []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.text.String()) {
		if strings.Contains(line, with) {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestSlowWarning: a listener that does not return is logged, with pauses that double.
func TestSlowWarning(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options []ReceiverOption
		want    []string // of the queue "stuck"
	}{
		"default": {nil, []string{"1m0s", "2m0s", "4m0s", "8m0s"}},
		"own":     {[]ReceiverOption{WithQueue("stuck", WithSlowWarning(3*time.Minute))}, []string{"3m0s", "6m0s"}},
		"off":     {[]ReceiverOption{WithSlowWarning(0)}, nil},
		"at most once, while Run shuts down": {
			[]ReceiverOption{WithAtMostOnce(), WithShutdownTimeout(time.Hour)}, []string{"1m0s", "2m0s", "4m0s", "8m0s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, log := newShelf(), new(lockedBuffer)
				handler := func(_ context.Context, d *Delivery) error {
					switch d.Queue {
					case "stuck":
						elapse(11 * time.Minute)
					case "quick":
						elapse(50 * time.Second)
					}
					return nil
				}
				stop := s.run(t, handler, append(c.options, WithQueues("quick", "stuck"), WithConcurrency(3), WithLogger(slog.New(slog.NewTextHandler(log, nil))))...)
				elapse(10 * time.Second)
				s.push("stuck", 1)
				s.push("quick", 30)
				elapse(30 * time.Second)
				if name == "at most once, while Run shuts down" {
					if err := stop(); err != nil {
						t.Error(err)
					}
				} else {
					elapse(11 * time.Minute)
					defer stop() //nolint:errcheck // it has nothing to do
				}
				lines := log.lines("listener still running")
				if len(lines) != len(c.want) {
					t.Fatalf("%d warnings:\n%s", len(lines), strings.Join(lines, ""))
				}
				for i, line := range lines {
					if !strings.Contains(line, "queue=stuck event=stuck") || !strings.Contains(line, "running_for="+c.want[i]) {
						t.Errorf("warning %d: %s", i, line)
					}
				}
			})
		})
	}
}

// slowHook takes its time when an event was handled.
type slowHook struct{}

func (slowHook) OnHandled(context.Context, HandledInfo) { elapse(3*time.Minute + time.Second) }

// TestSlowHookWarning: a hook that does not return is logged, and not the listener that
// has returned.
func TestSlowHookWarning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, log := newShelf(), new(lockedBuffer)
		handler := func(context.Context, *Delivery) error { return nil }
		stop := s.run(t, handler, WithQueues("q"), WithHooks(slowHook{}), WithLogger(slog.New(slog.NewTextHandler(log, nil))))
		s.push("q", 1)
		elapse(4 * time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		lines := log.lines("still running")
		if len(lines) != 2 {
			t.Fatalf("%d warnings:\n%s", len(lines), strings.Join(lines, ""))
		}
		for i, want := range []string{"1m0s", "2m0s"} {
			if !strings.Contains(lines[i], `msg="hook still running" hook=remoteevent.slowHook method=OnHandled running_for=`+want) {
				t.Errorf("warning %d: %s", i, lines[i])
			}
		}
	})
}
