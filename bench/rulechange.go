package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

type ruleChangeCommand struct {
	People []int  `default:"10000" help:"People in the org, all of whom change; several sizes are measured one after the other and their memory is compared."`
	Synced int    `default:"10000" help:"How many of them come from Okta by a first sync; the others are rows that are made of these."`
	What   string `default:"titles" enum:"titles,roles" help:"What the rules change: everybody's title, or the roles that everybody is given."`
	Apply  bool   `default:"true" negatable:"" help:"Reload the configuration and apply the plan; without it, plan by 'oktasync rules diff' in a process of its own."`
	DB     string `name:"db" default:"both" enum:"postgres,sqlite,both" help:"Where the directory is kept."`
	Check  bool   `help:"Fail when a change is missing, Okta is asked, or the largest size takes half as much memory again as the smallest."`
}

// ruleChangeRound is what was measured of one change of the rules.
type ruleChangeRound struct {
	floor, planned, applied time.Duration
	before, peak            int64         // memory in bytes: the service's before the change, and the most of the process that planned
	cpu                     time.Duration // processor time of that process
}

// Run measures all sizes on all databases.
func (c ruleChangeCommand) Run(e *env) (err error) {
	path, remove, err := e.build(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	t := table{head: []string{"People, database", "Floor: reading the rows", "Planned", "People/s", "Times the floor", "Applied", "CPU", "Peak RSS before", "in all"}}
	var problems []error
	for _, kind := range databases(c.DB) {
		var smallest int64
		for _, people := range c.People {
			r, err := c.round(e, setup{kind: kind, binary: path, org: emulator.Options{People: min(people, c.Synced), Groups: 10}}, people)
			if err != nil {
				return fmt.Errorf("%d people on %s: %w", people, databaseName(kind), err)
			}
			applied := "no"
			if c.Apply {
				applied = seconds(r.applied)
			}
			t.add(count(people)+", "+kind, seconds(r.floor), seconds(r.planned), count(int(float64(people)/r.planned.Seconds())),
				fmt.Sprintf("%.1f", r.planned.Seconds()/r.floor.Seconds()), applied, seconds(r.cpu),
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

// lines are what the changed configuration says beside the first one, and kind is the change that it makes for everybody.
func (c ruleChangeCommand) lines() (lines, kind string) {
	if c.What == "roles" {
		return `role_sets:
  - set: access
    combine: highest
    roles: [reader, editor, admin]
    rules:
      - {name: base, role: reader, default: true}
      - {name: editors, role: editor, attribute: user.department, equals: [Engineering, Sales, Marketing]}
      - {name: admins, role: admin, attribute: user.department, equals: [Security]}
`, "role.granted"
	}
	return titlesFrom("user.department"), "person.updated"
}

// round fills a directory and changes its rules.
func (c ruleChangeCommand) round(e *env, s setup, people int) (r ruleChangeRound, err error) {
	i, err := install(e.ctx, s)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, i.remove()) }()
	if _, err := i.firstSync(e.ctx, time.Hour); err != nil {
		return r, err
	}
	from := time.Now()
	if err := i.multiply(e.ctx, people); err != nil {
		return r, err
	}
	e.note("rulechange: %s people, %s: rows made in %s", count(people), databaseName(s.kind), seconds(time.Since(from)))
	if r.floor, err = i.readRows(e.ctx); err != nil {
		return r, err
	}
	if r.before, err = peakMemory(i.service.pid()); err != nil {
		return r, err
	}
	calls := i.org.Org.CallsTo("/api/v1/apps/{app}/users")
	lines, kind := c.lines()
	var changed int
	if c.Apply {
		changed, err = c.reload(e, i, lines, kind, &r)
	} else {
		changed, err = c.diff(e, i, lines, kind, &r)
	}
	if err != nil {
		return r, err
	}
	if changed < people*9/10 || i.org.Org.CallsTo("/api/v1/apps/{app}/users") != calls {
		return r, fmt.Errorf("the run changed %d people of %d, or asked Okta", changed, people)
	}
	e.note("rulechange: %s people, %s: planned in %s, applied in %s", count(people), databaseName(s.kind), seconds(r.planned), seconds(r.applied))
	return r, nil
}

// reload has the service bring the rules into force, and returns how many people were changed.
func (c ruleChangeCommand) reload(e *env, i *installation, lines, kind string, r *ruleChangeRound) (int, error) {
	before, err := processorTime(i.service.pid())
	if err != nil {
		return 0, err
	}
	run, err := i.changeRules(e.ctx, lines)
	if err != nil {
		return 0, err
	}
	if r.cpu, err = processorTime(i.service.pid()); err != nil {
		return 0, err
	}
	r.cpu -= before
	var text string
	if err := i.db.QueryRowContext(e.ctx, `select progress from runs where cause = 'rule_change'`).Scan(&text); err != nil {
		return 0, fmt.Errorf("read the progress of the run: %w", err)
	}
	var progress struct{ Adopted time.Time }
	if err := json.Unmarshal([]byte(text), &progress); err != nil {
		return 0, fmt.Errorf("read the progress of the run: %w", err)
	}
	r.planned, r.applied = progress.Adopted.Sub(*run.StartedAt), run.FinishedAt.Sub(progress.Adopted)
	r.peak, err = peakMemory(i.service.pid())
	return run.Counts.Changes[kind], err
}

// diff has a process of its own plan the rules, and returns how many people they would change.
func (c ruleChangeCommand) diff(e *env, i *installation, lines, kind string, r *ruleChangeRound) (int, error) {
	changed := i.file + ".new"
	if err := os.WriteFile(changed, []byte(i.config+lines), 0o600); err != nil {
		return 0, fmt.Errorf("write the configuration: %w", err)
	}
	cmd := exec.CommandContext(e.ctx, i.service.cmd.Path, "rules", "diff", i.file, changed, "--out", i.file+".plan")
	cmd.Dir, cmd.Env = i.service.cmd.Dir, i.service.cmd.Env
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("plan the changed rules: %w\n%s", err, out)
	}
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if used, known := cmd.ProcessState.SysUsage().(*syscall.Rusage); known {
		r.peak = used.Maxrss << 10 // Linux: getrusage(2)
	}
	runs, err := i.api.Runs(e.ctx, tenant, 1)
	if err != nil {
		return 0, fmt.Errorf("look for the run: %w", err)
	}
	if len(runs.Items) != 1 || runs.Items[0].PlannedAt == nil || runs.Items[0].Plan == nil {
		return 0, fmt.Errorf("the rules were not planned: %+v", runs.Items)
	}
	run := runs.Items[0]
	r.planned = run.PlannedAt.Sub(*run.StartedAt)
	return run.Plan.Changes[kind], nil
}

// changeTitles has everybody's title changed by other rules, which take it from an attribute.
func (i *installation) changeTitles(ctx context.Context, from string) (v1.Run, error) {
	return i.changeRules(ctx, titlesFrom(from))
}

func titlesFrom(attribute string) string { return fmt.Sprintf("mapping: {title: %s}\n", attribute) }

// changeRules adds lines to the configuration as it was at first, and waits until they are in force.
func (i *installation) changeRules(ctx context.Context, lines string) (v1.Run, error) {
	before, err := i.api.Runs(ctx, tenant, 1)
	if err != nil || len(before.Items) == 0 {
		return v1.Run{}, errors.Join(errors.New("there was no run before"), err)
	}
	if err := os.WriteFile(i.file, []byte(i.config+lines), 0o600); err != nil {
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

// multiply makes rows of people out of those that are there, each with an id, a login and an e-mail of its own, until there are
// so many.
func (i *installation) multiply(ctx context.Context, people int) error {
	var have int
	if err := i.db.QueryRowContext(ctx, `select count(*) from people`).Scan(&have); err != nil || have == 0 || have >= people {
		return err
	}
	rows, err := i.db.QueryContext(ctx, `select * from people limit 1`)
	if err != nil {
		return fmt.Errorf("read the columns of people: %w", err)
	}
	columns, err := rows.Columns()
	if err = errors.Join(err, rows.Close()); err != nil {
		return fmt.Errorf("read the columns of people: %w", err)
	}
	const number = `cast(c.n as text)`
	values := make([]string, len(columns))
	for n, name := range columns {
		switch name {
		case "id":
			values[n] = `p.id || '-' || ` + number
		case "email", "login", "email_key", "login_key":
			values[n] = number + ` || p.` + name
		case "seen": // both stand in it
			values[n] = `replace(p.seen, p.email, ` + number + ` || p.email)`
		default:
			values[n] = "p." + name
		}
	}
	copies := (people + have - 1) / have
	query := fmt.Sprintf(`with recursive c(n) as (select 1 union all select n + 1 from c where n < %d)
		insert into people (%s) select %s from c cross join people p`, copies-1, strings.Join(columns, ", "), strings.Join(values, ", "))
	if _, err := i.db.ExecContext(ctx, query); err != nil {
		return fmt.Errorf("make rows of people: %w", err)
	}
	if strings.HasPrefix(i.database, "sqlite:") {
		return nil
	}
	_, err = i.db.ExecContext(ctx, `analyze people`) // as autovacuum would have done by then
	return err
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
