package installation

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Output keeps what a process writes.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to the output.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String is everything that was written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Tail returns the last lines of a text.
func Tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Process is a running program.
type Process struct {
	Name  string
	Cmd   *exec.Cmd
	Out   *Output       // of both streams
	Ended chan struct{} // closed when it has ended; then State is set
	State *os.ProcessState
}

// Begin starts a program. It dies with this one.
func Begin(name string, cmd *exec.Cmd) (*Process, error) {
	p := &Process{Name: name, Cmd: cmd, Out: &Output{}, Ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.Out, p.Out
	diesWithUs(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = cmd.Wait() // the state says the same
		p.State = cmd.ProcessState
		close(p.Ended)
	}()
	return p, nil
}

// Signal sends a signal. One to a process that has ended is lost.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.Cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to %s: %w", s, p.Name, err)
	}
	return nil
}

// Kill ends it with SIGKILL and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.Running(); err != nil {
		return nil // it is gone
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.Ended
	return nil
}

// Terminate ends it with SIGTERM and returns how long that took. Any status but 0,
// and more than limit, is an error.
func (p *Process) Terminate(limit time.Duration) (time.Duration, error) {
	started := time.Now()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	over := time.NewTimer(limit)
	defer over.Stop()
	select {
	case <-p.Ended:
	case <-over.C:
		return 0, fmt.Errorf("%s has not ended %s after SIGTERM", p.Name, limit)
	}
	if code := p.State.ExitCode(); code != 0 {
		return 0, fmt.Errorf("%s ended with status %d after SIGTERM, want 0", p.Name, code)
	}
	return time.Since(started), nil
}

// Running says whether the process has ended by itself.
func (p *Process) Running() error {
	select {
	case <-p.Ended:
		return fmt.Errorf("%s ended by itself: %s", p.Name, p.State)
	default:
		return nil
	}
}

// Broken says whether what it wrote tells of a data race or a panic.
func (p *Process) Broken() error {
	if text := p.Out.String(); strings.Contains(text, "WARNING: DATA RACE") || strings.Contains(text, "panic: ") {
		return fmt.Errorf("%s met a data race or panicked:\n%s", p.Name, Tail(text, 400))
	}
	return nil
}
