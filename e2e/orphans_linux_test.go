package e2e

import (
	"os/exec"
	"syscall"
)

// diesWithUs has the kernel end a process when the tests are killed or panic:
// then no cleanup runs.
func diesWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
