package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/e2e/installation"
	"github.com/oktasync/oktasync/emulator"
)

const (
	oktaToken  = "00chaosToken-for-the-emulated-org-000000"
	hookSecret = "chaos-hook-secret-7d20c6e4b1"
)

// tenant is one seed: an emulated org with a history of its own, which a service with
// many tenants follows.
type tenant struct {
	seed     uint64
	slug     string
	org      *emulator.Server
	wire     *wire        // from the service to the org
	offset   atomic.Int64 // of the org's clock
	pauses   []time.Duration
	history  *installation.History
	truth    *chronicle
	acts     journal
	troubles journal
	before   map[string]string // statuses after the first full sync
	wrong    []string          // what differs in the end
	calm     time.Duration     // from the end of all trouble until the directory was right
	changes  int
	old      map[string]bool // events before the hook was registered
	forger   *rand.Rand
	forged   int // events that were made up
	lost     int // events that no hook has brought
}

func newTenant(ctx context.Context, seed uint64, o options, ports *installation.Ports) (*tenant, error) {
	t := &tenant{seed: seed, slug: fmt.Sprintf("seed-%d", seed)}
	t.pauses, t.forger = pauses(seed, o.steps), stream(seed, streamForger)
	t.offset.Store(int64(firstOffset(seed)))
	hooks := emulator.HookOptions{Window: -1, MaxBatch: 1 + int(seed%4), Parallel: 2, Timeout: 5 * time.Minute}
	if seed%2 == 0 {
		hooks.Window = 20 * time.Millisecond
	}
	var err error
	t.org, err = emulator.Start(ctx, "127.0.0.1:0", emulator.Options{
		People: o.people, Groups: 6, Departments: 8, Seed: seed, Tokens: []string{oktaToken}, Limits: emulator.Unlimited(),
		Hooks: hooks, Now: func() time.Time { return time.Now().Add(time.Duration(t.offset.Load())) },
	})
	if err != nil {
		return nil, err
	}
	address, err := ports.Free()
	if err != nil {
		return t, err
	}
	at, err := url.Parse(t.org.URL)
	if err != nil {
		return t, fmt.Errorf("parse the org's address: %w", err)
	}
	t.wire, err = newWire(address, at.Host)
	return t, err
}

// settings are the tenant's part of the configuration.
func (t *tenant) settings(all map[string]any) {
	prefix := "tenants." + t.slug + "."
	all[prefix+"okta.url"] = "http://" + t.wire.address()
	all[prefix+"okta.token"] = oktaToken
	all[prefix+"okta.allow_http"] = true
	all[prefix+"okta.app_id"] = t.org.Org.AppID()
	all[prefix+"hook.secrets"] = []string{hookSecret}
	// So often that the log and the hooks overtake each other all the time.
	all[prefix+"okta.log.interval"] = "2s"
	// Only the first full sync of a new tenant, which nobody has to ask for: events alone must do.
	all[prefix+"nightly.at"], all[prefix+"okta.burst"] = "never", "off"
}

// begin registers the event hook and notes how things are.
func (t *tenant) begin(ctx context.Context, api *client.Client, relay string, drops bool) error {
	have, err := installation.Read(ctx, api, t.slug)
	if err != nil {
		return err
	}
	t.before = map[string]string{}
	for id, p := range have.People {
		t.before[id] = p.Status
	}
	if t.old, err = t.logged(ctx); err != nil {
		return err
	}
	// The first hook of all: before that no hook counts as lost.
	first, err := t.forgery()
	if err != nil {
		return err
	}
	if err := t.smuggle(ctx, relay, first); err != nil {
		return err
	}
	_, err = t.org.Org.RegisterHook(emulator.NewHook{
		URL: relay + "/webhooks/okta/" + t.slug, Secret: hookSecret, Events: directory.SubscribedEvents(),
	})
	if err != nil {
		return fmt.Errorf("register the event hook of %s: %w", t.slug, err)
	}
	t.troubles.note("Okta's clock is %s off", time.Duration(t.offset.Load()))
	for _, fault := range hookTroubles(t.seed, drops) {
		if _, err := t.org.Org.AddFault(fault); err != nil {
			return err
		}
		t.troubles.note("Okta: %s for 20 %% of the deliveries, %s", fault.Kind, time.Duration(fault.Delay))
	}
	t.truth = newChronicle(t.org.Org)
	t.history = installation.NewHistory(t.org.Org, t.seed)
	return nil
}

// tell lets the history happen, and events be forged meanwhile.
func (t *tenant) tell(ctx context.Context, relay string) error {
	forging, ctx := errgroup.WithContext(ctx)
	err := t.live(ctx, func() error {
		body, err := t.forgery()
		forging.Go(func() error { return t.smuggle(ctx, relay, body) })
		return err
	})
	return errors.Join(err, forging.Wait())
}

func (t *tenant) live(ctx context.Context, forge func() error) error {
	for i, pause := range t.pauses {
		if err := wait(ctx, pause); err != nil {
			return err
		}
		if i%forgeEvery == forgeEvery-1 {
			if err := forge(); err != nil {
				return err
			}
		}
		began := time.Now()
		t.history.Did = func(what string) {
			t.truth.add(t.org.Org, began, what)
			t.acts.note("%3d. %s", len(t.truth.steps)-1, what)
			began = time.Now()
		}
		if err := t.history.Step(); err != nil {
			return fmt.Errorf("the history of %s: %w", t.slug, err)
		}
	}
	return nil
}

// suffer lets Okta and the way to it go wrong as planned, and returns when all is well again.
func (t *tenant) suffer(ctx context.Context, start time.Time) error {
	for _, trouble := range oktaTroubles(t.seed, total(t.pauses)) {
		if err := wait(ctx, time.Until(start.Add(trouble.at))); err != nil {
			return err
		}
		t.troubles.note("%s", trouble)
		heal := t.wire.heal
		switch trouble.what {
		case wireReset:
			t.wire.reset()
		case wireCut:
			t.wire.cutAfter(trouble.n)
		case wireStall:
			t.wire.stall()
		case clockJumps:
			t.offset.Store(int64(clockOffsets()[trouble.n]))
		default:
			id, err := t.org.Org.AddFault(trouble.fault)
			if err != nil {
				return fmt.Errorf("make Okta misbehave: %w", err)
			}
			heal = func() { t.org.Org.RemoveFault(id) }
		}
		err := wait(ctx, trouble.lasts)
		heal()
		if err != nil {
			return err
		}
	}
	return nil
}

// wait waits, unless ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *tenant) close(ctx context.Context) error {
	var err error
	if t.wire != nil {
		err = t.wire.close()
	}
	if t.org != nil {
		if closing := t.org.Close(ctx); closing != nil {
			return closing
		}
	}
	return err
}
