package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// StaleScopes returns scopes of any tenant with events that nobody has marked or
// parked and that were neither received nor swept within olderThan, at most limit, in turn
// of each tenant the one that waits longest, and notes that they were swept now. urgent tells which
// events to look at. Of a tenant that is blocked it returns one scope only: the probe that
// finds out whether Okta lets us in again. Of a tenant that is paused, or that no
// configuration has any more, it returns none. Two sweepers do not get the same scope.
func (d *DB) StaleScopes(ctx context.Context, urgent bool, olderThan time.Duration, limit int) ([]directory.ScopeHint, error) {
	// Found beside the writer: of a large backlog this takes longer than a hook may wait.
	const find = `
		select r.tenant, r.kind, r.id from (
			select s.tenant, s.scope_kind as kind, s.scope_id as id, min(s.swept_at) as since,
				row_number() over (partition by s.tenant order by min(s.swept_at), s.scope_kind, s.scope_id) as place
			from inbox_scopes s
			where s.done_at is null and s.parked_at is null and s.urgent = $1 and s.swept_at <= {now} - {micros $2}
			group by s.tenant, s.scope_kind, s.scope_id
		) r join tenants t on t.slug = r.tenant
		where (t.blocked = '' or r.place = 1) and ` + atWork + `
		order by r.place, r.since, r.tenant, r.kind, r.id
		limit $3`
	// It asks again what was found, now that the rows are locked; the last two conditions are worded so
	// that rows are found by scope, not by age.
	const take = `
		update inbox_scopes set swept_at = {now} from {rows}
		where tenant = v.r_tenant and scope_kind = v.r_kind and scope_id = v.r_id and done_at is null and parked_at is null
			and coalesce(urgent, false) = $1 and not swept_at > {now} - {micros $2}
		returning tenant, scope_kind, scope_id`
	scan := func(s scanner) (h directory.ScopeHint, err error) {
		h.Urgent = urgent
		return h, s.Scan(&h.Tenant, &h.Scope.Kind, &h.Scope.ID)
	}
	hints, err := list(ctx, d, d.read, scan, find, urgent, olderThan, limit)
	if err == nil && len(hints) > 0 {
		batch := []Column{
			texts("r_tenant", hints, func(h *directory.ScopeHint) string { return h.Tenant }),
			texts("r_kind", hints, func(h *directory.ScopeHint) string { return string(h.Scope.Kind) }),
			texts("r_id", hints, func(h *directory.ScopeHint) string { return h.Scope.ID }),
		}
		err = d.again(ctx, func(tx *sql.Tx) error {
			var err error
			hints, err = listRows(ctx, d, tx, scan, take, batch, urgent, olderThan)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("find scopes that wait too long: %w", err)
	}
	return distinct(hints), nil
}

// distinct drops repeats: a scope has one row per event.
func distinct(hints []directory.ScopeHint) []directory.ScopeHint {
	seen := make(map[directory.ScopeHint]bool, len(hints))
	var all []directory.ScopeHint
	for _, h := range hints {
		if !seen[h] {
			seen[h] = true
			all = append(all, h)
		}
	}
	return all
}

// StaleRuns returns runs of any tenant that are not over, that no worker holds, that do not wait for their
// next attempt, and that were neither made nor swept within olderThan, oldest first, and notes that
// they were swept now. Those of tenants that are paused, or that no configuration has any
// more, are left alone.
func (d *DB) StaleRuns(ctx context.Context, olderThan time.Duration) ([]directory.Run, error) {
	const query = `
		update runs set swept_at = {now}
		where state in ('queued', 'reading', 'applying') and swept_at <= {now} - {micros $1}
			and (lease_until is null or lease_until <= {now}) and (retry_at is null or retry_at <= {now})
			and tenant in (select t.slug from tenants t where ` + atWork + `)
		returning ` + runColumns
	var runs []directory.Run
	err := d.again(ctx, func(tx *sql.Tx) error {
		var err error
		runs, err = list(ctx, d, tx, scanRun, query, olderThan)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find runs that nobody works at: %w", err)
	}
	sortRuns(runs)
	return runs, nil
}

// Park sets the waiting events of a scope aside: the sweeper leaves them, an
// admin retries or discards them.
func (d *DB) Park(ctx context.Context, tenant string, scope directory.Scope, reason string) error {
	const query = `
		update inbox_scopes set parked_at = {now}, reason = $4
		where tenant = $1 and scope_kind = $2 and scope_id = $3 and done_at is null`
	return d.again(ctx, func(tx *sql.Tx) error {
		if _, err := d.exec(ctx, tx, query, tenant, string(scope.Kind), scope.ID, reason); err != nil {
			return fmt.Errorf("park %s of tenant %s: %w", scope.Public(), tenant, err)
		}
		// A second look has nothing to be retried by hand: the next full sync covers it.
		const forget = `delete from second_looks where tenant = $1 and scope_kind = $2 and scope_id = $3`
		if _, err := d.exec(ctx, tx, forget, tenant, string(scope.Kind), scope.ID); err != nil {
			return fmt.Errorf("forget the second look at %s of tenant %s: %w", scope.Public(), tenant, err)
		}
		return nil
	})
}

// Parked returns the scopes that were set aside, the newest first.
func (d *DB) Parked(ctx context.Context, tenant string, limit int) ([]directory.Parked, error) {
	const query = `
		select scope_kind, scope_id, count(*), max(reason), max(parked_at) as since
		from inbox_scopes
		where tenant = $1 and done_at is null and parked_at is not null
		group by scope_kind, scope_id
		order by since desc, scope_kind, scope_id
		limit $2`
	scan := func(s scanner) (p directory.Parked, err error) {
		return p, s.Scan(&p.Scope.Kind, &p.Scope.ID, &p.Events, &p.Reason, moment{&p.ParkedAt})
	}
	parked, err := list(ctx, d, d.read, scan, query, tenant, limit)
	if err != nil {
		return nil, fmt.Errorf("read the parked scopes of tenant %s: %w", tenant, err)
	}
	return parked, nil
}

// Unpark takes a parked scope up again, records the act, and says whether one of its events
// is urgent. A scope that is not parked is directory.ErrNotFound.
func (d *DB) Unpark(ctx context.Context, tenant string, scope directory.Scope, act directory.Act) (bool, error) {
	const query = `
		update inbox_scopes set parked_at = null, reason = '', swept_at = {now}
		where tenant = $1 and scope_kind = $2 and scope_id = $3 and done_at is null and parked_at is not null
		returning urgent`
	urgent := false
	err := d.again(ctx, func(tx *sql.Tx) error {
		scan := func(s scanner) (u bool, err error) { return u, s.Scan(&u) }
		rows, err := list(ctx, d, tx, scan, query, tenant, string(scope.Kind), scope.ID)
		if err != nil {
			return fmt.Errorf("take up %s of tenant %s again: %w", scope.Public(), tenant, err)
		}
		if len(rows) == 0 {
			return notParked(tenant, scope)
		}
		for _, u := range rows {
			urgent = urgent || u
		}
		return d.record(ctx, tx, act)
	})
	return urgent, err
}

// Discard marks the parked events of a scope as done without doing anything, and records
// the act. A scope that is not parked is directory.ErrNotFound.
func (d *DB) Discard(ctx context.Context, tenant string, scope directory.Scope, act directory.Act) error {
	const which = ` where tenant = $1 and scope_kind = $2 and scope_id = $3 and done_at is null and parked_at is not null`
	query := `update inbox_scopes set done_at = {now}, outcome = 'discarded', reason = ''` + which
	if scope.ByLogin() { // see forgetLogin
		query = `delete from inbox_scopes` + which
	}
	return d.again(ctx, func(tx *sql.Tx) error {
		touched, err := d.exec(ctx, tx, query, tenant, string(scope.Kind), scope.ID)
		if err != nil {
			return fmt.Errorf("discard %s of tenant %s: %w", scope.Public(), tenant, err)
		}
		if touched == 0 {
			return notParked(tenant, scope)
		}
		return d.record(ctx, tx, act)
	})
}

func notParked(tenant string, scope directory.Scope) error {
	return fmt.Errorf("%s of tenant %s is not parked: %w", scope.Public(), tenant, directory.ErrNotFound)
}
