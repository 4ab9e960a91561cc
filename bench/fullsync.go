package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

type fullsyncCommand struct {
	People    []int         `default:"10000" help:"People in the org; several sizes are measured one after the other and their memory is compared."`
	Groups    int           `default:"100" help:"Groups in the org."`
	GroupSize int           `default:"50" help:"Members of each group."`
	DB        string        `name:"db" default:"both" enum:"postgres,sqlite,both" help:"Where the directory is kept."`
	Latency   time.Duration `help:"How long each answer of Okta takes."`
	Rounds    int           `default:"1" help:"Of this many rounds the medians are printed."`
	Check     bool          `help:"Fail when calls, writes of the second sync or completeness are not as they must be."`
	Limit     time.Duration `default:"1h" help:"How long one sync may take."`
	Profile   string        `help:"Prefix of files for profiles of the service."`
}

// syncPair is what one round gave: the first and the second full sync.
type syncPair struct {
	runs     [2]v1.Run
	calls    [2]int // as the org counted them
	want     calls
	service  [2]time.Duration // processor time
	postgres [2]time.Duration
	okta     [2]time.Duration
	peak     [2]int64 // of the service's memory so far, in bytes
	writes   []tableWrites
	missing  []string
}

// Run measures all sizes on all databases.
func (c fullsyncCommand) Run(e *env) (err error) {
	path, remove, err := e.build(c.Profile != "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	report := syncReport{fullsyncCommand: c}
	for _, kind := range databases(c.DB) {
		for _, people := range c.People {
			var rounds []syncPair
			for round := range c.Rounds {
				pair, err := c.round(e.ctx, setup{kind: kind, binary: path, profile: profilePrefix(c.Profile, kind, round+1), slow: c.Latency,
					org: emulator.Options{People: people, Groups: c.Groups, GroupSize: c.GroupSize}})
				if err != nil {
					return fmt.Errorf("%d people on %s: %w", people, databaseName(kind), err)
				}
				rounds = append(rounds, pair)
				e.note("fullsync: %s people, %s, round %d of %d done: %s, then %s", count(people), databaseName(kind), round+1, c.Rounds,
					seconds(took(pair.runs[0])), seconds(took(pair.runs[1])))
			}
			report.add(kind, people, rounds)
		}
	}
	report.print(e.out)
	if c.Check {
		return report.problems()
	}
	return nil
}

// round starts an installation and lets it do its first and its second full sync.
func (c fullsyncCommand) round(ctx context.Context, s setup) (p syncPair, err error) {
	i, err := install(ctx, s)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, i.remove()) }()
	p.want = expectedCalls(i.org.Org)
	truth := truthOf(i.org.Org)
	for n, sync := range []func(context.Context, time.Duration) (v1.Run, error){i.firstSync, i.resync} {
		var watch *writeWatch
		if n == 1 {
			if watch, err = watchWrites(ctx, i); err != nil {
				return p, err
			}
		}
		if err := p.measure(ctx, i, n, c.Limit, sync); err != nil {
			return p, err
		}
		if watch != nil {
			if p.writes, err = watch.since(ctx); err != nil {
				return p, err
			}
		}
	}
	p.missing, err = truth.compare(ctx, i.db)
	return p, err
}

func (p *syncPair) measure(ctx context.Context, i *installation, n int, limit time.Duration, sync func(context.Context, time.Duration) (v1.Run, error)) error {
	// The first sync starts with the service, so all of the counts so far are its.
	var service, okta time.Duration
	postgres := i.postgresTime(ctx)
	var err error
	if n == 1 {
		i.org.Org.ResetCalls()
		if service, err = processorTime(i.service.pid()); err != nil {
			return err
		}
	}
	if okta, err = processorTime(os.Getpid()); err != nil {
		return err
	}
	stop := i.profileFrom()
	p.runs[n], err = sync(ctx, limit)
	if err != nil {
		return err
	}
	stop()
	p.calls[n] = i.org.Org.CallsTo("")
	oktaNow, err := processorTime(os.Getpid())
	if err != nil {
		return err
	}
	serviceNow, err := processorTime(i.service.pid())
	if err != nil {
		return err
	}
	p.service[n], p.okta[n], p.postgres[n] = serviceNow-service, oktaNow-okta, i.postgresTime(ctx)-postgres
	p.peak[n], err = peakMemory(i.service.pid())
	return err
}
