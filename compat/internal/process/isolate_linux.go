package process

import (
	"os/exec"
	"syscall"
)

// isolate puts the program into a process group of its own. The kernel kills it if the
// harness dies.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
