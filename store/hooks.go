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

// Hook returns what is known of the tenant's event hook; nothing known is no error.
func (d *DB) Hook(ctx context.Context, tenant string) (directory.HookRecord, error) {
	const query = `
		select hook_id, url, secret, next_id, next_secret, state, problem, state_since, checked_at
		from hooks where tenant = $1`
	var h directory.HookRecord
	err := d.row(ctx, d.read, query, tenant).Scan(&h.ID, &h.URL, &h.Secret, &h.NextID, &h.NextSecret, &h.State, &h.Problem, maybe{&h.Since}, maybe{&h.Checked})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return directory.HookRecord{}, fmt.Errorf("read what is known of the event hook of tenant %s: %w", tenant, err)
	}
	return h, nil
}

// SaveHook keeps which hook is the tenant's, where it delivers and with which secrets. What the
// checks found stays.
func (d *DB) SaveHook(ctx context.Context, tenant string, h directory.HookRecord) error {
	const query = `
		insert into hooks (tenant, hook_id, url, secret, next_id, next_secret)
		select slug, $2, $3, $4, $5, $6 from tenants where slug = $1
		on conflict (tenant) do update set hook_id = excluded.hook_id, url = excluded.url, secret = excluded.secret,
			next_id = excluded.next_id, next_secret = excluded.next_secret`
	saved, err := d.exec(ctx, d.write, query, tenant, h.ID, h.URL, h.Secret, h.NextID, h.NextSecret)
	if err != nil {
		return fmt.Errorf("keep which event hook is that of tenant %s: %w", tenant, err)
	}
	if saved == 0 {
		return unknownTenant(tenant)
	}
	return nil
}

// NoteHookCheck keeps what a check of the tenant's hook found, and returns the state before.
func (d *DB) NoteHookCheck(ctx context.Context, tenant, state, problem string) (string, error) {
	const last = `select state from hooks where tenant = $1 {lock}`
	const note = `
		insert into hooks (tenant, state, problem, state_since, checked_at)
		select slug, $2, $3, clock.at, clock.at from tenants, (select {now} as at) clock where slug = $1
		on conflict (tenant) do update set problem = excluded.problem, checked_at = excluded.checked_at,
			state_since = case when hooks.state = excluded.state then hooks.state_since else excluded.state_since end,
			state = excluded.state`
	before := ""
	err := d.again(ctx, func(tx *sql.Tx) error {
		found, err := list(ctx, d, tx, scanText, last, tenant)
		if err != nil {
			return err
		}
		before = ""
		if len(found) > 0 {
			before = found[0]
		}
		noted, err := d.exec(ctx, tx, note, tenant, state, problem)
		if err == nil && noted == 0 {
			return unknownTenant(tenant)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("note the check of the event hook of tenant %s: %w", tenant, err)
	}
	return before, nil
}

// NoteHookUses adds up how often hooks came with which secret. The last use is the later one.
func (d *DB) NoteHookUses(ctx context.Context, uses []directory.HookUse) error {
	if len(uses) == 0 {
		return nil
	}
	batch := []Column{
		texts("tenant", uses, func(u *directory.HookUse) string { return u.Tenant }),
		texts("secret", uses, func(u *directory.HookUse) string { return u.Secret }),
		ints("uses", uses, func(u *directory.HookUse) int64 { return u.Uses }),
		ints("age", uses, func(u *directory.HookUse) int64 { return max(u.Age, 0).Microseconds() }),
	}
	const query = `
		insert into hook_uses (tenant, secret, uses, last_at)
		select t.slug, v.secret, v.uses, {now} - {micros v.age} from {rows} join tenants t on t.slug = v.tenant where true
		on conflict (tenant, secret) do update set uses = hook_uses.uses + excluded.uses,
			last_at = case when excluded.last_at > hook_uses.last_at then excluded.last_at else hook_uses.last_at end`
	err := d.again(ctx, func(tx *sql.Tx) error {
		_, err := d.execRows(ctx, tx, query, batch)
		return err
	})
	if err != nil {
		return fmt.Errorf("note with which secrets hooks came: %w", err)
	}
	return nil
}

// HookUses returns with which secrets the tenant's hooks came, the latest first.
func (d *DB) HookUses(ctx context.Context, tenant string) ([]directory.HookUse, error) {
	const query = `select tenant, secret, uses, last_at from hook_uses where tenant = $1 order by last_at desc, secret`
	scan := func(s scanner) (u directory.HookUse, err error) {
		return u, s.Scan(&u.Tenant, &u.Secret, &u.Uses, moment{&u.Last})
	}
	uses, err := list(ctx, d, d.read, scan, query, tenant)
	if err != nil {
		return nil, fmt.Errorf("read with which secrets hooks of tenant %s came: %w", tenant, err)
	}
	return uses, nil
}

// OpenHookDoor says that the process owner takes hooks now. secrets are the fingerprints that it
// accepts, by tenant; nil when they are as it said before.
func (d *DB) OpenHookDoor(ctx context.Context, owner string, secrets map[string][]string) error {
	if secrets == nil {
		found, err := d.exec(ctx, d.write, `update hook_doors set seen_at = {now} where owner = $1`, owner)
		if err == nil && found == 0 {
			err = fmt.Errorf("it is not there any more: %w", directory.ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("renew the door of process %s: %w", owner, err)
		}
		return nil
	}
	text, err := json.Marshal(secrets)
	if err != nil {
		return fmt.Errorf("write the secrets that process %s accepts: %w", owner, err)
	}
	const query = `
		insert into hook_doors (owner, seen_at, secrets) values ($1, {now}, $2)
		on conflict (owner) do update set seen_at = excluded.seen_at, secrets = excluded.secrets`
	if _, err := d.exec(ctx, d.write, query, owner, string(text)); err != nil {
		return fmt.Errorf("keep which secrets process %s accepts: %w", owner, err)
	}
	return nil
}

// CloseHookDoor says that the process owner takes hooks no more. Doors of processes that
// died are forgotten with it.
func (d *DB) CloseHookDoor(ctx context.Context, owner string) error {
	const query = `delete from hook_doors where owner = $1 or seen_at < {now} - {micros $2}`
	if _, err := d.exec(ctx, d.write, query, owner, 24*time.Hour); err != nil {
		return fmt.Errorf("close the door of process %s: %w", owner, err)
	}
	return nil
}

// HookDoors returns the processes that were seen taking hooks within the time, in order of
// their names.
func (d *DB) HookDoors(ctx context.Context, within time.Duration) ([]directory.HookDoor, error) {
	const query = `select owner, seen_at, secrets from hook_doors where seen_at >= {now} - {micros $1} order by owner`
	scan := func(s scanner) (h directory.HookDoor, err error) {
		return h, s.Scan(&h.Owner, moment{&h.Seen}, jsonText{&h.Secrets})
	}
	doors, err := list(ctx, d, d.read, scan, query, within)
	if err != nil {
		return nil, fmt.Errorf("read which processes take hooks: %w", err)
	}
	return doors, nil
}
