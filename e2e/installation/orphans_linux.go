package installation

import (
	"os/exec"
	"syscall"
)

// diesWithUs has the kernel end a process when we are killed or panic:
// then no cleanup runs.
func diesWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
