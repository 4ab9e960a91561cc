package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/oktasync/oktasync/e2e/installation"
)

// replica is one process of the service under a supervisor that starts it again
// whenever it ends, as a container platform does.
type replica struct {
	name     string
	address  string
	binary   string
	dir      string
	environ  []string
	database *wire // nil with SQLite
	redis    *wire // nil with the embedded one
	notes    *journal

	mu      sync.Mutex
	process *installation.Process
	logs    []*installation.Output // of all processes so far
	down    time.Duration          // how long the next pause lasts
	broken  error                  // a data race or a panic
	ended   chan struct{}          // closed when the supervisor has gone
	stop    context.CancelFunc
}

// minimalPause is what a supervisor waits before it starts a process again.
const minimalPause = 200 * time.Millisecond

// keep starts the process, and again, until stop is called.
func (r *replica) keep() error {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop, r.ended = cancel, make(chan struct{})
	if err := r.start(); err != nil {
		cancel()
		close(r.ended)
		return err
	}
	go func() {
		defer close(r.ended)
		for {
			p := r.current()
			select {
			case <-p.Ended:
			case <-ctx.Done():
				return
			}
			r.mu.Lock()
			r.broken = errors.Join(r.broken, p.Broken())
			pause := max(r.down, minimalPause)
			r.down = 0
			r.mu.Unlock()
			r.notes.note("%s has ended (%s), and starts again in %s", r.name, p.State, pause)
			if wait(ctx, pause) != nil {
				return
			}
			if err := r.start(); err != nil {
				r.mu.Lock()
				r.broken = errors.Join(r.broken, err)
				r.mu.Unlock()
				return
			}
		}
	}()
	return nil
}

func (r *replica) start() error {
	cmd := exec.Command(r.binary, "serve", "--migrate")
	cmd.Dir = r.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "OKTASYNC_SERVER_LISTEN=" + r.address}, r.environ...)
	p, err := installation.Begin(r.name, cmd)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process = p
	r.logs = append(r.logs, p.Out)
	return nil
}

func (r *replica) current() *installation.Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process
}

// signal sends the process a signal; if it ends by it, it stays down for a while.
func (r *replica) signal(s syscall.Signal, down time.Duration) error {
	r.mu.Lock()
	r.down = down
	r.mu.Unlock()
	return r.current().Signal(s)
}

// ready waits until the service says that it can do its job.
func (r *replica) ready(ctx context.Context, limit time.Duration) error {
	c := http.Client{Timeout: 5 * time.Second}
	return installation.Eventually(ctx, limit, r.name+" is ready", func() string {
		response, err := c.Get("http://" + r.address + "/readyz")
		if err != nil {
			return err.Error()
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return response.Status
		}
		return ""
	})
}

// end ends the supervisor and the process, and returns what was wrong with it.
func (r *replica) end() error {
	if r.stop == nil {
		return nil
	}
	r.stop()
	<-r.ended
	p := r.current()
	err := p.Kill()
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(err, r.broken, p.Broken())
}

// log is what all its processes wrote.
func (r *replica) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := ""
	for i, l := range r.logs {
		text += fmt.Sprintf("--- %s, process %d ---\n%s", r.name, i+1, l)
	}
	return text
}
