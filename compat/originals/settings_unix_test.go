//go:build unix

package originals_test

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// TestOriginalSettings measures what settings of the client do to originals (appendix A).
func TestOriginalSettings(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	oldestAndNewest(t, func(t *testing.T, original environment.Original) {
		t.Helper()
		for name, test := range map[string]struct {
			settings string
			died     int // of three queues
			error    string
		}{
			"socket_timeout below the timeout of BRPOP": {`{"socket_timeout": 1}`, 3, "TimeoutError"},
			"socket_timeout above it":                   {`{"socket_timeout": 5}`, 0, ""},
			"fewer connections than queues":             {`{"max_connections": 1}`, 2, "Too many connections"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, original, redisserver.Options{})
				a := s.start(t, "REMOTE_EVENT_REDIS_SETTINGS="+test.settings)
				queues := []string{"a", "b", "c"}
				must(t, a.Receive(t.Context(), protocol.Reception{Queues: queues, Signals: queues}))
				died := map[string]bool{}
				for range test.died {
					o := next(t, a)
					end, ok := o.(protocol.Died)
					if !ok || !strings.Contains(end.Error, test.error) {
						t.Errorf("observed %#v, want the end of a queue by %q", o, test.error)
					}
					died[end.Queue] = true
				}
				if test.died == 0 {
					// Each thread begins a second BRPOP after its first one has ended without a message.
					for calls := int64(0); calls < 2*int64(len(queues)); {
						stats := s.redis.InfoMap(t.Context(), "commandstats").Item("Commandstats", "cmdstat_brpop")
						_, _ = fmt.Sscanf(stats, "calls=%d", &calls)
						must(t, t.Context().Err())
					}
				}
				for _, queue := range queues {
					if !died[queue] {
						s.push(t, queue, `{"data": {}, "signals": ["`+queue+`"]}`)
						if o, ok := next(t, a).(protocol.Event); !ok || o.Signal != queue {
							t.Errorf("observed %#v, want the event of %s", o, queue)
						}
					}
				}
			})
		}
	})
}

// next waits for one observation.
func next(t *testing.T, a *adapter.Adapter) protocol.Observation {
	t.Helper()
	ctx, cancel := calibration.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	o, err := a.Next(ctx)
	must(t, err)
	return o
}

// TestOriginalRepeatsSends stalls Redis while an original sends, with and without the setting
// that repeats a command after a timeout.
func TestOriginalRepeatsSends(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	oldestAndNewest(t, func(t *testing.T, original environment.Original) {
		t.Helper()
		for settings, want := range map[string]int64{
			`{"socket_timeout": 4, "retry_on_timeout": true}`: 2,
			`{"socket_timeout": 4}`:                           1,
		} {
			t.Run(settings, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, original, redisserver.Options{})
				a := s.start(t, "REMOTE_EVENT_REDIS_SETTINGS="+settings)
				must(t, a.Send(t.Context(), protocol.Message{EventName: "first", PayloadText: "{}"})) // it is connected now
				pid, err := strconv.Atoi(s.redis.InfoMap(t.Context(), "server").Item("Server", "process_id"))
				must(t, err)
				// Redis executes what arrives meanwhile when it continues: after the timeout of
				// the first command, and before that of the second.
				must(t, syscall.Kill(pid, syscall.SIGSTOP))
				time.AfterFunc(6*time.Second, func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
				sending := a.Send(t.Context(), protocol.Message{EventName: "e", PayloadText: "{}"})
				if failed := sending != nil; failed != (want == 1) {
					t.Errorf("the send ended with %v", sending)
				}
				ctx, cancel := calibration.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				n := int64(0)
				for n < want && err == nil { // Redis reads its connections in any order
					n, err = s.redis.LLen(ctx, "e").Result()
				}
				if n != want {
					t.Errorf("the list has %d messages, want %d (%v)", n, want, err)
				}
			})
		}
	})
}

// TestOriginalLocalListener measures what a listener in the sending process does to a send.
func TestOriginalLocalListener(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	oldestAndNewest(t, func(t *testing.T, original environment.Original) {
		t.Helper()
		s := newStage(t, original, redisserver.Options{})
		for _, test := range []struct {
			does, output string
			sent         []string
		}{
			{"nothing", `{"raised": null}`, []string{`{"data": {"n": 1}, "signals": ["local", "remote_event", "event"]}`}},
			{"change", `{"raised": null}`, []string{`{"data": {"n": 2}, "signals": ["local", "remote_event", "event"]}`}},
			{"raise", `{"raised": "RuntimeError"}`, nil},
		} {
			must(t, s.redis.Del(t.Context(), "local").Err())
			command := exec.CommandContext(context.WithoutCancel(t.Context()), s.command[0], "local_probe.py", test.does)
			command.Env = append(command.Environ(), "REDIS_URL="+s.server.URL())
			command.Stderr = t.Output()
			output, err := command.Output()
			must(t, err)
			if got := strings.TrimSpace(string(output)); got != test.output {
				t.Errorf("%s: %s, want %s", test.does, got, test.output)
			}
			s.assertList(t, "local", test.sent...)
		}
	})
}
