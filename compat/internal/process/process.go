// Package process runs the programs that the harness starts. No program and no child of a
// program outlives the harness.
package process

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"strings"
	"time"
)

// mark is the variable in a program's environment that identifies its children in any
// session.
const mark = "REMOTE_EVENT_COMPAT_PROCESS="

// Command is exec.CommandContext for a program that may start children. The end of ctx
// kills the program and its children. Env has the environment of this process, to which
// the caller may add variables.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	adopt()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), mark+rand.Text())
	cmd.Cancel = func() error { return Kill(cmd) }
	cmd.WaitDelay = 2 * time.Second
	isolate(cmd)
	return cmd
}

// marked returns the mark in a program's environment, or "" if there is none.
func marked(cmd *exec.Cmd) string {
	for _, variable := range cmd.Env {
		if strings.HasPrefix(variable, mark) {
			return variable
		}
	}
	return ""
}
