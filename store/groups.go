package store

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const groupColumns = `id, name, description, type, assigned, removed, observed_at, members_observed_at, created_at, updated_at`

func groupTargets(g *directory.Group) []any {
	return []any{&g.ID, &g.Name, &g.Description, &g.Type, &g.Assigned, &g.Removed,
		moment{&g.ObservedAt}, moment{&g.MembersObservedAt}, moment{&g.CreatedAt}, moment{&g.UpdatedAt}}
}

func scanGroup(s scanner) (g directory.Group, err error) { return g, s.Scan(groupTargets(&g)...) }

const teamColumns = `id, source, name, parent_id, group_id, manager_id, first_person, first_at, first_manager_id, okta_name, merged_into, removed, created_at`

func teamTargets(t *directory.Team) []any {
	return []any{&t.ID, &t.Source, &t.Name, &t.ParentID, &t.GroupID, &t.ManagerID, &t.FirstPerson, moment{&t.FirstAt}, &t.FirstManagerID, &t.OktaName, &t.MergedInto, &t.Removed, moment{&t.CreatedAt}}
}

func scanTeam(s scanner) (t directory.Team, err error) { return t, s.Scan(teamTargets(&t)...) }

func scanMembership(s scanner) (m directory.Membership, err error) {
	return m, s.Scan(&m.GroupID, &m.PersonID, &m.Present, moment{&m.ObservedAt})
}

// Groups returns the rows of the ids, removed ones included, in order of id.
func (d *DB) Groups(ctx context.Context, tenant string, ids []string) ([]directory.Group, error) {
	return d.groups(ctx, d.read, tenant, ids)
}

// Groups returns the rows of the ids, removed ones included, in order of id.
func (t *Tx) Groups(ctx context.Context, ids []string) ([]directory.Group, error) {
	return t.db.groups(ctx, t.tx, t.tenant, ids)
}

func (d *DB) groups(ctx context.Context, q querier, tenant string, ids []string) ([]directory.Group, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	const query = keyed + `select ` + groupColumns + ` from wanted cross join groups where tenant = of_tenant and id = key order by id`
	groups, err := list(ctx, d, q, scanGroup, query, tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("read %d groups of tenant %s: %w", len(ids), tenant, err)
	}
	return groups, nil
}

// PutGroups writes whole rows but for MembersObservedAt. CreatedAt is set on insert, UpdatedAt
// always, both to Now.
func (t *Tx) PutGroups(ctx context.Context, groups []directory.Group) error {
	if len(groups) == 0 {
		return nil
	}
	type group = directory.Group
	const query = `
		insert into groups (tenant, created_at, updated_at, id, name, description, type, assigned, removed, observed_at)
		select $1, {at $2}, {at $2}, v.* from {rows} where true
		on conflict (tenant, id) do update set
			name = excluded.name, description = excluded.description, type = excluded.type, assigned = excluded.assigned,
			removed = excluded.removed, observed_at = excluded.observed_at, updated_at = excluded.updated_at`
	_, err := t.db.execRows(ctx, t.tx, query, []Column{
		texts("id", groups, func(g *group) string { return g.ID }),
		texts("name", groups, func(g *group) string { return g.Name }),
		texts("description", groups, func(g *group) string { return g.Description }),
		texts("type", groups, func(g *group) string { return g.Type }),
		bools("assigned", groups, func(g *group) bool { return g.Assigned }),
		bools("removed", groups, func(g *group) bool { return g.Removed }),
		times("observed_at", groups, func(g *group) time.Time { return g.ObservedAt }),
	}, t.tenant, t.now)
	if err != nil {
		return fmt.Errorf("write %d groups: %w", len(groups), err)
	}
	return nil
}

// NoteGroups moves ObservedAt of groups forward to when they were seen: the rows were seen to be right,
// or are about to be. One without a row gets a removed one, so that an older list cannot
// bring it, or members of it, in. Of removed ones it also notes whether they are assigned to the app: the others say so
// by a change.
func (t *Tx) NoteGroups(ctx context.Context, seen []directory.GroupSeen) error {
	if len(seen) == 0 {
		return nil
	}
	columns := []Column{
		texts("id", seen, func(g *directory.GroupSeen) string { return g.ID }),
		times("at", seen, func(g *directory.GroupSeen) time.Time { return g.At }),
		bools("assigned", seen, func(g *directory.GroupSeen) bool { return g.Assigned }),
	}
	const query = `
		insert into groups (tenant, id, name, description, type, removed, observed_at, assigned, created_at, updated_at)
		select $1, v.id, '', '', '', true, v.at, v.assigned, {at $2}, {at $2} from {rows} where true
		on conflict (tenant, id) do update set observed_at = excluded.observed_at,
			assigned = case when groups.removed then excluded.assigned else groups.assigned end
		where groups.observed_at < excluded.observed_at`
	if _, err := t.db.execRows(ctx, t.tx, query, columns, t.tenant, t.now); err != nil {
		return fmt.Errorf("note when %d groups were seen: %w", len(seen), err)
	}
	return nil
}

// MarkMembersRead moves MembersObservedAt forward for the groups whose list of members the run has
// read to the last page, to when it asked for the first. The mark is for older readings that are not
// applied yet, so nothing is written while no other run is open or waits: a night on which
// nothing changed writes no row.
func (t *Tx) MarkMembersRead(ctx context.Context, run string) error {
	const query = `
		update groups set members_observed_at = s.first_at
		from staged_groups s
		where s.tenant = $1 and s.run = $2 and s.complete and groups.tenant = $1 and groups.id = s.group_id
			and (groups.members_observed_at is null or groups.members_observed_at < s.first_at)
			and exists (select 1 from runs r where r.tenant = $1 and r.id <> $2 and r.state in ('reading', 'applying', 'held', 'planned'))`
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, run); err != nil {
		return fmt.Errorf("note which groups' members run %s has read: %w", run, err)
	}
	return nil
}

// Teams returns the rows of the ids, in order of id.
func (t *Tx) Teams(ctx context.Context, ids []string) ([]directory.Team, error) {
	return t.db.teams(ctx, t.tx, t.tenant, ids)
}

// PutTeams writes whole rows. CreatedAt is set on insert, to Now.
func (t *Tx) PutTeams(ctx context.Context, teams []directory.Team) error {
	if len(teams) == 0 {
		return nil
	}
	type team = directory.Team
	const query = `
		insert into teams (tenant, created_at, id, source, name, parent_id, group_id, manager_id, first_person, first_manager_id, okta_name, merged_into, removed, first_at)
		select $1, {at $2}, v.id, v.source, v.name, v.parent_id, v.group_id, v.manager_id, v.first_person, v.first_manager_id, v.okta_name, v.merged_into, v.removed, nullif(v.first_at, {at $3}) from {rows} where true
		on conflict (tenant, id) do update set source = excluded.source, name = excluded.name, parent_id = excluded.parent_id, group_id = excluded.group_id, manager_id = excluded.manager_id,
			first_person = excluded.first_person, first_at = excluded.first_at, first_manager_id = excluded.first_manager_id,
			okta_name = excluded.okta_name, merged_into = excluded.merged_into, removed = excluded.removed`
	_, err := t.db.execRows(ctx, t.tx, query, []Column{
		texts("id", teams, func(t *team) string { return t.ID }),
		texts("source", teams, func(t *team) string { return t.Source }),
		texts("name", teams, func(t *team) string { return t.Name }),
		texts("okta_name", teams, func(t *team) string { return t.OktaName }),
		texts("merged_into", teams, func(t *team) string { return t.MergedInto }),
		texts("parent_id", teams, func(t *team) string { return t.ParentID }),
		texts("group_id", teams, func(t *team) string { return t.GroupID }),
		bools("removed", teams, func(t *team) bool { return t.Removed }),
		texts("manager_id", teams, func(t *team) string { return t.ManagerID }),
		texts("first_person", teams, func(t *team) string { return t.FirstPerson }),
		texts("first_manager_id", teams, func(t *team) string { return t.FirstManagerID }),
		times("first_at", teams, func(t *team) time.Time { return t.FirstAt }),
	}, t.tenant, t.now, time.Time{})
	if err != nil {
		return fmt.Errorf("write %d teams: %w", len(teams), err)
	}
	return nil
}

// MembershipsOf returns the memberships of the people, tombstones included, in
// order of person and group.
func (t *Tx) MembershipsOf(ctx context.Context, people []string) ([]directory.Membership, error) {
	if len(people) == 0 {
		return nil, nil
	}
	const query = keyed + `
		select group_id, person_id, present, observed_at from wanted cross join memberships where tenant = of_tenant and person_id = key
		order by person_id, group_id`
	memberships, err := list(ctx, t.db, t.tx, scanMembership, query, t.tenant, people)
	if err != nil {
		return nil, fmt.Errorf("read the memberships of %d people: %w", len(people), err)
	}
	return memberships, nil
}

func membershipKeys(pairs []directory.Membership) []Column {
	type membership = directory.Membership
	return []Column{
		texts("group_id", pairs, func(m *membership) string { return m.GroupID }),
		texts("person_id", pairs, func(m *membership) string { return m.PersonID }),
	}
}

// Memberships returns the rows of the given pairs, tombstones included, in
// order of group and person.
func (t *Tx) Memberships(ctx context.Context, pairs []directory.Membership) ([]directory.Membership, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	const query = `
		with wanted as materialized (select distinct cast($1 as text) as of_tenant, v.group_id, v.person_id from {rows})
		select m.group_id, m.person_id, m.present, m.observed_at
		from wanted w cross join memberships m where m.tenant = w.of_tenant and m.group_id = w.group_id and m.person_id = w.person_id
		order by m.group_id, m.person_id`
	memberships, err := listRows(ctx, t.db, t.tx, scanMembership, query, membershipKeys(pairs), t.tenant)
	if err != nil {
		return nil, fmt.Errorf("read %d memberships: %w", len(pairs), err)
	}
	return memberships, nil
}

// PutMemberships writes whole rows. A pair must not be there twice.
func (t *Tx) PutMemberships(ctx context.Context, memberships []directory.Membership) error {
	if len(memberships) == 0 {
		return nil
	}
	type membership = directory.Membership
	const query = `
		insert into memberships (tenant, group_id, person_id, present, observed_at)
		select $1, v.* from {rows} where true
		on conflict (tenant, group_id, person_id) do update set
			present = excluded.present, observed_at = excluded.observed_at`
	_, err := t.db.execRows(ctx, t.tx, query, append(membershipKeys(memberships),
		bools("present", memberships, func(m *membership) bool { return m.Present }),
		times("observed_at", memberships, func(m *membership) time.Time { return m.ObservedAt }),
	), t.tenant)
	if err != nil {
		return fmt.Errorf("write %d memberships: %w", len(memberships), err)
	}
	return nil
}
