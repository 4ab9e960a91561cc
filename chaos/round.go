package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/oktasync/oktasync/e2e/installation"
)

// round is a number of seeds that go through their histories at once, as tenants of one
// installation.
type round struct {
	o       options
	first   uint64
	ports   *installation.Ports
	notes   journal
	tenants []*tenant
	site    *site
	start   time.Time
}

// run carries a round out. An error means that the round could not be carried out; what
// went wrong with a seed is in its tenant.
func (r *round) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "oktasync-chaos-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// PostgreSQL's own user has to get through.
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	defer func() { err = errors.Join(err, r.end()) }()
	for n := range r.o.tenants {
		t, err := newTenant(ctx, r.first+uint64(n), r.o, r.ports)
		if t != nil {
			r.tenants = append(r.tenants, t)
		}
		if err != nil {
			return err
		}
	}
	if r.site, err = newSite(ctx, r.o, r.ports, dir, r.tenants, &r.notes); err != nil {
		return err
	}
	if err := r.each(ctx, func(ctx context.Context, t *tenant) error {
		return installation.Eventually(ctx, 2*time.Minute, "the first full sync of "+t.slug, func() string {
			state, err := r.site.api.Tenant(ctx, t.slug)
			if err == nil && state.LastFullSync == nil {
				return "it is not over"
			}
			return installation.Reason(err)
		})
	}); err != nil {
		return err
	}
	if err := r.each(ctx, func(ctx context.Context, t *tenant) error {
		return t.begin(ctx, r.site.api, r.site.relay.URL, r.o.drops)
	}); err != nil {
		return err
	}
	if err := r.trouble(ctx); err != nil {
		return err
	}
	return r.calm(ctx)
}

// trouble lets the histories happen while everything goes wrong, and returns when all is
// well again.
func (r *round) trouble(ctx context.Context) error {
	r.start = time.Now()
	var during time.Duration
	for _, t := range r.tenants {
		during = max(during, total(t.pauses))
	}
	plan := installationTroubles(r.first, r.o.mode, r.o.replicas(), during)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return r.site.suffer(ctx, plan, r.start) })
	for _, t := range r.tenants {
		all.Go(func() error { return t.tell(ctx, r.site.relay.URL) })
		all.Go(func() error { return t.suffer(ctx, r.start) })
	}
	return all.Wait()
}

// calm waits until the directories are right and looks how they became so.
func (r *round) calm(ctx context.Context) error {
	for _, t := range r.tenants {
		t.org.Org.ClearFaults()
		t.troubles.note("all is well")
	}
	r.notes.note("all is well")
	since := time.Now()
	for _, replica := range r.site.replicas {
		if err := replica.ready(ctx, time.Minute); err != nil {
			return fmt.Errorf("%w\n%s", err, installation.Tail(replica.log(), 30))
		}
	}
	return r.each(ctx, func(ctx context.Context, t *tenant) error {
		if err := t.settle(ctx, r.site.api, since, r.o.calm); err != nil {
			return err
		}
		if err := t.judge(ctx, r.site); err != nil {
			return err
		}
		if err := t.measured(ctx, r.site, r.o.calm); err != nil {
			return err
		}
		if len(t.wrong) > 0 {
			return nil
		}
		return t.resync(ctx, r.site.api, r.o.calm)
	})
}

func (r *round) each(ctx context.Context, do func(context.Context, *tenant) error) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, t := range r.tenants {
		all.Go(func() error {
			if err := do(ctx, t); err != nil {
				return fmt.Errorf("seed %d: %w", t.seed, err)
			}
			return nil
		})
	}
	return all.Wait()
}

// end ends what the round started.
func (r *round) end() error {
	var problems []error
	if r.site != nil {
		problems = append(problems, r.site.close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, t := range r.tenants {
		problems = append(problems, t.close(ctx))
	}
	return errors.Join(problems...)
}
