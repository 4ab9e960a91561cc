package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// readyLimit is how long a process may take until it answers.
const readyLimit = 60 * time.Second

// build says what the machine is, builds the service into a folder of its own, and returns its path and what removes it.
func (e *env) build(profiled bool) (path string, remove func() error, err error) {
	fmt.Fprintf(e.out, "%s\n\n", machine())
	dir, err := os.MkdirTemp("", "oktasync-bench-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder: %w", err)
	}
	remove = func() error { return os.RemoveAll(dir) }
	if path, err = binary(e.ctx, dir, profiled); err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return path, remove, nil
}

// binary builds the service into dir as a release is built. With profiled, it can
// profile itself.
func binary(ctx context.Context, dir string, profiled bool) (string, error) {
	text, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	module := filepath.Dir(strings.TrimSpace(string(text)))
	path := filepath.Join(dir, "oktasync")
	args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", path}
	if profiled {
		file, err := overlay(dir, module)
		if err != nil {
			return "", err
		}
		args = append(args, "-overlay", file)
	}
	build := exec.CommandContext(ctx, "go", append(args, "./cmd/oktasync")...)
	build.Dir = module
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the service: %w\n%s", err, out)
	}
	return path, nil
}

// process is a program under way.
type process struct {
	cmd   *exec.Cmd
	log   string // what it wrote
	ended chan struct{}
}

// begin starts a program, which writes to the file log.
func begin(cmd *exec.Cmd, log string) (*process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make a log file: %w", err)
	}
	cmd.Stdout, cmd.Stderr = file, file
	err = cmd.Start()
	_ = file.Close() // the program has its own
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &process{cmd: cmd, log: log, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the state says the same
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the program as a service manager does, and hard after a while.
func (p *process) stop() error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("end %s: %w", p.cmd.Path, err)
		}
		select {
		case <-p.ended:
			if code := p.cmd.ProcessState.ExitCode(); code != 0 {
				return fmt.Errorf("%s ended with status %d:\n%s", p.cmd.Path, code, p.tail())
			}
			return nil
		case <-time.After(30 * time.Second):
		}
	}
	return fmt.Errorf("%s cannot be ended", p.cmd.Path)
}

// tail is the end of what the program wrote.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// ready waits until a GET answers 200.
func (p *process) ready(ctx context.Context, address string) error {
	client := http.Client{Timeout: 2 * time.Second}
	return eventually(ctx, readyLimit, 20*time.Millisecond, p.cmd.Path+" answers at "+address, func() (bool, error) {
		select {
		case <-p.ended:
			return false, fmt.Errorf("%s ended by itself:\n%s", p.cmd.Path, p.tail())
		default:
		}
		response, err := client.Get(address)
		if err != nil {
			return false, nil // not yet
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK, nil
	})
}

// eventually asks until the answer is yes.
func eventually(ctx context.Context, limit, pause time.Duration, what string, ask func() (bool, error)) error {
	over := time.NewTimer(limit)
	defer over.Stop()
	again := time.NewTicker(pause)
	defer again.Stop()
	for {
		done, err := ask()
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over.C:
			return fmt.Errorf("%s: not within %s", what, limit)
		case <-again.C:
		}
	}
}

// freeAddress is an address of the loopback interface that is free now.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
