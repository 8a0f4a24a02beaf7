//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAConfigurationThatNeverEnds checks that a signal ends the wait for a pipe.
func TestAConfigurationThatNeverEnds(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "config.yml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for args, code := range map[string]int{"send x {}": exitInterrupted, "queue ls": exitInterrupted, "listen x": exitDone} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan result, 1)
		go func() { ended <- invocation{args: append(strings.Fields(args), "--config", pipe)}.run(ctx) }()
		cancel()
		select {
		case r := <-ended:
			r.expect(t, code)
		case <-time.After(10 * time.Second):
			t.Errorf("%s does not end", args)
		}
	}
	// A writer ends the readers that wait for one. Later readers find no file.
	writer, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(pipe), writer.Close()); err != nil {
		t.Error(err)
	}
}
