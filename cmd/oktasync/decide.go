package main

import (
	"context"
	"log/slog"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/okta"
	dirsync "github.com/oktasync/oktasync/sync"
)

// decider hands what admins decide to the engine of their tenant, and an approved run to the queue.
type decider struct {
	tenants *registry
	queue   interface {
		EnqueueRun(ctx context.Context, run directory.Run) error
	}
	metrics *metrics
	log     *slog.Logger
}

// Approve has the plan of a run that waits applied. With Redis down the sweeper
// enqueues the run.
func (d *decider) Approve(ctx context.Context, tenant, run string, act directory.Act) (directory.Run, error) {
	approved, err := decided(d, tenant, func(e *dirsync.Engine) (directory.Run, error) {
		return e.Approve(okta.WithPriority(ctx, okta.Event), run, act)
	})
	if err != nil {
		return directory.Run{}, err
	}
	if err := d.queue.EnqueueRun(ctx, approved); err != nil {
		d.log.WarnContext(ctx, "an approved run could not be enqueued now; the sweeper does it", "tenant", tenant, "run", run, "error", err)
	}
	return approved, nil
}

// Reject ends a run that waits.
func (d *decider) Reject(ctx context.Context, tenant, run string, act directory.Act) (directory.Run, error) {
	return decided(d, tenant, func(e *dirsync.Engine) (directory.Run, error) { return e.Reject(ctx, run, act) })
}

// Erase erases what is kept of a person who left.
func (d *decider) Erase(ctx context.Context, tenant, person string, act directory.Act) error {
	result, err := decided(d, tenant, func(e *dirsync.Engine) (dirsync.Result, error) { return e.Erase(ctx, person, act) })
	d.metrics.changed(tenant, result)
	return err
}

// ChooseManager makes somebody the manager of a person, or takes that back.
func (d *decider) ChooseManager(ctx context.Context, tenant, person, manager string, act directory.Act) error {
	return d.managers(tenant, func(e *dirsync.Engine) (dirsync.Result, error) { return e.ChooseManager(ctx, person, manager, act) })
}

// SetTeamManager makes somebody the manager of a team, or takes that back.
func (d *decider) SetTeamManager(ctx context.Context, tenant, team, manager string, act directory.Act) error {
	return d.managers(tenant, func(e *dirsync.Engine) (dirsync.Result, error) { return e.SetTeamManager(ctx, team, manager, act) })
}

// MergeTeam makes one team of two.
func (d *decider) MergeTeam(ctx context.Context, tenant, team, into string, act directory.Act) error {
	return d.managers(tenant, func(e *dirsync.Engine) (dirsync.Result, error) { return e.MergeTeam(ctx, team, into, act) })
}

// UnmergeTeam takes that back.
func (d *decider) UnmergeTeam(ctx context.Context, tenant, team string, act directory.Act) error {
	return d.managers(tenant, func(e *dirsync.Engine) (dirsync.Result, error) { return e.UnmergeTeam(ctx, team, act) })
}

// RenameTeam gives a team a name, or takes that back.
func (d *decider) RenameTeam(ctx context.Context, tenant, team, name string, act directory.Act) error {
	return d.managers(tenant, func(e *dirsync.Engine) (dirsync.Result, error) { return e.RenameTeam(ctx, team, name, act) })
}

func (d *decider) managers(tenant string, do func(*dirsync.Engine) (dirsync.Result, error)) error {
	result, err := decided(d, tenant, do)
	d.metrics.changed(tenant, result)
	return err
}

// decided does something with the engine of a tenant.
func decided[T any](d *decider, tenant string, do func(*dirsync.Engine) (T, error)) (T, error) {
	var none T
	parts, done, err := d.tenants.use(tenant)
	if err != nil {
		return none, err
	}
	if parts == nil {
		return none, d.idle(tenant)
	}
	defer done()
	return do(parts.engine)
}

// idle says why nothing can be decided about a tenant that is not worked for.
func (d *decider) idle(tenant string) error {
	t, known := d.tenants.find(tenant)
	switch {
	case !known || t.Removal != nil:
		return directory.Refuse(directory.ErrNotFound, "tenant %s was taken away a moment ago; nothing was decided", tenant)
	case t.Pause != nil:
		return directory.Refuse(directory.ErrConflict, "tenant %s is paused, by %s: %s; nothing was decided, the plan goes on waiting; resume the tenant first", tenant, t.Pause.By, t.Pause.Reason)
	default:
		return directory.Refuse(directory.ErrConflict, "tenant %s %s; nothing was decided, the plan goes on waiting", tenant, t.Problem)
	}
}
