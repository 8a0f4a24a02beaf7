// Package templates_test plays the adapters that people copy.
package templates_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/go/wire"
	"github.com/remote-events/remote-events/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOriginalPythonTemplate needs an interpreter with redis-py, which is in
// the environments of the originals.
func TestOriginalPythonTemplate(t *testing.T) {
	t.Parallel()
	dir, err := cache.Default()
	must(t, err)
	original := environment.Originals()[6]
	original.RedisPy = "5.0.8"
	python, err := environment.New(dir, "", os.Stderr).Ensure(t.Context(), original)
	must(t, err)
	test(t, python, "python/adapter.py")
}

// TestNodeTemplate needs node and npm, and the network for what package.json
// asks for.
func TestNodeTemplate(t *testing.T) {
	t.Parallel()
	test(t, "node", filepath.Join(nodeTemplate(t), "adapter.mjs"))
}

// nodeTemplate is a directory of the cache with the template and its packages.
func nodeTemplate(t *testing.T) string {
	t.Helper()
	dir, err := cache.Default()
	must(t, err)
	names, err := filepath.Glob("node/*.*")
	must(t, err)
	files := map[string]string{}
	var content []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		must(t, err)
		files[filepath.Base(name)] = string(text)
		content = append(content, name, string(text))
	}
	path, err := dir.Build(t.Context(), "node-template-"+cache.Key(content...), func(ctx context.Context, dir string) error {
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				return err
			}
		}
		cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		cmd.Dir = dir
		if output, err := cmd.CombinedOutput(); err != nil {
			return errors.New("npm ci: " + err.Error() + "\n" + string(output))
		}
		return nil
	})
	must(t, err)
	return path
}

// Whoever copies a template has fifty lines to change at most.
func TestTemplateLength(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"python/adapter.py", "node/adapter.mjs"} {
		text, err := os.ReadFile(path)
		must(t, err)
		if n := strings.Count(string(text), "\n"); n > 50 {
			t.Errorf("%s has %d lines", path, n)
		}
	}
}

func test(t *testing.T, command ...string) {
	t.Helper()
	server, err := redisserver.Start(t.Context(), redisserver.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	options, err := redis.ParseURL(server.URL())
	must(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { must(t, client.Close()) })
	vectors, err := spec.WireVectors()
	must(t, err)
	start := func(t *testing.T) *adapter.Adapter {
		t.Helper()
		a, err := adapter.Start(context.WithoutCancel(t.Context()), adapter.Options{Command: command, RedisURL: server.URL(), MaxLine: adapter.LargeLine, Timeout: 20 * time.Second})
		must(t, err)
		t.Cleanup(func() { must(t, a.Close()) })
		_, err = a.Hello(t.Context())
		must(t, err)
		return a
	}
	t.Run("receive", func(t *testing.T) { receive(t, start(t), client, vectors) })
	t.Run("send", func(t *testing.T) { send(t, start(t), client, vectors) })
}

// receive gives every vector to one receiver, which has to live through all.
func receive(t *testing.T, a *adapter.Adapter, client *redis.Client, vectors []spec.WireVector) {
	t.Helper()
	must(t, a.Receive(t.Context(), []string{"e", "e"}, []string{"e", "é"}))
	for _, v := range vectors {
		must(t, client.LPush(t.Context(), "e", []byte(v.Message), `{"data": {"canary": 1}, "signals": ["e", "remote_event", "event"]}`).Err())
		var got []adapter.Event
		for len(got) == 0 || got[len(got)-1].PayloadText != `{"canary": 1}` {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			o, err := a.Next(ctx)
			cancel()
			if err != nil {
				t.Fatalf("%s: %v", v.ID, err)
			}
			event, ok := o.(adapter.Event)
			if !ok {
				t.Fatalf("%s: %#v", v.ID, o)
			}
			got = append(got, event)
		}
		got = got[:len(got)-1]
		env, err := wire.Decode(v.Message, wire.Limits{})
		if err != nil {
			if len(got) > 0 {
				t.Errorf("%s is malformed and was delivered as %.200v", v.ID, got)
			}
			continue
		}
		if slices.Contains(env.Metadata.Signals, "e") && (len(got) != 1 || got[0].PayloadText != string(env.Payload)) {
			t.Errorf("%s was delivered %d times, %.200v", v.ID, len(got), got)
		}
	}
}

// send asks for what stands in every vector that a sender can be asked for.
func send(t *testing.T, a *adapter.Adapter, client *redis.Client, vectors []spec.WireVector) {
	t.Helper()
	sent := 0
	for _, v := range vectors {
		env, err := wire.Decode(v.Message, wire.Limits{})
		signals := env.Metadata.Signals
		if err != nil || len(signals) < 3 || env.EventName != "e" || len(v.Message) > 4<<20 {
			continue
		}
		must(t, client.Del(t.Context(), "e").Err())
		env.Metadata.Signals = append(slices.Clone(signals[:len(signals)-2]), "remote_event", "event")
		want, _, refused := wire.Encode(env, wire.Limits{})
		err = a.Send(t.Context(), adapter.Message{
			EventName: "e", Parents: signals[1 : len(signals)-2], PayloadText: string(env.Payload), Metadata: env.Metadata.Attributes,
		})
		stored, listErr := client.LRange(t.Context(), "e", 0, -1).Result()
		must(t, listErr)
		if refused == nil {
			sent++
			if err != nil || len(stored) != 1 {
				t.Errorf("%s: %d messages, %v", v.ID, len(stored), err)
				continue
			}
			if !sameMessage(stored[0], string(want)) {
				t.Errorf("%s: sent %.300q, want %.300q", v.ID, stored[0], want)
			}
			continue
		}
		refusal, _ := errors.AsType[*wire.RefusedError](refused)
		if err == nil || len(stored) > 0 || refusal == nil || !strings.Contains(err.Error(), string(refusal.Findings[0].Requirement)) {
			t.Errorf("%s: %v with %d messages, and %v was to be the reason", v.ID, err, len(stored), refused)
		}
	}
	if sent < 20 {
		t.Errorf("only %d events were sent", sent)
	}
}

// sameMessage compares what has to be the same bytes: the payload, and the rest
// by its meaning.
func sameMessage(got, want string) bool {
	a, errA := wire.Decode([]byte(got), wire.Limits{})
	b, errB := wire.Decode([]byte(want), wire.Limits{})
	return errA == nil && errB == nil && string(a.Payload) == string(b.Payload) && slices.Equal(a.Metadata.Signals, b.Metadata.Signals) &&
		len(a.Metadata.Attributes) == len(b.Metadata.Attributes)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
