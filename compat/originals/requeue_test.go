package originals_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// buildCommand builds remote-event, in its own module, once for all originals.
func buildCommand(t *testing.T) func() (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "remote-event")
	return sync.OnceValues(func() (string, error) {
		build := exec.CommandContext(context.WithoutCancel(t.Context()), "go", "build", "-o", path, ".")
		build.Dir = filepath.Join("..", "..", "go", "cmd", "remote-event")
		if output, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, output)
		}
		return path, nil
	})
}

// remoteEvent runs the command against the stage's Redis, and returns what it
// wrote to standard output and how it ended.
func (s *stage) remoteEvent(t *testing.T, path string, args ...string) (output string, code int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), path, append(args, "--redis", s.server.URL())...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	stdout, err := command.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("remote-event %s: %d\n%s%s", strings.Join(args, " "), command.ProcessState.ExitCode(), stdout, stderr.String())
	return string(stdout), command.ProcessState.ExitCode()
}

// TestOriginalGetsDeadLetters: what a Go receiver gave up on goes to an original,
// byte for byte, and what would end that is left where it is.
func TestOriginalGetsDeadLetters(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	build := buildCommand(t)
	everyOriginal(t, func(t *testing.T, stage *stage) {
		path, err := build()
		if err != nil {
			t.Fatal(err)
		}
		catalogue := t.TempDir()
		for name, text := range map[string]string{
			"catalogue.json": `{"version": 1, "events": {"child": "child.json"}}`,
			"child.json":     `{"properties": {"n": {"type": "string"}}}`,
		} {
			if err := os.WriteFile(filepath.Join(catalogue, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		const unfit = ` {"signals" : ["child", "parent"],"data":{"ä":"\u00e4", "n":1,"n": 2}} `
		stage.push(t, "child", unfit, "\xff deadly", `{"data": {"n": "fits"}, "signals": ["child"]}`)
		if line, code := stage.remoteEvent(t, path, "listen", "child", "--schemas", catalogue, "--count", "1"); code != 0 || !strings.Contains(line, "fits") {
			t.Fatalf("listen ended with %d: %s", code, line)
		}
		if listed, code := stage.remoteEvent(t, path, "dead", "ls", "--match", "reason=schema"); code != 0 || strings.Count(listed, "\n") != 1 {
			t.Errorf("dead ls ended with %d: %s", code, listed)
		}
		a := stage.start(t)
		if err := a.Receive(t.Context(), protocol.Reception{Queues: []string{"child"}, Signals: []string{"child"}}); err != nil {
			t.Fatal(err)
		}
		if said, code := stage.remoteEvent(t, path, "dead", "requeue", "child", "--all"); code != 5 || said != "requeued 1\n" {
			t.Errorf("dead requeue ended with %d: %s", code, said)
		}
		expect(t, a, protocol.Event{Signal: "child", Signals: []string{"child", "parent"}, PayloadText: `{"\u00e4": "\u00e4", "n": 2}`})
		stage.push(t, "child", `{"data": {"lives": true}, "signals": ["child"]}`)
		expect(t, a, protocol.Event{Signal: "child", Signals: []string{"child"}, PayloadText: `{"lives": true}`})
		if depths, code := stage.remoteEvent(t, path, "queue", "ls", "child", "-o", "ndjson"); code != 0 || !strings.HasPrefix(depths, `{"queue":"child","queued":0,"staged":0,"leased":0,"retrying":0,"dead":1,`) || strings.Count(depths, "\n") != 1 {
			t.Errorf("queue ls ended with %d: %s", code, depths)
		}
	})
}
