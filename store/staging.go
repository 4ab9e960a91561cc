package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// What a run sees is staged in tables that Postgres empties when it crashes
// (unlogged), because that makes a page cost no flush. Half a reading must never pass for a
// whole one: people would look absent. So each run has a mark in staged_runs,
// which is emptied with the rest, made when the run is reset, and asked for by every
// page and every question about what was not seen. A run whose mark is missing fails
// until it is reset; it then starts over.

// chunk is how many rows a deletion takes at once, so that nobody waits long for it.
const chunk = 20000

// kinds of things in table staged.
const (
	stagedPerson      = "person"
	stagedDeactivated = "deactivated"
	stagedGroup       = "group"
)

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
			"nothing was applied, the run starts over with the next attempt", run, tenant)
	}
	return nil
}

// ResetRun forgets what the run has seen and planned. The run must be owner's.
func (d *DB) ResetRun(ctx context.Context, tenant, id, owner string) error {
	fail := func(err error) error { return fmt.Errorf("reset run %s of tenant %s: %w", id, tenant, err) }
	// The mark goes first and comes last: if this is interrupted, the reading counts as lost.
	unmark := func(tx *sql.Tx) error {
		if err := d.own(ctx, tx, tenant, id, owner); err != nil {
			return err
		}
		_, err := d.exec(ctx, tx, `delete from staged_runs where tenant = $1 and run = $2`, tenant, id)
		return err
	}
	if err := d.again(ctx, unmark); err != nil {
		return fail(err)
	}
	for _, query := range append(d.forgetStaged(), d.forgetPlan()) {
		if err := d.deleteOwned(ctx, tenant, id, owner, query); err != nil {
			return fail(err)
		}
	}
	mark := func(tx *sql.Tx) error {
		touched, err := d.exec(ctx, tx, `update runs set plan_seq = 0, read_plan = 0, read_notes = '' where `+ownedOpen, tenant, id, owner)
		if err != nil {
			return err
		}
		if touched == 0 {
			return d.notOwned(ctx, tx, tenant, id, owner)
		}
		_, err = d.exec(ctx, tx, `insert into staged_runs (tenant, run) values ($1, $2) on conflict do nothing`, tenant, id)
		return err
	}
	if err := d.again(ctx, mark); err != nil {
		return fail(err)
	}
	return nil
}

// ofRun is what the run of the first two parameters has in a table; the third is how much of it.
func (d *DB) ofRun(table, key string) string {
	return d.dialect.DeleteFirst(table, key, "tenant = $1 and run = $2", "$3")
}

// forgetStaged are the deletions of what a run has seen; the last parameter is the limit.
func (d *DB) forgetStaged() []string {
	return append([]string{
		d.ofRun("staged_lists", "list"), d.ofRun("staged", "kind, id"),
		d.ofRun("staged_members", "group_id, person_id"), d.ofRun("staged_groups", "group_id"),
	}, d.forgetForesight()...)
}

func (d *DB) forgetPlan() string { return d.ofRun("plan", "seq") }

// forgetSeen deletes what a run that is over has seen, in chunks.
func (d *DB) forgetSeen(ctx context.Context, tenant, run string) error {
	if _, err := d.exec(ctx, d.write, `delete from staged_runs where tenant = $1 and run = $2`, tenant, run); err != nil {
		return err
	}
	for _, query := range d.forgetStaged() {
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

// deleteOwned is deleteChunks for a run that is under way and owner's: whoever has lost it
// in the middle stops there, or would delete what the next owner has seen.
func (d *DB) deleteOwned(ctx context.Context, tenant, run, owner, query string, more ...any) error {
	values := append([]any{tenant, run}, more...)
	for {
		deleted := int64(0)
		err := d.again(ctx, func(tx *sql.Tx) error {
			err := d.own(ctx, tx, tenant, run, owner)
			if err != nil {
				return err
			}
			deleted, err = d.exec(ctx, tx, query, append(values[:len(values):len(values)], chunk)...)
			return err
		})
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

// stage remembers what a page of the run showed. Seeing a thing twice is the same as
// once. It fails when what the run had seen before is lost.
func (d *DB) stage(ctx context.Context, tx *sql.Tx, tenant, run string, page directory.Page) error {
	var err error
	switch {
	case len(page.People) > 0:
		err = d.stageIDs(ctx, tx, tenant, run, stagedPerson, personIDs(page.People), page.At)
	case len(page.Deactivated) > 0:
		err = d.stageIDs(ctx, tx, tenant, run, stagedDeactivated, personIDs(page.Deactivated), page.At)
	case len(page.Groups) > 0:
		ids := make([]string, len(page.Groups))
		for i, g := range page.Groups {
			ids[i] = g.ID
		}
		err = d.stageIDs(ctx, tx, tenant, run, stagedGroup, ids, page.At)
	case page.Members != nil:
		err = d.stageMembers(ctx, tx, tenant, run, *page.Members, page.At)
	}
	if err == nil {
		err = d.stagePositions(ctx, tx, tenant, run, page.Positions)
	}
	if err != nil {
		return fmt.Errorf("stage a page: %w", err)
	}
	return nil
}

// A statement that writes as many rows as it was given has found the mark; one that
// writes fewer has met known ones, or no mark.

func (d *DB) stageIDs(ctx context.Context, tx *sql.Tx, tenant, run, kind string, ids []string, at time.Time) error {
	const query = `
		insert into staged (tenant, run, kind, id, at)
		select m.tenant, m.run, $3, v.id, {at $4} from staged_runs m cross join {rows}
		where m.tenant = $1 and m.run = $2
		on conflict do nothing`
	batch := []Column{texts("id", ids, func(id *string) string { return *id })}
	written, err := d.execRows(ctx, tx, query, batch, tenant, run, kind, at)
	if err != nil || int(written) == len(ids) {
		return err
	}
	return d.staged(ctx, tx, tenant, run)
}

func (d *DB) stageMembers(ctx context.Context, tx *sql.Tx, tenant, run string, page directory.MemberPage, at time.Time) error {
	if len(page.IDs) > 0 {
		const members = `
			insert into staged_members (tenant, run, group_id, person_id, at)
			select m.tenant, m.run, $3, v.id, {at $4} from staged_runs m cross join {rows}
			where m.tenant = $1 and m.run = $2
			on conflict do nothing`
		batch := []Column{texts("id", page.IDs, func(id *string) string { return *id })}
		if _, err := d.execRows(ctx, tx, members, batch, tenant, run, page.GroupID, at); err != nil {
			return err
		}
	}
	const group = `
		insert into staged_groups (tenant, run, group_id, first_at, complete)
		select m.tenant, m.run, $3, {at $4}, $5 from staged_runs m
		where m.tenant = $1 and m.run = $2
		on conflict (tenant, run, group_id) do update set
			first_at = case when excluded.first_at < staged_groups.first_at then excluded.first_at else staged_groups.first_at end,
			complete = staged_groups.complete or excluded.complete`
	written, err := d.exec(ctx, tx, group, tenant, run, page.GroupID, at, page.Last)
	if err != nil || written == 1 {
		return err
	}
	return d.staged(ctx, tx, tenant, run)
}

// stagePositions notes where lists go on. Of a list that is named twice the last word counts.
func (d *DB) stagePositions(ctx context.Context, tx *sql.Tx, tenant, run string, positions []directory.Position) error {
	if len(positions) == 0 {
		return nil
	}
	next := make(map[string]string, len(positions))
	for _, p := range positions {
		next[p.List] = p.Next
	}
	lists := slices.Sorted(maps.Keys(next))
	const query = `
		insert into staged_lists (tenant, run, list, next)
		select m.tenant, m.run, v.list, v.next from staged_runs m cross join {rows}
		where m.tenant = $1 and m.run = $2
		on conflict (tenant, run, list) do update set next = excluded.next`
	batch := []Column{
		texts("list", lists, func(list *string) string { return *list }),
		texts("next", lists, func(list *string) string { return next[*list] }),
	}
	written, err := d.execRows(ctx, tx, query, batch, tenant, run)
	if err != nil || int(written) == len(lists) {
		return err
	}
	return d.staged(ctx, tx, tenant, run)
}
