package adapter_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// Errors quote only the end of stderr, and never a password.
func TestStderr(t *testing.T) {
	t.Parallel()
	a := start(t, adapter.Options{
		Command: sh(`yes line | head -n 9000 >&2; echo "$REDIS_URL and p@ss and p%40ss" >&2; read l; ` +
			`echo '{"op":"failed","id":null,"error":"cannot use p@ss"}'; exec sleep 60`),
		RedisURL: "redis://user:p%40ss@host/0", Grace: 100 * time.Millisecond,
	})
	_, err := a.Hello(t.Context())
	var failed *protocol.FailedError
	if !errors.As(err, &failed) || failed.Reason != "cannot use ***" || failed.Unsupported() {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = a.Next(ctx)
	var fault *adapter.Error
	if !errors.As(err, &fault) || len(fault.Stderr) != 12 {
		t.Fatalf("got %v", err)
	}
	if last := fault.Stderr[11]; last != "redis://user:***@host/0 and *** and ***" {
		t.Errorf("the last line is %q", last)
	}
}

// A trace has stderr line by line, without passwords.
func TestTraceOfStderr(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var lines []string
	a := start(t, adapter.Options{
		Command: sh(`echo one >&2; printf 'p@ss\nthree' >&2`), RedisURL: "redis://user:p%40ss@host/0",
		Trace: func(direction string, line []byte) {
			mu.Lock()
			defer mu.Unlock()
			if direction == "stderr" {
				lines = append(lines, string(line))
			}
		},
	})
	if _, err := a.Next(t.Context()); !errors.Is(err, adapter.ErrExited) {
		t.Errorf("got %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"one", "***", "three"}; !slices.Equal(lines, want) {
		t.Errorf("trace = %q, want %q", lines, want)
	}
}

// TestLeaked checks that secrets are found on stderr, also at the edges of what the
// reader reads at once, and in answers and reports, but not in calls of listeners.
func TestLeaked(t *testing.T) {
	t.Parallel()
	const secret = "TheSecretOfATest"
	for _, test := range []struct{ name, script, want string }{
		{"stderr", `printf '%04090d` + secret + `' 0 >&2; read l`, "a payload to stderr"},
		{"answer", `read l; echo '{"op":"failed","id":1,"error":"bad ` + secret + `"}'; read l`, "a payload in an answer or report: failed"},
		{"report", `echo '{"op":"died","queue":"q","error":"` + secret + `"}'; read l; read l`, "a payload in an answer or report: died"},
		{"call", `echo '{"op":"event","event_name":"e","signal":"e","signals":["e"],"payload_text":"` + secret + `"}'; read l; read l`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := start(t, adapter.Options{Command: sh(`read l; echo '` + hello + `'; ` + test.script), Secrets: []adapter.Secret{{Name: "a payload", Text: secret}}})
			if _, err := a.Hello(t.Context()); err != nil {
				t.Fatal(err)
			}
			if test.name == "answer" {
				_ = a.Send(t.Context(), protocol.Message{})
			}
			_ = a.Close()
			if got := strings.Join(a.Leaked(), ", "); got != test.want {
				t.Errorf("leaked %q, want %q", got, test.want)
			}
		})
	}
}
