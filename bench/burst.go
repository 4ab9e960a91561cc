package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

// byIDAtMost is how many reads by id a burst may cost beside the list: okta.burst people before
// it counts as one, and their second looks.
const byIDAtMost = 2 * 50

type burstCommand struct {
	People int      `default:"10000" help:"People who are assigned, or changed, at once."`
	Others int      `default:"500" help:"People in the app before, who stay."`
	What   []string `default:"assigned,group,changed,unassigned" help:"Which bursts."`
	By     string   `default:"both" enum:"hook,log,both" help:"How the events come."`
	DB     string   `name:"db" default:"sqlite" enum:"postgres,sqlite,both" help:"Where the directory is kept."`
	Check  bool     `help:"Fail when assignments cost more than 1.1 times the pages of the app's list and 100 calls."`
}

// burstRound is what one burst cost.
type burstRound struct {
	took              time.Duration
	pages, byID, rest int
	most              int // calls below the app that it may cost; 0: no bound
}

// Run measures all bursts.
func (c burstCommand) Run(e *env) (err error) {
	path, remove, err := e.build(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	t := table{head: []string{"Burst", "Events by", "Pages of the app's list", "Reads of one assignment", "Bound of both", "Other calls", "Until all is committed"}}
	var problems []error
	for _, kind := range databases(c.DB) {
		for _, what := range bursts() {
			if !slices.Contains(c.What, what.key) {
				continue
			}
			for _, by := range []string{"hook", "log"} {
				if c.By != "both" && c.By != by {
					continue
				}
				r, err := c.round(e.ctx, setup{kind: kind, binary: path}, what, by)
				if err != nil {
					return fmt.Errorf("%s by %s on %s: %w", what.name, by, databaseName(kind), err)
				}
				bound := "none"
				if r.most > 0 {
					bound = count(r.most)
				}
				t.add(fmt.Sprintf("%s %s, %s", count(c.People), what.name, kind), by, count(r.pages), count(r.byID), bound, count(r.rest), seconds(r.took))
				e.note("burst: %s %s by %s: %d pages, %d by id, %d others, %s", count(c.People), what.name, by, r.pages, r.byID, r.rest, seconds(r.took))
				if r.most > 0 && r.pages+r.byID > r.most {
					problems = append(problems, fmt.Errorf("%s by %s took %d calls below the app, at most %d are promised", what.name, by, r.pages+r.byID, r.most))
				}
			}
		}
	}
	t.print(e.out)
	if c.Check {
		return errors.Join(problems...)
	}
	return nil
}

// burstKind is one thing that happens to many.
type burstKind struct {
	key, name string
	before    func(org *emulator.Org, group, person string) error // to each, before the first sync
	each      func(org *emulator.Org, person string) error        // nil: nothing
	once      func(org *emulator.Org, group string) error         // nil: nothing
	bound     bool
	done      string // what is true in the end of the rows of those in the burst
	others    bool   // and of the others
}

func bursts() []burstKind {
	unassign := func(o *emulator.Org, _, who string) error { _, err := o.Unassign("", who); return err }
	const active = "status = 'active'"
	return []burstKind{
		{"assigned", "people assigned", unassign, func(o *emulator.Org, who string) error { _, err := o.Assign("", who); return err }, nil, true, active, true},
		{"group", "people assigned through one group", func(o *emulator.Org, group, who string) error {
			_, err := o.AddToGroup(group, who)
			return errors.Join(err, unassign(o, group, who))
		}, nil, func(o *emulator.Org, group string) error { _, err := o.AssignGroup("", group); return err }, true, active, true},
		{"changed", "profiles changed", nil, func(o *emulator.Org, who string) error {
			_, err := o.Update(who, map[string]any{"title": "Somebody Else"})
			return err
		}, nil, false, "title = 'Somebody Else'", false},
		{"unassigned", "people unassigned", nil, func(o *emulator.Org, who string) error { return unassign(o, "", who) }, nil, false, "status = 'removed'", false},
	}
}

// round fills an installation, lets the burst happen, and waits until nothing waits any more.
func (c burstCommand) round(ctx context.Context, s setup, what burstKind, by string) (r burstRound, err error) {
	// What happened long before the first sync is read from no log.
	var long atomic.Bool
	s.org = emulator.Options{People: c.People + c.Others, Groups: 10, Hooks: emulator.HookOptions{DailyCap: -1}, Now: func() time.Time {
		if long.Load() {
			return time.Now().Add(-time.Hour)
		}
		return time.Now()
	}}
	s.prepare = func(o *emulator.Org) error {
		long.Store(true)
		defer long.Store(false)
		group, err := o.CreateGroup("Everybody in the burst", "")
		if err != nil || what.before == nil {
			return err
		}
		for _, id := range o.PersonIDs()[c.Others:] {
			if err := what.before(o, group.ID, id); err != nil {
				return err
			}
		}
		return nil
	}
	s.settings = []string{"OKTASYNC_OKTA_LOG_INTERVAL=" + map[string]string{"hook": "off", "log": "5s"}[by]}
	i, err := install(ctx, s)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, i.remove()) }()
	if _, err := i.firstSync(ctx, 30*time.Minute); err != nil {
		return r, err
	}
	if by == "hook" {
		if _, err := i.org.Org.RegisterHook(emulator.NewHook{URL: i.address + "/webhooks/okta", Secret: hookSecret, Events: directory.SubscribedEvents()}); err != nil {
			return r, fmt.Errorf("register the hook: %w", err)
		}
	}
	i.org.Org.ResetCalls()
	from := time.Now()
	if err := c.happen(ctx, i, what); err != nil {
		return r, err
	}
	want := c.People
	if what.others {
		want += c.Others
	}
	if err := i.settled(ctx, what.done, want); err != nil {
		return r, err
	}
	r.took = time.Since(from)
	for _, calls := range i.org.Org.Calls() {
		switch calls.Endpoint {
		case "GET /api/v1/apps/{appId}/users":
			r.pages = calls.Calls
		case "GET /api/v1/apps/{appId}/users/{userId}":
			r.byID = calls.Calls
		case "GET /api/v1/logs":
		default:
			r.rest += calls.Calls
		}
	}
	if what.bound {
		r.most = (c.People+c.Others+499)/500*11/10 + byIDAtMost
	}
	return r, nil
}

func (c burstCommand) happen(ctx context.Context, i *installation, what burstKind) error {
	org := i.org.Org
	if what.once != nil {
		for _, g := range org.Groups() {
			if g.Name == "Everybody in the burst" {
				return errors.Join(what.once(org, g.ID), org.WaitHooks(ctx))
			}
		}
		return errors.New("the group of the burst is gone")
	}
	for _, id := range org.PersonIDs()[c.Others:] {
		if err := what.each(org, id); err != nil {
			return fmt.Errorf("person %s: %w", id, err)
		}
	}
	return org.WaitHooks(ctx)
}

// settled waits until it is done for as many people as wanted, no event waits, and no second look is left.
func (i *installation) settled(ctx context.Context, done string, want int) error {
	query := `select (select count(*) from inbox_scopes where done_at is null) + (select count(*) from second_looks),
		(select count(*) from people where ` + done + `)`
	return eventually(ctx, time.Hour, time.Second, "the burst is over", func() (bool, error) {
		var left, settled int
		err := i.db.QueryRowContext(ctx, query).Scan(&left, &settled)
		return left == 0 && settled == want, err
	})
}
