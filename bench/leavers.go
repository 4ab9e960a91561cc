package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

// leaverLimit is what the design promises for 95 of 100 leavers, whatever else waits.
const leaverLimit = 5 * time.Second

type leaversCommand struct {
	Waiting int           `default:"50000" help:"Profile updates of as many people that wait when the first one leaves."`
	Leavers int           `default:"160" help:"People who leave, one after another, a quarter in each way."`
	Every   time.Duration `default:"1s" help:"Between two leavers."`
	DB      string        `name:"db" default:"both" enum:"postgres,sqlite,both" help:"Where the directory is kept."`
	Check   bool          `help:"Fail when a leaver is missing, or 95 of 100 are not out within 5 s."`
	Profile string        `help:"Prefix of files for profiles of the service."`
}

// leaverKind is one way to leave.
type leaverKind struct {
	name string
	want directory.ChangeType
	act  func(org *emulator.Org, person string) (emulator.Act, error)
}

func leaverKinds() []leaverKind {
	return []leaverKind{
		{"suspended", directory.PersonSuspended, (*emulator.Org).Suspend},
		{"deactivated", directory.PersonDeactivated, (*emulator.Org).Deactivate},
		{"unassigned", directory.PersonRemoved, func(o *emulator.Org, who string) (emulator.Act, error) { return o.Unassign("", who) }},
		{"deleted", directory.PersonRemoved, (*emulator.Org).Delete},
	}
}

// leaver is somebody who left, and when.
type leaver struct {
	kind   leaverKind
	person string
	at     time.Time
}

// leaversRound is what was measured on one database.
type leaversRound struct {
	before, after int // scopes with waiting events, at the first leaver and after the last
	waits         map[string][]time.Duration
	missing       []string
	refused       int // calls that Okta answered 429
}

// Run measures one database after the other.
func (c leaversCommand) Run(e *env) (err error) {
	path, remove, err := e.build(c.Profile != "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	t := table{head: []string{"From Okta's event to the commit", "Leavers", "p50", "p95", "longest"}}
	var rounds []leaversRound
	for _, kind := range databases(c.DB) {
		round, err := c.round(e, setup{kind: kind, binary: path, profile: profilePrefix(c.Profile, kind, 1),
			org: emulator.Options{People: c.Waiting, Hooks: emulator.HookOptions{DailyCap: -1}}})
		if err != nil {
			return fmt.Errorf("on %s: %w", databaseName(kind), err)
		}
		rounds = append(rounds, round)
		for _, name := range append(leaverNames(), allKinds) {
			w := round.waits[name]
			t.add(databaseName(kind)+", "+name, count(len(w)), ms(quantile(w, 0.5)), ms(quantile(w, 0.95)), ms(quantile(w, 1)))
		}
	}
	t.print(e.out)
	for i, kind := range databases(c.DB) {
		fmt.Fprintf(e.out, "%s: %s people waited when the first one left, %s after the last; Okta refused %d calls.\n",
			databaseName(kind), count(rounds[i].before), count(rounds[i].after), rounds[i].refused)
	}
	if c.Check {
		return leaverProblems(rounds)
	}
	return nil
}

func leaverNames() []string {
	var names []string
	for _, k := range leaverKinds() {
		names = append(names, k.name)
	}
	return names
}

// round fills an installation without limits, then gives the org Okta's limits, lets the profile
// updates pile up, and lets people leave.
func (c leaversCommand) round(e *env, s setup) (r leaversRound, err error) {
	i, err := install(e.ctx, s)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, i.remove()) }()
	if _, err := i.firstSync(e.ctx, 30*time.Minute); err != nil {
		return r, err
	}
	e.note("leavers: %s, the first full sync is done", databaseName(s.kind))
	if err := i.org.Org.SetLimits(emulator.Limits{}); err != nil {
		return r, err
	}
	if _, err := i.org.Org.RegisterHook(emulator.NewHook{URL: i.address + "/webhooks/okta", Secret: hookSecret, Events: directory.SubscribedEvents()}); err != nil {
		return r, fmt.Errorf("register the hook: %w", err)
	}
	people := i.org.Org.PersonIDs()
	for _, id := range people {
		if _, err := i.org.Org.Update(id, map[string]any{"title": "Somebody Else"}); err != nil {
			return r, fmt.Errorf("update the profile of person %s: %w", id, err)
		}
	}
	if err := i.org.Org.WaitHooks(e.ctx); err != nil {
		return r, err
	}
	if r.before, err = i.waiting(e.ctx); err != nil {
		return r, err
	}
	e.note("leavers: %s people wait", count(r.before))
	i.org.Org.ResetCalls()
	defer i.profileFrom()()
	left, err := c.leave(e.ctx, i, people)
	if err != nil {
		return r, err
	}
	if r.after, err = i.waiting(e.ctx); err != nil {
		return r, err
	}
	if r.waits, r.missing, err = i.committed(e.ctx, left); err != nil {
		return r, err
	}
	for _, calls := range i.org.Org.Calls() {
		r.refused += calls.Statuses[429]
	}
	return r, nil
}

// leave lets the last people of the org leave: those whose updates are worked off last.
func (c leaversCommand) leave(ctx context.Context, i *installation, people []string) ([]leaver, error) {
	kinds := leaverKinds()
	var left []leaver
	for n := range c.Leavers {
		l := leaver{kind: kinds[n%len(kinds)], person: people[len(people)-1-n%len(people)]}
		act, err := l.kind.act(i.org.Org, l.person)
		if err != nil {
			return nil, fmt.Errorf("person %s: %s: %w", l.person, l.kind.name, err)
		}
		l.at = act.Events[0].Published
		left = append(left, l)
		if err := pause(ctx, c.Every); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// waiting counts the scopes with events that are not worked off.
func (i *installation) waiting(ctx context.Context) (int, error) {
	var n int
	const query = `select count(*) from (select distinct scope_kind, scope_id from inbox_scopes where done_at is null) w`
	if err := i.db.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return 0, fmt.Errorf("count what waits: %w", err)
	}
	return n, nil
}

// committed waits until all leavers are out, a minute at most, and returns how long each took.
func (i *installation) committed(ctx context.Context, left []leaver) (map[string][]time.Duration, []string, error) {
	waits := map[string][]time.Duration{}
	var missing []string
	deadline := time.Now().Add(time.Minute)
	for _, l := range left {
		var at time.Time
		for {
			var found bool
			var err error
			if at, found, err = i.firstChange(ctx, tenant, l.person, l.kind.want); err != nil {
				return nil, nil, err
			}
			if found || time.Now().After(deadline) {
				break
			}
			if err := pause(ctx, 200*time.Millisecond); err != nil {
				return nil, nil, err
			}
		}
		if at.IsZero() {
			missing = append(missing, fmt.Sprintf("person %s was %s and is not out a minute after the last one left", l.person, l.kind.name))
			continue
		}
		waits[l.kind.name] = append(waits[l.kind.name], at.Sub(l.at))
		waits[allKinds] = append(waits[allKinds], at.Sub(l.at))
	}
	return waits, missing, nil
}

// firstChange returns when the first such change of a person was committed.
func (i *installation) firstChange(ctx context.Context, tenant, person string, kind directory.ChangeType) (time.Time, bool, error) {
	const query = `select at from changes where tenant = $1 and person_id = $2 and type = $3 order by seq limit 1`
	var value any
	err := i.db.QueryRowContext(ctx, query, tenant, person, string(kind)).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, fmt.Errorf("look for %s of person %s in the history: %w", kind, person, err)
	}
	at, err := moment(value)
	return at, err == nil, err
}

// moment is a time as the databases have it.
func moment(value any) (time.Time, error) {
	switch v := value.(type) {
	case time.Time:
		return v, nil
	case int64: // SQLite counts microseconds
		return time.UnixMicro(v), nil
	default:
		return time.Time{}, fmt.Errorf("the history has a time of type %T", value)
	}
}

// leaverProblems says what is not as promised.
func leaverProblems(rounds []leaversRound) error {
	var all []error
	for _, r := range rounds {
		for _, m := range r.missing {
			all = append(all, errors.New(m))
		}
		if p95 := quantile(r.waits[allKinds], 0.95); p95 > leaverLimit {
			all = append(all, fmt.Errorf("95 of 100 leavers were out within %s only; promised are %s", ms(p95), leaverLimit))
		}
	}
	return errors.Join(all...)
}
