//go:build unix

package process

import (
	"errors"
	"os/exec"
	"syscall"
)

// Kill ends the program and its children at once. On Linux it also ends children that have
// left its process group.
func Kill(cmd *exec.Cmd) error {
	left := strays(cmd)
	err := signal(cmd, syscall.SIGKILL)
	end(left)
	return err
}

// Terminate asks the program and its children to end.
func Terminate(cmd *exec.Cmd) error { return signal(cmd, syscall.SIGTERM) }

// Suspend stops the program and its children until Resume.
func Suspend(cmd *exec.Cmd) error { return signal(cmd, syscall.SIGSTOP) }

// Resume continues a suspended program.
func Resume(cmd *exec.Cmd) error { return signal(cmd, syscall.SIGCONT) }

func signal(cmd *exec.Cmd, s syscall.Signal) error {
	err := syscall.Kill(-cmd.Process.Pid, s)
	if errors.Is(err, syscall.ESRCH) {
		return nil // all have ended
	}
	return err
}
