//go:build unix && !linux

package process

import "os/exec"

// adopt, strays and end are for Linux: elsewhere a program's children are those
// in its process group.
func adopt() {}

func strays(*exec.Cmd) []int { return nil }

func end([]int) {}

// KillRest is for Linux.
func KillRest() {}
