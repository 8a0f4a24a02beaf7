package environment_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/environment"
)

func pythons() []environment.Python {
	return []environment.Python{
		{Executable: "/a", Implementation: "CPython", Version: "3.8.18"},
		{Executable: "/b", Implementation: "CPython", Version: "3.11.7"},
		{Executable: "/c", Implementation: "CPython", Version: "3.13.0"},
		{Executable: "/d", Implementation: "PyPy", Version: "3.9.16"},
	}
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		selection environment.Selection
		count     int
		has       []string
	}{
		{environment.Quick, 4, []string{
			"remote_event_bundle-0.2-applauncher1.42-redis2.10.6-blinker1.5-py3.8.18", "remote_event_bundle-1.6-applauncher1.42-redis2.10.6-blinker1.5-py3.8.18",
			"remote_event_bundle-0.2-redis5.0.8-py3.13.0", "remote_event_bundle-1.6-redis5.0.8-py3.13.0",
		}},
		{environment.Bundles, 7, []string{"remote_event_bundle-0.1", "remote_event_bundle-1.6"}},
		// One bundle × two versions each of applauncher, redis-py and blinker × two CPythons and PyPy.
		{environment.Default, 7 + 8*3, []string{"remote_event_bundle-0.1", "remote_event_bundle-1.6-applauncher1.42-redis2.10.6-blinker1.5-pypy3.9.16"}},
		// Every bundle with the newest dependencies and two bundles on the corners, less two duplicates.
		{environment.Corners, 7 + 7 + 2*8*3 - 2, []string{
			"remote_event_bundle-0.1-redis5.0.8-py3.13.0",
			"remote_event_bundle-0.2-applauncher1.42-redis2.10.6-blinker1.5-py3.8.18",
			"remote_event_bundle-1.6-applauncher1.42-redis5.0.8-pypy3.9.16",
		}},
		{environment.Full, 7 + 7*3*4*2*4, []string{"remote_event_bundle-1.3-applauncher1.43-redis4.6.0-blinker1.5-py3.11.7"}},
	} {
		t.Run(string(test.selection), func(t *testing.T) {
			t.Parallel()
			all, err := environment.Matrix(test.selection, pythons())
			if err != nil {
				t.Fatal(err)
			}
			ids := map[string]bool{}
			for _, original := range all {
				ids[original.ID()] = true
			}
			if len(all) != test.count || len(ids) != len(all) {
				t.Errorf("%d originals with %d IDs, want %d", len(all), len(ids), test.count)
			}
			for _, id := range test.has {
				if !ids[id] {
					t.Errorf("%s is not among %v", id, ids)
				}
			}
		})
	}
}

func TestMatrixWithoutPython(t *testing.T) {
	t.Parallel()
	if _, err := environment.Matrix(environment.Corners, nil); !errors.Is(err, environment.ErrPython) {
		t.Errorf("got %v", err)
	}
	if _, err := environment.Matrix("all", pythons()); err == nil || !strings.Contains(err.Error(), "use one of quick, bundles, default, corners, full") {
		t.Errorf("got %v", err)
	}
	one, err := environment.Matrix(environment.Corners, pythons()[1:2])
	if err != nil || len(one) != 7+7+2*8-2 {
		t.Errorf("with one interpreter: %d, %v", len(one), err)
	}
}

// Interpreters returns the newest of each minor version, and skips broken shims, old
// interpreters and those that cannot make environments.
func TestOriginalInterpreters(t *testing.T) {
	root := t.TempDir()
	place := func(dir, name, implementation, version, supported string) {
		t.Helper()
		path := filepath.Join(root, dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		answer := fmt.Sprintf(`{"executable":"%s","implementation":"%s","version":"%s","supported":%s,"venv":%s}`,
			path, implementation, version, supported, map[bool]string{true: "false", false: "true"}[version == "3.12.1"])
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho '"+answer+"'\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	place("bin", "python3", "CPython", "3.11.2", "true")
	place("bin", "pypy3", "PyPy", "3.9.16", "true")
	place("pyenv/versions/3.11.7/bin", "python3", "CPython", "3.11.7", "true")
	place("pyenv/versions/3.9.1/bin", "python3", "CPython", "3.9.1", "true")
	place("pyenv/versions/3.12.1/bin", "python3", "CPython", "3.12.1", "true")
	place("pyenv/versions/3.7.16/bin", "python3", "CPython", "3.7.16", "false")
	if err := os.WriteFile(filepath.Join(root, "bin", "python3.13"), []byte("#!/bin/sh\necho 'pyenv: not found' >&2\nexit 127\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(root, "bin"))
	t.Setenv("PYENV_ROOT", filepath.Join(root, "pyenv"))
	found, err := environment.Interpreters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(found), "[Python 3.9.1 Python 3.11.7 PyPy (Python 3.9.16)]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	t.Setenv("PATH", t.TempDir())
	t.Setenv("PYENV_ROOT", t.TempDir())
	if _, err := environment.Select(t.Context(), environment.Full); !errors.Is(err, environment.ErrPython) {
		t.Errorf("without interpreters: %v", err)
	}
}

// TestExclusions checks that every excluded version is on no axis, and has a reason, which
// the README repeats.
func TestExclusions(t *testing.T) {
	t.Parallel()
	axes := environment.Axes()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	taken := map[string][]string{"remote_event_bundle": axes.Bundles, "applauncher": axes.Applaunchers, "redis": axes.RedisPys}
	for _, exclusion := range environment.Exclusions() {
		if row := fmt.Sprintf("| %s %s | %s |\n", exclusion.Package, exclusion.Versions, exclusion.Why); exclusion.Why == "" || !strings.Contains(string(readme), row) {
			t.Errorf("the README lacks %s", row)
		}
		for _, version := range taken[exclusion.Package] {
			for left := range strings.SplitSeq(exclusion.Versions, ", ") {
				if left == version {
					t.Errorf("%s %s is on an axis and excluded", exclusion.Package, version)
				}
			}
		}
	}
}
