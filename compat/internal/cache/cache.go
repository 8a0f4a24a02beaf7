// Package cache stores things that the harness makes once for each user: environments,
// server binaries, the driver.
//
// Every entry is immutable and named after its content, so an entry is either
// absent or correct, and several processes may use one cache at once.
package cache

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Variable is the environment variable that names the cache directory.
const Variable = "REMOTE_EVENT_CACHE"

// marker is the file that marks an entry as complete.
const marker = ".complete"

// poll is the time between two attempts to lock an entry. The lock of a process
// that dies is released.
const poll = 20 * time.Millisecond

// Dir is a cache directory. It need not exist yet.
type Dir string

// Default is the directory that REMOTE_EVENT_CACHE names, or
// remote-event/compat in the user's cache directory.
func Default() (Dir, error) {
	if path := os.Getenv(Variable); path != "" {
		path, err := filepath.Abs(path)
		return Dir(path), err
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory for this user: %w; set %s to a directory", err, Variable)
	}
	return Dir(filepath.Join(base, "remote-event", "compat")), nil
}

// Key shortens the identity of an entry to a part of a file name.
func Key(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// Has returns the path of an entry. ok is false if the entry is missing or incomplete.
func (d Dir) Has(name string) (path string, ok bool) {
	path = filepath.Join(string(d), name)
	_, err := os.Stat(filepath.Join(path, marker))
	return path, err == nil
}

// Build returns the path of the entry called name, and has build fill a
// directory for it first if it is not there. The directory gets its final name
// only when build is done, so a crash leaves nothing half made behind; of
// several processes one builds and the others wait for it.
func (d Dir) Build(ctx context.Context, name string, build func(ctx context.Context, dir string) error) (path string, err error) {
	if path, ok := d.Has(name); ok {
		return path, nil
	}
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return "", fmt.Errorf("make the cache directory: %w; %s can name another one", err, Variable)
	}
	lock := flock.New(filepath.Join(string(d), name+".lock"))
	if _, err := lock.TryLockContext(ctx, poll); err != nil {
		return "", fmt.Errorf("lock the cache entry %s: %w", name, cmp.Or(context.Cause(ctx), err))
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	path, ok := d.Has(name)
	if ok {
		return path, nil
	}

	// The lock is exclusive, so a process that died has left these files.
	remains, err := filepath.Glob(path + ".building-*")
	if err != nil {
		return "", err
	}
	for _, old := range append(remains, path) {
		if err := os.RemoveAll(old); err != nil {
			return "", fmt.Errorf("clear the cache entry %s: %w", name, err)
		}
	}
	temporary, err := os.MkdirTemp(string(d), name+".building-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }() // it no longer exists after a success
	if err := build(ctx, temporary); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(temporary, marker), nil, 0o600); err != nil {
		return "", err
	}
	if err := os.Rename(temporary, path); err != nil {
		return "", err
	}
	return path, nil
}

// File returns the path of a file with this content, written if it is not there.
func (d Dir) File(name string, content []byte) (string, error) {
	path, err := d.Build(context.Background(), name+"-"+Key(string(content)), func(_ context.Context, dir string) error {
		return os.WriteFile(filepath.Join(dir, name), content, 0o600)
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(path, name), nil
}
