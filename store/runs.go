package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

const runColumns = `tenant, id, scope_kind, scope_id, cause, date, asked_by, state,
	created_at, started_at, finished_at, progress, counts, error, planned_at, waits_until, decision, dry_run, plan_summary,
	claims, attempts, retry_at, refused, rules`

func scanRun(s scanner) (r directory.Run, err error) {
	return r, s.Scan(&r.Tenant, &r.ID, &r.Scope.Kind, &r.Scope.ID, &r.Cause, &r.Date, &r.By, &r.State,
		moment{&r.CreatedAt}, maybe{&r.StartedAt}, maybe{&r.FinishedAt},
		jsonText{&r.Progress}, jsonText{&r.Counts}, &r.Error, maybe{&r.PlannedAt}, maybe{&r.WaitsUntil}, jsonText{&r.Decision}, &r.DryRun, jsonText{&r.Plan},
		&r.Claims, &r.Attempts, maybe{&r.RetryAt}, &r.Refused, &r.Rules)
}

// sortRuns puts the oldest first.
func sortRuns(runs []directory.Run) {
	slices.SortFunc(runs, func(a, b directory.Run) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.Tenant+" "+a.ID, b.Tenant+" "+b.ID)
	})
}

// CreateRun writes a new run with the given id, in state queued and made now by
// the database's clock. It returns the existing one and false when there is a
// nightly run of that date already, or, for one without a date, when
// another one of the scope, by the same rules, is queued and nobody has claimed it yet: that one will see all
// that this one would.
func (d *DB) CreateRun(ctx context.Context, run directory.Run) (directory.Run, bool, error) {
	return d.createRun(ctx, run, nil)
}

// RequestRun is CreateRun for an admin, whose act is recorded whether the run is new or not.
func (d *DB) RequestRun(ctx context.Context, run directory.Run, act directory.Act) (directory.Run, bool, error) {
	return d.createRun(ctx, run, &act)
}

func (d *DB) createRun(ctx context.Context, run directory.Run, act *directory.Act) (directory.Run, bool, error) {
	progress, counts, err := runTexts(run)
	if err != nil {
		return directory.Run{}, false, err
	}
	const insert = `
		insert into runs (tenant, id, scope_kind, scope_id, cause, date, asked_by, state, created_at, progress, counts, error, swept_at, dry_run, rules)
		select slug, $2, $3, $4, $5, $6, $7, 'queued', {now}, $8, $9, '', {now}, $10, $11 from tenants where slug = $1 and removed_at is null
		on conflict do nothing
		returning ` + runColumns
	var made directory.Run
	isNew := false
	err = d.again(ctx, func(tx *sql.Tx) error {
		rows, err := list(ctx, d, tx, scanRun, insert, run.Tenant, run.ID, string(run.Scope.Kind), run.Scope.ID,
			string(run.Cause), run.Date, run.By, progress, counts, run.DryRun, run.Rules)
		if err != nil {
			return err
		}
		if isNew = len(rows) == 1; isNew {
			made = rows[0]
		} else {
			made, err = d.sameRun(ctx, tx, run)
		}
		if err != nil || act == nil {
			return err
		}
		asked := *act
		asked.RunID = made.ID
		return d.record(ctx, tx, asked)
	})
	if err != nil {
		return directory.Run{}, false, fmt.Errorf("make a run of %s for tenant %s: %w", run.Scope.Public(), run.Tenant, err)
	}
	return made, isNew, nil
}

// sameRun finds the run that keeps a new one from being made.
func (d *DB) sameRun(ctx context.Context, q querier, run directory.Run) (directory.Run, error) {
	const query = `
		select ` + runColumns + ` from runs
		where tenant = $1 and id in (
			select id from runs where tenant = $1 and id = $2
			union all
			select id from runs where tenant = $1 and $3 <> '' and date = $3 and date <> ''
			union all
			select id from runs where tenant = $1 and $3 = '' and date = '' and state = 'queued' and lease_owner = ''
				and scope_kind = $4 and scope_id = $5 and dry_run = $6 and rules = $7)`
	found, err := list(ctx, d, q, scanRun, query, run.Tenant, run.ID, run.Date, string(run.Scope.Kind), run.Scope.ID, run.DryRun, run.Rules)
	if err != nil {
		return directory.Run{}, err
	}
	if len(found) > 0 {
		sortRuns(found)
		return found[0], nil
	}
	var known int
	if err := d.row(ctx, q, `select count(*) from tenants where slug = $1 and removed_at is null`, run.Tenant).Scan(&known); err != nil {
		return directory.Run{}, err
	}
	if known == 0 {
		return directory.Run{}, unknownTenant(run.Tenant)
	}
	// It was there a moment ago and has been claimed since.
	return directory.Run{}, fmt.Errorf("another run of the same was just taken up; ask again: %w", directory.ErrConflict)
}

func runTexts(run directory.Run) (progress, counts string, err error) {
	p, err := json.Marshal(run.Progress)
	if err != nil {
		return "", "", fmt.Errorf("write the progress of run %s: %w", run.ID, err)
	}
	c, err := json.Marshal(run.Counts)
	if err != nil {
		return "", "", fmt.Errorf("write the counts of run %s: %w", run.ID, err)
	}
	return string(p), string(c), nil
}

// Run returns a run, or directory.ErrNotFound.
func (d *DB) Run(ctx context.Context, tenant, id string) (directory.Run, error) {
	return d.run(ctx, d.read, tenant, id)
}

func (d *DB) run(ctx context.Context, q querier, tenant, id string) (directory.Run, error) {
	run, err := scanRun(d.row(ctx, q, `select `+runColumns+` from runs where tenant = $1 and id = $2`, tenant, id))
	if errors.Is(err, sql.ErrNoRows) {
		return directory.Run{}, unknownRun(tenant, id)
	}
	if err != nil {
		return directory.Run{}, fmt.Errorf("read run %s of tenant %s: %w", id, tenant, err)
	}
	return run, nil
}

// leastPrefix is how much of a run's id has to be given.
const leastPrefix = 4

// FindRun returns the run whose id this is, or is the beginning of. Several are
// directory.ErrAmbiguous, none or too short a beginning is directory.ErrNotFound.
func (d *DB) FindRun(ctx context.Context, tenant, prefix string) (directory.Run, error) {
	run, err := d.Run(ctx, tenant, prefix)
	if !errors.Is(err, directory.ErrNotFound) || len(prefix) < leastPrefix {
		return run, err
	}
	const query = `select ` + runColumns + ` from runs where tenant = $1 and id > $2 and id < $3 order by id limit 2`
	// Ids are written in ASCII, so none that begins with the prefix comes after its end.
	runs, findErr := list(ctx, d, d.read, scanRun, query, tenant, prefix, prefix+"\x7f")
	if findErr != nil {
		return directory.Run{}, fmt.Errorf("find the run %s of tenant %s: %w", prefix, tenant, findErr)
	}
	switch len(runs) {
	case 0:
		return directory.Run{}, err
	case 1:
		return runs[0], nil
	default:
		return directory.Run{}, fmt.Errorf("the ids of several runs begin with %s, %s and %s among them; give more of it: %w",
			prefix, runs[0].ID, runs[1].ID, directory.ErrAmbiguous)
	}
}

// Runs returns the tenant's runs, newest first, at most limit.
func (d *DB) Runs(ctx context.Context, tenant string, limit int) ([]directory.Run, error) {
	const query = `select ` + runColumns + ` from runs where tenant = $1 order by created_at desc, id desc limit $2`
	runs, err := list(ctx, d, d.read, scanRun, query, tenant, limit)
	if err != nil {
		return nil, fmt.Errorf("read the runs of tenant %s: %w", tenant, err)
	}
	return runs, nil
}

// LastFullRun returns the full run that is under way, else the one that waits for an admin, else
// the newest. The second result is false when there is none.
func (d *DB) LastFullRun(ctx context.Context, tenant string) (directory.Run, bool, error) {
	const query = `
		select ` + runColumns + ` from runs where tenant = $1 and scope_kind = 'full' and state <> 'planned'
		order by case when state in ('queued', 'reading', 'applying') then 0 when state = 'held' then 1 else 2 end,
			created_at desc, id desc
		limit 1`
	runs, err := list(ctx, d, d.read, scanRun, query, tenant)
	if err != nil {
		return directory.Run{}, false, fmt.Errorf("read the last full run of tenant %s: %w", tenant, err)
	}
	if len(runs) == 0 {
		return directory.Run{}, false, nil
	}
	return runs[0], true, nil
}

func unknownRun(tenant, id string) error {
	return fmt.Errorf("tenant %s has no run %s: %w", tenant, id, directory.ErrNotFound)
}
