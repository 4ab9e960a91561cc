package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

// everHere leaves out the tombstones of people who were never in the directory:
// they only keep an older reading from bringing those people in.
const everHere = `not (status = 'removed' and okta_status = '')`

// FindPerson finds a person by Okta id, else by login, else by e-mail, both without
// regard to case. Present people go before those who left. Nobody is
// directory.ErrNotFound, several directory.ErrAmbiguous.
func (d *DB) FindPerson(ctx context.Context, tenant, who string) (directory.Person, error) {
	const person = `
		select ` + personColumns + ` from wanted cross join people where ` + everHere + ` and tenant = of_tenant and `
	const query = `
		with wanted as materialized (
			select cast($1 as text) as of_tenant, cast($2 as text) as key, false as folded
			union all select cast($1 as text), cast($3 as text), true)` +
		person + `id = key and not folded
		union` + person + `login_key = key and folded and login_key <> ''
		union` + person + `email_key = key and folded and email_key <> '' and email_key <> login_key
		order by id`
	key := directory.Fold(who)
	people, err := list(ctx, d, d.read, scanPerson, query, tenant, who, key)
	if err != nil {
		return directory.Person{}, fmt.Errorf("find a person of tenant %s: %w", tenant, err)
	}
	rank := func(p directory.Person) int {
		switch byLogin := directory.Fold(p.Profile.Login) == key; {
		case p.ID == who:
			return 0
		case p.Status.Present() && byLogin:
			return 1
		case p.Status.Present():
			return 2
		case byLogin:
			return 3
		default:
			return 4
		}
	}
	var best []directory.Person
	for _, p := range people {
		if len(best) > 0 && rank(p) > rank(best[0]) {
			continue
		}
		if len(best) > 0 && rank(p) < rank(best[0]) {
			best = nil
		}
		best = append(best, p)
	}
	switch len(best) {
	case 0:
		return directory.Person{}, fmt.Errorf("tenant %s has nobody with this id, login or e-mail: %w", tenant, directory.ErrNotFound)
	case 1:
		return best[0], nil
	default:
		ids := make([]string, len(best))
		for i, p := range best {
			ids[i] = p.ID
		}
		return directory.Person{}, fmt.Errorf("tenant %s has %d people with this login or e-mail, ask by id (%s): %w",
			tenant, len(best), strings.Join(ids, ", "), directory.ErrAmbiguous)
	}
}

// ListPeople returns people in order of id.
func (d *DB) ListPeople(ctx context.Context, tenant string, q directory.PeopleQuery) ([]directory.Person, error) {
	query := `select ` + personColumns + ` from people p where ` + everHere + ` and tenant = $1 and id > $2 and ($3 = '' or status = $3) `
	values := []any{tenant, q.After, string(q.Status), q.Limit}
	if q.TeamID != "" {
		query += `and ` + inTeam(`$5`) + ` `
		values = append(values, q.TeamID)
	}
	if q.Unfit {
		query += `and unfit <> '' `
	}
	people, err := list(ctx, d, d.read, scanPerson, query+`order by id limit $4`, values...)
	if err != nil {
		return nil, fmt.Errorf("list the people of tenant %s: %w", tenant, err)
	}
	return people, nil
}

// TeamsByID returns the teams that have a row and have not ended, in order of id.
func (d *DB) TeamsByID(ctx context.Context, tenant string, ids []string) ([]directory.Team, error) {
	teams, err := d.teams(ctx, d.read, tenant, ids)
	return slices.DeleteFunc(teams, func(t directory.Team) bool { return t.Removed }), err
}

func (d *DB) teams(ctx context.Context, q querier, tenant string, ids []string) ([]directory.Team, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	const query = keyed + `select ` + teamColumns + ` from wanted cross join teams where tenant = of_tenant and id = key order by id`
	teams, err := list(ctx, d, q, scanTeam, query, tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("read %d teams of tenant %s: %w", len(ids), tenant, err)
	}
	return teams, nil
}

// GroupsOfPerson returns the groups that the person is in, in order of id.
func (d *DB) GroupsOfPerson(ctx context.Context, tenant, personID string) ([]directory.Group, error) {
	const query = `
		select ` + groupColumns + ` from groups
		where tenant = $1 and not removed and id in (
			select group_id from memberships where tenant = $1 and person_id = $2 and present)
		order by id`
	groups, err := list(ctx, d, d.read, scanGroup, query, tenant, personID)
	if err != nil {
		return nil, fmt.Errorf("read the groups of person %s of tenant %s: %w", personID, tenant, err)
	}
	return groups, nil
}

// teamSizeColumns are a team and the number of its active and suspended people, of a query whose $1 is the tenant.
const teamSizeColumns = teamColumns + `,
	(select count(*) from people p
		where p.tenant = $1 and p.team_id <> '' and p.team_id = teams.id and p.status in ('active', 'suspended'))
	+ (select count(*) from team_members m join people p on p.tenant = m.tenant and p.id = m.person_id
		where m.tenant = $1 and m.team_id = teams.id and p.status in ('active', 'suspended'))`

func scanTeamSize(s scanner) (t directory.TeamSize, err error) {
	return t, s.Scan(append(teamTargets(&t.Team), &t.People)...)
}

// ListTeams returns teams that have not ended, with their active and suspended people, in order of id
// after `after`, at most limit.
func (d *DB) ListTeams(ctx context.Context, tenant, after string, limit int) ([]directory.TeamSize, error) {
	const query = `select ` + teamSizeColumns + ` from teams where tenant = $1 and id > $2 and not removed order by id limit $3`
	teams, err := list(ctx, d, d.read, scanTeamSize, query, tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list the teams of tenant %s: %w", tenant, err)
	}
	return teams, nil
}

// TeamSize returns one team as ListTeams does. Nothing is directory.ErrNotFound.
func (d *DB) TeamSize(ctx context.Context, tenant, id string) (directory.TeamSize, error) {
	found, err := list(ctx, d, d.read, scanTeamSize, `select `+teamSizeColumns+` from teams where tenant = $1 and id = $2 and not removed`, tenant, id)
	switch {
	case err != nil:
		return directory.TeamSize{}, fmt.Errorf("read team %s of tenant %s: %w", id, tenant, err)
	case len(found) == 0:
		return directory.TeamSize{}, fmt.Errorf("tenant %s has no team %s: %w", tenant, id, directory.ErrNotFound)
	default:
		return found[0], nil
	}
}

// ListGroups returns groups that are not removed, with the number of their
// present memberships, in order of id after `after`, at most limit.
func (d *DB) ListGroups(ctx context.Context, tenant, after string, limit int) ([]directory.GroupSize, error) {
	const query = `
		select ` + groupColumns + `,
			(select count(*) from memberships m where m.tenant = $1 and m.group_id = groups.id and m.present)
		from groups where tenant = $1 and not removed and id > $2 order by id limit $3`
	scan := func(s scanner) (g directory.GroupSize, err error) {
		return g, s.Scan(append(groupTargets(&g.Group), &g.Members)...)
	}
	groups, err := list(ctx, d, d.read, scan, query, tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list the groups of tenant %s: %w", tenant, err)
	}
	return groups, nil
}

// GroupMembers returns the ids of the people who are in the group, in order
// after `after`, at most limit.
func (d *DB) GroupMembers(ctx context.Context, tenant, groupID, after string, limit int) ([]string, error) {
	const query = `
		select person_id from memberships
		where tenant = $1 and group_id = $2 and person_id > $3 and present order by person_id limit $4`
	ids, err := list(ctx, d, d.read, scanText, query, tenant, groupID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list the members of group %s of tenant %s: %w", groupID, tenant, err)
	}
	return ids, nil
}

// ListMemberships returns present memberships in order of group and person after `after`, at
// most limit.
func (d *DB) ListMemberships(ctx context.Context, tenant string, after directory.Membership, limit int) ([]directory.Membership, error) {
	const query = `
		select group_id, person_id, observed_at from memberships
		where tenant = $1 and (tenant, group_id, person_id) > ($1, $2, $3) and present
		order by tenant, group_id, person_id limit $4`
	scan := func(s scanner) (m directory.Membership, err error) {
		m.Present = true
		return m, s.Scan(&m.GroupID, &m.PersonID, moment{&m.ObservedAt})
	}
	rows, err := list(ctx, d, d.read, scan, query, tenant, after.GroupID, after.PersonID, limit)
	if err != nil {
		return nil, fmt.Errorf("list the memberships of tenant %s: %w", tenant, err)
	}
	return rows, nil
}
