package sync

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// wait lets the run wait for an admin, with the plan as it is: because the guard held it, or because it is
// a dry run. complete says that everything was read and planned, so that the plan may be approved.
func (x *execution) wait(ctx context.Context, held *directory.HeldError, complete bool) error {
	e := x.engine
	var err error
	// Changed rules write no row before they are in force: what Okta states itself comes by events.
	if held != nil && !x.run.DryRun && x.run.Rules == "" {
		if held.Safe, err = x.letThrough(ctx); err != nil {
			return err
		}
	}
	if complete {
		if err := x.planManagers(ctx); err != nil {
			return err
		}
	}
	// Before the transaction: it reads the whole plan.
	if x.run.Plan, err = x.summarize(ctx); err != nil {
		return err
	}
	run := x.run
	err = e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		now := tx.Now()
		until := now.Add(e.rules.Limits.PlanMaxAge)
		run.State, run.WaitsUntil, run.Progress.ETA, run.Progress.CallsLeft = directory.RunHeld, &until, nil, 0
		if run.DryRun {
			run.State = directory.RunPlanned
		}
		if complete {
			run.PlannedAt = &now
		}
		run.Error = why(run, held)
		if err := tx.SaveRun(ctx, run, x.owner, 0); err != nil {
			return err
		}
		if err := tx.OutdateRuns(ctx, run); err != nil {
			return err
		}
		if run.DryRun {
			return nil
		}
		if err := tx.Alert(ctx, alertOf(run, now)); err != nil {
			return err
		}
		if err := tellEnd(ctx, tx, run); err != nil {
			return err
		}
		// They are part of what waits. Left in the inbox, they would start the same run again.
		return tx.Mark(ctx, x.ticket)
	})
	if err != nil {
		return fmt.Errorf("let run %s wait for an admin: %w", run.ID, err)
	}
	x.run = run
	if held == nil || run.DryRun {
		return nil
	}
	held.RunID = run.ID
	return held
}

// alertOf is the alert about a run that was held. A group whose events lead to one held run after the other
// is told about once an hour.
func alertOf(run directory.Run, now time.Time) directory.Alert {
	id := "held_" + run.ID
	if run.Scope.Kind == directory.ScopeGroup {
		id = fmt.Sprintf("held_%s_%s_%s", run.Tenant, run.Scope.ID, now.UTC().Format("2006010215"))
	}
	return directory.Alert{
		ID: id, Tenant: run.Tenant, Kind: directory.AlertRunHeld, RunID: run.ID,
		Sentence: fmt.Sprintf("run %s of tenant %s (%s) waits for an admin: %s", run.ID, run.Tenant, run.Scope.Public(), run.Error),
	}
}

// why tells an admin why the run waits, and what can be done about it.
func why(run directory.Run, held *directory.HeldError) string {
	now := fmt.Sprintf("look at it with oktasync runs show %s, then approve or reject it before %s UTC",
		run.ID, run.WaitsUntil.UTC().Format(time.DateTime))
	if run.PlannedAt == nil {
		now = "it cannot be approved, because reading stopped before the plan was complete; mend the cause and run the sync again"
	}
	switch {
	case held == nil:
		return "" // a dry run like most
	case run.DryRun:
		return "a sync would be held now: " + held.Error() + "; " + now
	default:
		return held.Error() + "; " + now
	}
}
