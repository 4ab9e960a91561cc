package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/store"
)

const (
	eraseEvery = 5 * time.Second
	// eraseGrace is how long after its removal a tenant's last row goes: longer than any process
	// needs to hear of it and to let go of what it was doing.
	eraseGrace = 2 * time.Minute
)

// eraser deletes the rows of removed tenants, in batches, and ends the runs of tenants that no
// configuration has any more. Several replicas may do so at once.
type eraser struct {
	db     *store.DB
	ledger deliver.InviteLedger // nil: none
	grace  time.Duration
	log    *slog.Logger
}

// Run erases until ctx ends.
func (e *eraser) Run(ctx context.Context) {
	ticker := time.NewTicker(eraseEvery)
	defer ticker.Stop()
	failing := false
	for {
		err := e.look(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			e.log.Warn("could not erase removed tenants or end runs of forgotten ones; it is tried again", "in", eraseEvery, "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (e *eraser) look(ctx context.Context) error {
	ended, err := e.db.CancelForgotten(ctx)
	if err != nil {
		return err
	}
	for _, run := range ended {
		e.log.Warn("ended a run: its tenant is in no configuration any more; the directory is kept as it was", "tenant", run.Tenant, "run", run.ID)
	}
	removed, err := e.db.RemovedTenants(ctx)
	if err != nil {
		return err
	}
	for _, r := range removed {
		if err := e.erase(ctx, r.Tenant); err != nil {
			return err
		}
	}
	return nil
}

func (e *eraser) erase(ctx context.Context, tenant string) error {
	total := 0
	for {
		n, err := e.db.EraseTenant(ctx, tenant)
		total += n
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	if total > 0 {
		e.log.Info("erased rows of a removed tenant", "tenant", tenant, "rows", total)
	}
	if e.ledger != nil {
		if err := e.ledger.Forget(ctx, tenant); err != nil {
			return err
		}
	}
	gone, err := e.db.ForgetTenant(ctx, tenant, e.grace)
	if err != nil {
		return err
	}
	if gone {
		e.log.Info("a removed tenant is erased", "tenant", tenant)
	}
	return nil
}
