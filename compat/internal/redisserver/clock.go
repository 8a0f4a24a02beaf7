package redisserver

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// clockSource is the library that has a program see a Clock. It is C, since it
// stands before the C library's own functions.
//
//go:embed clock/clock.c
var clockSource string

// Clock is the time of day as a server sees it, which can be moved while the
// server runs. It needs Linux, a C compiler, and a server that is linked
// dynamically.
type Clock struct {
	dir string
	off *os.File // by how many microseconds
}

// NewClock makes one that is right.
func NewClock(ctx context.Context) (_ *Clock, err error) {
	dir, err := os.MkdirTemp("", "remote-event-clock-")
	if err != nil {
		return nil, err
	}
	c := &Clock{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("make a clock that can be moved, which needs Linux and a C compiler: %w", err), c.Close())
		}
	}()
	compiler := exec.CommandContext(ctx, "cc", "-shared", "-fPIC", "-O2", "-x", "c", "-", "-o", c.library())
	compiler.Stdin = strings.NewReader(clockSource)
	if output, err := compiler.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, lastLines(output, 5))
	}
	if c.off, err = os.Create(filepath.Join(dir, "off")); err != nil {
		return nil, err
	}
	return c, c.Set(0)
}

// Set moves the clock: it is off the true time by that much from now on.
func (c *Clock) Set(off time.Duration) error {
	_, err := c.off.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(off.Microseconds())), 0)
	return err
}

func (c *Clock) library() string { return filepath.Join(c.dir, "clock.so") }

// env is for the server's environment.
func (c *Clock) env() []string {
	return []string{"LD_PRELOAD=" + c.library(), "REMOTE_EVENT_CLOCK=" + c.off.Name()}
}

// Close removes the clock, after its servers have ended.
func (c *Clock) Close() error {
	var err error
	if c.off != nil {
		err = c.off.Close()
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}
