//go:build !unix

package process

import (
	"errors"
	"os/exec"
)

// Kill ends the program at once.
func Kill(cmd *exec.Cmd) error { return cmd.Process.Kill() }

// Terminate asks the program to end, where the system has a way to.
func Terminate(*exec.Cmd) error { return errors.ErrUnsupported }

// Suspend stops the program until Resume, where the system has a way to.
func Suspend(*exec.Cmd) error { return errors.ErrUnsupported }

// Resume lets a program go on that was suspended.
func Resume(*exec.Cmd) error { return errors.ErrUnsupported }

// KillRest is for Linux.
func KillRest() {}

func isolate(*exec.Cmd) {}

func adopt() {}
