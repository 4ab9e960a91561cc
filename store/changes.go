package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Append adds changes to the history with the next sequence numbers and returns
// them with Seq and At set. Numbers of a tenant have no gaps and are committed in
// order, for the lock is held until then.
func (t *Tx) Append(ctx context.Context, changes []directory.Change) ([]directory.Change, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	type change = directory.Change
	last, err := t.lastOf(ctx, changes)
	if err != nil {
		return nil, err
	}
	done := make([]change, len(changes))
	for i, c := range changes {
		c.Seq, c.At, c.PersonSeq = t.seq+int64(i)+1, t.now, 0
		c.ID, c.Tenant = directory.EventID(t.feed, c.Seq, c.At), t.tenant
		if c.PersonID != "" {
			last[c.PersonID]++
			c.PersonSeq = last[c.PersonID]
		}
		done[i] = c
	}
	fields, err := jsonOf("fields", done, func(c *change) (any, bool) { return c.Fields, len(c.Fields) > 0 })
	if err != nil {
		return nil, fmt.Errorf("add to the history: %w", err)
	}
	cause, err := jsonOf("cause", done, func(c *change) (any, bool) { return c.Cause, true })
	if err != nil {
		return nil, fmt.Errorf("add to the history: %w", err)
	}
	const query = `
		insert into changes (tenant, at, seq, type, subject, subject_id, person_id, person_seq, fields, cause)
		select $1, {at $2}, v.* from {rows}`
	_, err = t.db.execRows(ctx, t.tx, query, []Column{
		ints("seq", done, func(c *change) int64 { return c.Seq }),
		texts("type", done, func(c *change) string { return string(c.Type) }),
		texts("subject", done, func(c *change) string { return string(c.Subject) }),
		texts("subject_id", done, func(c *change) string { return c.SubjectID }),
		texts("person_id", done, func(c *change) string { return c.PersonID }),
		ints("person_seq", done, func(c *change) int64 { return c.PersonSeq }),
		fields,
		cause,
	}, t.tenant, t.now)
	if err != nil {
		return nil, fmt.Errorf("add %d changes to the history: %w", len(changes), err)
	}
	t.seq += int64(len(changes))
	return done, nil
}

// lastOf returns the numbers of the last changes about the people of the given ones. They are taken under the
// tenant's lock, like the numbers of the tenant.
func (t *Tx) lastOf(ctx context.Context, changes []directory.Change) (map[string]int64, error) {
	last := map[string]int64{}
	for _, c := range changes {
		if c.PersonID != "" {
			last[c.PersonID] = 0
		}
	}
	if len(last) == 0 {
		return last, nil
	}
	const query = keyed + `
		select key, coalesce(
			(select c.person_seq from changes c where c.tenant = of_tenant and c.person_id <> '' and c.person_id = key order by c.seq desc limit 1),
			(select p.last from purged_people p where p.tenant = of_tenant and p.person_id = key), 0)
		from wanted`
	type numbered struct {
		person string
		seq    int64
	}
	scan := func(s scanner) (n numbered, err error) { return n, s.Scan(&n.person, &n.seq) }
	found, err := list(ctx, t.db, t.tx, scan, query, t.tenant, slices.Sorted(maps.Keys(last)))
	if err != nil {
		return nil, fmt.Errorf("look up the last changes of %d people: %w", len(last), err)
	}
	for _, n := range found {
		last[n.person] = n.seq
	}
	return last, nil
}

// Changes returns changes of a tenant, oldest first unless the query says otherwise.
func (d *DB) Changes(ctx context.Context, tenant string, q directory.ChangeQuery) ([]directory.Change, error) {
	page, err := d.Feed(ctx, tenant, q)
	return page.Changes, err
}

// LastBefore returns the number of the last change that was committed before a moment, and is kept. It halves what is
// left again and again: times grow with the numbers, and have no index.
func (d *DB) LastBefore(ctx context.Context, tenant string, moment time.Time) (int64, error) {
	page, err := d.Feed(ctx, tenant, directory.ChangeQuery{Newest: true, Limit: 1})
	if err != nil {
		return 0, err
	}
	before, after := page.Purged, page.Last+1 // the answer is before, once the two are neighbours
	for before+1 < after {
		middle := before + (after-before)/2
		some, err := d.Changes(ctx, tenant, directory.ChangeQuery{After: middle - 1, Limit: 1})
		if err != nil {
			return 0, err
		}
		if len(some) == 1 && some[0].At.Before(moment) {
			before = middle
		} else {
			after = middle
		}
	}
	return before, nil
}

// Feed is Changes with the feed's beginning and end, as they were when the changes were
// read: one statement sees one state of the database. A tenant that has no row is
// directory.ErrNotFound.
func (d *DB) Feed(ctx context.Context, tenant string, q directory.ChangeQuery) (directory.FeedPage, error) {
	order := "seq"
	if q.Newest {
		order = "seq desc"
	}
	where := `tenant = $1 and seq > $2`
	values := []any{tenant, q.After, q.Limit}
	also := func(condition string, value any) {
		values = append(values, value)
		where += " and " + fmt.Sprintf(condition, "$"+strconv.Itoa(len(values)))
	}
	if q.Through > 0 {
		also(`seq <= %s`, q.Through)
	}
	if q.PersonID != "" {
		also(`person_id <> '' and person_id = %s`, q.PersonID)
	}
	if len(q.Types) > 0 {
		types := make([]string, len(q.Types))
		for i, t := range q.Types {
			types[i] = string(t)
		}
		also(`type {in %s}`, types)
	}
	query := `
		select t.feed, t.changes_purged, t.change_seq, coalesce(c.seq, 0), c.at, coalesce(c.type, ''), coalesce(c.subject, ''),
			coalesce(c.subject_id, ''), coalesce(c.person_id, ''), coalesce(c.person_seq, 0), coalesce(c.fields, ''), coalesce(c.cause, '')
		from tenants t left join (
			select seq, at, type, subject, subject_id, person_id, person_seq, fields, cause from changes
			where ` + where + ` order by ` + order + ` limit $3) c on true
		where t.slug = $1 order by c.` + order
	var page directory.FeedPage
	scan := func(s scanner) (c directory.Change, err error) {
		c.Fields = []directory.FieldChange{} // never null in the API
		err = s.Scan(&page.ID, &page.Purged, &page.Last,
			&c.Seq, moment{&c.At}, &c.Type, &c.Subject, &c.SubjectID, &c.PersonID, &c.PersonSeq, jsonText{&c.Fields}, jsonText{&c.Cause})
		c.ID, c.Tenant = directory.EventID(page.ID, c.Seq, c.At), tenant
		return c, err
	}
	changes, err := list(ctx, d, d.read, scan, query, values...)
	if err != nil {
		return directory.FeedPage{}, fmt.Errorf("read the changes of tenant %s: %w", tenant, err)
	}
	if len(changes) == 0 {
		return directory.FeedPage{}, unknownTenant(tenant)
	}
	if changes[0].Seq > 0 { // else it is the tenant's row alone
		page.Changes = changes
	}
	if q.States {
		if err := d.cut(ctx, tenant, q, &page); err != nil {
			return directory.FeedPage{}, err
		}
		complete := !q.Newest && q.PersonID == "" && len(q.Types) == 0
		if err := d.addStates(ctx, tenant, page.Changes, complete); err != nil {
			return directory.FeedPage{}, err
		}
	}
	return page, nil
}
