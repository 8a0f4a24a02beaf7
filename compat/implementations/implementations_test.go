// Package implementations_test installs the packages of examples in other languages, runs
// their tests and first programs, and plays all cases with them.
package implementations_test

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a package under examples.
type source struct {
	dir   string
	files []string // without what its tools make
	key   string   // of their contents
}

// newSource reads a package, unless the tests are short.
func newSource(t *testing.T, language string) source {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	dir, err := filepath.Abs(filepath.Join("..", "..", "examples", language))
	must(t, err)
	s := source{dir: dir}
	var contents []string
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if made := []string{"node_modules", "__pycache__", ".mypy_cache", "build", "target"}; slices.Contains(made, entry.Name()) || strings.HasSuffix(path, ".egg-info") {
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		s.files, contents = append(s.files, name), append(contents, name, string(content))
		return err
	}))
	s.key = cache.Key(contents...)
	return s
}

// copyTo copies the package to a new directory.
func (s source) copyTo(dir string) error {
	for _, name := range s.files {
		content, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			return err
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// execute runs a program in a directory.
func execute(ctx context.Context, dir, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, output)
	}
	return nil
}

// start starts a Redis for a test.
func start(t *testing.T) (*redisserver.Server, *redis.Client) {
	t.Helper()
	server, err := redisserver.Start(t.Context(), redisserver.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	options, err := redis.ParseURL(server.URL())
	must(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { must(t, client.Close()) })
	return server, client
}

// programs returns the programs of the package's README in its language: one receives, and
// the other one sends.
func (s source) programs(language string) (receive, send string, err error) {
	readme, err := os.ReadFile(filepath.Join(s.dir, "README.md"))
	if err != nil {
		return "", "", err
	}
	_, rest, _ := strings.Cut(string(readme), "```"+language+"\n")
	receive, rest, _ = strings.Cut(rest, "```")
	_, rest, found := strings.Cut(rest, "```"+language+"\n")
	if !found {
		return "", "", fmt.Errorf("the README has fewer than two programs in %s", language)
	}
	send, _, _ = strings.Cut(rest, "```")
	return receive, send, nil
}

// firstPrograms runs the programs of the package's README in a directory in which the
// package is installed.
func (s source) firstPrograms(t *testing.T, language, extension, dir, interpreter string) {
	t.Helper()
	receive, send, err := s.programs(language)
	must(t, err)
	server, client := start(t)
	command := func(name, text string) *exec.Cmd {
		const url = "redis://localhost:6379/0"
		if !strings.Contains(text, url) {
			t.Fatalf("the program %s does not have %s", name, url)
		}
		path := filepath.Join(dir, name+extension)
		must(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, url, server.URL())), 0o600))
		cmd := exec.CommandContext(t.Context(), interpreter, path)
		cmd.Dir = dir
		return cmd
	}
	receiver := command("receive", receive)
	converse(t, client, receiver, command("send", send), "new_file_event /uploads/video1.mp4\n", func() error { return receiver.Process.Signal(syscall.SIGTERM) })
}

// converse runs a program that receives, and then one that sends. The first one prints a
// line, ends after stop, and leaves nothing in Redis.
func converse(t *testing.T, client *redis.Client, receiver, sender *exec.Cmd, line string, stop func() error) {
	t.Helper()
	receiver.Stderr = os.Stderr
	output, err := receiver.StdoutPipe()
	must(t, err)
	must(t, receiver.Start())
	ctx, cancel := calibration.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = receiver.Process.Kill() })()
	if output, err := sender.CombinedOutput(); err != nil {
		t.Errorf("the sender failed: %v\n%s", err, output)
	}
	got, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || got != line {
		t.Errorf("the receiver printed %q, %v", got, err)
	}
	must(t, stop())
	must(t, receiver.Wait())
	if keys, err := client.Keys(t.Context(), "*").Result(); err != nil || len(keys) > 0 {
		t.Errorf("afterwards, Redis has %q, %v", keys, err)
	}
}

// classes are those that each package claims.
var classes = []string{"legacy-safe sender", "receiver", "validator", "reliable receiver"}

// anyBytes has the cases for languages whose strings can hold any bytes.
var anyBytes = []string{"send/payload-not-utf-8", "send/name-not-utf-8", "send/name-a-surrogate"}

// foreign are families of features that no package has.
var foreign = []string{"typed", "schema", "cloudevents", "configuration"}

// conforms plays all cases with an adapter. The packages have no known deviations, and
// conform to all their classes.
func conforms(t *testing.T, command ...string) {
	t.Helper()
	cases, err := suite.Load()
	must(t, err)
	cases = slices.DeleteFunc(cases, func(c suite.Case) bool { return slices.Contains(foreign, c.Family) })
	server, _ := start(t)
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
		if r.Outcome == report.Unsupported && (strings.HasPrefix(r.Case, "chain/") || slices.Contains(anyBytes, r.Case)) {
			continue // declarations of the packages have no members, and their strings hold text
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
	var conforming []string
	for _, c := range result.Conformances() {
		if c.Verdict == report.Conforms {
			conforming = append(conforming, c.Class)
		}
	}
	if !slices.Equal(conforming, classes) {
		t.Errorf("it conforms to %q, not to %q", conforming, classes)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
