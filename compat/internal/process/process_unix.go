//go:build unix

package process

import (
	"errors"
	"os/exec"
	"syscall"
)

// Kill ends the program and its children at once.
func Kill(cmd *exec.Cmd) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return nil // all gone
	}
	return err
}
