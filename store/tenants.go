package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Block notes why the tenant's jobs rest, and has the operator alerted. A tenant that is blocked
// already keeps the time since when.
func (d *DB) Block(ctx context.Context, tenant, reason string) error {
	const query = `
		update tenants set
			blocked_since = case when blocked = '' then {now} else blocked_since end,
			blocked = $2
		where slug = $1`
	return d.again(ctx, func(tx *sql.Tx) error {
		touched, err := d.exec(ctx, tx, query, tenant, reason)
		if err != nil {
			return fmt.Errorf("block tenant %s: %w", tenant, err)
		}
		if touched == 0 {
			return unknownTenant(tenant)
		}
		_, err = d.raise(ctx, tx, tenant, directory.AlertTenantBlocked,
			fmt.Sprintf("tenant %s rests, because Okta refuses its credentials; its events are kept: %s", tenant, reason))
		return err
	})
}

// Unblock lets the tenant's jobs run again.
func (d *DB) Unblock(ctx context.Context, tenant string) error {
	// Most calls find nothing to do and must not write.
	reason, err := d.Blocked(ctx, tenant)
	if errors.Is(err, directory.ErrNotFound) || err == nil && reason == "" {
		return nil
	}
	if err != nil {
		return err
	}
	const query = `update tenants set blocked = '', blocked_since = null where slug = $1 and blocked <> ''`
	return d.again(ctx, func(tx *sql.Tx) error {
		if _, err := d.exec(ctx, tx, query, tenant); err != nil {
			return fmt.Errorf("unblock tenant %s: %w", tenant, err)
		}
		_, err := d.settle(ctx, tx, tenant, directory.AlertTenantBlocked, fmt.Sprintf("Okta takes the credentials of tenant %s again; what waited is worked off", tenant))
		return err
	})
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

// BlockedIdle returns the tenants that are at work and blocked, and of which no event waits, in order.
func (d *DB) BlockedIdle(ctx context.Context) ([]string, error) {
	const query = `
		select t.slug from tenants t
		where t.blocked <> '' and ` + atWork + ` and not exists (
			select 1 from inbox_scopes s where s.tenant = t.slug and s.done_at is null and s.parked_at is null)
		order by t.slug`
	tenants, err := list(ctx, d, d.read, scanText, query)
	if err != nil {
		return nil, fmt.Errorf("look for blocked tenants of which nothing waits: %w", err)
	}
	return tenants, nil
}

// NightlyRefused says whether the newest full run of the tenant is one of the calendar, and failed because
// Okta refused the credentials. One that was made in its place has no date: were it made again each time that it
// is refused, a tenant of which Okta refuses a part only would rest and go on for ever, with an alert each time.
func (d *DB) NightlyRefused(ctx context.Context, tenant string) (bool, error) {
	const query = `
		select cause, date, state, refused from runs where tenant = $1 and scope_kind = 'full' and not dry_run
		order by created_at desc, id desc limit 1`
	var run directory.Run
	err := d.row(ctx, d.read, query, tenant).Scan(&run.Cause, &run.Date, &run.State, &run.Refused)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("read how the last full run of tenant %s ended: %w", tenant, err)
	}
	return run.Cause == directory.CauseNightly && run.Date != "" && run.State == directory.RunFailed && run.Refused, nil
}

// TenantStates returns the health of the tenants, in order of slug. Those without a row are
// left out.
func (d *DB) TenantStates(ctx context.Context, tenants []string) ([]directory.TenantState, error) {
	const query = `
		select t.slug, t.blocked, t.blocked_since,
			(select count(*) from (
				select distinct s.scope_kind, s.scope_id from inbox_scopes s
				where s.tenant = t.slug and s.done_at is null and s.parked_at is null) as w),
			(select min(i.received) from inbox_scopes s
				join inbox i on i.tenant = s.tenant and i.uuid = s.uuid
				where s.tenant = t.slug and s.done_at is null and s.parked_at is null),
			(select count(*) from (
				select distinct s.scope_kind, s.scope_id from inbox_scopes s
				where s.tenant = t.slug and s.done_at is null and s.parked_at is not null) as p),
			(select count(*) from people where tenant = t.slug and status in ('active', 'suspended')),
			(select count(*) from quarantine where tenant = t.slug),
			(select max(finished_at) from runs where tenant = t.slug and scope_kind = 'full' and state = 'succeeded'),
			coalesce(h.hook_id, ''), coalesce(h.url, ''), coalesce(h.secret, ''), coalesce(h.next_id, ''), coalesce(h.next_secret, ''),
			coalesce(h.state, ''), coalesce(h.problem, ''), h.state_since, h.checked_at,
			(select max(last_at) from hook_uses where tenant = t.slug and secret <> ''),
			(select max(last_at) from hook_uses where tenant = t.slug and secret = '')
		from tenants t left join hooks h on h.tenant = t.slug where t.slug {in $1} order by t.slug`
	scan := func(s scanner) (state directory.TenantState, err error) {
		h := &state.Hook
		return state, s.Scan(&state.Tenant, &state.Blocked, maybe{&state.BlockedSince}, &state.Waiting, maybe{&state.OldestWait},
			&state.Parked, &state.People, &state.Quarantined, maybe{&state.LastFullSync},
			&h.ID, &h.URL, &h.Secret, &h.NextID, &h.NextSecret, &h.State, &h.Problem, maybe{&h.Since}, maybe{&h.Checked},
			maybe{&h.LastDelivery}, maybe{&h.LastRefused})
	}
	states, err := list(ctx, d, d.read, scan, query, tenants)
	if err != nil {
		return nil, fmt.Errorf("read the state of %d tenants: %w", len(tenants), err)
	}
	return states, nil
}

// TenantState returns the health of a tenant, or directory.ErrNotFound.
func (d *DB) TenantState(ctx context.Context, tenant string) (directory.TenantState, error) {
	states, err := d.TenantStates(ctx, []string{tenant})
	if err != nil {
		return directory.TenantState{}, err
	}
	if len(states) == 0 {
		return directory.TenantState{}, unknownTenant(tenant)
	}
	return states[0], nil
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
