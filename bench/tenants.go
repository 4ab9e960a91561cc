package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

type tenantsCommand struct {
	Tenants int           `default:"200" help:"Tenants, the one that floods included."`
	Flood   int           `default:"20000" help:"People of that one, all of whose profiles change at once."`
	Events  int           `default:"400" help:"Events of the others, in turn, before the flood and while it waits."`
	Every   time.Duration `default:"50ms" help:"Between two of these."`
	DB      string        `name:"db" default:"both" enum:"postgres,sqlite,both" help:"Where the directory is kept."`
	Check   bool          `help:"Fail when an event of another tenant is not worked off, or none waited in the flood."`
}

// neighbour is a tenant that does not flood.
type neighbour struct {
	slug   string
	org    *emulator.Org
	people []string
}

// touch is an event of a neighbour.
type touch struct {
	tenant, person string
	at             time.Time
}

// tenantsRound is what was measured on one database.
type tenantsRound struct {
	quiet, flooded []time.Duration
	before, after  int // scopes of the flood that waited
	missing        []string
}

// Run measures one database after the other.
func (c tenantsCommand) Run(e *env) (err error) {
	path, remove, err := e.build(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	t := table{head: []string{"From another tenant's event to the commit", "Events", "p50", "p95", "p99", "longest"}}
	var notes []string
	var problems []error
	for _, kind := range databases(c.DB) {
		round, err := c.round(e, setup{
			kind: kind, binary: path, settings: []string{encryptionSetting()},
			org: emulator.Options{People: c.Flood, Hooks: emulator.HookOptions{DailyCap: -1}},
		})
		if err != nil {
			return fmt.Errorf("on %s: %w", databaseName(kind), err)
		}
		for _, part := range []struct {
			name  string
			waits []time.Duration
		}{{"quiet", round.quiet}, {"one tenant floods", round.flooded}} {
			w := part.waits
			t.add(databaseName(kind)+", "+part.name, count(len(w)), ms(quantile(w, 0.5)), ms(quantile(w, 0.95)), ms(quantile(w, 0.99)), ms(quantile(w, 1)))
		}
		notes = append(notes, fmt.Sprintf("%s: of the flood %s people waited at the first event, %s after the last.", databaseName(kind), count(round.before), count(round.after)))
		problems = append(problems, round.problems()...)
	}
	t.print(e.out)
	fmt.Fprintln(e.out, strings.Join(notes, "\n"))
	if c.Check {
		return errors.Join(problems...)
	}
	return nil
}

func (r tenantsRound) problems() (all []error) {
	if n := len(r.missing); n > 0 {
		all = append(all, fmt.Errorf("%d events were not worked off a minute after the last one, the first: %s", n, r.missing[0]))
	}
	if r.after == 0 {
		all = append(all, errors.New("the flood was over before the last event, so nothing was shown; take more people or fewer events"))
	}
	return all
}

func (c tenantsCommand) round(e *env, s setup) (r tenantsRound, err error) {
	i, err := install(e.ctx, s)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, i.remove()) }()
	if _, err := i.firstSync(e.ctx, 30*time.Minute); err != nil {
		return r, err
	}
	others, err := i.addNeighbours(e.ctx, c.Tenants-1, 2+2*c.Events/(c.Tenants-1))
	if err != nil {
		return r, err
	}
	e.note("tenants: %s, %d tenants are synced", databaseName(s.kind), c.Tenants)
	quiet, err := c.touch(e.ctx, others, 0)
	if err != nil {
		return r, err
	}
	if r.quiet, err = i.worked(e.ctx, quiet, &r.missing); err != nil {
		return r, err
	}
	if err := i.flood(e.ctx); err != nil {
		return r, err
	}
	if r.before, err = i.waiting(e.ctx); err != nil {
		return r, err
	}
	e.note("tenants: %s people of one tenant wait", count(r.before))
	flooded, err := c.touch(e.ctx, others, c.Events)
	if err != nil {
		return r, err
	}
	if r.flooded, err = i.worked(e.ctx, flooded, &r.missing); err != nil {
		return r, err
	}
	r.after, err = i.waiting(e.ctx)
	return r, err
}

// addNeighbours makes tenants with an org each, and waits for their first full syncs.
func (i *installation) addNeighbours(ctx context.Context, n, people int) ([]neighbour, error) {
	others := make([]neighbour, n)
	for k := range others {
		slug := fmt.Sprintf("t%04d", k)
		org, err := emulator.Start(ctx, "127.0.0.1:0", emulator.Options{People: people, Groups: -1, Limits: emulator.Unlimited(), Hooks: emulator.HookOptions{Window: -1}})
		if err != nil {
			return nil, err
		}
		i.undo = append(i.undo, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			return org.Close(ctx)
		})
		_, err = i.api.AddTenant(ctx, v1.TenantRequest{Tenant: slug, Settings: map[string]any{
			"okta":    map[string]any{"url": org.URL, "allow_http": true, "token": emulator.DefaultToken, "app_id": org.Org.AppID(), "log": map[string]any{"interval": "off"}},
			"hook":    map[string]any{"secrets": []string{hookSecret}, "check": "off"},
			"nightly": map[string]any{"at": "never"},
		}})
		if err != nil {
			return nil, fmt.Errorf("add tenant %s: %w", slug, err)
		}
		if _, err := org.Org.RegisterHook(emulator.NewHook{URL: i.address + "/webhooks/okta/" + slug, Secret: hookSecret, Events: directory.SubscribedEvents()}); err != nil {
			return nil, fmt.Errorf("register the hook of tenant %s: %w", slug, err)
		}
		others[k] = neighbour{slug: slug, org: org.Org, people: org.Org.PersonIDs()}
	}
	return others, eventually(ctx, 10*time.Minute, 200*time.Millisecond, "all tenants have had a full sync", func() (bool, error) {
		var synced int
		err := i.db.QueryRowContext(ctx, `select count(distinct tenant) from runs where scope_kind = 'full' and state = 'succeeded'`).Scan(&synced)
		return synced == n+1, err
	})
}

// flood changes everybody in the first tenant's org, which has Okta's limits from then on.
func (i *installation) flood(ctx context.Context) error {
	if err := i.org.Org.SetLimits(emulator.Limits{}); err != nil {
		return err
	}
	if _, err := i.org.Org.RegisterHook(emulator.NewHook{URL: i.address + "/webhooks/okta", Secret: hookSecret, Events: directory.SubscribedEvents()}); err != nil {
		return fmt.Errorf("register the hook: %w", err)
	}
	for _, id := range i.org.Org.PersonIDs() {
		if _, err := i.org.Org.Update(id, map[string]any{"title": "Somebody Else"}); err != nil {
			return fmt.Errorf("update the profile of person %s: %w", id, err)
		}
	}
	return i.org.Org.WaitHooks(ctx)
}

// touch lets something happen to one neighbour after the other. Nobody is touched twice, whatever from is.
func (c tenantsCommand) touch(ctx context.Context, others []neighbour, from int) ([]touch, error) {
	touches := make([]touch, c.Events)
	for n := range touches {
		o := others[(from+n)%len(others)]
		person := o.people[(from+n)/len(others)]
		act, err := o.org.Update(person, map[string]any{"title": "Somebody Else"})
		if err != nil {
			return nil, fmt.Errorf("tenant %s: update person %s: %w", o.slug, person, err)
		}
		touches[n] = touch{o.slug, person, act.Events[0].Published}
		if err := pause(ctx, c.Every); err != nil {
			return nil, err
		}
	}
	return touches, nil
}

// worked waits until the events are worked off, a minute at most, and returns how long each took.
func (i *installation) worked(ctx context.Context, touches []touch, missing *[]string) ([]time.Duration, error) {
	var waits []time.Duration
	deadline := time.Now().Add(time.Minute)
	for _, t := range touches {
		for {
			at, found, err := i.firstChange(ctx, t.tenant, t.person, directory.PersonUpdated)
			if err != nil {
				return nil, err
			}
			if found {
				waits = append(waits, at.Sub(t.at))
				break
			}
			if time.Now().After(deadline) {
				*missing = append(*missing, fmt.Sprintf("tenant %s, person %s", t.tenant, t.person))
				break
			}
			if err := pause(ctx, 100*time.Millisecond); err != nil {
				return nil, err
			}
		}
	}
	return waits, nil
}
