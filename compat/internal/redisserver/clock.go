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

// clockSource is the library that makes a program see a Clock. It is written in C,
// because it replaces functions of the C library.
//
//go:embed clock/clock.c
var clockSource string

// Clock is the time of day that a server sees. It can be changed while the server runs.
// It needs Linux, a C compiler and a dynamically linked server.
type Clock struct {
	dir string
	off *os.File // the offset in microseconds
}

// NewClock returns a clock that shows the true time.
func NewClock(ctx context.Context) (_ *Clock, err error) {
	dir, err := os.MkdirTemp("", "remote-event-clock-")
	if err != nil {
		return nil, err
	}
	c := &Clock{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("make an adjustable clock (needs Linux and a C compiler): %w", err), c.Close())
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

// Set sets the difference between the clock and the true time.
func (c *Clock) Set(off time.Duration) error {
	_, err := c.off.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(off.Microseconds())), 0)
	return err
}

func (c *Clock) library() string { return filepath.Join(c.dir, "clock.so") }

// env returns the variables for the server's environment.
func (c *Clock) env() []string {
	return []string{"LD_PRELOAD=" + c.library(), "REMOTE_EVENT_CLOCK=" + c.off.Name()}
}

// Close removes the clock. Its servers must have ended.
func (c *Clock) Close() error {
	var err error
	if c.off != nil {
		err = c.off.Close()
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}
