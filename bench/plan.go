package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

type planCommand struct {
	People []int  `default:"10000" help:"People in the org, who are all suspended; several sizes are measured one after the other and their memory is compared."`
	DB     string `name:"db" default:"both" enum:"postgres,sqlite,both" help:"Where the directory is kept."`
	Check  bool   `help:"Fail when a change is missing, or the largest plan takes half as much memory again as the smallest."`
}

// planStages are what happens to a plan, in order.
func planStages() []string {
	return []string{"first sync", "read and held", "paged by API", "approved and applied"}
}

// planRound is what was measured of one plan.
type planRound struct {
	took [4]time.Duration
	peak [4]int64 // of the service's memory so far, in bytes
	size int      // changes in the plan
}

// Run measures all sizes on all databases.
func (c planCommand) Run(e *env) (err error) {
	path, remove, err := e.build(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	t := table{head: []string{"Changes, database", "Stage", "Time", "Changes/s", "Peak RSS so far"}}
	var problems []error
	for _, kind := range databases(c.DB) {
		var smallest int64
		for _, people := range c.People {
			round, err := c.round(e, setup{kind: kind, binary: path, org: emulator.Options{People: people, Groups: 10}})
			if err != nil {
				return fmt.Errorf("%d people on %s: %w", people, databaseName(kind), err)
			}
			for n, stage := range planStages() {
				t.add(count(round.size)+", "+kind, stage, seconds(round.took[n]), count(int(float64(round.size)/round.took[n].Seconds())),
					fmt.Sprintf("%d MiB", round.peak[n]>>20))
			}
			peak := round.peak[len(round.peak)-1]
			if smallest == 0 {
				smallest = peak
			}
			if ratio := float64(peak) / float64(smallest); ratio > memoryRatio {
				problems = append(problems, fmt.Errorf("a plan of %d changes on %s takes %.2f times the memory of the smallest one", round.size, databaseName(kind), ratio))
			}
		}
	}
	t.print(e.out)
	if c.Check {
		return errors.Join(problems...)
	}
	return nil
}

// round fills a directory, suspends everybody in Okta, and approves the plan that the guard holds.
func (c planCommand) round(e *env, s setup) (r planRound, err error) {
	// What Okta states itself would go through at once.
	s.settings = []string{"OKTASYNC_LIMITS_SAFETY=none"}
	i, err := install(e.ctx, s)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, i.remove()) }()
	stage := 0
	note := func(from time.Time) error {
		r.took[stage] = time.Since(from)
		var err error
		r.peak[stage], err = peakMemory(i.service.pid())
		e.note("plan: %s people, %s, %s: %s, peak memory %d MiB", count(s.org.People), databaseName(s.kind), planStages()[stage], seconds(r.took[stage]), r.peak[stage]>>20)
		stage++
		return err
	}
	from := time.Now()
	if _, err := i.firstSync(e.ctx, time.Hour); err != nil {
		return r, err
	}
	if err := note(from); err != nil {
		return r, err
	}
	for _, id := range i.org.Org.PersonIDs() {
		if _, err := i.org.Org.Suspend(id); err != nil {
			return r, fmt.Errorf("suspend person %s: %w", id, err)
		}
	}
	from = time.Now()
	held, err := i.held(e.ctx)
	if err != nil {
		return r, err
	}
	if err := note(from); err != nil {
		return r, err
	}
	from = time.Now()
	if r.size, err = i.planSize(e.ctx, held.ID); err != nil {
		return r, err
	}
	if err := note(from); err != nil {
		return r, err
	}
	from = time.Now()
	if _, err := i.api.Approve(e.ctx, tenant, held.ID, "measured"); err != nil {
		return r, fmt.Errorf("approve the plan: %w", err)
	}
	done, err := i.finished(e.ctx, time.Hour, func() (v1.Run, bool, error) {
		run, err := i.api.Run(e.ctx, tenant, held.ID)
		return run, true, err
	})
	if err != nil {
		return r, err
	}
	if n := done.Counts.Changes["person.suspended"]; n != s.org.People || r.size != s.org.People {
		return r, fmt.Errorf("%d changes were planned and %d people suspended, want %d", r.size, n, s.org.People)
	}
	return r, note(from)
}

// held asks for a full sync and waits until its plan waits for an admin.
func (i *installation) held(ctx context.Context) (v1.Run, error) {
	run, err := i.api.Resync(ctx, tenant, "full", "")
	if err != nil {
		return run, fmt.Errorf("ask for a full sync: %w", err)
	}
	err = eventually(ctx, time.Hour, 200*time.Millisecond, "the plan is held", func() (bool, error) {
		var err error
		if run, err = i.api.Run(ctx, tenant, run.ID); err == nil && run.State != "held" && run.Final() {
			return false, fmt.Errorf("the full sync is %s: %s", run.State, run.Error)
		}
		return run.State == "held", err
	})
	return run, err
}

// planSize pages through the plan and counts its changes.
func (i *installation) planSize(ctx context.Context, run string) (int, error) {
	size := 0
	for paging := (client.Paging{Limit: 1000}); ; {
		page, err := i.api.Plan(ctx, tenant, run, paging)
		if err != nil {
			return size, fmt.Errorf("read the plan: %w", err)
		}
		size += len(page.Items)
		if paging.After = page.Next; paging.After == "" {
			return size, nil
		}
	}
}
