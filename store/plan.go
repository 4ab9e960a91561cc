package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Where few rows of a run's plan are looked up by a key, its id stands in a query as (select $n). Statistics know the
// runs of yesterday: Postgres would look the id up among them, expect no rows, and read the whole plan
// for each key by an index that only begins with the run.

// AppendPlan adds changes to the plan of a run that owner holds, in order. The store gives
// them their Seq, from 1.
func (d *DB) AppendPlan(ctx context.Context, tenant, run, owner string, changes []directory.PlannedChange) error {
	if len(changes) == 0 {
		return nil
	}
	const count = `update runs set plan_seq = plan_seq + $4 where ` + ownedOpen + ` and {lazily} returning plan_seq`
	err := d.again(ctx, func(tx *sql.Tx) error {
		var last int64
		err := d.row(ctx, tx, count, tenant, run, owner, len(changes)).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) {
			return d.notOwned(ctx, tx, tenant, run, owner)
		}
		if err != nil {
			return err
		}
		return d.insertPlan(ctx, tx, tenant, run, last, changes)
	})
	if err != nil {
		return fmt.Errorf("add %d changes to the plan of run %s of tenant %s: %w", len(changes), run, tenant, err)
	}
	return nil
}

// insertPlan writes changes, of which the last gets the given position.
func (d *DB) insertPlan(ctx context.Context, tx *sql.Tx, tenant, run string, last int64, changes []directory.PlannedChange) error {
	if len(changes) == 0 {
		return nil
	}
	fields, err := jsonOf("fields", changes, func(c *directory.PlannedChange) (any, bool) { return c.Fields, true })
	if err != nil {
		return err
	}
	const insert = `
		insert into plan (tenant, run, seq, type, subject, subject_id, person_id, before_hash, observed_at, fields, after)
		select $1, $2, v.seq, v.type, v.subject, v.subject_id, v.person_id, v.before_hash, v.observed_at, v.fields, v.after
		from {rows}`
	next := last - int64(len(changes))
	_, err = d.execRows(ctx, tx, insert, []Column{
		ints("seq", changes, func(*directory.PlannedChange) int64 { next++; return next }),
		texts("type", changes, func(c *directory.PlannedChange) string { return string(c.Type) }),
		texts("subject", changes, func(c *directory.PlannedChange) string { return string(c.Subject) }),
		texts("subject_id", changes, func(c *directory.PlannedChange) string { return c.SubjectID }),
		texts("person_id", changes, func(c *directory.PlannedChange) string { return c.PersonID }),
		texts("before_hash", changes, func(c *directory.PlannedChange) string { return c.BeforeHash }),
		times("observed_at", changes, func(c *directory.PlannedChange) time.Time { return c.ObservedAt }),
		fields,
		texts("after", changes, func(c *directory.PlannedChange) string { return string(c.After) }),
	}, tenant, run)
	return err
}

// AmendPlan writes type, subject and fields of planned changes anew, by their Seq. owner holds the run.
func (d *DB) AmendPlan(ctx context.Context, tenant, run, owner string, changes []directory.PlannedChange) error {
	if len(changes) == 0 {
		return nil
	}
	fields, err := jsonOf("fields", changes, func(c *directory.PlannedChange) (any, bool) { return c.Fields, true })
	if err != nil {
		return err
	}
	const held = `update runs set plan_seq = plan_seq where ` + ownedOpen + ` and {lazily} returning plan_seq`
	const amend = `
		update plan set type = v.type, subject = v.subject, fields = v.fields from {rows}
		where tenant = $1 and run = (select $2) and plan.seq = v.at`
	err = d.again(ctx, func(tx *sql.Tx) error {
		var last int64
		err := d.row(ctx, tx, held, tenant, run, owner).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) {
			return d.notOwned(ctx, tx, tenant, run, owner)
		}
		if err != nil {
			return err
		}
		_, err = d.execRows(ctx, tx, amend, []Column{
			ints("at", changes, func(c *directory.PlannedChange) int64 { return c.Seq }),
			texts("type", changes, func(c *directory.PlannedChange) string { return string(c.Type) }),
			texts("subject", changes, func(c *directory.PlannedChange) string { return string(c.Subject) }),
			fields,
		}, tenant, run)
		return err
	})
	if err != nil {
		return fmt.Errorf("amend %d changes in the plan of run %s of tenant %s: %w", len(changes), run, tenant, err)
	}
	return nil
}

// Plan returns changes of the plan in order after position `after`, at most limit.
func (d *DB) Plan(ctx context.Context, tenant, run string, after int64, limit int) ([]directory.PlannedChange, error) {
	return d.planned(ctx, tenant, run, `seq > $3`, after, limit)
}

// PlanOf is Plan for changes of these types alone.
func (d *DB) PlanOf(ctx context.Context, tenant, run string, types []directory.ChangeType, after int64, limit int) ([]directory.PlannedChange, error) {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	return d.planned(ctx, tenant, run, `seq > $3 and type {in $5}`, after, limit, names)
}

func (d *DB) planned(ctx context.Context, tenant, run, which string, values ...any) ([]directory.PlannedChange, error) {
	query := `
		select seq, type, subject, subject_id, person_id, before_hash, observed_at, fields, after
		from plan where tenant = $1 and run = $2 and ` + which + ` order by seq limit $4`
	changes, err := list(ctx, d, d.read, scanPlanned, query, append([]any{tenant, run}, values...)...)
	if err != nil {
		return nil, fmt.Errorf("read the plan of run %s of tenant %s: %w", run, tenant, err)
	}
	return changes, nil
}

func scanPlanned(s scanner) (c directory.PlannedChange, err error) {
	var after string
	err = s.Scan(&c.Seq, &c.Type, &c.Subject, &c.SubjectID, &c.PersonID, &c.BeforeHash, moment{&c.ObservedAt},
		jsonText{&c.Fields}, &after)
	if after != "" {
		c.After = json.RawMessage(after)
	}
	return c, err
}

// GroupsOfPeople counts the present memberships of the people, by group.
func (d *DB) GroupsOfPeople(ctx context.Context, tenant string, people []string) (map[string]int, error) {
	if len(people) == 0 {
		return nil, nil
	}
	const query = keyed + `
		select group_id, count(*) from wanted cross join memberships
		where tenant = of_tenant and person_id = key and present group by group_id`
	type ofGroup struct {
		id    string
		count int
	}
	scan := func(s scanner) (g ofGroup, err error) { return g, s.Scan(&g.id, &g.count) }
	found, err := list(ctx, d, d.read, scan, query, tenant, people)
	if err != nil {
		return nil, fmt.Errorf("count the memberships of %d people of tenant %s: %w", len(people), tenant, err)
	}
	counts := make(map[string]int, len(found))
	for _, g := range found {
		counts[g.id] = g.count
	}
	return counts, nil
}

// PlanCounts sums the plan up for the guard.
func (d *DB) PlanCounts(ctx context.Context, tenant, run string) (directory.PlanCounts, error) {
	counts := directory.PlanCounts{ByType: map[directory.ChangeType]int{}}
	fail := func(err error) (directory.PlanCounts, error) {
		return directory.PlanCounts{}, fmt.Errorf("sum up the plan of run %s of tenant %s: %w", run, tenant, err)
	}
	type ofType struct {
		change directory.ChangeType
		count  int
	}
	scanType := func(s scanner) (o ofType, err error) { return o, s.Scan(&o.change, &o.count) }
	byType, err := list(ctx, d, d.read, scanType,
		`select type, count(*) from plan where tenant = $1 and run = $2 group by type`, tenant, run)
	if err != nil {
		return fail(err)
	}
	for _, o := range byType {
		counts.ByType[o.change] = o.count
	}
	const people = `
		select
			(select count(*) from people where tenant = $1 and status in ('active', 'suspended') and left_at is null),
			-- Accounts that stayed count where the plan takes them away.
			(select count(distinct c.subject_id) from plan c
				join people p on p.tenant = c.tenant and p.id = c.subject_id and p.status in ('active', 'suspended') and p.left_at is not null
				where c.tenant = $1 and c.run = $2 and c.subject = 'person' and c.type in ('person.deactivated', 'person.removed')),
			(select count(distinct c.subject_id) from plan c
				join people p on p.tenant = c.tenant and p.id = c.subject_id and p.status in ('active', 'suspended')
				where c.tenant = $1 and c.run = $2 and c.subject = 'person'
					and (c.type in ('person.deactivated', 'person.removed') or c.type = 'person.detached' and p.left_at is null
						or c.type = 'person.suspended' and p.status = 'active'))`
	stayed := 0
	if err := d.row(ctx, d.read, people, tenant, run).Scan(&counts.PeopleBefore, &stayed, &counts.PeopleLeave); err != nil {
		return fail(err)
	}
	counts.PeopleBefore += stayed
	const removed = `
		select
			(select count(*) from groups where tenant = $1 and not removed),
			(select count(distinct c.subject_id) from plan c where c.tenant = $1 and c.run = $2 and c.type = 'group.removed')`
	if err := d.row(ctx, d.read, removed, tenant, run).Scan(&counts.GroupsBefore, &counts.GroupsLeave); err != nil {
		return fail(err)
	}
	const groups = `
		select c.subject_id,
			(select count(*) from memberships m where m.tenant = $1 and m.group_id = c.subject_id and m.present),
			count(*)
		from plan c
		where c.tenant = $1 and c.run = $2 and c.type = 'membership.removed'
			and c.subject_id not in (select g.subject_id from plan g where g.tenant = $1 and g.run = $2 and g.type = 'group.removed')
		group by c.subject_id order by c.subject_id`
	scanGroup := func(s scanner) (g directory.GroupRemovalCount, err error) {
		return g, s.Scan(&g.GroupID, &g.Before, &g.Leave)
	}
	counts.Groups, err = list(ctx, d, d.read, scanGroup, groups, tenant, run)
	if err != nil {
		return fail(err)
	}
	return counts, nil
}
