package store

import (
	"context"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// ManagerEdges returns the edges of the people that have a row, in order of id.
func (t *Tx) ManagerEdges(ctx context.Context, ids []string) ([]directory.ManagerEdge, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	const query = keyed + `
		select p.id, p.status in ('active', 'suspended') and p.left_at is null, p.manager_id_text, p.manager_text, p.manager_link,
			p.manager_wanted, p.manager_id, p.manager_source, p.manager_problem, coalesce(c.manager_id, ''), ` + edgeTeam + `
		from wanted cross join people p
			left join manager_choices c on c.tenant = p.tenant and c.person_id = p.id
			left join teams t on t.tenant = p.tenant and t.id = p.team_id
		where p.tenant = of_tenant and p.id = key order by p.id`
	scan := func(s scanner) (e directory.ManagerEdge, err error) {
		return e, s.Scan(&e.PersonID, &e.Present, &e.IDText, &e.Text, &e.Link, &e.Wanted, &e.ManagerID, &e.Source, &e.Problem, &e.Chosen,
			&e.Team.ID, &e.Team.ManagerID, &e.Team.FirstPerson, &e.Team.FirstManagerID)
	}
	edges, err := list(ctx, t.db, t.tx, scan, query, t.tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("read the managers of %d people: %w", len(ids), err)
	}
	return edges, nil
}

// edgeTeam is what a team without a row has nothing of.
const edgeTeam = `coalesce(t.id, ''), coalesce(t.manager_id, ''), coalesce(t.first_person, ''), coalesce(t.first_manager_id, '')`

// PutManagers writes Wanted, ManagerID, Source and Problem of the edges, and UpdatedAt.
func (t *Tx) PutManagers(ctx context.Context, edges []directory.ManagerEdge) error {
	if len(edges) == 0 {
		return nil
	}
	type edge = directory.ManagerEdge
	// The tenant comes from the batch, so that SQLite looks each person up
	// instead of each in the whole tenant.
	const query = `
		with batch as materialized (select cast($1 as text) as of_tenant, v.* from {rows})
		update people set manager_wanted = batch.wanted, manager_id = batch.manager, manager_source = batch.source,
			manager_problem = batch.problem, updated_at = {at $2}
		from batch
		where people.tenant = batch.of_tenant and people.id = batch.person`
	_, err := t.db.execRows(ctx, t.tx, query, []Column{
		texts("person", edges, func(e *edge) string { return e.PersonID }),
		texts("wanted", edges, func(e *edge) string { return e.Wanted }),
		texts("manager", edges, func(e *edge) string { return e.ManagerID }),
		texts("source", edges, func(e *edge) string { return string(e.Source) }),
		texts("problem", edges, func(e *edge) string { return string(e.Problem) }),
	}, t.tenant, t.now)
	if err != nil {
		return fmt.Errorf("write the managers of %d people: %w", len(edges), err)
	}
	return nil
}

// ChooseManager notes whom an admin chose as the person's manager; an empty manager takes the choice
// back.
func (t *Tx) ChooseManager(ctx context.Context, person, manager string) error {
	query, values := `delete from manager_choices where tenant = $1 and person_id = $2`, []any{t.tenant, person}
	if manager != "" {
		query = `insert into manager_choices (tenant, person_id, manager_id) values ($1, $2, $3)
			on conflict (tenant, person_id) do update set manager_id = excluded.manager_id`
		values = append(values, manager)
	}
	if _, err := t.db.exec(ctx, t.tx, query, values...); err != nil {
		return fmt.Errorf("write down the manager chosen for person %s: %w", person, err)
	}
	return nil
}

// managersNamed are the refs, folded in parameter 2 and as they are in parameter 3, and the teams that have one of them as
// their manager.
const managersNamed = `
	with wanted as materialized (select distinct cast($1 as text) as of_tenant, key from {list $2}),
		raw as materialized (select distinct cast($1 as text) as of_tenant, key from {list $3}),
		leads as materialized (
			select t.tenant as of_tenant, t.id as team from teams t
			where t.tenant = $1 and (t.manager_id <> '' and t.manager_id in (select key from raw)
				or t.first_manager_id <> '' and t.first_manager_id in (select key from raw)))`

// whoseManager are the people whose manager one of these refs may be. The second column is for others in a union.
const whoseManager = `
	select id as person, '' as team from wanted cross join people where tenant = of_tenant and manager_id_key = key and manager_id_key <> ''
	union
	select id, '' from wanted cross join people where tenant = of_tenant and manager_text_key = key and manager_text_key <> ''
	union
	select id, '' from raw cross join people where tenant = of_tenant and manager_link = key and manager_link <> ''
	union
	select person_id, '' from raw cross join manager_choices where tenant = of_tenant and manager_id = key
	union
	select id, '' from leads cross join people where tenant = of_tenant and team_id = team and team_id <> ''`

// MarkManagersDirty queues for the manager pass the people, all whose folded manager texts equal a
// folded ref (a raw text that is a ref is equal when folded too), and all to whom a linked object, an
// admin or their team gives a manager whose id is a ref.
func (t *Tx) MarkManagersDirty(ctx context.Context, people, refs []string) error {
	const query = managersNamed + `
		insert into managers_dirty (tenant, person_id)
		select $1, person from (select v.id as person, '' as team from {rows} union ` + whoseManager + `) found where true
		on conflict do nothing`
	if len(people) == 0 && len(refs) == 0 {
		return nil
	}
	batch := []Column{texts("id", people, func(id *string) string { return *id })}
	if _, err := t.db.execRows(ctx, t.tx, query, batch, t.tenant, fold(refs), refs); err != nil {
		return fmt.Errorf("queue people for the manager pass: %w", err)
	}
	return nil
}

// MarkTeamsDirty queues the people of the teams for the manager pass.
func (t *Tx) MarkTeamsDirty(ctx context.Context, teams []string) error {
	if len(teams) == 0 {
		return nil
	}
	const query = keyed + `
		insert into managers_dirty (tenant, person_id)
		select tenant, id from wanted cross join people where tenant = of_tenant and team_id = key and team_id <> ''
		on conflict do nothing`
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, teams); err != nil {
		return fmt.Errorf("queue the people of %d teams for the manager pass: %w", len(teams), err)
	}
	return nil
}

// MarkEverybodyDirty queues up to limit people for the manager pass, those with the smallest ids after
// `after`, and returns the last of them; empty: nobody is left.
func (t *Tx) MarkEverybodyDirty(ctx context.Context, after string, limit int) (string, error) {
	const some = `select id from people where tenant = $1 and id > $2 order by id limit $3`
	ids, err := list(ctx, t.db, t.tx, scanText, some, t.tenant, after, limit)
	if err != nil {
		return "", fmt.Errorf("read people for the manager pass: %w", err)
	}
	if err := t.MarkManagersDirty(ctx, ids, nil); err != nil || len(ids) < limit {
		return "", err
	}
	return ids[len(ids)-1], nil
}

// SettledBy returns by which rules of a kind the tenant was last settled; empty when that was never.
func (t *Tx) SettledBy(ctx context.Context, kind string) (string, error) {
	digest, err := list(ctx, t.db, t.tx, scanText, `select digest from settled_rules where tenant = $1 and kind = $2`, t.tenant, kind)
	if err != nil || len(digest) == 0 {
		return "", err
	}
	return digest[0], nil
}

// SetSettledBy notes it.
func (t *Tx) SetSettledBy(ctx context.Context, kind, digest string) error {
	const query = `insert into settled_rules (tenant, kind, digest) values ($1, $2, $3)
		on conflict (tenant, kind) do update set digest = excluded.digest`
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, kind, digest); err != nil {
		return fmt.Errorf("note by which rules the %s are settled: %w", kind, err)
	}
	return nil
}

// TakeDirtyManagers removes up to limit people from that queue, in order of id.
func (t *Tx) TakeDirtyManagers(ctx context.Context, limit int) ([]string, error) {
	return t.take(ctx, "managers_dirty", "person_id", "people for the manager pass", limit)
}

// ManagerCases returns present people whose manager is not as somebody says it should be, in order of
// id after `after`, at most limit; problem, where given, selects one reason.
func (d *DB) ManagerCases(ctx context.Context, tenant string, problem directory.ManagerProblem, after string, limit int) ([]directory.ManagerCase, error) {
	const query = `
		select id, manager_id_text, manager_text, manager_link, manager_id, manager_wanted, manager_source, manager_problem from people
		where tenant = $1 and id > $2 and manager_problem <> '' and ($3 = '' or manager_problem = $3) order by id limit $4`
	scan := func(s scanner) (c directory.ManagerCase, err error) {
		return c, s.Scan(&c.PersonID, &c.IDText, &c.Text, &c.Link, &c.ManagerID, &c.Wanted, &c.Source, &c.Problem)
	}
	cases, err := list(ctx, d, d.read, scan, query, tenant, after, string(problem), limit)
	if err != nil {
		return nil, fmt.Errorf("list the managers of tenant %s that are not settled: %w", tenant, err)
	}
	return cases, nil
}
