package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output keeps what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is a running program.
type process struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	out   *output
	ended chan struct{} // closed when it has ended; then status is set
	state *os.ProcessState
}

// begin starts a program, which is killed when the test ends. When the test fails,
// the end of what it wrote is shown.
func begin(t *testing.T, name string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: cmd, out: &output{}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	diesWithUs(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		_ = cmd.Wait() // the state says the same
		p.state = cmd.ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the end of what %s (process %d) wrote:\n%s", name, cmd.Process.Pid, tail(p.out.String(), 60))
		}
		if text := p.out.String(); strings.Contains(text, "WARNING: DATA RACE") || strings.Contains(text, "panic: ") {
			t.Errorf("%s met a data race or panicked:\n%s", name, tail(text, 400))
		}
	})
	return p
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func (p *process) signal(s syscall.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("send %s to %s: %v", s, p.name, err)
	}
}

// kill ends it with SIGKILL and waits until it is gone.
func (p *process) kill() {
	select {
	case <-p.ended:
		return
	default:
	}
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// terminate ends it with SIGTERM and returns how long that took. Any status but
// 0, and more than limit, fails the test.
func (p *process) terminate(limit time.Duration) time.Duration {
	p.t.Helper()
	started := time.Now()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(limit * slower):
		p.t.Fatalf("%s has not ended %s after SIGTERM", p.name, limit*slower)
	}
	if code := p.state.ExitCode(); code != 0 {
		p.t.Fatalf("%s ended with status %d after SIGTERM, want 0", p.name, code)
	}
	return time.Since(started)
}

// running fails the test when the process has ended by itself.
func (p *process) running() {
	p.t.Helper()
	select {
	case <-p.ended:
		p.t.Fatalf("%s ended by itself: %s", p.name, p.state)
	default:
	}
}
