// Package process runs the programs that the harness starts, so that none of
// them outlives it, nor what they start themselves.
package process

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"strings"
	"time"
)

// mark is the variable in a program's environment by which its children are
// recognized, whatever session they are in.
const mark = "REMOTE_EVENT_COMPAT_PROCESS="

// Command is exec.CommandContext for a program that may have children of its
// own: when ctx ends, all of them are killed. Its Env is that of this process
// and may be added to.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	adopt()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), mark+rand.Text())
	cmd.Cancel = func() error { return Kill(cmd) }
	cmd.WaitDelay = 2 * time.Second
	isolate(cmd)
	return cmd
}

// marked is the mark in a program's environment, "" where it has none.
func marked(cmd *exec.Cmd) string {
	for _, variable := range cmd.Env {
		if strings.HasPrefix(variable, mark) {
			return variable
		}
	}
	return ""
}
