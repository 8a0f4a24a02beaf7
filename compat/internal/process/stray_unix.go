//go:build unix && !linux

package process

import "os/exec"

// adopt, strays and end do nothing. On this system, the children of a program are the
// processes in its process group.
func adopt() {}

func strays(*exec.Cmd) []int { return nil }

func end([]int) {}

// KillRest does nothing. Only Linux needs it.
func KillRest() {}
