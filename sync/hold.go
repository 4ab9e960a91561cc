package sync

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// hold lets the run wait for an admin, with the plan as it is. complete says that
// everything was read and planned, so that the plan may be approved.
func (x *execution) hold(ctx context.Context, held *directory.HeldError, complete bool) error {
	e := x.engine
	run := x.run
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		now := tx.Now()
		until := now.Add(e.rules.Limits.PlanMaxAge)
		run.State, run.WaitsUntil, run.Progress.ETA, run.Progress.CallsLeft = directory.RunHeld, &until, nil, 0
		if complete {
			run.PlannedAt = &now
		}
		run.Error = held.Error() + "; " + whatNow(run)
		if err := tx.SaveRun(ctx, run, x.owner, 0); err != nil {
			return err
		}
		if err := tx.OutdateRuns(ctx, run); err != nil {
			return err
		}
		// They are part of what waits. Left in the inbox, they would start the same run again.
		return tx.Mark(ctx, x.ticket)
	})
	if err != nil {
		return fmt.Errorf("hold run %s: %w", run.ID, err)
	}
	x.run = run
	held.RunID = run.ID
	return held
}

// whatNow tells an admin what can be done about a run that waits.
func whatNow(run directory.Run) string {
	if run.PlannedAt == nil {
		return "it cannot be approved, because reading stopped before the plan was complete; mend the cause and run the sync again"
	}
	return fmt.Sprintf("look at it with oktasync runs show %s, then approve or reject it before %s UTC",
		run.ID, run.WaitsUntil.UTC().Format(time.DateTime))
}
