package environment_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/environment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOriginals(t *testing.T) {
	t.Parallel()
	var versions []string
	for _, original := range environment.Originals() {
		versions = append(versions, original.Bundle)
	}
	if got, want := strings.Join(versions, " "), "0.1 0.2 1.1 1.3 1.4 1.5 1.6"; got != want {
		t.Errorf("originals %s, want %s", got, want)
	}
	if got := environment.Originals()[6].String(); got != "remote_event_bundle 1.6" {
		t.Errorf("String: %s", got)
	}
	if got := environment.Originals()[6].ID(); got != "remote_event_bundle-1.6" {
		t.Errorf("ID: %s", got)
	}
}

// Two caches in one directory, as two processes have them, build one environment once if
// both need it at the same time.
func TestOriginalEnvironmentBuildsOnce(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	dir := cache.Dir(t.TempDir())
	original := environment.Originals()[6]
	var progress syncBuffer
	var pythons [2]string
	var group sync.WaitGroup
	for i := range pythons {
		group.Go(func() {
			python, err := environment.New(dir, "", &progress).Ensure(t.Context(), original)
			if err != nil {
				t.Error(err)
			}
			pythons[i] = python
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
	if pythons[0] != pythons[1] {
		t.Errorf("the interpreters differ: %s and %s", pythons[0], pythons[1])
	}
	if n := strings.Count(progress.String(), "built the environment of remote_event_bundle 1.6 "); n != 1 {
		t.Errorf("built %d times, want 1:\n%s", n, progress.String())
	}
	output, err := exec.CommandContext(t.Context(), pythons[0], "-I", "-c",
		"import remote_event_bundle, redis, inject; from importlib.metadata import version; print(version('remote_event_bundle'), version('applauncher'), redis.__version__)").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if got, want := strings.TrimSpace(string(output)), "1.6 1.44 3.5.3"; got != want {
		t.Errorf("versions %s, want %s", got, want)
	}
	remains, err := filepath.Glob(filepath.Join(string(dir), "*.building-*"))
	if err != nil || len(remains) > 0 {
		t.Errorf("remaining files: %v, %v", remains, err)
	}

	again := environment.New(dir, "", &progress)
	if _, err := again.Python(t.Context()); err != nil {
		t.Fatal(err)
	}
	progress.Reset()
	start := time.Now()
	if _, err := again.Ensure(t.Context(), original); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > calibration.Scale(50*time.Millisecond) {
		t.Errorf("the look-up of an existing environment took %v", took)
	}
	if progress.String() != "" {
		t.Errorf("unexpected progress: %s", progress.String())
	}
}

// The build fails with the text of pip if there is no network, or the mirror lacks the
// packages.
func TestOriginalEnvironmentWithoutPackages(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	t.Setenv("PIP_NO_INDEX", "1")
	t.Setenv("PIP_FIND_LINKS", t.TempDir())
	dir := cache.Dir(t.TempDir())
	_, err := environment.New(dir, "", nil).EnsureAll(t.Context(), environment.Originals())
	if err == nil {
		t.Fatal("EnsureAll succeeded without packages")
	}
	for _, part := range []string{"needs the network", "No matching distribution found for setuptools"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
	entries, err := filepath.Glob(filepath.Join(string(dir), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry, ".lock") {
			t.Errorf("remaining file: %s", entry)
		}
	}
}

func TestOriginalEnvironmentCancelled(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	ctx, cancel := context.WithCancel(t.Context())
	environments := environment.New(cache.Dir(t.TempDir()), "", nil)
	if _, err := environments.Python(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := environments.Ensure(ctx, environment.Originals()[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestOriginalFindPython(t *testing.T) {
	t.Parallel()
	old := script(t, `echo '{"executable":"/usr/bin/python3","implementation":"CPython","version":"3.6.9","supported":false,"venv":true}'`)
	bare := script(t, `echo '{"executable":"/usr/bin/python3","implementation":"CPython","version":"3.11.2","supported":true,"venv":false}'`)
	for _, test := range []struct {
		name, python, want string
	}{
		{"absent", "no-such-python", "install Python 3.8 or later"},
		{"old", old, "is Python 3.6.9; the originals need 3.8 or later"},
		{"broken", script(t, "echo cannot open shared object >&2; exit 127"), "cannot open shared object"},
		{"garbage", script(t, "echo hello"), "printed no description"},
		{"without venv", bare, "apt install python3-venv"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := environment.New(cache.Dir(t.TempDir()), test.python, nil).Ensure(t.Context(), environment.Originals()[0])
			if !errors.Is(err, environment.ErrPython) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
	python, err := environment.FindPython(t.Context(), "python3")
	if err != nil || python.Version == "" || !filepath.IsAbs(python.Executable) {
		t.Errorf("found %+v, %v", python, err)
	}
}

// script writes a shell script and returns its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python3")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

type syncBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func (b *syncBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buffer.Reset()
}
