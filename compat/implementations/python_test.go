package implementations_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/environment"
)

// tools are what the Python package and its tests need.
var tools = []string{"setuptools==80.9.0", "mypy==1.18.2", "redis==5.0.8", "async-timeout==4.0.3"}

// installPython returns the interpreter of an environment in which pip has installed the
// package.
func installPython(t *testing.T, s source) string {
	t.Helper()
	dir, err := cache.Default()
	must(t, err)
	python, err := environment.New(dir, "", os.Stderr).Python(t.Context())
	must(t, err)
	key := cache.Key(append(tools, s.key, python.Executable, python.Version)...)
	venv, err := dir.Build(t.Context(), "python-package-"+key, func(ctx context.Context, dir string) error {
		if err := execute(ctx, dir, python.Executable, "-m", "venv", dir); err != nil {
			return err
		}
		pip := []string{"-m", "pip", "install", "--disable-pip-version-check"}
		if err := execute(ctx, dir, interpreter(dir), append(pip, tools...)...); err != nil {
			return err
		}
		source := filepath.Join(dir, "source")
		if err := s.copyTo(source); err != nil {
			return err
		}
		return execute(ctx, dir, interpreter(dir), append(pip, "--no-build-isolation", source)...)
	})
	must(t, err)
	return interpreter(venv)
}

// interpreter returns that of an environment.
func interpreter(venv string) string { return filepath.Join(venv, "bin", "python") }

// TestPackageInPython runs the package's own tests, checks its types, and runs the first
// programs of its README with the installed package.
func TestPackageInPython(t *testing.T) {
	t.Parallel()
	s := newSource(t, "python")
	python := installPython(t, s)
	must(t, execute(t.Context(), s.dir, python, "-B", "-m", "unittest"))
	must(t, execute(t.Context(), s.dir, python, "-m", "mypy", "--cache-dir", filepath.Join(filepath.Dir(python), "..", "types")))
	s.firstPrograms(t, "python", ".py", t.TempDir(), python)
}

func TestSuiteInPython(t *testing.T) {
	t.Parallel()
	s := newSource(t, "python")
	conforms(t, installPython(t, s), filepath.Join(s.dir, "adapter.py"))
}
