package adapter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const hello = `{"op":"hello","protocol":1,"name":"fake","version":"1","classes":["sender"],"details":{"sh":"1"}}`

// TestMisbehaviour checks that every violation of the protocol ends the call before its
// deadline, with an error that describes the fault.
func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	const deadline = 300 * time.Millisecond
	for _, test := range []struct {
		name   string
		script string // reads the line of hello
		kind   error
		says   string
	}{
		{"exit", "echo 'no such module' >&2; exit 3", adapter.ErrExited, "exit status 3"},
		{"exit with a reason", "echo 'no such module' >&2; exit 3", adapter.ErrExited, "; stderr ends with:\n    no such module"},
		{"killed", "kill -9 $$", adapter.ErrExited, "signal: killed"},
		{"silence", "echo waiting >&2; exec sleep 60", adapter.ErrTimeout, "waiting"},
		{"silence with a child", "sleep 60 & wait", adapter.ErrTimeout, "not within "},
		{"stdin closed", "exec <&-; exec sleep 60", adapter.ErrTimeout, ""},
		{"stdout closed", "exec >&-; exec sleep 60", adapter.ErrProtocol, "closed stdout"},
		{"garbage", "read l; echo 'Starting up…'; exec sleep 60", adapter.ErrProtocol, `"Starting up…"`},
		{"another format", "read l; echo '[1]'; exec sleep 60", adapter.ErrProtocol, `[1]`},
		{"not UTF-8", `read l; printf '{"op":"\377"}\n'; exec sleep 60`, adapter.ErrProtocol, "not UTF-8"},
		{"unknown op", `read l; echo '{"op":"what"}'; exec sleep 60`, adapter.ErrProtocol, `unknown op "what"`},
		{"member absent", `read l; echo '{"op":"hello","protocol":1}'; exec sleep 60`, adapter.ErrProtocol, "lacks a member"},
		{"another version", `read l; echo '` + strings.Replace(hello, "1", "2", 1) + `'; exec sleep 60`, adapter.ErrProtocol, "version 2"},
		{"another answer", `read l; echo '{"op":"sent","id":0}'; exec sleep 60`, adapter.ErrProtocol, `answered "sent"`},
		{"unasked answer", `read l; echo '{"op":"sent","id":9}'; exec sleep 60`, adapter.ErrProtocol, "not made"},
		{"long line", "read l; head -c 5000 /dev/zero | tr '\\0' x; exec sleep 60", adapter.ErrLine, "more than 4096 bytes"},
		{"endless line", "exec cat /dev/zero", adapter.ErrLine, "more than 4096 bytes"},
		{"flood", `exec yes '{"op":"event","signal":"a","event_name":"a","signals":["a"],"payload_text":"{}"}'`, adapter.ErrFlood, "100000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			timeout := deadline
			if test.kind != adapter.ErrTimeout {
				timeout = 30 * time.Second // the fault ends the call earlier
			}
			a := start(t, adapter.Options{Command: sh(test.script), StartTimeout: timeout, Grace: deadline, MaxLine: 4096})
			defer a.Kill() // it ignores stop
			_, err := a.Hello(t.Context())
			if !errors.Is(err, test.kind) || !strings.Contains(adapter.Quote(err), test.says) || !strings.HasPrefix(err.Error(), "hello: ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %v with the text %q", err, test.kind, test.says)
			}
			var fault *adapter.Error
			if !errors.As(err, &fault) || fault.Op != "hello" {
				t.Errorf("%#v is not an Error of hello", err)
			}
		})
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		options adapter.Options
		says    string
	}{
		{"no command", adapter.Options{}, "no command"},
		{"absent", adapter.Options{Command: []string{"/no/such/adapter"}}, "no such file"},
		{"URL", adapter.Options{Command: sh(""), RedisURL: "redis://:hunter2@host:port"}, "invalid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := adapter.Start(t.Context(), test.options)
			if !errors.Is(err, adapter.ErrStart) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
		})
	}
}

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

// Close kills all processes that the program started, even if they ignore signals.
func TestCloseKills(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, script string
	}{
		{"stubborn", "trap '' TERM INT; sleep 60 & echo $! >PID; read l; echo '" + hello + "'; wait"},
		{"leaves a child", "sleep 60 & echo $! >PID; read l; echo '" + hello + "'; read l; exit"},
		{"leaves a session", "setsid sh -c 'echo $$ >PID; exec sleep 60' & until [ -s PID ]; do :; done; read l; echo '" + hello + "'; read l; exit"},
		{"stubborn with a session", "trap '' TERM INT; setsid sh -c 'echo $$ >PID; exec sleep 60' & until [ -s PID ]; do :; done; read l; echo '" + hello + "'; wait"},
		{"leaves a daemon", "setsid sh -c '(echo $$ >/dev/null; sh -c \"echo \\$\\$ >PID; exec sleep 60\") & exit'; until [ -s PID ]; do :; done; read l; echo '" + hello + "'; read l; exit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			a, err := adapter.Start(t.Context(), adapter.Options{Command: sh(test.script), Dir: dir, Grace: 200 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.Hello(t.Context()); err != nil {
				t.Error(err)
			}
			err = a.Close()
			if stubborn := strings.HasPrefix(test.name, "stubborn"); stubborn && !errors.Is(err, adapter.ErrTimeout) || !stubborn && err != nil {
				t.Errorf("Close: %v", err)
			}
			assertGone(t, filepath.Join(dir, "PID"))
		})
	}
}

func TestContextKills(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a := start2(t, ctx, adapter.Options{Command: sh("exec sleep 60")})
	cancel()
	if _, err := a.Next(t.Context()); !errors.Is(err, adapter.ErrExited) {
		t.Errorf("got %v, want %v", err, adapter.ErrExited)
	}
}

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

// A request has exactly one answer, and the answer names the request.
func TestSecondAnswer(t *testing.T) {
	t.Parallel()
	const send = `read l; echo '{"op":"sent","id":1}'; `
	for name, test := range map[string]struct{ script, says string }{
		"hello twice":         {"echo '" + hello + "'; echo '" + hello + "'; read l", "second answer"},
		"sent twice":          {"echo '" + hello + "'; " + send + `echo '{"op":"sent","id":1}'; read l`, "second answer"},
		"sent and failed":     {"echo '" + hello + "'; " + send + `echo '{"op":"failed","id":1,"error":"no"}'; read l`, "second answer"},
		"failed without a id": {"echo '" + hello + "'; " + send + `echo '{"op":"failed","error":"what?"}'; read l`, "names no request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, adapter.Options{Command: sh("read l; " + test.script), StartTimeout: time.Minute, Timeout: time.Minute})
			if _, err := a.Hello(t.Context()); err != nil {
				t.Fatal(err)
			}
			if name != "hello twice" {
				if err := a.Send(t.Context(), protocol.Message{EventName: "e"}); err != nil && !errors.Is(err, adapter.ErrProtocol) {
					t.Fatal(err)
				}
			}
			if err := a.Close(); !errors.Is(err, adapter.ErrProtocol) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Close returns %v, want an error with %q", err, test.says)
			}
		})
	}
}

// TestHeldEventWithoutCall: the harness cannot return a call that has no number.
func TestHeldEventWithoutCall(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"", `,"call":0`, `,"call":-1`} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			a := start(t, adapter.Options{Command: sh("read l; echo '" + hello + "'; read l; echo '" + `{"op":"ready","id":1}` + "'; echo '" +
				`{"op":"event","signal":"e","event_name":"e","signals":["e"],"payload_text":"{}"` + call + "}'; read l"), StartTimeout: time.Minute})
			if _, err := a.Hello(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := a.Receive(t.Context(), protocol.Reception{Queues: []string{"e"}, Signals: []string{"e"}, Hold: true}); err != nil && !errors.Is(err, adapter.ErrProtocol) {
				t.Fatal(err)
			}
			if _, err := a.Next(t.Context()); !errors.Is(err, adapter.ErrProtocol) || !strings.Contains(err.Error(), `"call"`) {
				t.Errorf("got %v", err)
			}
			_ = a.Close()
		})
	}
}

// An adapter that is asked to stop must exit with code 0, except after Kill.
func TestExitCode(t *testing.T) {
	t.Parallel()
	a := start(t, adapter.Options{Command: sh("read l; echo '" + hello + "'; read l; exit 7"), StartTimeout: time.Minute})
	if _, err := a.Hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); !errors.Is(err, adapter.ErrExited) || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("Close returns %v", err)
	}
	killed := start(t, adapter.Options{Command: sh("exec sleep 60")})
	killed.Kill()
	if err := killed.Close(); err != nil {
		t.Errorf("Close after Kill returns %v", err)
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

func start(t *testing.T, options adapter.Options) *adapter.Adapter {
	t.Helper()
	return start2(t, context.WithoutCancel(t.Context()), options)
}

// start2 starts an adapter and closes it at the end of the test, ignoring errors.
func start2(t *testing.T, ctx context.Context, options adapter.Options) *adapter.Adapter {
	t.Helper()
	a, err := adapter.Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func sh(script string) []string     { return []string{"/bin/sh", "-c", script} }
func python(script string) []string { return []string{"python3", "-I", "-c", script} }

func equal(t *testing.T, a, b any) bool {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(x) == string(y)
}

func assertGone(t *testing.T, pidFile string) {
	t.Helper()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	// A killed process ends a moment later, and stays a zombie until its new parent
	// reads its status.
	process, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 400 {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone) || err == nil && strings.Contains(string(state), ") Z ") {
			return
		}
		<-tick.C
	}
	t.Errorf("process %d still runs", pid)
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
