package e2e

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/oktasync/oktasync/e2e/installation"
)

// process is a running program of a test.
type process struct {
	*installation.Process
	t *testing.T
}

// begin starts a program, which is killed when the test ends. When the test fails,
// the end of what it wrote is shown.
func begin(t *testing.T, name string, cmd *exec.Cmd) *process {
	t.Helper()
	p, err := installation.Begin(name, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return look(t, p)
}

// look has a test look after a process.
func look(t *testing.T, running *installation.Process) *process {
	p := &process{Process: running, t: t}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the end of what %s (process %d) wrote:\n%s", p.Name, p.Cmd.Process.Pid, installation.Tail(p.Out.String(), 300))
		}
		if err := p.Broken(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *process) signal(s syscall.Signal) {
	if err := p.Signal(s); err != nil {
		p.t.Error(err)
	}
}

// kill ends it with SIGKILL and waits until it is gone.
func (p *process) kill() {
	if err := p.Kill(); err != nil {
		p.t.Error(err)
	}
}

// terminate ends it with SIGTERM and returns how long that took. Any status but
// 0, and more than limit, fails the test.
func (p *process) terminate(limit time.Duration) time.Duration {
	p.t.Helper()
	took, err := p.Terminate(limit * slower)
	if err != nil {
		p.t.Fatal(err)
	}
	return took
}

// running fails the test when the process has ended by itself.
func (p *process) running() {
	p.t.Helper()
	if err := p.Running(); err != nil {
		p.t.Fatal(err)
	}
}
