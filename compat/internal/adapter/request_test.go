package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
)

func TestHello(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var lines []string
	a := start(t, adapter.Options{
		Command: sh(`read l; [ "$REDIS_URL$MORE" = redis://host/0more ] && echo '` + hello + `'; read l`),
		// Env, as set by a login profile, does not change REDIS_URL.
		RedisURL: "redis://host/0", Env: []string{"MORE=more", "REDIS_URL=other"},
		Trace: func(direction string, line []byte) {
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, direction+" "+string(line))
		},
	})
	identity, err := a.Hello(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if identity.Name != "fake" || identity.Version != "1" || !slices.Equal(identity.Classes, []protocol.Class{protocol.Sender}) || identity.Details["sh"] != "1" {
		t.Errorf("got %+v", identity)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	want := []string{`→ {"op":"hello","protocol":1}`, "← " + hello, `→ {"op":"stop"}`}
	if !slices.Equal(lines, want) {
		t.Errorf("lines = %q, want %q", lines, want)
	}
	if _, err := a.Hello(t.Context()); !errors.Is(err, adapter.ErrClosed) {
		t.Errorf("Hello after Close: %v", err)
	}
	if _, err := a.Next(t.Context()); !errors.Is(err, adapter.ErrClosed) {
		t.Errorf("Next after Close: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// Answers are matched to their requests in any order.
func TestSendConcurrentlyInPython(t *testing.T) {
	t.Parallel()
	a := start(t, adapter.Options{Command: python(`
import json, sys
requests = [json.loads(sys.stdin.readline()) for _ in range(8)]
for r in reversed(requests):
    if r["event_name"] == "e3":
        answer = {"op": "failed", "id": r["id"], "error": "unsupported: " + r["payload_text"]}
    else:
        answer = {"op": "sent", "id": r["id"]}
    print(json.dumps(answer), flush=True)
sys.stdin.readline()
`)})
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			err := a.Send(t.Context(), protocol.Message{EventName: fmt.Sprintf("e%d", i), PayloadText: `{"a": "<&>é"}`})
			var failed *protocol.FailedError
			switch {
			case i != 3 && err != nil:
				t.Errorf("event %d: %v", i, err)
			case i == 3 && (!errors.As(err, &failed) || !failed.Unsupported() || failed.Reason != `unsupported: {"a": "<&>é"}`):
				t.Errorf("event 3: %v", err)
			}
		})
	}
	group.Wait()
}

// A late answer is not taken for the answer to a later request.
func TestSendLateAnswerInPython(t *testing.T) {
	t.Parallel()
	a := start(t, adapter.Options{Timeout: 200 * time.Millisecond, Command: python(`
import json, sys
late = [json.loads(sys.stdin.readline())]
for line in sys.stdin:
    late.append(json.loads(line))
    while late and late[-1]["op"] == "send":
        print(json.dumps({"op": "sent", "id": late.pop(0)["id"]}), flush=True)
`)})
	if err := a.Send(t.Context(), protocol.Message{EventName: "late"}); !errors.Is(err, adapter.ErrTimeout) {
		t.Errorf("got %v, want %v", err, adapter.ErrTimeout)
	}
	// The interpreter may need longer to start than the first deadline permits.
	for {
		err := a.Send(t.Context(), protocol.Message{EventName: "next"})
		if err == nil {
			return
		}
		if !errors.Is(err, adapter.ErrTimeout) {
			t.Fatal(err)
		}
	}
}

// A request larger than a pipe, to an adapter that does not read.
func TestSendUnread(t *testing.T) {
	t.Parallel()
	a := start(t, adapter.Options{Command: sh("exec sleep 60"), Timeout: 100 * time.Millisecond, Grace: 100 * time.Millisecond})
	message := protocol.Message{EventName: "large", PayloadText: strings.Repeat("x", 1<<20)}
	for range 2 {
		if err := a.Send(t.Context(), message); !errors.Is(err, adapter.ErrTimeout) {
			t.Errorf("got %v, want %v", err, adapter.ErrTimeout)
		}
	}
}

func TestSendCancelled(t *testing.T) {
	t.Parallel()
	a := start(t, adapter.Options{Command: sh("read l; read l")})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Send(ctx, protocol.Message{EventName: "e"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestReceiveInPython(t *testing.T) {
	t.Parallel()
	payload := strings.Repeat("x", 3<<20)
	a := start(t, adapter.Options{MaxLine: adapter.LargeLine, Command: python(`
import json, sys
r = json.loads(sys.stdin.readline())
def say(**m): print(json.dumps(m), flush=True)
say(op="event", signal="early", event_name="e", signals=r["queues"], payload_text="{}")
say(op="ready", id=r["id"], future_member=True)
say(op="event", signal="late", event_name="e", signals=r["signals"], payload_text="x" * (3 << 20))
say(op="died", queue="q", error="ValueError: no")
say(op="died", queue="r", error="")
sys.exit(7)
`)})
	if err := a.Receive(t.Context(), protocol.Reception{Queues: []string{"q", "r"}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []protocol.Observation{
		protocol.Event{Signal: "early", EventName: "e", Signals: []string{"q", "r"}, PayloadText: "{}"},
		protocol.Event{Signal: "late", EventName: "e", Signals: []string{}, PayloadText: payload},
		protocol.Died{Queue: "q", Error: "ValueError: no"},
		protocol.Died{Queue: "r"},
	} {
		got, err := a.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !equal(t, got, want) {
			t.Errorf("got %.200v, want %.200v", got, want)
		}
	}
	if _, err := a.Next(t.Context()); !errors.Is(err, adapter.ErrExited) || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("got %v", err)
	}
}

func TestNextDeadline(t *testing.T) {
	t.Parallel()
	a := start(t, adapter.Options{Command: sh("echo idle >&2; read l")})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := a.Next(ctx); !errors.Is(err, adapter.ErrTimeout) {
		t.Errorf("got %v, want %v", err, adapter.ErrTimeout)
	}
}
