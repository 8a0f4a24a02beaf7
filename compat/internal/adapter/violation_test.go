package adapter_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
)

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
