// Package process runs the programs that the harness starts, so that none of
// them outlives it.
package process

import (
	"context"
	"os/exec"
	"time"
)

// Command is exec.CommandContext for a program that may have children of its
// own: when ctx ends, all of them are killed.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return Kill(cmd) }
	cmd.WaitDelay = 2 * time.Second
	isolate(cmd)
	return cmd
}
