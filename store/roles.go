package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const roleColumns = `person_id, role, team, role_set, rule, via, kept, since`

func scanRole(s scanner) (r directory.RoleGrant, err error) {
	return r, s.Scan(&r.PersonID, &r.Role, &r.Team, &r.Set, &r.Rule, &r.Via, &r.Kept, moment{&r.Since})
}

func roleKeys(grants []directory.RoleGrant) []Column {
	type grant = directory.RoleGrant
	return []Column{
		texts("person_id", grants, func(r *grant) string { return r.PersonID }),
		texts("role", grants, func(r *grant) string { return r.Role }),
		texts("team", grants, func(r *grant) string { return r.Team }),
	}
}

// GroupsOfPeople returns in which groups the people are, in order of person and group: of the groups
// given, or of all when there are none; with what is known of the groups when their names are asked for.
func (t *Tx) GroupsOfPeople(ctx context.Context, people, groups []string, named bool) ([]directory.GroupOfPerson, error) {
	if len(people) == 0 || !named && len(groups) == 0 {
		return nil, nil
	}
	query := keyed + `select person_id, group_id, '', '', false from wanted cross join memberships where tenant = of_tenant and person_id = key and present`
	values := []any{t.tenant, people}
	if named {
		query = keyed + `select m.person_id, m.group_id, g.name, g.type, g.assigned from wanted cross join memberships m cross join groups g
			where m.tenant = of_tenant and m.person_id = key and m.present and g.tenant = of_tenant and g.id = m.group_id and not g.removed`
	}
	if len(groups) > 0 {
		query += ` and group_id {in $3}`
		values = append(values, groups)
	}
	scan := func(s scanner) (g directory.GroupOfPerson, err error) {
		return g, s.Scan(&g.PersonID, &g.GroupID, &g.Name, &g.Type, &g.Assigned)
	}
	found, err := list(ctx, t.db, t.tx, scan, query+` order by 1, 2`, values...)
	if err != nil {
		return nil, fmt.Errorf("read the groups of %d people: %w", len(people), err)
	}
	return found, nil
}

// RoleGrants returns the roles of the people, in order of person, role and team.
func (t *Tx) RoleGrants(ctx context.Context, people []string) ([]directory.RoleGrant, error) {
	return t.db.roleGrants(ctx, t.tx, t.tenant, people)
}

func (d *DB) roleGrants(ctx context.Context, q querier, tenant string, people []string) ([]directory.RoleGrant, error) {
	if len(people) == 0 {
		return nil, nil
	}
	const query = keyed + `select ` + roleColumns + ` from wanted cross join role_grants where tenant = of_tenant and person_id = key order by person_id, role, team`
	grants, err := list(ctx, d, q, scanRole, query, tenant, people)
	if err != nil {
		return nil, fmt.Errorf("read the roles of %d people of tenant %s: %w", len(people), tenant, err)
	}
	return grants, nil
}

// ListRoleGrants returns roles in order of person, role and team after `after`, at most limit.
func (d *DB) ListRoleGrants(ctx context.Context, tenant string, after directory.RoleGrant, limit int) ([]directory.RoleGrant, error) {
	const query = `select ` + roleColumns + ` from role_grants
		where tenant = $1 and (tenant, person_id, role, team) > ($1, $2, $3, $4) order by tenant, person_id, role, team limit $5`
	grants, err := list(ctx, d, d.read, scanRole, query, tenant, after.PersonID, after.Role, after.Team, limit)
	if err != nil {
		return nil, fmt.Errorf("list the roles of tenant %s: %w", tenant, err)
	}
	return grants, nil
}

// PutRoleGrants writes whole rows. A role in a team must not be there twice for one person.
func (t *Tx) PutRoleGrants(ctx context.Context, grants []directory.RoleGrant) error {
	if len(grants) == 0 {
		return nil
	}
	type grant = directory.RoleGrant
	const query = `
		insert into role_grants (tenant, person_id, role, team, role_set, rule, via, kept, since)
		select $1, v.* from {rows} where true
		on conflict (tenant, person_id, role, team) do update set
			role_set = excluded.role_set, rule = excluded.rule, via = excluded.via, kept = excluded.kept, since = excluded.since`
	_, err := t.db.execRows(ctx, t.tx, query, append(roleKeys(grants),
		texts("role_set", grants, func(r *grant) string { return r.Set }),
		texts("rule", grants, func(r *grant) string { return r.Rule }),
		texts("via", grants, func(r *grant) string { return r.Via }),
		texts("kept", grants, func(r *grant) string { return string(r.Kept) }),
		times("since", grants, func(r *grant) time.Time { return r.Since }),
	), t.tenant)
	if err != nil {
		return fmt.Errorf("write %d roles: %w", len(grants), err)
	}
	return nil
}

// DropRoleGrants deletes rows.
func (t *Tx) DropRoleGrants(ctx context.Context, grants []directory.RoleGrant) error {
	if len(grants) == 0 {
		return nil
	}
	const query = `delete from role_grants where (tenant, person_id, role, team) in (select cast($1 as text), v.person_id, v.role, v.team from {rows})`
	if _, err := t.db.execRows(ctx, t.tx, query, roleKeys(grants), t.tenant); err != nil {
		return fmt.Errorf("delete %d roles: %w", len(grants), err)
	}
	return nil
}

// RoleHeldBeside says whether anybody but the people has the role; with active, anybody who may sign in.
func (t *Tx) RoleHeldBeside(ctx context.Context, role string, people []string, active bool) (bool, error) {
	query := `select person_id from role_grants g where tenant = $1 and role = $2 and not (person_id {in $3})`
	if active {
		query += ` and exists (select 1 from people p where p.tenant = $1 and p.id = g.person_id and p.status = 'active' and p.left_at is null)`
	}
	query += ` limit 1`
	_, err := scanText(t.db.row(ctx, t.tx, query, t.tenant, role, people))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look who has the role %s: %w", role, err)
	}
	return true, nil
}

// LastToLose returns, when the run's plan leaves the role with nobody who may sign in, the planned change that
// takes it from who would keep it: who may sign in first, then who is suspended, then who had it first. Otherwise
// it returns none.
func (t *Tx) LastToLose(ctx context.Context, run, role string) (directory.PlannedChange, error) {
	const rest = `
		select g.person_id from role_grants g join people p on p.tenant = g.tenant and p.id = g.person_id
		where g.tenant = $1 and g.role = $3 and p.status = 'active' and p.left_at is null
			and not exists (select 1 from plan c where c.tenant = $1 and c.run = (select $2) and c.person_id = g.person_id and c.person_id <> ''
				and (c.type = 'role.revoked' and c.subject_id = g.role or c.type in ('person.removed', 'person.deactivated', 'person.detached', 'person.suspended')))
		union all
		select c.person_id from plan c where c.tenant = $1 and c.run = $2 and c.type = 'role.granted' and c.subject_id = $3
		limit 1`
	_, err := scanText(t.db.row(ctx, t.tx, rest, t.tenant, run, role))
	if !errors.Is(err, sql.ErrNoRows) {
		if err != nil {
			err = fmt.Errorf("look with whom run %s leaves the role %s: %w", run, role, err)
		}
		return directory.PlannedChange{}, err
	}
	const first = `
		select c.seq, c.type, c.subject, c.subject_id, c.person_id, c.before_hash, c.observed_at, c.fields, c.after
		from plan c
		join role_grants g on g.tenant = c.tenant and g.person_id = c.person_id and g.role = c.subject_id
		join people p on p.tenant = c.tenant and p.id = c.person_id
		where c.tenant = $1 and c.run = $2 and c.type = 'role.revoked' and c.subject_id = $3
		order by case when p.left_at is not null or p.status not in ('active', 'suspended') then 2 when p.status = 'suspended' then 1 else 0 end,
			g.since, c.person_id, g.team, c.seq limit 1`
	found, err := list(ctx, t.db, t.tx, scanPlanned, first, t.tenant, run, role)
	if err != nil || len(found) == 0 {
		return directory.PlannedChange{}, err
	}
	return found[0], nil
}

const toCome = `exists (select 1 from plan c where c.tenant = $1 and c.run = $2 and c.type = 'role.granted' and c.subject_id = `

// RoleToCome says whether the plan of the run, which is being applied, gives the role to anybody.
func (t *Tx) RoleToCome(ctx context.Context, run, role string) (bool, error) {
	const query = `select id from runs where tenant = $1 and id = $2 and state = 'applying' and ` + toCome + `$3)`
	_, err := scanText(t.db.row(ctx, t.tx, query, t.tenant, run, role))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look whether run %s gives the role %s: %w", run, role, err)
	}
	return true, nil
}

// KeptThough returns those of the roles that somebody has only because nobody else did, although the run's plan
// gave them to somebody.
func (t *Tx) KeptThough(ctx context.Context, run string, roles []string) ([]directory.RoleGrant, error) {
	const query = `select ` + roleColumns + ` from role_grants g where tenant = $1 and role {in $3} and kept = 'last' and ` + toCome + `g.role)
		order by person_id, role, team`
	kept, err := list(ctx, t.db, t.tx, scanRole, query, t.tenant, run, roles)
	if err != nil {
		return nil, fmt.Errorf("look which of %d roles were kept: %w", len(roles), err)
	}
	return kept, nil
}

// KeptAsLast returns who has one of the roles only because nobody else did, in order of id.
func (t *Tx) KeptAsLast(ctx context.Context, roles []string) ([]string, error) {
	const query = `select distinct person_id from role_grants where tenant = $1 and role {in $2} and kept = 'last' order by person_id`
	ids, err := list(ctx, t.db, t.tx, scanText, query, t.tenant, roles)
	if err != nil {
		return nil, fmt.Errorf("look who kept one of %d roles: %w", len(roles), err)
	}
	return ids, nil
}

// MarkGrantsDirty queues the people, and the members of the groups, for their roles and licenses to be
// worked out anew.
func (t *Tx) MarkGrantsDirty(ctx context.Context, people, groups []string) error {
	if len(people) == 0 && len(groups) == 0 {
		return nil
	}
	const query = keyed + `
		insert into grants_dirty (tenant, person_id)
		select $1, v.id from {rows} where true
		union
		select tenant, person_id from wanted cross join memberships where tenant = of_tenant and group_id = key and present
		on conflict do nothing`
	batch := []Column{texts("id", people, func(id *string) string { return *id })}
	if _, err := t.db.execRows(ctx, t.tx, query, batch, t.tenant, groups); err != nil {
		return fmt.Errorf("queue people for their roles and licenses: %w", err)
	}
	return nil
}

// MarkMovedGrants queues whom the changes after one number, up to another, are about; with named also the
// members of groups that they are about.
func (t *Tx) MarkMovedGrants(ctx context.Context, after, to int64, named bool) error {
	query := `
		insert into grants_dirty (tenant, person_id)
		select tenant, person_id from changes where tenant = $1 and seq > $2 and seq <= $3 and person_id <> ''`
	if named {
		query += `
		union
		select m.tenant, m.person_id from changes c cross join memberships m
		where c.tenant = $1 and c.seq > $2 and c.seq <= $3 and c.subject = 'group' and m.tenant = $1 and m.group_id = c.subject_id and m.present`
	}
	if _, err := t.db.exec(ctx, t.tx, query+` on conflict do nothing`, t.tenant, after, to); err != nil {
		return fmt.Errorf("queue whom the changes %d to %d are about for their roles and licenses: %w", after+1, to, err)
	}
	return nil
}

// DirtyGrants returns up to limit people of that queue, in order of id.
func (t *Tx) DirtyGrants(ctx context.Context, limit int) ([]string, error) {
	ids, err := list(ctx, t.db, t.tx, scanText, `select person_id from grants_dirty where tenant = $1 order by person_id limit $2`, t.tenant, limit)
	if err != nil {
		return nil, fmt.Errorf("look whose roles and licenses are queued: %w", err)
	}
	return ids, nil
}

// DropGrantsDirty takes people out of that queue.
func (t *Tx) DropGrantsDirty(ctx context.Context, people []string) error {
	if _, err := t.db.exec(ctx, t.tx, `delete from grants_dirty where tenant = $1 and person_id {in $2}`, t.tenant, people); err != nil {
		return fmt.Errorf("take %d people out of the queue for roles and licenses: %w", len(people), err)
	}
	return nil
}

// unsettledGrants is the basis while everybody's roles are being worked out: no rules have it.
const unsettledGrants = "unsettled"

// UnsettleGrants notes that roles and licenses are being worked out by other rules, unless they were by these.
func (t *Tx) UnsettleGrants(ctx context.Context, basis string) error {
	const query = `update tenants set grant_basis = $3 where slug = $1 and grant_basis <> $2`
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, basis, unsettledGrants); err != nil {
		return fmt.Errorf("note that the rules about roles and licenses change: %w", err)
	}
	return nil
}

// SetGrantBasis notes by which rules everybody's roles and licenses have been worked out.
func (t *Tx) SetGrantBasis(ctx context.Context, basis string) error {
	if _, err := t.db.exec(ctx, t.tx, `update tenants set grant_basis = $2 where slug = $1`, t.tenant, basis); err != nil {
		return fmt.Errorf("note the rules about roles and licenses: %w", err)
	}
	return nil
}

// GrantBasis returns what SetGrantBasis noted last, empty at first.
func (d *DB) GrantBasis(ctx context.Context, tenant string) (string, error) {
	basis, err := scanText(d.row(ctx, d.read, `select grant_basis from tenants where slug = $1`, tenant))
	if errors.Is(err, sql.ErrNoRows) {
		return "", unknownTenant(tenant)
	}
	if err != nil {
		return "", fmt.Errorf("read by which rules the roles of tenant %s were worked out: %w", tenant, err)
	}
	return basis, nil
}

// AffectedPeople returns ids, in order after `after`, at most limit, of the people whom the run's plan
// changes, or puts into groups or takes out of them, and of those who are queued; with renamed also of the
// members of groups that the plan changes, with everybody of everybody in the directory.
func (t *Tx) AffectedPeople(ctx context.Context, run string, everybody, renamed bool, after string, limit int) ([]string, error) {
	query := `
		select id from (
			select * from (select distinct person_id as id from plan where tenant = $1 and run = (select $2) and person_id > $3 and person_id <> ''
				and subject in ('person', 'membership') order by person_id limit $4) a
			union select * from (select person_id from grants_dirty where tenant = $1 and person_id > $3 order by person_id limit $4) b`
	if renamed {
		query += `
			union select * from (select distinct m.person_id from plan c cross join memberships m
				where c.tenant = $1 and c.run = $2 and c.type = 'group.updated' and m.tenant = $1 and m.group_id = c.subject_id and m.present
					and m.person_id > $3 order by m.person_id limit $4) c`
	}
	if everybody {
		query += `
			union select * from (select id from people where tenant = $1 and id > $3 order by id limit $4) d
			union select * from (select distinct person_id from role_grants where tenant = $1 and person_id > $3 order by person_id limit $4) e
			union select * from (select distinct person_id from license_claims where tenant = $1 and person_id > $3 order by person_id limit $4) f`
	}
	ids, err := list(ctx, t.db, t.tx, scanText, query+`) all_of order by id limit $4`, t.tenant, run, after, limit)
	if err != nil {
		return nil, fmt.Errorf("find whose roles and licenses run %s may change: %w", run, err)
	}
	return ids, nil
}

// PlannedFor returns what the run's plan says of the people and their memberships, in order.
func (t *Tx) PlannedFor(ctx context.Context, run string, people []string) ([]directory.PlannedChange, error) {
	if len(people) == 0 {
		return nil, nil
	}
	const query = keyed + `
		select seq, type, subject, subject_id, person_id, before_hash, observed_at, fields, after
		from wanted cross join plan where tenant = of_tenant and run = (select $3) and person_id = key and person_id <> '' and subject in ('person', 'membership', 'team')
		order by seq`
	planned, err := list(ctx, t.db, t.tx, scanPlanned, query, t.tenant, people, run)
	if err != nil {
		return nil, fmt.Errorf("read what run %s plans for %d people: %w", run, len(people), err)
	}
	return planned, nil
}
