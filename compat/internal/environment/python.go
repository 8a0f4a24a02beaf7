package environment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/process"
)

// ErrPython reports that this machine has no Python that can make environments. The
// wrapping error names what is missing.
var ErrPython = errors.New("no usable Python")

// Python is an interpreter of this machine.
type Python struct {
	Executable     string `json:"executable"`
	Implementation string `json:"implementation"` // "CPython", "PyPy"
	Version        string `json:"version"`        // "3.11.7"
	Supported      bool   `json:"supported"`
	Venv           bool   `json:"venv"` // can make environments with pip
}

// String returns the usual name: "Python 3.11.7", "PyPy (Python 3.9.16)".
func (p Python) String() string {
	if p.Implementation == "CPython" || p.Implementation == "" {
		return "Python " + p.Version
	}
	return fmt.Sprintf("%s (Python %s)", p.Implementation, p.Version)
}

// short returns the prefix of the version in an ID: "py", "pypy".
func (p Python) short() string {
	if p.Implementation == "CPython" || p.Implementation == "" {
		return "py"
	}
	return strings.ToLower(p.Implementation)
}

const probe = `
import importlib.util, json, platform, sys
print(json.dumps({
    "executable": sys.executable,
    "implementation": platform.python_implementation(),
    "version": platform.python_version(),
    "supported": sys.version_info >= (3, 8),
    "venv": all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
}))`

// FindPython runs the interpreter with that name in PATH, and returns its description. It
// must be of version 3.8 or later.
func FindPython(ctx context.Context, name string) (Python, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return Python{}, fmt.Errorf("%w: no %s in PATH; install Python 3.8 or later (Debian, Ubuntu: apt install python3 python3-venv)", ErrPython, name)
	}
	var stderr bytes.Buffer
	cmd := process.Command(ctx, path, "-I", "-c", probe)
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err := ctx.Err(); err != nil {
		return Python{}, err
	}
	if err != nil {
		return Python{}, fmt.Errorf("%w: %s does not run: %w\n%s", ErrPython, path, err, tail(stderr.Bytes()))
	}
	var python Python
	if err := json.Unmarshal(output, &python); err != nil {
		return Python{}, fmt.Errorf("%w: %s printed no description of itself: %w", ErrPython, path, err)
	}
	if !python.Supported {
		return Python{}, fmt.Errorf("%w: %s is Python %s; the originals need 3.8 or later", ErrPython, path, python.Version)
	}
	return python, nil
}

// requireVenv returns an error, with what to install, if environments cannot be made.
func (p Python) requireVenv() error {
	if p.Venv {
		return nil
	}
	return fmt.Errorf("%w: %s (%s) lacks the modules venv or ensurepip, which make environments with pip; install them (Debian, Ubuntu: apt install python3-venv)",
		ErrPython, p.Executable, p.Version)
}

// command returns a command of the interpreter in isolation: PYTHONPATH, the user's
// packages and pip's settings of a target directory do not apply.
func command(ctx context.Context, python string, args ...string) *exec.Cmd {
	cmd := process.Command(ctx, python, append([]string{"-I"}, args...)...)
	cmd.Env = append(os.Environ(),
		"PIP_USER=0", "PIP_REQUIRE_VIRTUALENV=0", "PIP_NO_INPUT=1",
		"PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_ROOT_USER_ACTION=ignore")
	return cmd
}

// run runs the interpreter and returns its output. The error contains the last lines of
// the output.
func run(ctx context.Context, what, python string, args ...string) (string, error) {
	output, err := command(ctx, python, args...).CombinedOutput()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", what, err, tail(output))
	}
	return strings.TrimSpace(string(output)), nil
}

// tail returns the last lines of a program's output, indented.
func tail(output []byte) string {
	const most = 15
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	lines = lines[max(0, len(lines)-most):]
	return "    " + strings.Join(lines, "\n    ")
}
