//go:build !unix

package process

import (
	"errors"
	"os/exec"
)

// Kill ends the program at once.
func Kill(cmd *exec.Cmd) error { return cmd.Process.Kill() }

// Terminate asks the program to end, if the system supports this.
func Terminate(*exec.Cmd) error { return errors.ErrUnsupported }

// Suspend stops the program until Resume, if the system supports this.
func Suspend(*exec.Cmd) error { return errors.ErrUnsupported }

// Resume continues a suspended program.
func Resume(*exec.Cmd) error { return errors.ErrUnsupported }

// KillRest does nothing. Only Linux needs it.
func KillRest() {}

func isolate(*exec.Cmd) {}

func adopt() {}
