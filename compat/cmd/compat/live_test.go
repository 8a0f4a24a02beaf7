package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/report"
)

// application is a Python application that runs with its own configuration, and
// has the probe.
type application struct {
	command *exec.Cmd
	lines   chan string
	redis   *redis.Client
	url     string
}

// startApplication starts one on an original, on a Redis of its own.
func startApplication(t *testing.T, original environment.Original) *application {
	t.Helper()
	server, err := redisserver.Start(t.Context(), redisserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	envs, err := environments(t.Output())
	if err != nil {
		t.Fatal(err)
	}
	python, err := envs.Ensure(t.Context(), original)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(options.Addr)
	if err != nil {
		t.Fatal(err)
	}
	backend := "  backend: redis\n"
	if strings.HasPrefix(original.Bundle, "0.") {
		backend = ""
	}
	config := fmt.Sprintf("redis:\n  host: %s\n  port: %s\nremote_event:\n%s  events:\n    - name: new_file_event\n", host, port, backend)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "config"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config", "config.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs(filepath.Join("testdata", "application.py"))
	if err != nil {
		t.Fatal(err)
	}
	probe, err := filepath.Abs(filepath.Join("..", "..", "probe"))
	if err != nil {
		t.Fatal(err)
	}
	a := &application{command: exec.CommandContext(t.Context(), python, script), lines: make(chan string, 100), redis: client, url: server.URL()}
	a.command.Dir = dir
	a.command.Env = append(os.Environ(), "PYTHONPATH="+probe, "PYTHONDONTWRITEBYTECODE=1")
	var log bytes.Buffer // what it logs is of interest where a test fails
	a.command.Stderr = &log
	a.command.WaitDelay = calibration.Scale(deadline)
	stdout, err := a.command.StdoutPipe()
	if err == nil {
		err = a.command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.read(stdout)
	}()
	t.Cleanup(func() {
		_ = a.command.Process.Kill()
		<-ended
		_ = a.command.Wait()
		if t.Failed() {
			t.Logf("the application's log ends with:\n%s", log.Bytes()[max(0, log.Len()-4000):])
		}
	})
	a.says(t, "ready")
	a.announces(t)
	return a
}

// deadline is how long an idle machine may take.
const deadline = time.Minute

func (a *application) read(stdout io.Reader) {
	for s := bufio.NewScanner(stdout); s.Scan(); {
		a.lines <- s.Text()
	}
	close(a.lines)
}

// says waits for a line. The originals print, too, what goes wrong.
func (a *application) says(t *testing.T, want string) {
	t.Helper()
	ctx, cancel := calibration.WithTimeout(t.Context(), deadline)
	defer cancel()
	for {
		select {
		case line, more := <-a.lines:
			switch {
			case line == want:
				return
			case !more:
				t.Fatalf("the application ends and does not say %q", want)
			}
		case <-ctx.Done():
			t.Fatalf("the application does not say %q: %v", want, context.Cause(ctx))
		}
	}
}

// announces waits for the probe.
func (a *application) announces(t *testing.T) {
	t.Helper()
	a.await(t, func() bool { return len(a.keys(t)) > 0 })
}

// await waits for what Redis does not tell.
func (a *application) await(t *testing.T, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	ctx, cancel := calibration.WithTimeout(t.Context(), deadline)
	defer cancel()
	for !condition() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain (%v); there are the keys %q", context.Cause(ctx), a.keys(t))
		}
	}
}

// keys are those in Redis.
func (a *application) keys(t *testing.T) []string {
	t.Helper()
	keys, err := a.redis.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// isUnharmed fails the test where the application does not handle its own events
// any more, or finds keys in its Redis that were not there.
func (a *application) isUnharmed(t *testing.T) {
	t.Helper()
	if keys := a.keys(t); len(keys) != 1 || !strings.HasPrefix(keys[0], "compat:probe:") {
		t.Errorf("it left the keys %q", keys)
	}
	if err := a.redis.LPush(t.Context(), "new_file_event", `{"data": {"path": "/own"}, "signals": ["new_file_event"]}`).Err(); err != nil {
		t.Fatal(err)
	}
	a.says(t, "heard /own")
}

// live runs compat live, and reads its report.
func (a *application) live(t *testing.T, args ...string) *report.Report {
	t.Helper()
	code, out, diagnostics := compat(t, append([]string{"live", "--redis", a.url, "--timeout", "1m", "-o", "json"}, args...)...)
	result, err := report.Read(strings.NewReader(out))
	if err != nil {
		t.Fatalf("exit code %d: %s: %v", code, diagnostics, err)
	}
	for _, r := range result.Results {
		if r.Outcome == report.Failed {
			t.Errorf("%s %s → %s: %q %q", r.Case, r.Sender, r.Receiver, r.Observed, r.Problems)
		}
	}
	if code != exitDone || len(result.Implementations) != 2 {
		t.Errorf("exit code %d with %d implementations: %s", code, len(result.Implementations), diagnostics)
	}
	return result
}

// TestOriginalLive runs cases with applications on the oldest and on the newest versions. Each
// application survives, and none of its own events is lost.
func TestOriginalLive(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	all, err := environment.Select(t.Context(), environment.Quick)
	if err != nil {
		t.Fatal(err)
	}
	for i, original := range all {
		// Every case on one, and on the others those at which they may differ.
		args := []string{"--destructive", "--family", "poison,dispatch"}
		if i == len(all)-1 {
			args = []string{"--destructive"}
		}
		t.Run(original.ID(), func(t *testing.T) {
			t.Parallel()
			a := startApplication(t, original)
			result := a.live(t, args...)
			if tally := result.Tally(); tally.Deviates < 90 || tally.Passed < 100 {
				t.Errorf("%s", tally)
			}
			a.isUnharmed(t)
			if err := a.command.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			for range a.lines { // until it has ended
			}
			if keys := a.keys(t); len(keys) != 0 {
				t.Errorf("after its end there are the keys %q", keys)
			}
		})
	}
}

// TestOriginalLiveSpares leaves out what would end a consumer, and says so.
func TestOriginalLiveSpares(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	a := startApplication(t, usual(t))
	result := a.live(t, "--family", "poison,redis")
	for _, r := range result.Results {
		if strings.HasPrefix(r.Observed, "dies") {
			t.Errorf("%s ended a consumer", r.Case)
		}
	}
	if !slices.ContainsFunc(result.Skipped, func(l report.Skipped) bool {
		return strings.Contains(l.Why, "--destructive") && slices.Contains(l.Cases, "poison/byte-order-mark")
	}) {
		t.Errorf("skipped: %q", result.Skipped)
	}
	a.isUnharmed(t)

	code, _, diagnostics := compat(t, "live", "--redis", a.url, "--case", "poison/kernel-shutdown", "--destructive")
	if code != exitUsage || !strings.Contains(diagnostics, "all cases are skipped:\n  1: they name signals of applauncher's kernel") {
		t.Errorf("exit code %d: %s", code, diagnostics)
	}
	a.isUnharmed(t)
}

// usual is the newest bundle on its usual base.
func usual(t *testing.T) environment.Original {
	t.Helper()
	all := environment.Originals()
	return all[len(all)-1]
}

// TestOriginalLiveEnds interrupts the command, and then the application.
func TestOriginalLiveEnds(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	a := startApplication(t, usual(t))
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var diagnostics bytes.Buffer
	during := func(do func()) int {
		t.Helper()
		diagnostics.Reset()
		ended := make(chan int, 1)
		go func() {
			ended <- run(ctx, []string{"live", "--redis", a.url, "--timeout", "1m"}, strings.NewReader(""), io.Discard, &diagnostics)
		}()
		a.await(t, func() bool { return len(a.keys(t)) > 3 }) // they talk
		if code, _, says := compat(t, "live", "--redis", a.url, "--timeout", "1m"); code != exitFailed || !strings.Contains(says, "another compat live") {
			t.Errorf("a second one ends with code %d: %s", code, says)
		}
		do()
		return <-ended
	}
	if code := during(interrupt); code != exitInterrupted {
		t.Errorf("interrupted, it ends with code %d: %s", code, diagnostics.String())
	}
	a.isUnharmed(t)

	ctx = t.Context()
	code := during(func() {
		if err := a.command.Process.Kill(); err != nil {
			t.Error(err)
		}
	})
	if code != exitFailed || !strings.Contains(diagnostics.String(), "the application has stopped") {
		t.Errorf("without the application it ends with code %d: %s", code, diagnostics.String())
	}
	if keys := a.keys(t); len(keys) != 0 {
		t.Errorf("it left the keys %q", keys)
	}
}

func TestLiveUsage(t *testing.T) {
	t.Parallel()
	server, err := redisserver.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, exitUsage, "set it to the URL of the application's Redis"},
		{[]string{"--redis", "local"}, exitUsage, "set it to the URL of the application's Redis"},
		{[]string{"--redis", "redis://:secret@127.0.0.1:1"}, exitConnection, "127.0.0.1:1"},
		{[]string{"--redis", server.URL()}, exitFailed, "add RemoteEventProbeBundle of compat/probe"},
		{[]string{"--redis", server.URL(), "--family", "wier"}, exitUsage, "no family is called"},
	} {
		code, _, diagnostics := compat(t, append([]string{"live"}, c.args...)...)
		if code != c.code || !strings.Contains(diagnostics, c.says) || strings.Contains(diagnostics, "secret") {
			t.Errorf("%q: exit code %d: %s", c.args, code, diagnostics)
		}
	}
}
