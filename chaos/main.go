package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/oktasync/oktasync/e2e/installation"
)

// The installations that the kit can torment.
const (
	modeEmbedded = "embedded" // one process, SQLite, Redis in the process
	modePostgres = "postgres" // two replicas, PostgreSQL, redis-server
)

// options are what the command line says.
type options struct {
	first   uint64
	seeds   int
	tenants int // in one round
	mode    string
	steps   int
	people  int
	calm    time.Duration
	drops   bool
	logs    string
	skew    time.Duration
	binary  string
	skewed  string // binary with the wrong clock; empty without -skew
}

func (o options) replicas() int {
	if o.mode == modePostgres {
		return 2
	}
	return 1
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run executes one command line and returns the exit status: 0 all seeds came through,
// 1 some did not, or could not be tried, 2 not understood.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	o, err := parse(args, errOut)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2 // the flag package has said why
	}
	failed, err := torment(ctx, o, out)
	if err != nil {
		fmt.Fprintf(errOut, "chaos: %v\n", err)
	}
	if err != nil || failed > 0 {
		return 1
	}
	return 0
}

func parse(args []string, errOut io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Uint64Var(&o.first, "seed", 1, "the first seed")
	flags.IntVar(&o.seeds, "seeds", 20, "how many seeds")
	flags.IntVar(&o.tenants, "tenants", 20, "how many seeds at once, as tenants of one installation")
	flags.StringVar(&o.mode, "mode", modeEmbedded, "embedded (SQLite, Redis in the process) or postgres (PostgreSQL, redis-server, two replicas)")
	flags.IntVar(&o.steps, "steps", 100, "steps of each history")
	flags.IntVar(&o.people, "people", 40, "people in each org at the beginning")
	flags.DurationVar(&o.calm, "calm", 5*time.Minute, "how long after all trouble the directory may take to be right")
	flags.BoolVar(&o.drops, "drops", false, "let Okta lose hooks for good")
	flags.DurationVar(&o.skew, "skew", 0, "how far the clock of the last process is ahead, such as 5m or -5m")
	flags.StringVar(&o.logs, "logs", "", "folder for the logs of the service")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.mode != modeEmbedded && o.mode != modePostgres || o.seeds < 1 || o.tenants < 1 || o.steps < 1 || o.people < 1 || flags.NArg() > 0 {
		err := errors.New("mode is embedded or postgres, and all numbers are at least 1")
		fmt.Fprintln(errOut, err)
		return o, err
	}
	return o, nil
}

// torment carries out all rounds and returns how many seeds failed.
func torment(ctx context.Context, o options, out io.Writer) (int, error) {
	dir, err := os.MkdirTemp("", "oktasync-chaos-build-")
	if err != nil {
		return 0, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o755); err != nil {
		return 0, err
	}
	o.binary = filepath.Join(dir, "oktasync")
	if err := installation.Build(ctx, o.binary); err != nil {
		return 0, err
	}
	if o.skew != 0 {
		o.skewed = filepath.Join(dir, "oktasync-skewed")
		if err := buildSkewed(ctx, dir, o.skewed, o.skew); err != nil {
			return 0, err
		}
	}
	ports := &installation.Ports{}
	failed := 0
	for done := 0; done < o.seeds; done += o.tenants {
		r := &round{o: o, first: o.first + uint64(done), ports: ports}
		r.o.tenants = min(o.tenants, o.seeds-done)
		began := time.Now()
		if err := r.run(ctx); err != nil {
			r.report(out, time.Since(began))
			return failed, fmt.Errorf("round of seed %d: %w", r.first, err)
		}
		failed += r.report(out, time.Since(began))
	}
	return failed, nil
}
