package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// configured is the condition that tenant t is one that some process works for: the
// API manages it, or it stands in the file of a process that runs. The length of time is
// directory.TenantForgotten.
const configured = `(t.removed_at is null and (coalesce(t.seen_at > {now} - {micros 900000000}, false)
	or exists (select 1 from tenant_settings c where c.tenant = t.slug)))`

// atWork is the condition that work of tenant t goes on.
const atWork = `(t.paused_at is null and ` + configured + `)`

// EnsureTenants makes the row of each tenant of the configuration file that has none, and
// notes that they are configured. It fails with directory.ErrConflict when one of them is being
// erased.
func (d *DB) EnsureTenants(ctx context.Context, slugs []string) error {
	if len(slugs) == 0 {
		return nil
	}
	batch := []Column{texts("slug", slugs, func(s *string) string { return *s })}
	const add = `
		insert into tenants (slug, created_at)
		select v.slug, {now} from {rows} where true
		on conflict do nothing`
	err := d.again(ctx, func(tx *sql.Tx) error {
		added, err := d.execRows(ctx, tx, add, batch)
		if err == nil && added > 0 {
			_, err = d.exec(ctx, tx, nextVersion)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("make the rows of the tenants: %w", err)
	}
	if err := d.SeenTenants(ctx, slugs); err != nil {
		return err
	}
	erased, err := list(ctx, d, d.read, scanText, `select slug from tenants where removed_at is not null and slug {in $1} order by slug`, slugs)
	if err != nil {
		return fmt.Errorf("look for tenants that are being erased: %w", err)
	}
	if len(erased) > 0 {
		return directory.Refuse(directory.ErrConflict, "tenant %s is in the configuration and is being erased, because it was removed; wait until that is done, or take it out of the configuration",
			strings.Join(erased, ", "))
	}
	return nil
}

// SeenTenants notes that the tenants are in the configuration file of a process that runs.
func (d *DB) SeenTenants(ctx context.Context, slugs []string) error {
	if _, err := d.exec(ctx, d.write, `update tenants set seen_at = {now} where slug {in $1}`, slugs); err != nil {
		return fmt.Errorf("note that %d tenants are configured: %w", len(slugs), err)
	}
	return nil
}

const nextVersion = `update tenants_version set version = version + 1`

// TenantsVersion changes whenever a TenantRecord does. It costs next to nothing.
func (d *DB) TenantsVersion(ctx context.Context) (int64, error) {
	var version int64
	if err := d.row(ctx, d.read, `select max(version) from tenants_version`).Scan(&version); err != nil {
		return 0, fmt.Errorf("read the version of the list of tenants: %w", err)
	}
	return version, nil
}

const recordColumns = `t.slug, t.version, coalesce(c.settings, ''), coalesce(c.secrets, ''), t.seen_at,
	t.paused_at, t.paused_by, t.pause_reason, t.removed_at, t.removed_by`

func scanRecord(s scanner) (r directory.TenantRecord, err error) {
	var pause directory.TenantPause
	var removal directory.TenantRemoval
	var paused, removed *time.Time
	if err := s.Scan(&r.Tenant, &r.Version, &r.Settings, jsonText{&r.Secrets}, maybe{&r.SeenAt},
		maybe{&paused}, &pause.By, &pause.Reason, maybe{&removed}, &removal.By); err != nil {
		return r, err
	}
	if paused != nil {
		pause.At, r.Pause = *paused, &pause
	}
	if removed != nil {
		removal.At, r.Removal = *removed, &removal
	}
	return r, nil
}

// TenantRecords returns all records, in order of slug.
func (d *DB) TenantRecords(ctx context.Context) ([]directory.TenantRecord, error) {
	const query = `select ` + recordColumns + ` from tenants t left join tenant_settings c on c.tenant = t.slug order by t.slug`
	records, err := list(ctx, d, d.read, scanRecord, query)
	if err != nil {
		return nil, fmt.Errorf("read the records of the tenants: %w", err)
	}
	return records, nil
}

// TenantRecord returns the record of one tenant, or directory.ErrNotFound.
func (d *DB) TenantRecord(ctx context.Context, tenant string) (directory.TenantRecord, error) {
	return d.tenantRecord(ctx, d.read, tenant)
}

func (d *DB) tenantRecord(ctx context.Context, q querier, tenant string) (directory.TenantRecord, error) {
	const query = `select ` + recordColumns + ` from tenants t left join tenant_settings c on c.tenant = t.slug where t.slug = $1`
	r, err := scanRecord(d.row(ctx, q, query, tenant))
	if errors.Is(err, sql.ErrNoRows) {
		return r, unknownTenant(tenant)
	}
	if err != nil {
		return r, fmt.Errorf("read the record of tenant %s: %w", tenant, err)
	}
	return r, nil
}

// changeRecord runs change in a transaction that holds the list of tenants, hands out the next
// version to the tenant, and records the act. change gets the record as it is, or nil when there is
// none.
func (d *DB) changeRecord(ctx context.Context, act directory.Act, change func(tx *sql.Tx, have *directory.TenantRecord) error) error {
	err := d.again(ctx, func(tx *sql.Tx) error {
		// One change at a time: versions are committed in their order.
		if _, err := d.exec(ctx, tx, nextVersion); err != nil {
			return err
		}
		var have *directory.TenantRecord
		found, err := d.tenantRecord(ctx, tx, act.Tenant)
		switch {
		case err == nil && found.Removal != nil:
			return directory.Refuse(directory.ErrConflict, "tenant %s was removed and is being erased; wait until that is done", act.Tenant)
		case err == nil:
			have = &found
		case !errors.Is(err, directory.ErrNotFound):
			return err
		}
		if err := change(tx, have); err != nil {
			return err
		}
		const stamp = `update tenants set version = (select max(version) from tenants_version) where slug = $1`
		if _, err := d.exec(ctx, tx, stamp, act.Tenant); err != nil {
			return err
		}
		return d.record(ctx, tx, act)
	})
	if err != nil {
		return fmt.Errorf("%s of %s: %w", act.Kind, act.Tenant, err)
	}
	return nil
}

func secretsText(r directory.TenantRecord) (string, error) {
	text, err := json.Marshal(r.Secrets)
	if err != nil {
		return "", fmt.Errorf("write the sealed secrets of tenant %s: %w", r.Tenant, err)
	}
	return string(text), nil
}

// AddTenant makes a tenant that the API manages, with the record's settings and secrets, paused where
// the record says so. Rows of a tenant of this slug that no configuration has any more are
// taken over. It fails with directory.ErrConflict when the tenant exists.
func (d *DB) AddTenant(ctx context.Context, r directory.TenantRecord, act directory.Act) error {
	secrets, err := secretsText(r)
	if err != nil {
		return err
	}
	return d.changeRecord(ctx, act, func(tx *sql.Tx, have *directory.TenantRecord) error {
		if have != nil && have.Managed() {
			return directory.Refuse(directory.ErrConflict, "tenant %s exists already", r.Tenant)
		}
		if have != nil {
			if err := d.inNoFile(ctx, tx, r.Tenant); err != nil {
				return err
			}
		}
		if _, err := d.exec(ctx, tx, `insert into tenants (slug, created_at) values ($1, {now}) on conflict do nothing`, r.Tenant); err != nil {
			return err
		}
		const settings = `
			insert into tenant_settings (tenant, settings, secrets, created_at, created_by, updated_at, updated_by)
			values ($1, $2, $3, {now}, $4, {now}, $4)`
		if _, err := d.exec(ctx, tx, settings, r.Tenant, r.Settings, secrets, act.Actor); err != nil {
			return err
		}
		if r.Pause != nil {
			return d.pause(ctx, tx, r.Tenant, *r.Pause)
		}
		return d.unpause(ctx, tx, r.Tenant)
	})
}

// inNoFile fails with directory.ErrConflict when a process has the tenant in its configuration file,
// or had it a moment ago.
func (d *DB) inNoFile(ctx context.Context, tx *sql.Tx, tenant string) error {
	var there int
	const query = `select count(*) from tenants where slug = $1 and seen_at > {now} - {micros $2}`
	if err := d.row(ctx, tx, query, tenant, directory.TenantForgotten).Scan(&there); err != nil {
		return err
	}
	if there > 0 {
		return directory.Refuse(directory.ErrConflict, "tenant %s is in the configuration file of a process, or was until less than %s ago; take it out there first",
			tenant, directory.TenantForgotten)
	}
	return nil
}

// ChangeTenant replaces settings and secrets of a tenant that the API manages. It fails with
// directory.ErrConflict when the tenant's record is not of the given version any more.
func (d *DB) ChangeTenant(ctx context.Context, r directory.TenantRecord, act directory.Act) error {
	secrets, err := secretsText(r)
	if err != nil {
		return err
	}
	return d.changeRecord(ctx, act, func(tx *sql.Tx, have *directory.TenantRecord) error {
		switch {
		case have == nil:
			return unknownTenant(r.Tenant)
		case !have.Managed():
			return directory.Refuse(directory.ErrConflict, "tenant %s is not managed by the API", r.Tenant)
		case have.Version != r.Version:
			return directory.Refuse(directory.ErrConflict, "tenant %s was changed by somebody else in between; look at it and try again", r.Tenant)
		}
		const query = `update tenant_settings set settings = $2, secrets = $3, updated_at = {now}, updated_by = $4 where tenant = $1`
		_, err := d.exec(ctx, tx, query, r.Tenant, r.Settings, secrets, act.Actor)
		return err
	})
}

// ReplaceSecrets writes the same secrets in another form, unless the tenant's record was changed in
// between: then it fails with directory.ErrConflict.
func (d *DB) ReplaceSecrets(ctx context.Context, r directory.TenantRecord) error {
	secrets, err := secretsText(r)
	if err != nil {
		return err
	}
	const query = `
		update tenant_settings set secrets = $3
		where tenant = $1 and (select version from tenants where slug = $1 and removed_at is null) = $2`
	replaced, err := d.exec(ctx, d.write, query, r.Tenant, r.Version, secrets)
	if err != nil {
		return fmt.Errorf("replace the secrets of tenant %s: %w", r.Tenant, err)
	}
	if replaced == 0 {
		return fmt.Errorf("replace the secrets of tenant %s: it was changed in between: %w", r.Tenant, directory.ErrConflict)
	}
	return nil
}

// DropSettings forgets the stored settings and secrets of a tenant, and leaves its directory alone.
func (d *DB) DropSettings(ctx context.Context, act directory.Act) error {
	return d.changeRecord(ctx, act, func(tx *sql.Tx, have *directory.TenantRecord) error {
		if have == nil || !have.Managed() {
			return directory.Refuse(directory.ErrNotFound, "tenant %s has no stored settings", act.Tenant)
		}
		_, err := d.exec(ctx, tx, `delete from tenant_settings where tenant = $1`, act.Tenant)
		return err
	})
}

// PauseTenant lets the tenant's work rest. One that rests already keeps the time since when.
func (d *DB) PauseTenant(ctx context.Context, act directory.Act) error {
	return d.changeRecord(ctx, act, func(tx *sql.Tx, have *directory.TenantRecord) error {
		if have == nil {
			return unknownTenant(act.Tenant)
		}
		return d.pause(ctx, tx, act.Tenant, directory.TenantPause{By: act.Actor, Reason: act.Reason})
	})
}

func (d *DB) pause(ctx context.Context, tx *sql.Tx, tenant string, p directory.TenantPause) error {
	const query = `update tenants set paused_at = coalesce(paused_at, {now}), paused_by = $2, pause_reason = $3 where slug = $1`
	_, err := d.exec(ctx, tx, query, tenant, p.By, p.Reason)
	return err
}

func (d *DB) unpause(ctx context.Context, tx *sql.Tx, tenant string) error {
	_, err := d.exec(ctx, tx, `update tenants set paused_at = null, paused_by = '', pause_reason = '' where slug = $1`, tenant)
	return err
}

// ResumeTenant lets the work of a paused tenant go on: its waiting events and open runs are
// due at once.
func (d *DB) ResumeTenant(ctx context.Context, act directory.Act) error {
	return d.changeRecord(ctx, act, func(tx *sql.Tx, have *directory.TenantRecord) error {
		if have == nil {
			return unknownTenant(act.Tenant)
		}
		if err := d.unpause(ctx, tx, act.Tenant); err != nil {
			return err
		}
		const due = `{now} - {micros 3600000000}`
		const runs = `update runs set swept_at = ` + due + ` where tenant = $1 and state in ('queued', 'reading', 'applying')`
		if _, err := d.exec(ctx, tx, runs, act.Tenant); err != nil {
			return err
		}
		const scopes = `update inbox_scopes set swept_at = ` + due + ` where tenant = $1 and done_at is null and parked_at is null`
		_, err := d.exec(ctx, tx, scopes, act.Tenant)
		return err
	})
}

// RemoveTenant begins the end of a tenant that is in no configuration file: its settings and secrets are deleted, its runs are
// cancelled, and from then on no transaction of it commits. Its rows are deleted by
// EraseTenant.
func (d *DB) RemoveTenant(ctx context.Context, act directory.Act) error {
	return d.changeRecord(ctx, act, func(tx *sql.Tx, have *directory.TenantRecord) error {
		if have == nil {
			return unknownTenant(act.Tenant)
		}
		if !have.Managed() {
			if err := d.inNoFile(ctx, tx, act.Tenant); err != nil {
				return err
			}
		}
		const mark = `update tenants set removed_at = {now}, removed_by = $2 where slug = $1`
		if _, err := d.exec(ctx, tx, mark, act.Tenant, act.Actor); err != nil {
			return err
		}
		if _, err := d.exec(ctx, tx, `delete from tenant_settings where tenant = $1`, act.Tenant); err != nil {
			return err
		}
		_, err := d.exec(ctx, tx, cancelOpen, act.Tenant, "cancelled: the tenant was removed by "+act.Actor)
		return err
	})
}

const cancelOpen = `
	update runs set state = 'cancelled', error = $2, finished_at = {now}, lease_owner = '', lease_until = null
	where tenant = $1 and state in ('queued', 'reading', 'applying', 'held')`

// CancelForgotten ends the runs of tenants that no configuration has any more and that no worker
// holds, with a sentence that says so, and returns these runs. Everything else of them stays.
func (d *DB) CancelForgotten(ctx context.Context) ([]directory.Run, error) {
	const condition = `state in ('queued', 'reading', 'applying') and (lease_until is null or lease_until <= {now})
		and tenant in (select t.slug from tenants t where not ` + configured + `)`
	// Most looks find nothing and must not write.
	var waiting int
	if err := d.row(ctx, d.read, `select count(*) from runs where `+condition).Scan(&waiting); err != nil {
		return nil, fmt.Errorf("look for runs of tenants that are not configured any more: %w", err)
	}
	if waiting == 0 {
		return nil, nil
	}
	const query = `
		update runs set state = 'cancelled', finished_at = {now}, lease_owner = '', lease_until = null,
			error = 'cancelled: the tenant is in no configuration any more; its directory is kept as it was; put the tenant back and ask for a sync, or erase it with: oktasync tenants remove'
		where ` + condition + ` returning ` + runColumns
	var runs []directory.Run
	err := d.again(ctx, func(tx *sql.Tx) error {
		var err error
		runs, err = list(ctx, d, tx, scanRun, query)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cancel runs of tenants that are not configured any more: %w", err)
	}
	sortRuns(runs)
	return runs, nil
}
