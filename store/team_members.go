package store

import (
	"context"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// inTeam says whether somebody, whose row is p, is in the team: as their primary one, or as a further one.
func inTeam(team string) string {
	return `(p.team_id <> '' and p.team_id = ` + team + ` or exists (
		select 1 from team_members m where m.tenant = p.tenant and m.team_id = ` + team + ` and m.person_id = p.id))`
}

// PutTeamMembers has the lists of the members of teams say what the rows of these people say.
func (t *Tx) PutTeamMembers(ctx context.Context, people []directory.Person) error {
	if len(people) == 0 {
		return nil
	}
	type member struct{ team, person string }
	var ids []string
	var members []member
	for _, p := range people {
		ids = append(ids, p.ID)
		for _, team := range p.FurtherTeams {
			members = append(members, member{team, p.ID})
		}
	}
	if _, err := t.db.exec(ctx, t.tx, `delete from team_members where tenant = $1 and person_id {in $2}`, t.tenant, ids); err != nil {
		return fmt.Errorf("clear the further teams of %d people: %w", len(people), err)
	}
	if len(members) == 0 {
		return nil
	}
	_, err := t.db.execRows(ctx, t.tx, `insert into team_members (tenant, team_id, person_id) select $1, v.* from {rows}`, []Column{
		texts("team_id", members, func(m *member) string { return m.team }),
		texts("person_id", members, func(m *member) string { return m.person }),
	}, t.tenant)
	if err != nil {
		return fmt.Errorf("write the further teams of %d people: %w", len(people), err)
	}
	return nil
}

// TeamsOf returns the teams, primary and further ones, of each of these people that has any.
func (d *DB) TeamsOf(ctx context.Context, tenant string, people []string) (map[string][]string, error) {
	const query = keyed + `
		select p.id, p.team_id from wanted cross join people p where p.tenant = of_tenant and p.id = key and p.team_id <> ''
		union all select m.person_id, m.team_id from wanted cross join team_members m where m.tenant = of_tenant and m.person_id = key`
	scan := func(s scanner) (r [2]string, err error) { return r, s.Scan(&r[0], &r[1]) }
	rows, err := list(ctx, d, d.read, scan, query, tenant, people)
	if err != nil {
		return nil, fmt.Errorf("read the teams of %d people of tenant %s: %w", len(people), tenant, err)
	}
	teams := make(map[string][]string, len(rows))
	for _, r := range rows {
		teams[r[0]] = append(teams[r[0]], r[1])
	}
	return teams, nil
}
