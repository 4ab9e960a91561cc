package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Retention says how long things that are done with are kept. Zero keeps them
// for ever.
type Retention struct {
	Inbox time.Duration // events, after all of their scopes were marked; since they were received
	Runs  time.Duration // runs that are over, with their plans; since their end
	// Tombstones are removed people, groups and memberships; since they were
	// last observed. It must be far longer than the longest run, or a run that began before
	// the removal brings them back.
	Tombstones time.Duration
	// Changes are the history: since they were committed. Whoever follows the feed and comes
	// back later than that has to start over from a snapshot.
	Changes time.Duration
}

// purgeAtOnce is how many events, runs or tombstones one transaction deletes.
const purgeAtOnce = 1000

// Purge deletes what is older than keep says, of all tenants, in chunks, and what
// finished runs have staged. It returns how many events, runs, tombstones and changes it deleted.
// A tenant's last nightly run and last full run that succeeded are kept: they say
// when the next one is due. A run that waits for an admin is kept with its plan; one
// that has waited too long is ended here, and deleted like others later.
func (d *DB) Purge(ctx context.Context, keep Retention) (int, error) {
	total := 0
	steps := []struct {
		what string
		keep time.Duration
		step func(context.Context, time.Duration) (int, error)
	}{
		{"events", keep.Inbox, d.purgeEvents},
		{"runs", keep.Runs, d.purgeRuns},
		{"tombstones of people", keep.Tombstones, d.purgeTombstones(
			`select tenant, id, '' from people where status = 'removed' and observed_at < {now} - {micros $1} limit $2`,
			`delete from people where (tenant, id) in (select v.a, v.b from {rows})
				and status = 'removed' and observed_at < {now} - {micros $1}`)},
		{"tombstones of groups", keep.Tombstones, d.purgeTombstones(
			`select tenant, id, '' from groups where removed and observed_at < {now} - {micros $1} limit $2`,
			`delete from groups where (tenant, id) in (select v.a, v.b from {rows})
				and removed and observed_at < {now} - {micros $1}`)},
		{"tombstones of memberships", keep.Tombstones, d.purgeTombstones(
			`select tenant, group_id, person_id from memberships where not present and observed_at < {now} - {micros $1} limit $2`,
			`delete from memberships where (tenant, group_id, person_id) in (select v.a, v.b, v.c from {rows})
				and not present and observed_at < {now} - {micros $1}`)},
		{"changes", keep.Changes, d.purgeChanges},
	}
	if err := d.outdateOld(ctx); err != nil {
		return 0, err
	}
	if keep.Runs > 0 {
		if _, err := d.exec(ctx, d.write, `delete from alerts where at < {now} - {micros $1}`, keep.Runs); err != nil {
			return 0, fmt.Errorf("purge alerts: %w", err)
		}
	}
	if err := d.purgeDeliveries(ctx); err != nil {
		return 0, err
	}
	if err := d.purgeStaging(ctx); err != nil {
		return 0, fmt.Errorf("purge what finished runs have staged: %w", err)
	}
	for _, s := range steps {
		for s.keep > 0 {
			deleted, err := s.step(ctx, s.keep)
			total += deleted
			if err != nil {
				return total, fmt.Errorf("purge %s: %w", s.what, err)
			}
			if deleted < purgeAtOnce {
				break
			}
		}
	}
	return total, nil
}

// key is what tells a row of any table from the others.
type key struct{ a, b, c string }

func scanKey(s scanner) (k key, err error) { return k, s.Scan(&k.a, &k.b, &k.c) }

func keyColumns(keys []key) []Column {
	return []Column{
		texts("a", keys, func(k *key) string { return k.a }),
		texts("b", keys, func(k *key) string { return k.b }),
		texts("c", keys, func(k *key) string { return k.c }),
	}
}

// purgeTombstones looks for old rows in the reading pool, for that takes long and must
// not hold up those who write; the deletion makes sure that they still are old.
func (d *DB) purgeTombstones(find, remove string) func(context.Context, time.Duration) (int, error) {
	return func(ctx context.Context, keep time.Duration) (int, error) {
		keys, err := list(ctx, d, d.read, scanKey, find, keep, purgeAtOnce)
		if err != nil || len(keys) == 0 {
			return 0, err
		}
		deleted := int64(0)
		err = d.again(ctx, func(tx *sql.Tx) error {
			deleted, err = d.execRows(ctx, tx, remove, keyColumns(keys), keep)
			return err
		})
		return int(deleted), err
	}
}

// purgeEvents: an event all of whose scopes are marked stays so.
func (d *DB) purgeEvents(ctx context.Context, keep time.Duration) (int, error) {
	// One tenant after the other, because the index is in that order.
	const find = `
		select i.tenant, i.uuid, '' from inbox i
		where i.tenant = $1 and i.received < {now} - {micros $2} and (
			select 1 from inbox_scopes s where s.tenant = i.tenant and s.uuid = i.uuid and s.done_at is null limit 1) is null
		order by i.received limit $3`
	tenants, err := list(ctx, d, d.read, scanText, `select slug from tenants order by slug`)
	if err != nil {
		return 0, err
	}
	var keys []key
	for _, tenant := range tenants {
		found, err := list(ctx, d, d.read, scanKey, find, tenant, keep, purgeAtOnce-len(keys))
		if err != nil {
			return 0, err
		}
		if keys = append(keys, found...); len(keys) >= purgeAtOnce {
			break
		}
	}
	if len(keys) == 0 {
		return 0, nil
	}
	err = d.again(ctx, func(tx *sql.Tx) error {
		for _, table := range []string{"inbox_scopes", "inbox"} {
			query := `delete from ` + table + ` where (tenant, uuid) in (select v.a, v.b from {rows})`
			if _, err := d.execRows(ctx, tx, query, keyColumns(keys)); err != nil {
				return err
			}
		}
		return nil
	})
	return len(keys), err
}

func (d *DB) purgeRuns(ctx context.Context, keep time.Duration) (int, error) {
	const find = `
		select ` + runColumns + ` from runs r
		where r.state not in ('queued', 'reading', 'applying') and r.finished_at < {now} - {micros $1}
			and not (r.date <> '' and r.date = (select max(n.date) from runs n where n.tenant = r.tenant and n.date <> ''))
			and not (r.scope_kind = 'full' and r.state = 'succeeded' and r.finished_at = (
				select max(f.finished_at) from runs f
				where f.tenant = r.tenant and f.scope_kind = 'full' and f.state = 'succeeded'))
		order by r.finished_at limit $2`
	runs, err := list(ctx, d, d.read, scanRun, find, keep, purgeAtOnce)
	if err != nil {
		return 0, err
	}
	for i, run := range runs {
		// The plan first: a run without its row would leave it for ever.
		if err := d.forgetSeen(ctx, run.Tenant, run.ID); err != nil {
			return i, err
		}
		if err := d.deleteChunks(ctx, d.forgetPlan(), run.Tenant, run.ID); err != nil {
			return i, err
		}
		if _, err := d.exec(ctx, d.write, `delete from runs where tenant = $1 and id = $2`, run.Tenant, run.ID); err != nil {
			return i, err
		}
	}
	return len(runs), nil
}

// purgeChanges deletes the beginning of each tenant's history, and writes down how far.
func (d *DB) purgeChanges(ctx context.Context, keep time.Duration) (int, error) {
	now, err := d.Now(ctx)
	if err != nil {
		return 0, err
	}
	before := now.Add(-keep)
	const find = `
		select t.slug from tenants t join changes c on c.tenant = t.slug and c.seq = t.changes_purged + 1
		where c.at < {at $1} order by t.slug`
	tenants, err := list(ctx, d, d.read, scanText, find, before)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, tenant := range tenants {
		for {
			deleted, err := d.purgeSomeChanges(ctx, tenant, before)
			total += deleted
			if err != nil {
				return total, fmt.Errorf("of tenant %s: %w", tenant, err)
			}
			if deleted < purgeAtOnce {
				break
			}
		}
	}
	return total, nil
}

// purgeSomeChanges deletes up to purgeAtOnce changes that are older than a moment. They go in order of their numbers, so
// that what is kept has no gaps even where the clock once went back.
func (d *DB) purgeSomeChanges(ctx context.Context, tenant string, before time.Time) (int, error) {
	const last = `
		with oldest as materialized (
			select seq, at from changes
			where tenant = $1 and seq > (select changes_purged from tenants where slug = $1) order by seq limit $3)
		select coalesce((select min(seq) - 1 from oldest where at >= {at $2}), (select max(seq) from oldest), 0)`
	deleted := int64(0)
	err := d.again(ctx, func(tx *sql.Tx) error {
		// Writers of the tenant wait, as they would for one another.
		var locked string
		if err := d.row(ctx, tx, `select slug from tenants where slug = $1 {lock}`, tenant).Scan(&locked); err != nil {
			return err
		}
		var through int64
		if err := d.row(ctx, tx, last, tenant, before, purgeAtOnce).Scan(&through); err != nil {
			return err
		}
		// Who comes back after that goes on with the next number.
		const note = `
			insert into purged_people (tenant, person_id, last)
			select tenant, person_id, max(person_seq) from changes where tenant = $1 and seq <= $2 and person_id <> '' group by tenant, person_id
			on conflict (tenant, person_id) do update set last = excluded.last`
		if _, err := d.exec(ctx, tx, note, tenant, through); err != nil {
			return err
		}
		_, err := d.exec(ctx, tx, `update tenants set changes_purged = $2 where slug = $1 and changes_purged < $2`, tenant, through)
		if err != nil {
			return err
		}
		deleted, err = d.exec(ctx, tx, `delete from changes where tenant = $1 and seq <= $2`, tenant, through)
		return err
	})
	return int(deleted), err
}

func (d *DB) purgeStaging(ctx context.Context) error {
	const find = `
		select r.tenant, r.id from runs r
		join staged_runs m on m.tenant = r.tenant and m.run = r.id
		where r.state not in ('queued', 'reading', 'applying')`
	scan := func(s scanner) (r directory.Run, err error) { return r, s.Scan(&r.Tenant, &r.ID) }
	runs, err := list(ctx, d, d.read, scan, find)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if err := d.forgetSeen(ctx, r.Tenant, r.ID); err != nil {
			return err
		}
	}
	return nil
}
