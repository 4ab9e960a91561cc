package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// TeamAliases returns the teams that were merged.
func (t *Tx) TeamAliases(ctx context.Context) (directory.TeamAliases, error) {
	scan := func(s scanner) (r [2]string, err error) { return r, s.Scan(&r[0], &r[1]) }
	rows, err := list(ctx, t.db, t.tx, scan, `select id, merged_into from teams where tenant = $1 and merged_into <> ''`, t.tenant)
	if err != nil {
		return nil, fmt.Errorf("read which teams were merged: %w", err)
	}
	aliases := make(directory.TeamAliases, len(rows))
	for _, r := range rows {
		aliases[r[0]] = r[1]
	}
	return aliases, nil
}

// MergedTeams returns teams that were merged, in order of id after `after`, at most limit.
func (d *DB) MergedTeams(ctx context.Context, tenant, after string, limit int) ([]directory.Team, error) {
	const query = `select ` + teamColumns + ` from teams where tenant = $1 and id > $2 and merged_into <> '' order by id limit $3`
	teams, err := list(ctx, d, d.read, scanTeam, query, tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list the merged teams of tenant %s: %w", tenant, err)
	}
	return teams, nil
}

// TeamsBelow returns whether there are teams below the team.
func (t *Tx) TeamsBelow(ctx context.Context, team string) (bool, error) {
	found, err := list(ctx, t.db, t.tx, scanText, `select id from teams where tenant = $1 and parent_id = $2 and parent_id <> '' and not removed limit 1`, t.tenant, team)
	if err != nil {
		return false, fmt.Errorf("look for teams below team %s: %w", team, err)
	}
	return len(found) > 0, nil
}

// MarkTeamMembers queues whoever is in one of the teams, to have their teams worked out anew.
func (t *Tx) MarkTeamMembers(ctx context.Context, teams []string) error {
	const query = keyed + `
		insert into teams_dirty (tenant, person_id)
		select tenant, id from wanted cross join people where tenant = of_tenant and team_id = key and team_id <> ''
		union
		select tenant, person_id from wanted cross join team_members where tenant = of_tenant and team_id = key
		on conflict do nothing`
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, teams); err != nil {
		return fmt.Errorf("queue the people of %d teams: %w", len(teams), err)
	}
	return nil
}

// TakeTeamsDirty removes up to limit people from that queue, in order of id.
func (t *Tx) TakeTeamsDirty(ctx context.Context, limit int) ([]string, error) {
	return t.take(ctx, "teams_dirty", "person_id", "people whose teams are queued", limit)
}

// MarkTeamsLeft notes teams that somebody has left; none means all that have not ended.
func (t *Tx) MarkTeamsLeft(ctx context.Context, teams []string) error {
	query, values := `insert into teams_left (tenant, team_id) select tenant, id from teams where tenant = $1 and not removed on conflict do nothing`, []any{t.tenant}
	if len(teams) > 0 {
		query = keyed + `insert into teams_left (tenant, team_id) select of_tenant, key from wanted where true on conflict do nothing`
		values = append(values, teams)
	}
	if _, err := t.db.exec(ctx, t.tx, query, values...); err != nil {
		return fmt.Errorf("note %d teams that somebody has left: %w", len(teams), err)
	}
	return nil
}

// TakeTeamsLeft removes up to limit teams from those, in order of id.
func (t *Tx) TakeTeamsLeft(ctx context.Context, limit int) ([]string, error) {
	return t.take(ctx, "teams_left", "team_id", "teams that somebody has left", limit)
}

// take removes up to limit ids from a queue, a table with a row for each, and returns them in order.
func (t *Tx) take(ctx context.Context, queue, column, what string, limit int) ([]string, error) {
	query := t.db.dialect.DeleteFirst(queue, column, "tenant = $1", "$2") + " returning " + column
	ids, err := list(ctx, t.db, t.tx, scanText, query, t.tenant, limit)
	if err != nil {
		return nil, fmt.Errorf("take %s: %w", what, err)
	}
	slices.Sort(ids)
	return ids, nil
}

// EmptyTeams returns those of the teams that have not ended, in which nobody is who is present, and below which
// there is no other, in order of id.
func (t *Tx) EmptyTeams(ctx context.Context, ids []string) ([]directory.Team, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	const query = keyed + `
		select ` + teamColumns + ` from wanted cross join teams where tenant = of_tenant and id = key and not removed
			and not exists (select 1 from people p where p.tenant = of_tenant and p.team_id <> '' and p.team_id = key
				and p.status in ('active', 'suspended') and p.left_at is null)
			and not exists (select 1 from team_members m join people p on p.tenant = m.tenant and p.id = m.person_id
				where m.tenant = of_tenant and m.team_id = key and p.status in ('active', 'suspended') and p.left_at is null)
			and not exists (select 1 from teams b where b.tenant = of_tenant and b.parent_id <> '' and b.parent_id = key and not b.removed)
		order by id`
	teams, err := list(ctx, t.db, t.tx, scanTeam, query, t.tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("look which of %d teams are empty: %w", len(ids), err)
	}
	return teams, nil
}
