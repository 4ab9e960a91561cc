package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// EnsureTenants makes the row of each tenant that has none.
func (d *DB) EnsureTenants(ctx context.Context, slugs []string) error {
	if len(slugs) == 0 {
		return nil
	}
	batch := []Column{texts("slug", slugs, func(s *string) string { return *s })}
	const query = `
		insert into tenants (slug, created_at)
		select v.slug, {now} from {rows} where true
		on conflict do nothing`
	if _, err := d.execRows(ctx, d.write, query, batch); err != nil {
		return fmt.Errorf("make the rows of the tenants: %w", err)
	}
	return nil
}

// Block notes why the tenant's jobs rest. A tenant that is blocked already
// keeps the time since when.
func (d *DB) Block(ctx context.Context, tenant, reason string) error {
	const query = `
		update tenants set
			blocked_since = case when blocked = '' then {now} else blocked_since end,
			blocked = $2
		where slug = $1`
	touched, err := d.exec(ctx, d.write, query, tenant, reason)
	if err != nil {
		return fmt.Errorf("block tenant %s: %w", tenant, err)
	}
	if touched == 0 {
		return unknownTenant(tenant)
	}
	return nil
}

// Unblock lets the tenant's jobs run again.
func (d *DB) Unblock(ctx context.Context, tenant string) error {
	// Most calls find nothing to do and must not write.
	const query = `update tenants set blocked = '', blocked_since = null where slug = $1 and blocked <> ''`
	if _, err := d.exec(ctx, d.write, query, tenant); err != nil {
		return fmt.Errorf("unblock tenant %s: %w", tenant, err)
	}
	return nil
}

// Blocked returns why the tenant's jobs rest, empty when they do not.
func (d *DB) Blocked(ctx context.Context, tenant string) (string, error) {
	var reason string
	err := d.row(ctx, d.read, `select blocked from tenants where slug = $1`, tenant).Scan(&reason)
	if errors.Is(err, sql.ErrNoRows) {
		return "", unknownTenant(tenant)
	}
	if err != nil {
		return "", fmt.Errorf("read whether tenant %s is blocked: %w", tenant, err)
	}
	return reason, nil
}

// TenantState returns the health of a tenant.
func (d *DB) TenantState(ctx context.Context, tenant string) (directory.TenantState, error) {
	const query = `
		select t.blocked, t.blocked_since,
			(select count(*) from (
				select distinct scope_kind, scope_id from inbox_scopes
				where tenant = $1 and done_at is null and parked_at is null) as w),
			(select min(i.received) from inbox_scopes s
				join inbox i on i.tenant = s.tenant and i.uuid = s.uuid
				where s.tenant = $1 and s.done_at is null and s.parked_at is null),
			(select count(*) from (
				select distinct scope_kind, scope_id from inbox_scopes
				where tenant = $1 and done_at is null and parked_at is not null) as p),
			(select count(*) from people where tenant = $1 and status in ('active', 'suspended')),
			(select count(*) from quarantine where tenant = $1)
		from tenants t where t.slug = $1`
	state := directory.TenantState{Tenant: tenant}
	err := d.row(ctx, d.read, query, tenant).Scan(&state.Blocked, maybe{&state.BlockedSince},
		&state.Waiting, maybe{&state.OldestWait}, &state.Parked, &state.People, &state.Quarantined)
	if errors.Is(err, sql.ErrNoRows) {
		return directory.TenantState{}, unknownTenant(tenant)
	}
	if err != nil {
		return directory.TenantState{}, fmt.Errorf("read the state of tenant %s: %w", tenant, err)
	}
	last, found, err := d.LastFullSync(ctx, tenant)
	if err != nil {
		return directory.TenantState{}, err
	}
	if found {
		state.LastFullSync = &last
	}
	return state, nil
}

// LastFullSync returns when the last full run that succeeded ended. The second
// result is false when there is none.
func (d *DB) LastFullSync(ctx context.Context, tenant string) (time.Time, bool, error) {
	const query = `
		select max(finished_at) from runs
		where tenant = $1 and scope_kind = 'full' and state = 'succeeded'`
	var last *time.Time
	if err := d.row(ctx, d.read, query, tenant).Scan(maybe{&last}); err != nil {
		return time.Time{}, false, fmt.Errorf("read the last full sync of tenant %s: %w", tenant, err)
	}
	if last == nil {
		return time.Time{}, false, nil
	}
	return *last, true, nil
}

// LastNightly returns the date of the newest nightly run, whatever became of
// it. The second result is false when there is none.
func (d *DB) LastNightly(ctx context.Context, tenant string) (string, bool, error) {
	const query = `select coalesce(max(date), '') from runs where tenant = $1 and date <> ''`
	var date string
	if err := d.row(ctx, d.read, query, tenant).Scan(&date); err != nil {
		return "", false, fmt.Errorf("read the last nightly run of tenant %s: %w", tenant, err)
	}
	return date, date != "", nil
}
