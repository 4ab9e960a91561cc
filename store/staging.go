package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// What a run sees is staged in tables that Postgres empties when it crashes
// (unlogged), because that makes a page cost no flush. Half a reading must never pass for a
// whole one: people would look absent. So each run has a mark in staged_runs,
// which is emptied with the rest, made when the run is created or reset, and
// asked for by every page and every question about what was not seen. A run whose
// mark is missing fails with errLost until it is reset; it then starts over.

// chunk is how many rows a deletion takes at once, so that nobody waits long for it.
const chunk = 20000

// kinds of things in table staged.
const (
	stagedPerson      = "person"
	stagedDeactivated = "deactivated"
	stagedGroup       = "group"
)

func (d *DB) markStaging(ctx context.Context, q querier, tenant, run string) error {
	const query = `insert into staged_runs (tenant, run) values ($1, $2) on conflict do nothing`
	_, err := d.exec(ctx, q, query, tenant, run)
	return err
}

// staged fails when what the run has seen is lost. It must be asked after the
// question whose answer it vouches for.
func (d *DB) staged(ctx context.Context, q querier, tenant, run string) error {
	var marks int
	err := d.row(ctx, q, `select count(*) from staged_runs where tenant = $1 and run = $2`, tenant, run).Scan(&marks)
	if err != nil {
		return fmt.Errorf("look whether run %s still has what it read: %w", run, err)
	}
	if marks == 0 {
		return fmt.Errorf("what run %s of tenant %s had read is lost, the database was restarted or the run is unknown; "+
			"nothing was applied, the run starts over when it is claimed again", run, tenant)
	}
	return nil
}

// ResetRun forgets what the run has seen and planned.
func (d *DB) ResetRun(ctx context.Context, tenant, id string) error {
	if err := d.forget(ctx, tenant, id); err != nil {
		return fmt.Errorf("reset run %s of tenant %s: %w", id, tenant, err)
	}
	err := d.again(ctx, func(tx *sql.Tx) error {
		touched, err := d.exec(ctx, tx, `update runs set plan_seq = 0 where tenant = $1 and id = $2`, tenant, id)
		if err != nil {
			return err
		}
		if touched == 0 {
			return unknownRun(tenant, id)
		}
		return d.markStaging(ctx, tx, tenant, id)
	})
	if err != nil {
		return fmt.Errorf("reset run %s of tenant %s: %w", id, tenant, err)
	}
	return nil
}

// restage resets a run that has no mark and is not beyond reading.
func (d *DB) restage(ctx context.Context, run directory.Run) error {
	if run.State == directory.RunApplying || d.staged(ctx, d.write, run.Tenant, run.ID) == nil {
		return nil
	}
	return d.ResetRun(ctx, run.Tenant, run.ID)
}

// forget deletes what a run has seen and planned, in chunks. The mark goes first: if this
// is interrupted, the run counts as lost.
func (d *DB) forget(ctx context.Context, tenant, run string) error {
	if err := d.forgetSeen(ctx, tenant, run); err != nil {
		return err
	}
	return d.deleteChunks(ctx, `
		delete from plan where tenant = $1 and run = $2 and seq in (
			select seq from plan where tenant = $1 and run = $2 limit $3)`, tenant, run)
}

func (d *DB) forgetSeen(ctx context.Context, tenant, run string) error {
	if _, err := d.exec(ctx, d.write, `delete from staged_runs where tenant = $1 and run = $2`, tenant, run); err != nil {
		return err
	}
	for _, query := range []string{
		`delete from staged where tenant = $1 and run = $2 and (kind, id) in (
			select kind, id from staged where tenant = $1 and run = $2 limit $3)`,
		`delete from staged_members where tenant = $1 and run = $2 and (group_id, person_id) in (
			select group_id, person_id from staged_members where tenant = $1 and run = $2 limit $3)`,
		`delete from staged_groups where tenant = $1 and run = $2 and group_id in (
			select group_id from staged_groups where tenant = $1 and run = $2 limit $3)`,
	} {
		if err := d.deleteChunks(ctx, query, tenant, run); err != nil {
			return err
		}
	}
	return nil
}

// deleteChunks repeats a deletion whose last parameter is its limit.
func (d *DB) deleteChunks(ctx context.Context, query string, values ...any) error {
	for {
		deleted, err := d.exec(ctx, d.write, query, append(values[:len(values):len(values)], chunk)...)
		if err != nil {
			return err
		}
		if deleted < chunk {
			return nil
		}
	}
}

func personIDs(seen []directory.PersonSeen) []string {
	ids := make([]string, 0, len(seen))
	for _, p := range seen {
		if p.ID != "" {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// Stage remembers what a page of the run showed. Seeing a thing twice is the
// same as once. It fails when what the run had seen before is lost.
func (d *DB) Stage(ctx context.Context, tenant, run string, page directory.Page) error {
	var err error
	switch {
	case len(page.People) > 0:
		err = d.stageIDs(ctx, tenant, run, stagedPerson, personIDs(page.People))
	case len(page.Deactivated) > 0:
		err = d.stageIDs(ctx, tenant, run, stagedDeactivated, personIDs(page.Deactivated))
	case len(page.Groups) > 0:
		ids := make([]string, len(page.Groups))
		for i, g := range page.Groups {
			ids[i] = g.ID
		}
		err = d.stageIDs(ctx, tenant, run, stagedGroup, ids)
	case page.Members != nil:
		err = d.stageMembers(ctx, tenant, run, *page.Members, page.At)
	default:
		return nil // an empty page
	}
	if err != nil {
		return fmt.Errorf("stage a page of run %s of tenant %s: %w", run, tenant, err)
	}
	return nil
}

// A statement that writes as many rows as it was given has found the mark; one that
// writes fewer has met known ones, or no mark.

func (d *DB) stageIDs(ctx context.Context, tenant, run, kind string, ids []string) error {
	const query = `
		insert into staged (tenant, run, kind, id)
		select m.tenant, m.run, $3, v.id from staged_runs m cross join {rows}
		where m.tenant = $1 and m.run = $2
		on conflict do nothing`
	batch := []Column{texts("id", ids, func(id *string) string { return *id })}
	written, err := d.execRows(ctx, d.write, query, batch, tenant, run, kind)
	if err != nil || int(written) == len(ids) {
		return err
	}
	return d.staged(ctx, d.write, tenant, run)
}

func (d *DB) stageMembers(ctx context.Context, tenant, run string, page directory.MemberPage, at time.Time) error {
	if len(page.IDs) > 0 {
		const members = `
			insert into staged_members (tenant, run, group_id, person_id, at)
			select m.tenant, m.run, $3, v.id, {at $4} from staged_runs m cross join {rows}
			where m.tenant = $1 and m.run = $2
			on conflict do nothing`
		batch := []Column{texts("id", page.IDs, func(id *string) string { return *id })}
		if _, err := d.execRows(ctx, d.write, members, batch, tenant, run, page.GroupID, at); err != nil {
			return err
		}
	}
	// After the members, so that a group is complete only when they all are there.
	const group = `
		insert into staged_groups (tenant, run, group_id, first_at, complete)
		select m.tenant, m.run, $3, {at $4}, $5 from staged_runs m
		where m.tenant = $1 and m.run = $2
		on conflict (tenant, run, group_id) do update set
			first_at = case when excluded.first_at < staged_groups.first_at then excluded.first_at else staged_groups.first_at end,
			complete = staged_groups.complete or excluded.complete`
	written, err := d.exec(ctx, d.write, group, tenant, run, page.GroupID, at, page.Last)
	if err != nil || written == 1 {
		return err
	}
	return d.staged(ctx, d.write, tenant, run)
}
