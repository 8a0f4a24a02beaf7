// Package templates_test runs the template adapters with all cases.
package templates_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/go/wire"
	"github.com/remote-events/remote-events/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOriginalPythonTemplate needs an interpreter with redis-py, as in the environments of
// the originals.
func TestOriginalPythonTemplate(t *testing.T) {
	t.Parallel()
	test(t, true, python(t), "python/adapter.py")
}

// python returns an interpreter with redis-py, unless the tests are short.
func python(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	dir, err := cache.Default()
	must(t, err)
	original := environment.Originals()[6]
	original.RedisPy = "5.0.8"
	python, err := environment.New(dir, "", os.Stderr).Ensure(t.Context(), original)
	must(t, err)
	return python
}

// TestNodeTemplate needs node, npm, and the network for the packages of package.json.
func TestNodeTemplate(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	test(t, false, "node", filepath.Join(nodeTemplate(t), "adapter.mjs"))
}

// nodeTemplate returns a directory of the cache with the template and its packages.
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

// A user of a template must have at most a hundred lines to read.
func TestTemplateLength(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"python/adapter.py", "node/adapter.mjs"} {
		text, err := os.ReadFile(path)
		must(t, err)
		if n := strings.Count(string(text), "\n"); n > 100 {
			t.Errorf("%s has %d lines", path, n)
		}
	}
}

// test runs all cases with a template, and those of reliable receivers if it has one.
func test(t *testing.T, reliable bool, command ...string) {
	t.Helper()
	server, err := redisserver.Start(t.Context(), redisserver.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	options, err := redis.ParseURL(server.URL())
	must(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { must(t, client.Close()) })
	runSuite(t, server, command, func(c suite.Case) bool {
		if c.Kind == suite.Evaluate { // the templates have no types, schemas, CloudEvents or configuration
			return reliable && c.Family == "companions"
		}
		return reliable || c.Script == nil || !c.Script.Reliable()
	})
	a, err := adapter.Start(context.WithoutCancel(t.Context()), adapter.Options{Command: command, RedisURL: server.URL(), Timeout: 20 * time.Second})
	must(t, err)
	defer func() { must(t, a.Close()) }()
	send(t, a, client)
}

// anyBytes has the cases for languages whose strings can hold any bytes.
var anyBytes = []string{"send/payload-not-utf-8", "send/name-not-utf-8", "send/name-a-surrogate"}

// runSuite runs cases of the harness. A template has no known deviations.
func runSuite(t *testing.T, server *redisserver.Server, command []string, selected func(suite.Case) bool) {
	t.Helper()
	cases, err := suite.Load()
	must(t, err)
	cases = slices.DeleteFunc(cases, func(c suite.Case) bool { return !selected(c) })
	result, err := engine.Run(t.Context(), engine.Config{
		Cases: cases, Implementations: []engine.Implementation{engine.Command("", false, command...)},
		Servers: []engine.Server{{
			Server: report.Server{ID: server.String()}, URL: server.URL(),
			Another: func(ctx context.Context) (*redisserver.Server, error) {
				return redisserver.Start(ctx, redisserver.Options{})
			},
			Listening: redisserver.Start,
		}},
		Timeout: 20 * time.Second,
	})
	must(t, err)
	played := map[string]bool{}
	for _, r := range result.Results {
		played[r.Case] = true
		if r.Outcome == report.Unsupported && slices.Contains(anyBytes, r.Case) {
			continue
		}
		if r.Outcome != report.Passed {
			t.Errorf("%s %s: observed %.300s, expected %.300s", r.Case, r.Outcome, r.Observed, r.Expected)
		}
	}
	for _, c := range cases {
		if !played[c.ID] {
			t.Errorf("%s did not run", c.ID)
		}
	}
	for _, c := range result.Complaints() {
		t.Error(c.Why)
	}
}

// send sends every event of the vectors, except those that are forwarded with the signals
// of a message.
func send(t *testing.T, a *adapter.Adapter, client *redis.Client) {
	t.Helper()
	vectors, err := spec.SendVectors()
	must(t, err)
	sent := 0
	for _, v := range vectors {
		name := v.Event.EventName.String()
		if v.Event.Signals != nil || !utf8.ValidString(name) || !utf8.Valid(v.Event.Payload.Bytes()) {
			continue // no request can express it
		}
		must(t, client.Del(t.Context(), name).Err())
		err := a.Send(t.Context(), protocol.Message{
			EventName: name, Parents: v.Event.Ancestors, PayloadText: v.Event.Payload.String(), Metadata: v.Event.Attributes,
		})
		stored, listErr := client.LRange(t.Context(), name, 0, -1).Result()
		must(t, listErr)
		switch {
		case v.Message == nil:
			if err == nil || len(stored) > 0 || !slices.ContainsFunc(v.Rejected, func(id string) bool { return strings.Contains(err.Error(), id) }) {
				t.Errorf("%s: %v with %d messages, and one of %v was to be the reason", v.ID, err, len(stored), v.Rejected)
			}
		case err != nil || len(stored) != 1:
			t.Errorf("%s: %d messages, %v", v.ID, len(stored), err)
		default:
			sent++
			if !sameMessage([]byte(stored[0]), v.Message.Bytes()) {
				t.Errorf("%s: sent %.300q, want %.300q", v.ID, stored[0], v.Message)
			}
		}
	}
	if sent == 0 {
		t.Error("no event was sent")
	}
}

// sameMessage compares the payloads, which must be equal bytes, and the values of the other
// members.
func sameMessage(got, want []byte) bool {
	a, errA := wire.Decode(got, wire.Limits{})
	b, errB := wire.Decode(want, wire.Limits{})
	return errA == nil && errB == nil && string(a.Payload) == string(b.Payload) && slices.Equal(a.Metadata.Signals, b.Metadata.Signals) &&
		maps.Equal(a.Metadata.Attributes, b.Metadata.Attributes)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
