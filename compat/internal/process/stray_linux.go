package process

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// setChildSubreaper is PR_SET_CHILD_SUBREAPER of prctl.
const setChildSubreaper = 36

// adopt makes this process the parent of descendants whose parent has ended, so that they
// can be found. A child that called setsid is not in the process group of the program.
var adopt = sync.OnceFunc(func() {
	// Linux before 3.4 does not support this. There, orphans become children of init.
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0)
})

// reaping is the maximum time for which Kill waits for the end of killed processes.
const reaping = 200 * time.Millisecond

// strays returns the descendants of a program that may not be in its process group: its
// children, their descendants, and orphans with its mark.
func strays(cmd *exec.Cmd) []int {
	all := processes()
	var found []int
	if cmd.Process.Signal(syscall.Signal(0)) == nil { // otherwise the number may belong to another process
		found = all.below(cmd.Process.Pid)
	}
	if sign := marked(cmd); sign != "" {
		for _, orphan := range all[os.Getpid()] {
			environment, err := os.ReadFile("/proc/" + strconv.Itoa(orphan) + "/environ")
			if err == nil && orphan != cmd.Process.Pid && slices.ContainsFunc(bytes.Split(environment, []byte{0}), func(v []byte) bool { return string(v) == sign }) {
				found = append(append(found, orphan), all.below(orphan)...)
			}
		}
	}
	return found
}

// end kills processes and waits up to reaping for their end. This process is their parent
// then, and must read their status.
func end(pids []int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	deadline := time.After(reaping)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for _, pid := range pids {
		for {
			if reaped, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); reaped == pid || err != nil && !exists(pid) {
				break
			}
			select {
			case <-tick.C:
			case <-deadline:
				return
			}
		}
	}
}

// KillRest kills every descendant of this process. Call it before the process exits, when
// it needs none of them any more.
func KillRest() { end(processes().below(os.Getpid())) }

func exists(pid int) bool { return syscall.Kill(pid, 0) == nil }

// children has processes by the number of their parent.
type children map[int][]int

func processes() children {
	all := children{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return all
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		// The name of the program may contain any character, even a parenthesis.
		_, fields, _ := strings.Cut(string(stat[max(0, bytes.LastIndexByte(stat, ')')):]), " ")
		if words := strings.Fields(fields); len(words) > 1 {
			if parent, err := strconv.Atoi(words[1]); err == nil {
				all[parent] = append(all[parent], pid)
			}
		}
	}
	return all
}

// below returns the descendants of a process.
func (c children) below(pid int) []int {
	var found []int
	for _, child := range c[pid] {
		found = append(append(found, child), c.below(child)...)
	}
	return found
}
