package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Approve lets the plan of a run that waits be applied, exactly as it is: Run does it, and leaves alone
// what has moved on since. Before that Okta is asked once whether the source is well. Of two who
// approve or reject at once one wins.
//
// Errors: directory.ErrConflict with a sentence when the run does not wait, its plan is not
// complete or too old, or the source is not well; *directory.RetryAfterError when
// Okta cannot be asked now; directory.ErrNotFound.
func (e *Engine) Approve(ctx context.Context, id string, act directory.Act) (directory.Run, error) {
	run, err := e.store.Run(ctx, e.tenant, id)
	if err != nil {
		return directory.Run{}, err
	}
	if err := undecided(run); err != nil {
		return directory.Run{}, err // without a call to Okta
	}
	if run.Scope.Kind != directory.ScopeRules { // which rests on no reading of Okta
		if err := e.well(ctx); err != nil {
			return directory.Run{}, err
		}
	}
	rules, err := e.store.RulesState(ctx, e.tenant)
	if err != nil {
		return directory.Run{}, err
	}
	return e.decide(ctx, id, act, func(run *directory.Run, now time.Time) error {
		switch {
		case run.PlannedAt == nil:
			return refuse("run %s cannot be approved: reading stopped before its plan was complete; mend the cause (oktasync runs show %s) and run the sync again", id, id)
		case e.foreign(*run):
			return refuse("the plan of run %s was made of another Okta org or app than the tenant has now; run the sync again", id)
		case run.Rules != "" && run.DryRun:
			return refuse("run %s was to try rules; to bring them into force, change the configuration and reload it", id)
		case run.Rules != "" && run.Rules != rules.Next && run.Rules != rules.InForce:
			return refuse("the rules of run %s were replaced or rejected since its plan was made; reload the configuration", id)
		case run.Rules == "" && e.otherRules(*run):
			return refuse("the tenant's rules have changed since the plan of run %s was made; run the sync again", id)
		case !now.Before(*run.WaitsUntil):
			return refuse("the plan of run %s is too old: it was made at %s and was good until %s (limits.plan_max_age); run the sync again",
				id, stamp(*run.PlannedAt), stamp(*run.WaitsUntil))
		}
		run.State, run.Error = directory.RunApplying, ""
		run.Decision = &directory.Decision{Approved: true, By: act.Actor, At: now, Reason: act.Reason}
		return nil
	})
}

// Reject ends a run that waits without applying anything. Its errors are those of Approve.
func (e *Engine) Reject(ctx context.Context, id string, act directory.Act) (directory.Run, error) {
	return e.decide(ctx, id, act, func(run *directory.Run, now time.Time) error {
		run.State, run.FinishedAt = directory.RunRejected, &now
		run.Decision = &directory.Decision{By: act.Actor, At: now, Reason: act.Reason}
		return nil
	})
}

// decide writes what an admin decided about a run that waits.
func (e *Engine) decide(ctx context.Context, id string, act directory.Act, verdict func(*directory.Run, time.Time) error) (directory.Run, error) {
	var run directory.Run
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		var err error
		if run, err = tx.Run(ctx, id); err != nil {
			return err
		}
		if err := undecided(run); err != nil {
			return err
		}
		if err := verdict(&run, tx.Now()); err != nil {
			return err
		}
		if run.Rules != "" && !run.DryRun && !run.Decision.Approved {
			if err := tx.RefuseRules(ctx, run.Rules); err != nil {
				return err
			}
		}
		act.Subject = run.Scope.String()
		return tx.DecideRun(ctx, run, act)
	})
	return run, err
}

// undecided refuses runs about which there is nothing to decide.
func undecided(run directory.Run) error {
	switch {
	case run.State.Waiting():
		return nil
	case run.State.Open() && run.Decision == nil:
		return refuse("run %s is %s and has no plan yet that could be decided about; wait for its end", run.ID, run.State)
	case run.State == directory.RunOutdated:
		return refuse("the plan of run %s is outdated: %s", run.ID, run.Error)
	case run.Decision != nil && run.Decision.Approved:
		return refuse("run %s was approved already, by %s at %s; it is %s", run.ID, run.Decision.By, stamp(run.Decision.At), run.State)
	case run.Decision != nil:
		return refuse("run %s was rejected already, by %s at %s: %s", run.ID, run.Decision.By, stamp(run.Decision.At), run.Decision.Reason)
	default:
		return refuse("run %s is over, it is %s; there is nothing to decide", run.ID, run.State)
	}
}

// well refuses while the source of the plan could not be read now: then what
// it showed earlier is not to be relied on.
func (e *Engine) well(ctx context.Context) error {
	blocked, err := e.store.Blocked(ctx, e.tenant)
	if err != nil {
		return err
	}
	if blocked != "" {
		return refuse("the plan is not applied while the tenant rests: %s", blocked)
	}
	err = e.source.Check(ctx)
	var later *directory.RetryAfterError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &later), ctx.Err() != nil:
		return err
	default:
		return refuse("the plan is not applied, because Okta is not well: %v; the plan goes on waiting", err)
	}
}

// overtaken ends an approved run of which nothing is applied yet when another run has read the same
// later: what that one saw may be the opposite. It cannot happen afterwards, for no such run
// begins while this one is under way.
func (x *execution) overtaken(ctx context.Context) (bool, error) {
	if x.run.Decision == nil || x.run.Progress.Applied > 0 {
		return false, nil
	}
	e := x.engine
	over := false
	run := x.run
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		newer, err := tx.NewerRun(ctx, run)
		if over = newer != ""; err != nil || !over {
			return err
		}
		run = e.finished(run, directory.RunOutdated)
		run.Error = fmt.Sprintf("run %s has read Okta since this plan was made; nothing of it was applied, although %s had approved it", newer, run.Decision.By)
		return tx.SaveRun(ctx, run, x.owner, 0)
	})
	if err != nil {
		return false, fmt.Errorf("look whether the plan of run %s is still the newest: %w", run.ID, err)
	}
	x.run = run
	return over, nil
}

func refuse(format string, values ...any) error {
	return directory.Refuse(directory.ErrConflict, format, values...)
}

func stamp(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }
