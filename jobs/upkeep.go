package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// UpkeepOptions configures an Upkeep.
type UpkeepOptions struct {
	Client   *Client
	Calendar ChoreCalendar
	Tenants  func() []string
	Chores   []Chore
	Every    time.Duration // between looks, 1 s when zero
	Grace    time.Duration // how long a chore waits for its own task, 15 s when zero
	Now      func() time.Time
	Log      *slog.Logger
}

// Upkeep enqueues the tenants' chores when they are due. When that is stands in the
// database, so that several replicas make one task, and a Redis that was emptied costs no
// turn: a chore whose task is lost stays due and is enqueued again.
type Upkeep struct {
	o       UpkeepOptions
	every   map[directory.ChoreHint]time.Duration // what the rows are known to say
	failing bool
}

// NewUpkeep returns an upkeep.
func NewUpkeep(o UpkeepOptions) *Upkeep {
	o.Every = orDefault(o.Every, time.Second)
	o.Grace = orDefault(o.Grace, 15*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Upkeep{o: o, every: make(map[directory.ChoreHint]time.Duration)}
}

// Run looks until ctx ends.
func (u *Upkeep) Run(ctx context.Context) {
	ticker := time.NewTicker(u.o.Every)
	defer ticker.Stop()
	for {
		err := guarded(ctx, u.Look)
		if ctx.Err() != nil {
			return
		}
		u.tell(err)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// tell says once that looking fails, and once that it goes well again.
func (u *Upkeep) tell(err error) {
	switch {
	case err != nil && !u.failing:
		u.o.Log.Warn("could not look for chores that are due; it is tried again", "in", u.o.Every, "error", err)
	case err == nil && u.failing:
		u.o.Log.Info("chores are enqueued again")
	}
	u.failing = err != nil
}

// Look enqueues what is due. Nothing is noted as swept while Redis is unreachable.
func (u *Upkeep) Look(ctx context.Context) error {
	if err := u.plan(ctx); err != nil {
		return err
	}
	if err := u.o.Client.Ping(ctx); err != nil {
		return err
	}
	due, err := u.o.Calendar.DueChores(ctx, u.o.Grace)
	if err != nil {
		return err
	}
	now := u.o.Now()
	var orders []order
	for _, hint := range due {
		if u.every[hint] == 0 {
			continue // turned off, or of a tenant that only another process knows
		}
		o, err := choreOrder(hint, now)
		if err != nil {
			return err
		}
		orders = append(orders, o)
	}
	if err := u.o.Client.send(ctx, orders); err != nil {
		return fmt.Errorf("enqueue %d chores: %w", len(orders), err)
	}
	return nil
}

// plan makes the rows of what is new, and forgets what is gone: a tenant that comes
// back needs its rows anew.
func (u *Upkeep) plan(ctx context.Context) error {
	wanted := make(map[directory.ChoreHint]time.Duration)
	var plans []directory.ChorePlan
	for _, tenant := range u.o.Tenants() {
		for _, c := range u.o.Chores {
			every := c.Every(tenant)
			if every <= 0 {
				continue
			}
			hint := directory.ChoreHint{Tenant: tenant, Chore: c.Name}
			wanted[hint] = every
			if u.every[hint] != every {
				plans = append(plans, directory.ChorePlan{Tenant: tenant, Chore: c.Name, Every: every})
			}
		}
	}
	if err := u.o.Calendar.EnsureChores(ctx, plans); err != nil {
		return err
	}
	u.every = wanted
	return nil
}

// choreOrder makes the task of a chore. Its id keeps a second one from being made while
// the first waits for a slot.
func choreOrder(hint directory.ChoreHint, now time.Time) (order, error) {
	p := payload{Tenant: hint.Tenant, Chore: hint.Chore, At: now.Unix()}
	return newOrder(typeChore, p, dated("chore:"+hint.Tenant+":"+string(hint.Chore), now))
}
