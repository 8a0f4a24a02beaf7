package adapter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/adapter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const hello = `{"op":"hello","protocol":1,"name":"fake","version":"1","classes":["sender"],"details":{"sh":"1"}}`

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
