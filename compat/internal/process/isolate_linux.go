package process

import (
	"os/exec"
	"syscall"
)

// isolate puts the program into a process group of its own, and has the kernel
// kill it when the harness dies without a word.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
