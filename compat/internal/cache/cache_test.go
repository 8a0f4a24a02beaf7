package cache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/cache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDefault(t *testing.T) {
	t.Setenv(cache.Variable, "")
	t.Setenv("XDG_CACHE_HOME", "/somewhere")
	t.Setenv("HOME", "/home/nobody")
	dir, err := cache.Default()
	if err != nil || filepath.Base(string(dir)) != "compat" || filepath.Base(filepath.Dir(string(dir))) != "remote-event" {
		t.Errorf("got %s, %v", dir, err)
	}
	t.Setenv(cache.Variable, "/elsewhere")
	if dir, err := cache.Default(); err != nil || dir != "/elsewhere" {
		t.Errorf("got %s, %v", dir, err)
	}
}

func TestBuildOnce(t *testing.T) {
	t.Parallel()
	dir := cache.Dir(filepath.Join(t.TempDir(), "deep", "cache"))
	var builds atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			path, err := dir.Build(t.Context(), "entry", func(_ context.Context, dir string) error {
				builds.Add(1)
				return os.WriteFile(filepath.Join(dir, "content"), []byte("x"), 0o600)
			})
			if err != nil {
				t.Error(err)
			}
			if content, err := os.ReadFile(filepath.Join(path, "content")); err != nil || string(content) != "x" {
				t.Errorf("read %q, %v", content, err)
			}
		})
	}
	group.Wait()
	if builds.Load() != 1 {
		t.Errorf("built %d times", builds.Load())
	}
}

// TestBuildAfterFailure checks that the files of a crash or a failed build are not an entry,
// and are removed.
func TestBuildAfterFailure(t *testing.T) {
	t.Parallel()
	dir := cache.Dir(t.TempDir())
	for _, remains := range []string{"entry", "entry.building-1"} {
		if err := os.MkdirAll(filepath.Join(string(dir), remains, "half"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(string(dir), "entry.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("failure")
	_, err := dir.Build(t.Context(), "entry", func(context.Context, string) error { return failure })
	if !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	if _, ok := dir.Has("entry"); ok {
		t.Error("a failed build left an entry")
	}
	path, err := dir.Build(t.Context(), "entry", func(context.Context, string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, "half")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the remains are in the entry: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(string(dir), "*.building-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBuildCancelledWhileWaiting(t *testing.T) {
	t.Parallel()
	dir := cache.Dir(t.TempDir())
	building, release := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		_, err := dir.Build(t.Context(), "entry", func(context.Context, string) error {
			close(building)
			<-release
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-building
	cause := errors.New("cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := dir.Build(ctx, "entry", nil); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	close(release)
	group.Wait()
}

func TestFile(t *testing.T) {
	t.Parallel()
	dir := cache.Dir(t.TempDir())
	one, err := dir.File("driver.py", []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := dir.File("driver.py", []byte("two"))
	if err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(one); one == two || err != nil || string(content) != "one" {
		t.Errorf("%s and %s: %q, %v", one, two, content, err)
	}
}
