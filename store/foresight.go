package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// What is foreseen is written and looked up within minutes: statistics know nothing of it. So it is never joined with the
// keys that are looked for, which Postgres would compare with all of it, one by one.

// forgetForesight are deletions of what a run foresaw; the last parameter is the limit.
func (d *DB) forgetForesight() []string {
	return []string{d.ofRun("plan_names", "key, person_id"), d.ofRun("plan_managers", "person_id")}
}

// ForgetForesight empties what the run, which owner holds, has foreseen of managers.
func (d *DB) ForgetForesight(ctx context.Context, tenant, run, owner string) error {
	for _, query := range d.forgetForesight() {
		if err := d.deleteOwned(ctx, tenant, run, owner, query); err != nil {
			return fmt.Errorf("forget what run %s foresees of managers: %w", run, err)
		}
	}
	return nil
}

// queuePlanned queues for the run, which is the named parameter, the rows of a query with the columns person and team.
func queuePlanned(run, rows string) string {
	return `
	insert into plan_managers (tenant, run, person_id, waits, team_id, settled, wanted, manager, source, problem)
	select $1, cast(` + run + ` as text), person, true, max(team), false, '', '', '', '' from (` + rows + `) found where true group by person
	on conflict (tenant, run, person_id) do update set waits = true,
		team_id = case when excluded.team_id <> '' then excluded.team_id else plan_managers.team_id end`
}

// NotePlanned queues people whom the run's plan changes, with the teams that they will be in (empty: as before), and
// whoever MarkManagersDirty would queue for the refs.
func (t *Tx) NotePlanned(ctx context.Context, run string, people map[string]string, refs []string) error {
	if len(people) == 0 && len(refs) == 0 {
		return nil
	}
	query := managersNamed + queuePlanned("$4", `select v.id as person, v.team as team from {rows} union `+whoseManager)
	ids := slices.Sorted(maps.Keys(people))
	batch := []Column{
		texts("id", ids, func(id *string) string { return *id }),
		texts("team", ids, func(id *string) string { return people[*id] }),
	}
	if _, err := t.db.execRows(ctx, t.tx, query, batch, t.tenant, fold(refs), refs, run); err != nil {
		return fmt.Errorf("note %d people whose managers run %s may change: %w", len(people), run, err)
	}
	return nil
}

// NoteWaiting queues whoever waits for the manager pass anyway.
func (t *Tx) NoteWaiting(ctx context.Context, run string) error {
	query := queuePlanned("$2", `select person_id as person, '' as team from managers_dirty where tenant = $1`)
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, run); err != nil {
		return fmt.Errorf("note whose managers run %s finds waiting: %w", run, err)
	}
	return nil
}

// NoteTeams queues the people of the teams, with those whom NotePlanned has put into them.
func (t *Tx) NoteTeams(ctx context.Context, run string, teams []string) error {
	if len(teams) == 0 {
		return nil
	}
	query := keyed + queuePlanned("$3", `
		select id as person, '' as team from wanted cross join people where tenant = of_tenant and team_id = key and team_id <> ''
		union
		select person_id, '' from plan_managers where tenant = $1 and run = $3 and team_id {in $2} and team_id <> ''`)
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, teams, run); err != nil {
		return fmt.Errorf("note the people of %d teams whose managers run %s changes: %w", len(teams), run, err)
	}
	return nil
}

// NoteNames notes by what people can be found once the run's plan is applied.
func (t *Tx) NoteNames(ctx context.Context, run string, people []directory.Identity) error {
	type name struct{ key, person string }
	var names []name
	for _, p := range people {
		for _, text := range []string{p.PersonID, p.Login, p.Email, p.EmployeeNumber, p.Name} {
			if key := lookupKey(text); key != "" {
				names = append(names, name{key, p.PersonID})
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	const query = `insert into plan_names (tenant, run, key, person_id) select $1, $2, v.key, v.person from {rows} where true on conflict do nothing`
	_, err := t.db.execRows(ctx, t.tx, query, []Column{
		texts("key", names, func(n *name) string { return n.key }),
		texts("person", names, func(n *name) string { return n.person }),
	}, t.tenant, run)
	if err != nil {
		return fmt.Errorf("note by what %d people can be found after run %s: %w", len(people), run, err)
	}
	return nil
}

// PlannedNamed returns whom one of the refs means by these names, in order of id.
func (t *Tx) PlannedNamed(ctx context.Context, run string, refs []string) ([]string, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	const query = `select distinct person_id from plan_names where tenant = $1 and run = $2 and key {in $3} order by person_id`
	ids, err := list(ctx, t.db, t.tx, scanText, query, t.tenant, run, fold(refs))
	if err != nil {
		return nil, fmt.Errorf("look up %d texts in what run %s plans: %w", len(refs), run, err)
	}
	return ids, nil
}

// TakePlanned takes up to limit people from the queue, in order of id.
func (t *Tx) TakePlanned(ctx context.Context, run string, limit int) ([]string, error) {
	const first = `select person_id from plan_managers where tenant = $1 and run = $2 and waits order by person_id limit $3`
	ids, err := list(ctx, t.db, t.tx, scanText, first, t.tenant, run, limit)
	if err == nil {
		const take = `update plan_managers set waits = false where tenant = $1 and run = $2 and person_id {in $3}`
		_, err = t.db.exec(ctx, t.tx, take, t.tenant, run, ids)
	}
	if err != nil {
		return nil, fmt.Errorf("take people whose managers run %s may change: %w", run, err)
	}
	return ids, nil
}

// PutPlannedManagers writes Wanted, ManagerID, Source and Problem as they will be.
func (t *Tx) PutPlannedManagers(ctx context.Context, run string, edges []directory.ManagerEdge) error {
	if len(edges) == 0 {
		return nil
	}
	type edge = directory.ManagerEdge
	const query = `
		insert into plan_managers (tenant, run, person_id, waits, team_id, settled, wanted, manager, source, problem)
		select $1, $2, v.person, false, '', true, v.wanted, v.manager, v.source, v.problem from {rows} where true
		on conflict (tenant, run, person_id) do update set settled = true, wanted = excluded.wanted, manager = excluded.manager,
			source = excluded.source, problem = excluded.problem`
	_, err := t.db.execRows(ctx, t.tx, query, []Column{
		texts("person", edges, func(e *edge) string { return e.PersonID }),
		texts("wanted", edges, func(e *edge) string { return e.Wanted }),
		texts("manager", edges, func(e *edge) string { return e.ManagerID }),
		texts("source", edges, func(e *edge) string { return string(e.Source) }),
		texts("problem", edges, func(e *edge) string { return string(e.Problem) }),
	}, t.tenant, run)
	if err != nil {
		return fmt.Errorf("write the managers that run %s makes of %d people: %w", run, len(edges), err)
	}
	return nil
}

const plannedManagers = `select person_id, wanted, manager, source, problem from `

func scanPlannedManager(s scanner) (e directory.ManagerEdge, err error) {
	return e, s.Scan(&e.PersonID, &e.Wanted, &e.ManagerID, &e.Source, &e.Problem)
}

// PlannedManagers returns what PutPlannedManagers wrote of the people, in order of id.
func (t *Tx) PlannedManagers(ctx context.Context, run string, people []string) ([]directory.ManagerEdge, error) {
	if len(people) == 0 {
		return nil, nil
	}
	const query = plannedManagers + `plan_managers where tenant = $1 and run = $2 and person_id {in $3} and settled order by person_id`
	edges, err := list(ctx, t.db, t.tx, scanPlannedManager, query, t.tenant, run, people)
	if err != nil {
		return nil, fmt.Errorf("read the managers that run %s makes of %d people: %w", run, len(people), err)
	}
	return edges, nil
}

// AllPlannedManagers returns all of that in order of id after `after`, at most limit.
func (t *Tx) AllPlannedManagers(ctx context.Context, run, after string, limit int) ([]directory.ManagerEdge, error) {
	const query = plannedManagers + `plan_managers where tenant = $1 and run = $2 and person_id > $3 and settled order by person_id limit $4`
	edges, err := list(ctx, t.db, t.tx, scanPlannedManager, query, t.tenant, run, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the managers that run %s makes: %w", run, err)
	}
	return edges, nil
}
