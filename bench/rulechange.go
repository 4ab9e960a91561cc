package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

type ruleChangeCommand struct {
	People []int  `default:"10000" help:"People in the org, whose titles all change; several sizes are measured one after the other and their memory is compared."`
	DB     string `name:"db" default:"both" enum:"postgres,sqlite,both" help:"Where the directory is kept."`
	Check  bool   `help:"Fail when a change is missing, Okta is asked, or the largest size takes half as much memory again as the smallest."`
}

// ruleChangeRound is what was measured of one change of the rules.
type ruleChangeRound struct {
	floor, planned, applied time.Duration
	before, peak            int64 // of the service's memory, in bytes: at most before the change, and in all
}

// Run measures all sizes on all databases.
func (c ruleChangeCommand) Run(e *env) (err error) {
	path, remove, err := e.build(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	t := table{head: []string{"People, database", "Floor: reading the rows", "Planned", "People/s", "Times the floor", "Applied", "Peak RSS before", "in all"}}
	var problems []error
	for _, kind := range databases(c.DB) {
		var smallest int64
		for _, people := range c.People {
			r, err := c.round(e, setup{kind: kind, binary: path, org: emulator.Options{People: people, Groups: 10}})
			if err != nil {
				return fmt.Errorf("%d people on %s: %w", people, databaseName(kind), err)
			}
			t.add(count(people)+", "+kind, seconds(r.floor), seconds(r.planned), count(int(float64(people)/r.planned.Seconds())),
				fmt.Sprintf("%.1f", r.planned.Seconds()/r.floor.Seconds()), seconds(r.applied),
				fmt.Sprintf("%d MiB", r.before>>20), fmt.Sprintf("%d MiB", r.peak>>20))
			if smallest == 0 {
				smallest = r.peak
			}
			if ratio := float64(r.peak) / float64(smallest); ratio > memoryRatio {
				problems = append(problems, fmt.Errorf("changed rules for %d people on %s take %.2f times the memory of the smallest", people, databaseName(kind), ratio))
			}
		}
	}
	t.print(e.out)
	if c.Check {
		return errors.Join(problems...)
	}
	return nil
}

// round fills a directory, changes where titles come from, and reloads.
func (c ruleChangeCommand) round(e *env, s setup) (r ruleChangeRound, err error) {
	i, err := install(e.ctx, s)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, i.remove()) }()
	if _, err := i.firstSync(e.ctx, time.Hour); err != nil {
		return r, err
	}
	if r.floor, err = i.readRows(e.ctx); err != nil {
		return r, err
	}
	if r.before, err = peakMemory(i.service.pid()); err != nil {
		return r, err
	}
	calls := i.org.Org.CallsTo("/api/v1/apps/{app}/users")
	run, err := i.changeTitles(e.ctx, "user.department")
	if err != nil {
		return r, err
	}
	if n := run.Counts.Changes["person.updated"]; n < s.org.People*9/10 || i.org.Org.CallsTo("/api/v1/apps/{app}/users") != calls {
		return r, fmt.Errorf("the run changed %d people of %d, or asked Okta", n, s.org.People)
	}
	var text string
	if err := i.db.QueryRowContext(e.ctx, `select progress from runs where cause = 'rule_change'`).Scan(&text); err != nil {
		return r, fmt.Errorf("read the progress of the run: %w", err)
	}
	var progress struct{ Adopted time.Time }
	if err := json.Unmarshal([]byte(text), &progress); err != nil {
		return r, fmt.Errorf("read the progress of the run: %w", err)
	}
	r.planned, r.applied = progress.Adopted.Sub(*run.StartedAt), run.FinishedAt.Sub(progress.Adopted)
	r.peak, err = peakMemory(i.service.pid())
	e.note("rulechange: %s people, %s: planned in %s, applied in %s", count(s.org.People), databaseName(s.kind), seconds(r.planned), seconds(r.applied))
	return r, err
}

// changeTitles has everybody's title changed by other rules, which take it from an attribute.
func (i *installation) changeTitles(ctx context.Context, from string) (v1.Run, error) {
	before, err := i.api.Runs(ctx, tenant, 1)
	if err != nil || len(before.Items) == 0 {
		return v1.Run{}, errors.Join(errors.New("there was no run before"), err)
	}
	text := fmt.Sprintf("%smapping: {title: %s}\n", i.config, from)
	if err := os.WriteFile(i.file, []byte(text), 0o600); err != nil {
		return v1.Run{}, fmt.Errorf("write the configuration: %w", err)
	}
	if _, err := i.api.Reload(ctx); err != nil {
		return v1.Run{}, fmt.Errorf("reload: %w", err)
	}
	return i.finished(ctx, time.Hour, func() (v1.Run, bool, error) {
		page, err := i.api.Runs(ctx, tenant, 1)
		if err != nil || len(page.Items) == 0 || page.Items[0].Cause != "rule_change" || page.Items[0].ID == before.Items[0].ID {
			return v1.Run{}, false, err
		}
		return page.Items[0], true, nil
	})
}

// readRows is how long it takes to read all rows with what was last seen.
func (i *installation) readRows(ctx context.Context) (time.Duration, error) {
	from := time.Now()
	rows, err := i.db.QueryContext(ctx, `select id, status, first_name, last_name, email, login, title, department, custom, hash, seen from people order by tenant, id`)
	if err != nil {
		return 0, fmt.Errorf("read the rows: %w", err)
	}
	defer rows.Close()
	var cells [11]string
	var to [11]any
	for n := range cells {
		to[n] = &cells[n]
	}
	for rows.Next() {
		if err := rows.Scan(to[:]...); err != nil {
			return 0, fmt.Errorf("read the rows: %w", err)
		}
	}
	return time.Since(from), rows.Err()
}
