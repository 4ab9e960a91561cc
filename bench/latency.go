package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

type latencyCommand struct {
	Events  int    `default:"240" help:"Single events, one after another, on each database."`
	Rounds  int    `default:"3" help:"Of this many rounds the medians are printed."`
	People  int    `default:"500" help:"People in the org."`
	DB      string `name:"db" default:"both" enum:"postgres,sqlite,both" help:"Where the directory is kept."`
	Profile string `help:"Prefix of files for profiles of the service."`
}

// eventKind is something that happens to one person.
type eventKind struct {
	name string
	want string // type of the change that follows
	act  func(org *emulator.Org, person string, n int) (emulator.Act, error)
}

func eventKinds(org *emulator.Org) []eventKind {
	group := ""
	for _, g := range org.Groups() {
		if g.Type == "OKTA_GROUP" {
			group = g.ID
		}
	}
	return []eventKind{
		{"profile changed", "person.updated", func(o *emulator.Org, person string, n int) (emulator.Act, error) {
			return o.Update(person, map[string]any{"title": fmt.Sprintf("Title %d", n)})
		}},
		{"suspended (own queue)", "person.suspended", func(o *emulator.Org, person string, _ int) (emulator.Act, error) {
			return o.Suspend(person)
		}},
		{"added to a group", "membership.added", func(o *emulator.Org, person string, _ int) (emulator.Act, error) {
			return o.AddToGroup(group, person)
		}},
	}
}

// Run measures one database after the other.
func (c latencyCommand) Run(e *env) (err error) {
	path, remove, err := e.build(c.Profile != "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	t := table{head: []string{"From Okta's event to the commit", "Events", "p50", "p99", "longest"}}
	for _, kind := range databases(c.DB) {
		var names []string
		rounds := map[string][][]time.Duration{}
		for round := range c.Rounds {
			waits, order, err := c.round(e.ctx, setup{kind: kind, binary: path, profile: profilePrefix(c.Profile, kind, round+1)})
			if err != nil {
				return fmt.Errorf("on %s: %w", databaseName(kind), err)
			}
			names = order
			for name, w := range waits {
				rounds[name] = append(rounds[name], w)
			}
			e.note("latency: %s, round %d of %d done", databaseName(kind), round+1, c.Rounds)
		}
		for _, name := range names {
			at := func(q float64) string {
				var all []time.Duration
				for _, w := range rounds[name] {
					all = append(all, quantile(w, q))
				}
				return ms(median(all))
			}
			t.add(databaseName(kind)+", "+name, count(len(rounds[name][0])), at(0.5), at(0.99), at(1))
		}
	}
	t.print(e.out)
	return nil
}

func databases(choice string) []string {
	if choice == "both" {
		return []string{onPostgres, onSQLite}
	}
	return []string{choice}
}

func profilePrefix(prefix, kind string, round int) string {
	if prefix == "" {
		return ""
	}
	return fmt.Sprintf("%s-%s-%d", prefix, kind, round)
}

const allKinds = "all of them"

// round starts an installation, waits for its first full sync and then lets
// one thing after another happen. It returns the latencies by kind of event, and
// the kinds in order.
func (c latencyCommand) round(ctx context.Context, s setup) (_ map[string][]time.Duration, order []string, err error) {
	s.org = emulator.Options{People: c.People, Hooks: emulator.HookOptions{Window: -1}}
	i, err := install(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, i.remove()) }()
	if _, err := i.firstSync(ctx, time.Minute); err != nil {
		return nil, nil, err
	}
	_, err = i.org.Org.RegisterHook(emulator.NewHook{URL: i.address + "/webhooks/okta", Secret: hookSecret, Events: directory.SubscribedEvents()})
	if err != nil {
		return nil, nil, fmt.Errorf("register the hook: %w", err)
	}
	history, err := i.lastChange(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer i.profileFrom()()
	kinds, people, waits := eventKinds(i.org.Org), i.org.Org.PersonIDs(), map[string][]time.Duration{}
	// The last group's members are few, and the heads of the company come first.
	people = people[len(people)/5:]
	pauses := rand.New(rand.NewPCG(1, 2))
	for n := range c.Events {
		// Each at another moment between two looks into the queue.
		if err := pause(ctx, 30*time.Millisecond+time.Duration(pauses.IntN(100))*time.Millisecond); err != nil {
			return nil, nil, err
		}
		kind := kinds[n%len(kinds)]
		act, person, err := actOnSomebody(i.org.Org, kind, people, n)
		if err != nil {
			return nil, nil, err
		}
		change, err := i.changeOf(ctx, person, kind.want, &history)
		if err != nil {
			return nil, nil, fmt.Errorf("event %d, %s: %w", n+1, kind.name, err)
		}
		took := change.At.Sub(act.Events[0].Published)
		waits[kind.name] = append(waits[kind.name], took)
		waits[allKinds] = append(waits[allKinds], took)
	}
	for _, k := range kinds {
		order = append(order, k.name)
	}
	return waits, append(order, allKinds), nil
}

// actOnSomebody lets it happen to the next person to whom it can happen.
func actOnSomebody(org *emulator.Org, kind eventKind, people []string, n int) (emulator.Act, string, error) {
	for try := range people {
		person := people[(n*7+try)%len(people)]
		if p, found := org.Person(person); !found || p.Status != emulator.Active {
			continue
		}
		act, err := kind.act(org, person, n)
		if err != nil {
			return emulator.Act{}, "", fmt.Errorf("%s: %w", kind.name, err)
		}
		if len(act.Events) > 0 {
			return act, person, nil
		}
	}
	return emulator.Act{}, "", fmt.Errorf("%s: it can happen to nobody any more; take more people or fewer events", kind.name)
}

// lastChange is the position in the history.
func (i *installation) lastChange(ctx context.Context) (int64, error) {
	page, err := i.api.Changes(ctx, tenant, client.ChangeFilter{Newest: true, Limit: 1})
	if err != nil || len(page.Items) == 0 {
		return 0, err
	}
	return page.Items[0].Seq, nil
}

// changeOf waits for the change that a hook made to a person.
func (i *installation) changeOf(ctx context.Context, person, want string, history *int64) (v1.Change, error) {
	var found v1.Change
	err := eventually(ctx, 20*time.Second, 15*time.Millisecond, want+" of person "+person+" is in the history", func() (bool, error) {
		page, err := i.api.Changes(ctx, tenant, client.ChangeFilter{After: strconv.FormatInt(*history, 10), Limit: 100})
		if err != nil {
			return false, err
		}
		for _, c := range page.Items {
			*history = c.Seq
			if c.PersonID == person && c.Type == want && c.Cause.Kind == "hook" {
				found = c
				return true, nil
			}
		}
		return false, nil
	})
	return found, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
