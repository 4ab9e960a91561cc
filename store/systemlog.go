package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// LogCursor returns how far the tenant's System Log was read; false when it was not begun.
func (d *DB) LogCursor(ctx context.Context, tenant string) (directory.LogCursor, bool, error) {
	const query = `
		select next, types, since, published, polled_at, caught_up_at from log_cursors where tenant = $1`
	scan := func(s scanner) (c directory.LogCursor, err error) {
		var types string
		err = s.Scan(&c.Next, &types, moment{&c.Since}, moment{&c.Published}, moment{&c.Polled}, moment{&c.CaughtUp})
		c.Types = strings.Fields(types)
		return c, err
	}
	found, err := list(ctx, d, d.read, scan, query, tenant)
	if err != nil {
		return directory.LogCursor{}, false, fmt.Errorf("read how far the System Log of tenant %s was read: %w", tenant, err)
	}
	if len(found) == 0 {
		return directory.LogCursor{}, false, nil
	}
	return found[0], true, nil
}

// MoveLog writes the cursor of a tenant down, without events. It fails with
// directory.ErrConflict when the one that is there does not stand at from (empty: there is none),
// because another worker has moved it.
func (d *DB) MoveLog(ctx context.Context, tenant, from string, to directory.LogCursor) error {
	return d.again(ctx, func(tx *sql.Tx) error { return d.moveLog(ctx, tx, tenant, from, to) })
}

// TakeLogPage adds the events of a page to the inbox and moves the cursor, in one
// commit: what the cursor has left behind is in the inbox. It returns the uuids that
// were not there. Errors are those of MoveLog; then nothing is written.
func (d *DB) TakeLogPage(ctx context.Context, tenant string, page directory.LogPage, from string, to directory.LogCursor) (map[string]bool, error) {
	entries := unfold(page.Events)
	var fresh map[string]bool
	err := d.again(ctx, func(tx *sql.Tx) error {
		var err error
		if len(entries) > 0 {
			if fresh, err = d.addEvents(ctx, tx, tenant, entries); err != nil {
				return fmt.Errorf("add %d events of the System Log of tenant %s to the inbox: %w", len(page.Events), tenant, err)
			}
		}
		return d.moveLog(ctx, tx, tenant, from, to)
	})
	return fresh, err
}

func (d *DB) moveLog(ctx context.Context, q querier, tenant, from string, to directory.LogCursor) error {
	const begin = `
		insert into log_cursors (tenant, next, types, since, published, polled_at, caught_up_at)
		select slug, $2, $3, {at $4}, {at $5}, {at $6}, {at $7} from tenants where slug = $1
		on conflict do nothing`
	const move = `
		update log_cursors set next = $2, types = $3, since = {at $4}, published = {at $5}, polled_at = {at $6}, caught_up_at = {at $7}
		where tenant = $1 and next = $8`
	values := []any{tenant, to.Next, strings.Join(to.Types, " "), to.Since, to.Published, known(to.Polled), known(to.CaughtUp)}
	query := begin
	if from != "" {
		query = move
		values = append(values, from)
	}
	moved, err := d.exec(ctx, q, query, values...)
	if err != nil {
		return fmt.Errorf("move the place in the System Log of tenant %s: %w", tenant, err)
	}
	if moved == 0 {
		return fmt.Errorf("move the place in the System Log of tenant %s: another worker has moved it: %w", tenant, directory.ErrConflict)
	}
	return nil
}

// known is a time, or nothing where it is zero.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// FullSyncSince returns when the newest full sync that succeeded began or, before there
// was one, the first of those that are under way: what Okta published before needs no event any
// more. False when there is neither.
func (d *DB) FullSyncSince(ctx context.Context, tenant string) (time.Time, bool, error) {
	const query = `
		select coalesce(max(case when state = 'succeeded' then started_at end),
			min(case when state in ('reading', 'applying') then started_at end))
		from runs where tenant = $1 and scope_kind = 'full'`
	var at *time.Time
	if err := d.row(ctx, d.read, query, tenant).Scan(maybe{&at}); err != nil {
		return time.Time{}, false, fmt.Errorf("read when the full sync of tenant %s began: %w", tenant, err)
	}
	if at == nil {
		return time.Time{}, false, nil
	}
	return *at, true, nil
}
