package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const (
	// runLease is how long a run stays with a process that has gone silent.
	// Progress, every batch and Options.Hold renew it.
	runLease = 30 * time.Second
	// saveEvery is how often progress is written while Okta is read.
	saveEvery = 200 * time.Millisecond
	// pageSize is how many rows are planned or applied at a time.
	pageSize = 500
)

// Run carries out a run, or goes on with one that was interrupted: a plan that was being applied
// is applied further, a reading of everything goes on where it was (see resume.go), any
// other starts over. Whatever the guard holds back, or whatever fails before the plan is
// complete, changes nothing. A plan that was approved is applied by the same call. A dry run
// stops with its plan, and is otherwise the same.
//
// claims is how often the run had been claimed when this was asked for, or directory.AnyClaim.
//
// Errors: directory.ErrBusy while another process is at it, or when it was claimed since;
// *directory.RetryAfterError and a cancelled context leave the run for later;
// *directory.HeldError says that it waits for an admin; *directory.AttemptError that an attempt has failed. Whether
// and when there is another one stands in the run's row, with a sentence in Run.Error, and the
// sweeper makes its task.
func (e *Engine) Run(ctx context.Context, id string, claims int64) (Result, error) {
	return e.carryOut(ctx, id, claims, true)
}

// carryOut is Run. retried says that the run has further attempts; otherwise it has failed with
// this one, and what asked for it makes a new one.
func (e *Engine) carryOut(ctx context.Context, id string, claims int64, retried bool) (Result, error) {
	// A name for this execution: a second task of the run in the same process is
	// somebody else, or it would empty what this one has staged.
	owner := e.owner + "/" + e.newID()
	run, err := e.store.ClaimRun(ctx, e.tenant, id, owner, claims, e.lease)
	if errors.Is(err, directory.ErrConflict) {
		return Result{}, nil // over already: a repeated task
	}
	if err != nil {
		return Result{}, fmt.Errorf("claim run %s: %w", id, err)
	}
	if e.hold != nil {
		var stop func()
		ctx, stop = e.hold(ctx, id, owner)
		defer stop()
	}
	cause := directory.Cause{Kind: run.Cause, RunID: run.ID, Actor: run.By, Approval: run.Decision}
	x := &execution{engine: e, retried: retried, owner: owner, run: run, ignored: map[string]bool{}, cause: cause}
	x.result = Result{Scope: run.Scope, RunID: run.ID}
	err = x.do(ctx)
	var held *directory.HeldError
	switch {
	case err == nil:
		return x.result, nil
	case errors.As(err, &held):
		return x.result, err // it waits, and is saved as that
	default:
		return Result{Scope: run.Scope, RunID: run.ID}, x.fail(ctx, err)
	}
}

// execution is one process's work on one run.
type execution struct {
	engine   *Engine
	owner    string
	retried  bool
	run      directory.Run
	cause    directory.Cause
	ticket   directory.Ticket
	result   Result
	started  time.Time // of this reading, for the estimate
	first    time.Time // when the first page was asked for, database's clock
	gone     []directory.GroupSeen
	absences absences // people whom the list lacks
	ignored  map[string]bool
	saved    time.Time // last progress

	grants      *grantPlan // of this execution; nil where the plan is of an earlier one
	basis       string
	from        []directory.Position // where an interrupted reading goes on
	callsBefore int                  // to Okta, before it was interrupted
	steps       int                  // that this execution has read
	kept        directory.Run        // as it was last written

	covered map[string]bool // sets of attributes that hold all that the rules read
}

func (x *execution) do(ctx context.Context) error {
	if x.run.Rules != "" {
		if over, err := x.replaced(ctx); over || err != nil {
			return err
		}
		other, err := x.engine.under(ctx, x.run.Rules)
		if err != nil {
			return err
		}
		x.engine, x.cause.Rules = other, x.run.Rules
	}
	e := x.engine
	if x.run.State == directory.RunApplying {
		if over, err := x.aged(ctx); over || err != nil {
			return err
		}
	}
	if x.run.State != directory.RunApplying {
		err := x.begin(ctx)
		if err != nil {
			return err
		}
		one := x.run.Scope.Kind == directory.ScopePerson
		if one && !x.run.DryRun {
			x.ticket.Tenant, x.ticket.Scope = e.tenant, x.run.Scope
			x.result, err = e.person(ctx, x.ticket, x.cause, &x.run, x.owner)
			return err
		}
		switch {
		case one:
			err = x.planOne(ctx)
		case x.run.Scope.Kind == directory.ScopeRules:
			if err = x.remap(ctx); err == nil {
				err = x.planGrants(ctx)
			}
		default:
			err = x.read(ctx)
		}
		complete := err == nil
		if complete && !one { // one person may always lose access
			err = x.judge(ctx)
		}
		var held *directory.HeldError
		switch {
		case errors.As(err, &held), err == nil && x.run.DryRun:
			return x.wait(ctx, held, complete)
		case err != nil:
			return err
		}
		x.run.State, x.run.Progress.ETA, x.run.Progress.CallsLeft = directory.RunApplying, nil, 0
		if err := x.save(ctx); err != nil {
			return err
		}
	}
	if over, err := x.overtaken(ctx); over || err != nil {
		return err
	}
	switch {
	case x.run.Rules != "":
		if over, err := x.adopt(ctx); over || err != nil {
			return err
		}
	case x.run.Progress.Everybody:
		if err := x.engine.store.Update(ctx, x.engine.tenant, x.engine.unsettle); err != nil {
			return fmt.Errorf("begin to apply run %s: %w", x.run.ID, err)
		}
	}
	return x.apply(ctx)
}

// apply works through the plan batch by batch, then settles the managers.
func (x *execution) apply(ctx context.Context) error {
	freed := false
	for {
		planned, err := x.engine.store.Plan(ctx, x.engine.tenant, x.run.ID, x.run.Progress.Applied, pageSize)
		if err != nil {
			return fmt.Errorf("read the plan of run %s: %w", x.run.ID, err)
		}
		if len(planned) == 0 {
			break
		}
		if before := slices.IndexFunc(planned, aboutGrants); !freed && before >= 0 {
			if before > 0 {
				planned = planned[:before]
			} else if err := x.freeFirst(ctx); err != nil {
				return err
			}
			freed = before == 0
		}
		if err := x.applyPlanned(ctx, planned); err != nil {
			return err
		}
	}
	if x.run.Rules != "" {
		if err := x.catchUp(ctx); err != nil {
			return err
		}
		if err := x.release(ctx); err != nil {
			return err
		}
	}
	if err := x.settleGrants(ctx); err != nil {
		return err
	}
	if err := x.settleTeamEnds(ctx); err != nil {
		return err
	}
	if err := x.settleRules(ctx); err != nil {
		return err
	}
	for more := true; more; {
		var err error
		if more, err = x.settleManagers(ctx); err != nil {
			return err
		}
	}
	return x.finish(ctx)
}

func (x *execution) applyPlanned(ctx context.Context, planned []directory.PlannedChange) error {
	_, err := x.applySome(ctx, planned, planned[len(planned)-1].Seq)
	return err
}

// applySome applies changes of the plan, of which everything up to position is dealt with then.
func (x *execution) applySome(ctx context.Context, planned []directory.PlannedChange, position int64) (applied, error) {
	e := x.engine
	var done applied
	run := x.run
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		var err error
		if done, err = e.applyBatch(ctx, tx, planned, x.cause); err != nil {
			return err
		}
		if err := appendChanges(ctx, tx, done.changes); err != nil {
			return err
		}
		run = x.counted(done)
		run.Progress.Applied = position
		return tx.SaveRun(ctx, run, x.owner, e.lease)
	})
	if err != nil {
		return applied{}, fmt.Errorf("apply %d changes of run %s: %w", len(planned), run.ID, err)
	}
	x.run = run
	x.result.count(done)
	return done, nil
}

func (x *execution) settleManagers(ctx context.Context) (bool, error) {
	e := x.engine
	var more bool
	var changes []directory.Change
	run := x.run
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		var err error
		if changes, more, err = resolveManagers(ctx, tx, e.rules.Managers, x.cause); err != nil {
			return err
		}
		if err := appendChanges(ctx, tx, changes); err != nil {
			return err
		}
		run = x.counted(applied{changes: changes})
		return tx.SaveRun(ctx, run, x.owner, e.lease)
	})
	if err != nil {
		return false, fmt.Errorf("settle managers in run %s: %w", run.ID, err)
	}
	x.run = run
	x.result.countChanges(changes)
	return more, nil
}

// counted returns the run with what a batch did added to its counts, and leaves
// x.run alone: the commit may still fail.
func (x *execution) counted(done applied) directory.Run {
	run := x.run
	counts := make(map[directory.ChangeType]int, len(run.Counts.Changes))
	for t, n := range run.Counts.Changes {
		counts[t] = n
	}
	for _, c := range done.changes {
		counts[c.Type]++
	}
	run.Counts.Changes = counts
	run.Counts.Superseded += done.superseded
	run.Counts.Quarantined += done.quarantined
	return run
}

// finish marks the events, lets go of who is no longer at fault, and ends the run.
func (x *execution) finish(ctx context.Context) error {
	e := x.engine
	if err := x.markListed(ctx); err != nil {
		return err
	}
	run := e.finished(x.run, directory.RunSucceeded)
	if x.run.Scope.Kind == directory.ScopeFull && x.run.Rules == "" {
		// Before rules that are next are planned anew, which a plan that still waits would forbid.
		if err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error { return tx.OutdateRuns(ctx, run) }); err != nil {
			return fmt.Errorf("finish run %s: %w", run.ID, err)
		}
		if err := e.planNext(ctx); err != nil {
			return err
		}
	}
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		if run.Scope.Kind == directory.ScopeFull && !x.first.IsZero() {
			// A full reading met every record that is at fault again. One that
			// was interrupted no longer knows, and leaves it to the next.
			if err := tx.ReleaseQuarantinedBefore(ctx, x.first); err != nil {
				return fmt.Errorf("release quarantined records: %w", err)
			}
		}
		if x.run.Progress.Everybody {
			basis, err := e.settledBasis()
			if err != nil {
				return err
			}
			if err := tx.SetGrantBasis(ctx, basis); err != nil {
				return err
			}
		}
		if x.run.Scope.Kind == directory.ScopeRules {
			// Of those who were never let in nothing is kept.
			if err := tx.LookAtStrangers(ctx, strangersAtMost); err != nil {
				return err
			}
		}
		var err error
		if x.result.Ignored, err = noteIgnored(ctx, tx, x.ignored); err != nil {
			return err
		}
		if x.ticket.AsksSecondLook() && e.again > 0 {
			if err := tx.AskSecondLook(ctx, x.run.Scope, e.again); err != nil {
				return err
			}
		}
		if !x.ticket.Idle() {
			if err := tx.Mark(ctx, x.ticket); err != nil {
				return fmt.Errorf("mark events: %w", err)
			}
		}
		if err := tx.OutdateRuns(ctx, run); err != nil {
			return err
		}
		if err := x.tellUnmoved(ctx, tx); err != nil {
			return err
		}
		if err := tellEnd(ctx, tx, run); err != nil {
			return err
		}
		return tx.SaveRun(ctx, run, x.owner, e.lease)
	})
	if err != nil {
		return fmt.Errorf("finish run %s: %w", run.ID, err)
	}
	x.run = run
	return nil
}

func (e *Engine) finished(run directory.Run, state directory.RunState) directory.Run {
	now := e.now()
	run.State, run.FinishedAt, run.Error = state, &now, "" // of an attempt before
	return run
}

// progress saves how far the run is, if that was not done a moment ago: a run of
// many small pages would write little else.
func (x *execution) progress(ctx context.Context) error {
	if x.engine.now().Sub(x.saved) < saveEvery {
		return nil
	}
	return x.save(ctx)
}

func (x *execution) save(ctx context.Context) error {
	x.saved = x.engine.now()
	if err := x.engine.store.SaveRun(ctx, x.run, x.owner, x.engine.lease); err != nil {
		return fmt.Errorf("save progress of run %s: %w", x.run.ID, err)
	}
	x.kept = x.run
	return nil
}
