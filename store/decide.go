package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// Run returns a run as this transaction sees it, or directory.ErrNotFound.
func (t *Tx) Run(ctx context.Context, id string) (directory.Run, error) {
	return t.db.run(ctx, t.tx, t.tenant, id)
}

// DecideRun writes state, error, decision and end of a run that waits, and records the act. It
// fails with directory.ErrConflict when the run does not wait any more.
func (t *Tx) DecideRun(ctx context.Context, run directory.Run, act directory.Act) error {
	decision, err := json.Marshal(run.Decision)
	if err != nil {
		return fmt.Errorf("write the decision about run %s: %w", run.ID, err)
	}
	// Swept now: the queue gets its task from whoever decided, the sweeper comes later.
	const query = `
		update runs set state = $3, error = $4, decision = $5, finished_at = {at $6}, swept_at = {now}, attempts = 0
		where tenant = $1 and id = $2 and state in ('held', 'planned')`
	touched, err := t.db.exec(ctx, t.tx, query, t.tenant, run.ID, string(run.State), run.Error, string(decision), run.FinishedAt)
	if err != nil {
		return fmt.Errorf("write the decision about run %s: %w", run.ID, err)
	}
	if touched == 0 {
		return fmt.Errorf("run %s does not wait for a decision any more: %w", run.ID, directory.ErrConflict)
	}
	act.Tenant, act.RunID = t.tenant, run.ID
	return t.db.record(ctx, t.tx, act)
}

// OutdateRuns ends the runs that wait and that a newer one makes worthless: those of the same scope
// that began before it, and all others that did when it is a full one. A dry run, which changes nothing,
// ends other dry runs of its scope alone.
func (t *Tx) OutdateRuns(ctx context.Context, newer directory.Run) error {
	const query = `
		update runs set state = 'outdated', finished_at = {now}, error = case when error = '' then $6 else $6 || '; ' || error end
		where tenant = $1 and id <> $2 and state in ('held', 'planned') and (state = 'planned' or not $7)
			-- A plan of other rules was not read from Okta: what has moved since is planned anew when it is applied.
			and (scope_kind = $3 and scope_id = $4 or $3 = 'full' and scope_kind <> 'rules' and not $7)
			and coalesce(started_at, created_at) <= {at $5}`
	began := newer.CreatedAt
	if newer.StartedAt != nil {
		began = *newer.StartedAt
	}
	did := "read Okta"
	if newer.Scope.Kind == directory.ScopeRules {
		did = "planned the same rules"
	}
	sentence := "run " + newer.ID + " has " + did + " since, so this plan is outdated"
	_, err := t.db.exec(ctx, t.tx, query, t.tenant, newer.ID, string(newer.Scope.Kind), newer.Scope.ID, began, sentence, newer.DryRun)
	if err != nil {
		return fmt.Errorf("end the runs that run %s makes outdated: %w", newer.ID, err)
	}
	return nil
}

// HeldRuns returns the runs of all tenants that were held and still wait for an admin, oldest first.
func (d *DB) HeldRuns(ctx context.Context) ([]directory.Run, error) {
	const query = `select ` + runColumns + ` from runs where state = 'held' and waits_until > {now} order by created_at, tenant, id`
	runs, err := list(ctx, d, d.read, scanRun, query)
	if err != nil {
		return nil, fmt.Errorf("read the runs that are held: %w", err)
	}
	return runs, nil
}

// NewerRun returns the id of a run that was carried out after the given one had made its plan, and that
// read at least the same: one of its scope, or a full one. It is empty when there is none.
func (t *Tx) NewerRun(ctx context.Context, run directory.Run) (string, error) {
	const query = `
		select id from runs
		where tenant = $1 and id <> $2 and state in ('succeeded', 'held') and (scope_kind = $3 and scope_id = $4 or scope_kind = 'full' and $3 <> 'rules')
			and started_at > {at $5}
		order by started_at limit 1`
	id, err := scanText(t.db.row(ctx, t.tx, query, t.tenant, run.ID, string(run.Scope.Kind), run.Scope.ID, run.PlannedAt))
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for a run newer than %s: %w", run.ID, err)
	}
	return id, nil
}

// outdateOld ends the runs of all tenants about which nobody decided in time.
func (d *DB) outdateOld(ctx context.Context) error {
	const query = `
		update runs set state = 'outdated', finished_at = {now},
			error = 'nobody decided in time, so the plan is too old to be applied; ' || error
		where state in ('held', 'planned') and waits_until <= {now}`
	if _, err := d.exec(ctx, d.write, query); err != nil {
		return fmt.Errorf("end runs that waited too long: %w", err)
	}
	return nil
}
