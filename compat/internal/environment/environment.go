// Package environment makes the Python environments of the originals: one for each
// published version of remote_event_bundle.
//
// An environment is a venv with links to layers: one for each package with a selected
// version, and a shared venv with the common packages of all originals. The user's cache
// keeps each under a name derived from its pinned content and the interpreter. A further
// combination therefore takes about a second, and an existing one only a look-up.
package environment

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/remote-events/remote-events/compat/internal/cache"
)

// format is part of every key. Increment it after a change to the build.
const format = "2"

// parallel is the minimum number of concurrent builds.
const parallel = 2

// Cache makes environments and keeps them. It is safe for concurrent use.
type Cache struct {
	dir      cache.Dir
	name     string
	progress io.Writer
	slots    chan struct{}

	mu     sync.Mutex // guards the fields below
	python *Python
}

// New returns a cache in dir. It takes the interpreter named python from PATH ("" means
// python3). If progress is not nil, it receives a line for each environment that is
// built.
func New(dir cache.Dir, python string, progress io.Writer) *Cache {
	if python == "" {
		python = "python3"
	}
	if progress == nil {
		progress = io.Discard
	}
	return &Cache{dir: dir, name: python, progress: progress, slots: make(chan struct{}, max(parallel, runtime.NumCPU()))}
}

// Dir returns the directory of the environments.
func (c *Cache) Dir() cache.Dir { return c.dir }

// Python returns the interpreter that makes the environments.
func (c *Cache) Python(ctx context.Context) (Python, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.python == nil {
		python, err := FindPython(ctx, c.name)
		if err != nil {
			return Python{}, err
		}
		c.python = &python
	}
	return *c.python, nil
}

// Ensure returns the interpreter of the original's environment. It first builds the
// environment if it is absent, which needs the network.
func (c *Cache) Ensure(ctx context.Context, original Original) (python string, err error) {
	host := original.Python
	if host == (Python{}) {
		if host, err = c.Python(ctx); err != nil {
			return "", err
		}
	}
	interpreter := []string{format, runtime.GOOS, runtime.GOARCH, host.Implementation, host.Version, host.Executable}
	common := host.short() + host.Version + "-" + cache.Key(slices.Concat(interpreter, builders, shared)...)
	base, err := c.build(ctx, common, "the common packages of the originals on "+host.String(), func(ctx context.Context, dir string) error {
		return buildShared(ctx, host, dir)
	})
	if err != nil {
		return "", err
	}
	layers := []string{}
	for _, part := range original.parts() {
		name, version, _ := strings.Cut(part, "==")
		layer, err := c.build(ctx, fmt.Sprintf("layer-%s-%s-%s", name, version, cache.Key(common, part)), name+" "+version+" for "+host.String(), func(ctx context.Context, dir string) error {
			return install(ctx, executable(base), []string{part}, "--no-build-isolation", "--target", dir)
		})
		if err != nil {
			return "", err
		}
		layers = append(layers, layer)
	}
	name := original.ID() + "-" + cache.Key(append(original.parts(), common)...)
	path, err := c.build(ctx, name, "the environment of "+original.describe(host), func(ctx context.Context, dir string) error {
		return buildOriginal(ctx, host, dir, base, layers, original)
	})
	if err != nil {
		return "", err
	}
	return executable(path), nil
}

// describe names the original and the versions of its dependencies.
func (o Original) describe(host Python) string {
	return fmt.Sprintf("%s (applauncher %s, redis-py %s, blinker %s, %s)", o, o.Applauncher, o.RedisPy, o.Blinker, host)
}

// EnsureAll calls Ensure for several originals concurrently. It returns the interpreters
// in the order of the originals. The first failure cancels the rest, since a failed
// download fails for all.
func (c *Cache) EnsureAll(ctx context.Context, originals []Original) (pythons []string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pythons = make([]string, len(originals))
	var group sync.WaitGroup
	for i, original := range originals {
		group.Go(func() {
			python, err := c.Ensure(ctx, original)
			if err != nil {
				cancel(err)
			}
			pythons[i] = python
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return pythons, nil
}

// build builds an entry of the cache in one of the slots, and reports it to progress.
func (c *Cache) build(ctx context.Context, name, what string, build func(ctx context.Context, dir string) error) (string, error) {
	return c.dir.Build(ctx, name, func(ctx context.Context, dir string) error {
		select {
		case c.slots <- struct{}{}:
			defer func() { <-c.slots }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		c.logf("building %s", what)
		start := time.Now()
		if err := build(ctx, dir); err != nil {
			return fmt.Errorf("build %s: %w", what, err)
		}
		c.logf("built %s (%.1f s)", what, time.Since(start).Seconds())
		return nil
	})
}

func (c *Cache) logf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = fmt.Fprintf(c.progress, format+"\n", args...)
}

// buildShared makes a venv with pip and the common packages of all originals.
func buildShared(ctx context.Context, host Python, dir string) error {
	if err := host.requireVenv(); err != nil {
		return err
	}
	if _, err := run(ctx, "make a venv", host.Executable, "-m", "venv", dir); err != nil {
		return err
	}
	python := executable(dir)
	if err := install(ctx, python, builders); err != nil {
		return err
	}
	return install(ctx, python, shared, "--no-build-isolation")
}

// buildOriginal makes a venv that contains only links to its layers and to base.
func buildOriginal(ctx context.Context, host Python, dir, base string, layers []string, original Original) error {
	if _, err := run(ctx, "make a venv", host.Executable, "-m", "venv", "--without-pip", dir); err != nil {
		return err
	}
	const purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
	own, err := run(ctx, "find the venv's packages", executable(dir), "-c", purelib)
	if err != nil {
		return err
	}
	common, err := run(ctx, "find the shared venv's packages", executable(base), "-c", purelib)
	if err != nil {
		return err
	}
	// The links use addsitedir instead of a path, because the shared packages have .pth files.
	var links strings.Builder
	for _, layer := range append(layers, common) {
		fmt.Fprintf(&links, "import site; site.addsitedir(%+q)\n", layer)
	}
	if err := os.WriteFile(filepath.Join(own, "layers.pth"), []byte(links.String()), 0o600); err != nil {
		return err
	}
	_, err = run(ctx, "check the environment", executable(dir), append([]string{"-c", check}, original.versions()...)...)
	return err
}

// check imports the packages that can be imported. 0.1 needs the help of its driver.
const check = `
import importlib, sys
from importlib.metadata import version
expected = dict(zip(("remote_event_bundle", "applauncher", "redis", "blinker"), sys.argv[1:]))
found = {name: version(name) for name in expected}
assert found == expected, found
import applauncher.kernel, redis_bundle
if found["remote_event_bundle"] != "0.1":
    importlib.import_module("remote_event_bundle")
if not found["remote_event_bundle"].startswith("0."):
    importlib.import_module("remote_event_bundle.backend.redis_backend")
`

// install installs pinned requirements without their dependencies.
func install(ctx context.Context, python string, requirements []string, options ...string) error {
	args := append([]string{"-m", "pip", "install", "--no-deps"}, options...)
	_, err := run(ctx, "install packages with pip (the first build needs the network or a mirror configured for pip)", python, append(args, requirements...)...)
	return err
}

// executable returns the interpreter of the venv in dir.
func executable(dir string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(dir, "Scripts", "python.exe")
	}
	return filepath.Join(dir, "bin", "python")
}
