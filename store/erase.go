package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// tenantTable is a table whose rows belong to tenants, with its key beside the tenant.
type tenantTable struct {
	name string
	key  string
	keep string // condition for rows that outlive the tenant
}

// tenantTables lists every table with a column called tenant, but for tenants itself.
func tenantTables() []tenantTable {
	return []tenantTable{
		{name: "inbox_scopes", key: "uuid, scope_kind, scope_id"},
		{name: "inbox", key: "uuid"},
		{name: "staged_members", key: "run, group_id, person_id"},
		{name: "staged_groups", key: "run, group_id"},
		{name: "staged_lists", key: "run, list"},
		{name: "staged", key: "run, kind, id"},
		{name: "staged_runs", key: "run"},
		{name: "plan_managers", key: "run, person_id"},
		{name: "plan_names", key: "run, key, person_id"},
		{name: "plan", key: "run, seq"},
		{name: "runs", key: "id"},
		{name: "quarantine", key: "person_id"},
		{name: "unique_values", key: "field, key, person_id"},
		{name: "ignored_attributes", key: "name"},
		{name: "managers_dirty", key: "person_id"},
		{name: "grants_dirty", key: "person_id"},
		{name: "role_grants", key: "person_id, role, team"},
		{name: "license_claims", key: "person_id, pool"},
		{name: "license_pools", key: "pool"},
		{name: "manager_choices", key: "person_id"},
		{name: "settled_rules", key: "kind"},
		{name: "teams_dirty", key: "person_id"},
		{name: "teams_left", key: "team_id"},
		{name: "team_members", key: "team_id, person_id"},
		{name: "memberships", key: "group_id, person_id"},
		{name: "groups", key: "id"},
		{name: "teams", key: "id"},
		{name: "people", key: "id"},
		{name: "rules", key: "hash"},
		{name: "invites", key: "person_id"},
		{name: "changes", key: "seq"},
		{name: "purged_people", key: "person_id"},
		{name: "alerts", key: "id, channel"},
		{name: "chores", key: "chore"},
		{name: "second_looks", key: "scope_kind, scope_id"},
		{name: "log_cursors"},
		{name: "event_health"},
		{name: "alarms", key: "kind"},
		{name: "hooks"},
		{name: "hook_uses", key: "secret"},
		{name: "tenant_settings"},
		{name: "delivery_attempts", key: "endpoint, no"},
		{name: "deliveries", key: "pos"},
		{name: "endpoints", key: "id"},
		// Who made and who removed a tenant is still to be told when it is gone.
		{name: "acts", key: "id", keep: "kind in ('tenant.add', 'tenant.remove')"},
	}
}

// eraseAtOnce is how many rows of one table one transaction deletes.
const eraseAtOnce = 1000

// RemovedTenants returns the records of the tenants that are being erased, in order of slug.
func (d *DB) RemovedTenants(ctx context.Context) ([]directory.TenantRecord, error) {
	const query = `select ` + recordColumns + ` from tenants t left join tenant_settings c on c.tenant = t.slug
		where t.removed_at is not null order by t.slug`
	records, err := list(ctx, d, d.read, scanRecord, query)
	if err != nil {
		return nil, fmt.Errorf("look for tenants that are being erased: %w", err)
	}
	return records, nil
}

// EraseTenant deletes rows of a tenant that was removed, some thousand of each table, and
// returns how many. Who works for the tenant at the moment can still add rows that no transaction
// guards: zero rows are the end only when that can't be any more.
func (d *DB) EraseTenant(ctx context.Context, tenant string) (int, error) {
	total := 0
	for _, table := range tenantTables() {
		where, key := `tenant = $1`, `tenant`
		if table.keep != "" {
			where += ` and not ` + table.keep
		}
		if table.key != "" {
			key += `, ` + table.key
		}
		query := `delete from ` + table.name + ` where (` + key + `) in (
			select ` + key + ` from ` + table.name + ` where ` + where + ` limit $2)
			and $1 in (select slug from tenants where removed_at is not null)`
		err := d.again(ctx, func(tx *sql.Tx) error {
			n, err := d.exec(ctx, tx, query, tenant, eraseAtOnce)
			total += int(n)
			return err
		})
		if err != nil {
			return total, fmt.Errorf("erase %s of tenant %s: %w", table.name, tenant, err)
		}
	}
	return total, nil
}

// ForgetTenant deletes the tenant's own row, the last one, unless it was removed less than grace ago. It
// says whether the row is gone.
func (d *DB) ForgetTenant(ctx context.Context, tenant string, grace time.Duration) (bool, error) {
	const query = `delete from tenants where slug = $1 and removed_at <= {now} - {micros $2}`
	gone, err := d.exec(ctx, d.write, query, tenant, grace)
	if err != nil {
		return false, fmt.Errorf("forget tenant %s: %w", tenant, err)
	}
	return gone == 1, nil
}
