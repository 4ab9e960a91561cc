package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// AskSecondLook asks for another look at the scope after a while. Of several wishes the
// last counts.
func (t *Tx) AskSecondLook(ctx context.Context, scope directory.Scope, after time.Duration) error {
	const query = `
		insert into second_looks (tenant, scope_kind, scope_id, due_at)
		select slug, $2, $3, {at $4} from tenants where slug = $1
		on conflict (tenant, scope_kind, scope_id) do update set due_at = excluded.due_at, swept_at = null`
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, string(scope.Kind), scope.ID, t.now.Add(after)); err != nil {
		return fmt.Errorf("ask for a second look at %s: %w", scope.Public(), err)
	}
	return nil
}

// doneLooking forgets the second look that the ticket knew to be due. One that was asked for since is due
// at another time, and stays.
func (t *Tx) doneLooking(ctx context.Context, ticket directory.Ticket) error {
	const query = `delete from second_looks where tenant = $1 and scope_kind = $2 and scope_id = $3 and due_at = {at $4}`
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, string(ticket.Scope.Kind), ticket.Scope.ID, ticket.SecondLook); err != nil {
		return fmt.Errorf("note the second look at %s: %w", ticket.Scope.Public(), err)
	}
	return nil
}

// DueSecondLooks returns scopes of any tenant that are to be looked at again now and that were
// not swept within olderThan, at most limit, those that wait longest first, and notes that they were
// swept now. Those of a tenant that is blocked wait until it is not.
func (d *DB) DueSecondLooks(ctx context.Context, olderThan time.Duration, limit int) ([]directory.ScopeHint, error) {
	const due = `l.due_at <= {now} and (l.swept_at is null or l.swept_at <= {now} - {micros $1}) and t.blocked = ''`
	const find = `
		select l.tenant, l.scope_kind, l.scope_id from second_looks l join tenants t on t.slug = l.tenant
		where ` + due + ` order by l.due_at limit $2`
	const sweep = `
		update second_looks set swept_at = {now} from {rows}
		where tenant = v.a and scope_kind = v.b and scope_id = v.c and due_at <= {now}
			and (swept_at is null or swept_at <= {now} - {micros $1})
		returning tenant, scope_kind, scope_id`
	// Most looks find nothing, and must not write: on SQLite there is one writer.
	keys, err := list(ctx, d, d.read, scanKey, find, olderThan, limit)
	if err != nil {
		return nil, fmt.Errorf("look for second looks that are due: %w", err)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	scan := func(s scanner) (h directory.ScopeHint, err error) {
		return h, s.Scan(&h.Tenant, &h.Scope.Kind, &h.Scope.ID)
	}
	var hints []directory.ScopeHint
	err = d.again(ctx, func(tx *sql.Tx) error {
		var err error
		hints, err = listRows(ctx, d, tx, scan, sweep, keyColumns(keys), olderThan)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take second looks that are due: %w", err)
	}
	return hints, nil
}

// LookAtWaiting asks for a look at people who are quarantined because one of the holders has a value that only one may have,
// at most limit.
func (t *Tx) LookAtWaiting(ctx context.Context, holders []string, limit int) error {
	const query = keyed + `
		insert into second_looks (tenant, scope_kind, scope_id, due_at)
		select q.tenant, 'person', q.person_id, {at $3} from wanted cross join quarantine q
		where q.tenant = of_tenant and q.holder <> '' and q.holder = key order by q.person_id limit $4
		on conflict (tenant, scope_kind, scope_id) do update set due_at = excluded.due_at, swept_at = null`
	if len(holders) == 0 {
		return nil
	}
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, holders, t.now, limit); err != nil {
		return fmt.Errorf("ask for a look at people who wait for a unique value: %w", err)
	}
	return nil
}

// LookAtGroupsRead asks for a look at each group of which a run of its own has begun since.
func (t *Tx) LookAtGroupsRead(ctx context.Context, since time.Time) error {
	const query = `
		insert into second_looks (tenant, scope_kind, scope_id, due_at)
		select distinct r.tenant, r.scope_kind, r.scope_id, {at $3} from runs r
		where r.tenant = $1 and r.scope_kind = 'group' and r.started_at >= {at $2} and not r.dry_run
		on conflict (tenant, scope_kind, scope_id) do update set due_at = excluded.due_at, swept_at = null`
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, since, t.now); err != nil {
		return fmt.Errorf("ask for a look at the groups that were read since %s: %w", since.UTC().Format(time.RFC3339), err)
	}
	return nil
}

// LookAtStrangers asks for a look at people who are quarantined and were never let in, at most limit.
func (t *Tx) LookAtStrangers(ctx context.Context, limit int) error {
	const query = `
		insert into second_looks (tenant, scope_kind, scope_id, due_at)
		select q.tenant, 'person', q.person_id, {at $2} from quarantine q
		where q.tenant = $1 and (select 1 from people p where p.tenant = $1 and p.id = q.person_id and p.status <> 'removed' limit 1) is null
		order by q.person_id limit $3
		on conflict (tenant, scope_kind, scope_id) do update set due_at = excluded.due_at, swept_at = null`
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, t.now, limit); err != nil {
		return fmt.Errorf("ask for a look at people in quarantine: %w", err)
	}
	return nil
}
