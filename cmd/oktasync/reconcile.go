package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/jobs"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// reconciler hands the tasks of the queue to the engine of their tenant, and
// tells logs and metrics what came of them.
type reconciler struct {
	tenants *registry
	refresh func(context.Context) error // brings tenants up to date
	db      *store.DB
	metrics *metrics
	log     *slog.Logger
}

// ReconcileScope works off the events that wait for a scope.
func (r *reconciler) ReconcileScope(ctx context.Context, tenant string, scope directory.Scope) error {
	return r.measured(ctx, tenant, string(scope.Kind), func(ctx context.Context, e *dirsync.Engine) (dirsync.Result, error) {
		if scope.Kind == directory.ScopePerson {
			return e.Scope(okta.WithPriority(ctx, okta.Event), scope)
		}
		return e.Scope(okta.WithPriority(ctx, okta.Bulk), scope)
	})
}

// Check asks Okta whether it lets the tenant in.
func (r *reconciler) Check(ctx context.Context, tenant string) error {
	return r.measured(ctx, tenant, "check", func(ctx context.Context, e *dirsync.Engine) (dirsync.Result, error) {
		return dirsync.Result{Asked: true}, e.Check(ctx)
	})
}

// ReconcileRun carries out a run.
func (r *reconciler) ReconcileRun(ctx context.Context, tenant, runID string, claims int64) error {
	ctx = okta.WithPriority(ctx, okta.Bulk)
	return r.measured(ctx, tenant, "run", func(ctx context.Context, e *dirsync.Engine) (dirsync.Result, error) { return e.Run(ctx, runID, claims) })
}

func (r *reconciler) measured(ctx context.Context, tenant, kind string, work func(context.Context, *dirsync.Engine) (dirsync.Result, error)) error {
	if t, known := r.tenants.find(tenant); !known || !t.works() {
		// It may have been added or resumed elsewhere a moment ago.
		if err := r.refresh(ctx); err != nil {
			return err
		}
	}
	if t, known := r.tenants.find(tenant); known && !t.works() {
		return jobs.ErrIdle // events and runs stay where they are, and the sweeper brings them back
	}
	parts, done, err := r.tenants.use(tenant)
	if err != nil {
		return err
	}
	if parts == nil {
		// While versions change, another process may know it. After a day it is parked.
		return &directory.RetryAfterError{Wait: time.Minute, Err: fmt.Errorf(
			"tenant %s is not in this process's configuration; its events are kept; configure the tenant and retry, or discard", tenant)}
	}
	defer done()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(parts.resting, func() { stop(context.Cause(parts.resting)) })()
	started := time.Now()
	result, err := work(ctx, parts.engine)
	if moved := (*directory.RulesMoved)(nil); errors.As(err, &moved) {
		r.log.Info("work was begun under rules that are no longer in force, and begins again", "tenant", tenant, "kind", kind)
		if err := r.refresh(ctx); err != nil { // so that it meets the new ones
			return err
		}
	}
	if err != nil && errors.Is(context.Cause(ctx), errTenantRests) {
		r.log.Info("work was cut short: the tenant was paused or removed", "tenant", tenant, "kind", kind)
		return jobs.ErrIdle
	}
	took := time.Since(started)
	if errors.Is(err, errLeaseLost) {
		r.log.Warn("a run went to another process, or was ended, while this one was silent; the work here stopped, and nothing was applied twice",
			"tenant", tenant, "run", result.RunID)
	}
	if errors.Is(err, directory.ErrBusy) {
		return err
	}
	r.metrics.reconciled(tenant, kind, result, err, took, utcNow())
	r.alertApp(ctx, tenant, result, err)
	if err != nil {
		if len(result.Changes) > 0 {
			r.log.Info("took access away; the rest of what waits for this scope is read later", "tenant", tenant,
				"scope", result.Scope.Public(), "changes", changeCounts(result.Changes))
		}
		return err
	}
	if !result.Asked {
		err = jobs.ErrIdle // says nothing about the credentials
	}
	if result.Events == 0 && len(result.Changes) == 0 && result.RunID == "" {
		return err // a repeated task with nothing left to do, or a look that found nothing
	}
	line := r.log.With("tenant", tenant, "scope", result.Scope.String(), "took", took.Round(time.Millisecond), "events", result.Events)
	if result.Scope.ByLogin() {
		line = r.log.With("tenant", tenant, "scope", "person by login", "took", took.Round(time.Millisecond), "events", result.Events)
	}
	if result.RunID != "" {
		line = line.With("run", result.RunID)
	}
	if !result.Oldest.IsZero() {
		line = line.With("since_event", utcNow().Sub(result.Oldest).Round(time.Millisecond))
	}
	line.Info("reconciled", "changes", changeCounts(result.Changes), "superseded", result.Superseded, "quarantined", result.Quarantined)
	if len(result.Ignored) > 0 {
		line.Info("Okta sends attributes that no rule reads; declare them as custom fields or leave them; oktasync rules ignored lists all", "attributes", result.Ignored)
	}
	return err
}

// alertApp has the operator told, once, that the tenant's app in Okta is inactive or gone, and that a full sync
// could use it again.
func (r *reconciler) alertApp(ctx context.Context, tenant string, result dirsync.Result, err error) {
	var failed error
	switch {
	case errors.Is(err, directory.ErrAppUnusable):
		var raised bool
		raised, failed = r.db.RaiseAlarm(ctx, tenant, directory.AlertAppUnusable, fmt.Sprintf("nothing is changed for tenant %s: %v", tenant, err))
		if raised {
			r.log.Error("the app in Okta cannot be used, so nothing is changed; no alert is sent again until a full sync succeeds", "tenant", tenant, "error", err)
		}
	case err == nil && result.Scope.Kind == directory.ScopeFull:
		_, failed = r.db.SettleAlarm(ctx, tenant, directory.AlertAppUnusable, fmt.Sprintf("the app of tenant %s in Okta can be used again: a full sync succeeded", tenant))
	}
	if failed != nil {
		r.log.Warn("an alert about the app in Okta could not be noted; the next sync does it", "tenant", tenant, "error", failed)
	}
}

// changeCounts renders counts as "person.updated=1 …", in order.
func changeCounts(counts map[directory.ChangeType]int) string {
	types := make([]string, 0, len(counts))
	for t := range counts {
		types = append(types, string(t))
	}
	slices.Sort(types)
	text := ""
	for i, t := range types {
		if i > 0 {
			text += " "
		}
		text += fmt.Sprintf("%s=%d", t, counts[directory.ChangeType(t)])
	}
	return text
}

// resyncer turns an admin's request into a run.
type resyncer struct {
	db    *store.DB
	queue interface {
		EnqueueRun(ctx context.Context, run directory.Run) error
	}
	log *slog.Logger
}

// Request stores the run and puts it into the queue. With Redis down the run
// stays queued and the sweeper enqueues it.
func (r *resyncer) Request(ctx context.Context, run directory.Run, act directory.Act) (directory.Run, bool, error) {
	run.ID, run.State = newRunID(), directory.RunQueued
	stored, created, err := r.db.RequestRun(ctx, run, act)
	if err != nil {
		return directory.Run{}, false, err
	}
	r.enqueue(ctx, stored)
	return stored, created, nil
}

// Start does the same for the service itself.
func (r *resyncer) Start(ctx context.Context, run directory.Run) error {
	run.ID, run.State = newRunID(), directory.RunQueued
	stored, _, err := r.db.CreateRun(ctx, run)
	if err != nil {
		return err
	}
	r.enqueue(ctx, stored)
	return nil
}

// propose hands in the rules of a tenant, and puts their run into the queue.
func (r *resyncer) propose(ctx context.Context, p dirsync.Proposal) (dirsync.Proposed, error) {
	done, err := dirsync.Propose(ctx, r.db, p)
	if err == nil && done.Run.ID != "" {
		r.enqueue(ctx, done.Run)
	}
	return done, err
}

func (r *resyncer) enqueue(ctx context.Context, run directory.Run) {
	if err := r.queue.EnqueueRun(ctx, run); err != nil {
		r.log.WarnContext(ctx, "a run could not be enqueued now; the sweeper does it", "tenant", run.Tenant, "run", run.ID, "error", err)
	}
}
