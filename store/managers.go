package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// ManagerEdges returns the edges of the people that have a row, in order of id.
func (t *Tx) ManagerEdges(ctx context.Context, ids []string) ([]directory.ManagerEdge, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	const query = keyed + `
		select id, status in ('active', 'suspended') and left_at is null, manager_id_text, manager_text, manager_wanted, manager_id, manager_problem
		from wanted cross join people where tenant = of_tenant and id = key order by id`
	scan := func(s scanner) (e directory.ManagerEdge, err error) {
		return e, s.Scan(&e.PersonID, &e.Present, &e.IDText, &e.Text, &e.Wanted, &e.ManagerID, &e.Problem)
	}
	edges, err := list(ctx, t.db, t.tx, scan, query, t.tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("read the managers of %d people: %w", len(ids), err)
	}
	return edges, nil
}

// PutManagers writes Wanted, ManagerID and Problem of the edges, and UpdatedAt.
func (t *Tx) PutManagers(ctx context.Context, edges []directory.ManagerEdge) error {
	if len(edges) == 0 {
		return nil
	}
	type edge = directory.ManagerEdge
	// The tenant comes from the batch, so that SQLite looks each person up
	// instead of each in the whole tenant.
	const query = `
		with batch as materialized (select cast($1 as text) as of_tenant, v.* from {rows})
		update people set manager_wanted = batch.wanted, manager_id = batch.manager, manager_problem = batch.problem, updated_at = {at $2}
		from batch
		where people.tenant = batch.of_tenant and people.id = batch.person`
	_, err := t.db.execRows(ctx, t.tx, query, []Column{
		texts("person", edges, func(e *edge) string { return e.PersonID }),
		texts("wanted", edges, func(e *edge) string { return e.Wanted }),
		texts("manager", edges, func(e *edge) string { return e.ManagerID }),
		texts("problem", edges, func(e *edge) string { return string(e.Problem) }),
	}, t.tenant, t.now)
	if err != nil {
		return fmt.Errorf("write the managers of %d people: %w", len(edges), err)
	}
	return nil
}

// MarkManagersDirty queues the people, and all whose folded manager texts equal
// a folded ref, for the manager pass. (A raw text that is a ref is equal when folded
// too.)
func (t *Tx) MarkManagersDirty(ctx context.Context, people, refs []string) error {
	const query = keyed + `
		insert into managers_dirty (tenant, person_id)
		select $1, v.id from {rows} where true
		union
		select tenant, id from wanted cross join people where tenant = of_tenant and manager_id_key = key and manager_id_key <> ''
		union
		select tenant, id from wanted cross join people where tenant = of_tenant and manager_text_key = key and manager_text_key <> ''
		on conflict do nothing`
	if len(people) == 0 && len(refs) == 0 {
		return nil
	}
	batch := []Column{texts("id", people, func(id *string) string { return *id })}
	if _, err := t.db.execRows(ctx, t.tx, query, batch, t.tenant, fold(refs)); err != nil {
		return fmt.Errorf("queue people for the manager pass: %w", err)
	}
	return nil
}

// TakeDirtyManagers removes up to limit people from that queue, in order of id.
func (t *Tx) TakeDirtyManagers(ctx context.Context, limit int) ([]string, error) {
	const query = `
		delete from managers_dirty where tenant = $1 and person_id in (
			select person_id from managers_dirty where tenant = $1 order by person_id limit $2)
		returning person_id`
	ids, err := list(ctx, t.db, t.tx, scanText, query, t.tenant, limit)
	if err != nil {
		return nil, fmt.Errorf("take people for the manager pass: %w", err)
	}
	slices.Sort(ids)
	return ids, nil
}
