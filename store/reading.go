package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// A run is carried out by one owner at a time, who may be taken for dead while it is only
// slow. So whatever is written for a run begins with its row, locked and found to be the
// owner's: who claims the run waits for that commit, and whoever comes later
// than the claim is told directory.ErrBusy and has written nothing.

const ownedOpen = `tenant = $1 and id = $2 and lease_owner = $3 and state in ('queued', 'reading', 'applying')`

// own locks the row of a run that owner holds, to the end of the transaction.
func (d *DB) own(ctx context.Context, tx *sql.Tx, tenant, run, owner string) error {
	rows, err := list(ctx, d, tx, scanText, `select id from runs where `+ownedOpen+` {lock}`, tenant, run, owner)
	if err != nil {
		return fmt.Errorf("lock run %s of tenant %s: %w", run, tenant, err)
	}
	if len(rows) == 1 {
		return nil
	}
	return d.notOwned(ctx, tx, tenant, run, owner)
}

// notOwned says why the run is not the owner's to write to.
func (d *DB) notOwned(ctx context.Context, q querier, tenant, run, owner string) error {
	var state directory.RunState
	err := d.row(ctx, q, `select state from runs where tenant = $1 and id = $2`, tenant, run).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return unknownRun(tenant, run)
	}
	if err != nil {
		return fmt.Errorf("look who holds run %s of tenant %s: %w", run, tenant, err)
	}
	if !state.Open() {
		return fmt.Errorf("run %s of tenant %s is over, it is %s: %w", run, tenant, state, directory.ErrConflict)
	}
	return fmt.Errorf("%s no longer holds the lease of run %s of tenant %s, nothing was written: %w", owner, run, tenant, directory.ErrBusy)
}

// SaveStep keeps a step of a claimed run's reading: what was seen, what is planned, where
// the lists stand, and the run with its progress, all in one commit, which renews the lease. It
// fails like SaveRun, and when what the run had seen before is lost.
func (d *DB) SaveStep(ctx context.Context, run directory.Run, owner string, lease time.Duration, step directory.Step) error {
	progress, counts, err := runTexts(run)
	if err != nil {
		return err
	}
	const save = `
		update runs set state = $4, progress = $5, counts = $6, error = $7, lease_until = {now} + {micros $8},
			lost = case when scope_kind = 'full' then 0 else lost end, plan_seq = plan_seq + $9, read_plan = plan_seq + $9, read_notes = $10, read_at = {now}
		where ` + ownedOpen + ` and {lazily} returning plan_seq`
	err = d.again(ctx, func(tx *sql.Tx) error {
		var last int64
		err := d.row(ctx, tx, save, run.Tenant, run.ID, owner, string(run.State), progress, counts, run.Error, lease,
			len(step.Planned), string(step.Notes)).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) {
			return d.notOwned(ctx, tx, run.Tenant, run.ID, owner)
		}
		if err != nil {
			return err
		}
		for _, page := range step.Pages {
			if err := d.stage(ctx, tx, run.Tenant, run.ID, page); err != nil {
				return err
			}
		}
		return d.insertPlan(ctx, tx, run.Tenant, run.ID, last, step.Planned)
	})
	if err != nil {
		return fmt.Errorf("keep a step of run %s of tenant %s: %w", run.ID, run.Tenant, err)
	}
	return nil
}

// Reading returns how far the reading of a run that owner holds has come, and forgets
// what was planned after its last step. It returns false when there is none to go on with:
// nothing was read, or what was read is lost.
func (d *DB) Reading(ctx context.Context, tenant, run, owner string) (directory.Reading, bool, error) {
	fail := func(err error) (directory.Reading, bool, error) {
		return directory.Reading{}, false, fmt.Errorf("look how far run %s of tenant %s has read: %w", run, tenant, err)
	}
	var r directory.Reading
	var notes string
	var marks int
	var read, now time.Time
	const query = `
		select read_notes, read_plan, read_at, {clock},
			(select count(*) from staged_runs m where m.tenant = $1 and m.run = $2)
		from runs where tenant = $1 and id = $2`
	err := d.row(ctx, d.write, query, tenant, run).Scan(&notes, &r.Planned, moment{&read}, moment{&now}, &marks)
	if errors.Is(err, sql.ErrNoRows) {
		return fail(unknownRun(tenant, run))
	}
	if err != nil {
		return fail(err)
	}
	if notes == "" || marks == 0 {
		return directory.Reading{}, false, nil
	}
	r.Notes, r.Age = json.RawMessage(notes), now.Sub(read)
	after := d.dialect.DeleteFirst("plan", "seq", "tenant = $1 and run = $2 and seq > $3", "$4")
	if err := d.deleteOwned(ctx, tenant, run, owner, after, r.Planned); err != nil {
		return fail(err)
	}
	err = d.again(ctx, func(tx *sql.Tx) error {
		touched, err := d.exec(ctx, tx, `update runs set plan_seq = read_plan where `+ownedOpen, tenant, run, owner)
		if err != nil || touched == 1 {
			return err
		}
		return d.notOwned(ctx, tx, tenant, run, owner)
	})
	if err != nil {
		return fail(err)
	}
	scan := func(s scanner) (p directory.Position, err error) { return p, s.Scan(&p.List, &p.Next) }
	r.Positions, err = list(ctx, d, d.write, scan, `select list, next from staged_lists where tenant = $1 and run = $2 order by list`, tenant, run)
	if err != nil {
		return fail(err)
	}
	return r, true, nil
}
