package store

import (
	"context"
	"fmt"
	"strconv"

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
	done := make([]change, len(changes))
	for i, c := range changes {
		c.Seq, c.At = t.seq+int64(i)+1, t.now
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
		insert into changes (tenant, at, seq, type, subject, subject_id, person_id, fields, cause)
		select $1, {at $2}, v.* from {rows}`
	_, err = t.db.execRows(ctx, t.tx, query, []Column{
		ints("seq", done, func(c *change) int64 { return c.Seq }),
		texts("type", done, func(c *change) string { return string(c.Type) }),
		texts("subject", done, func(c *change) string { return string(c.Subject) }),
		texts("subject_id", done, func(c *change) string { return c.SubjectID }),
		texts("person_id", done, func(c *change) string { return c.PersonID }),
		fields,
		cause,
	}, t.tenant, t.now)
	if err != nil {
		return nil, fmt.Errorf("add %d changes to the history: %w", len(changes), err)
	}
	t.seq += int64(len(changes))
	return done, nil
}

// Changes returns changes of a tenant, oldest first unless the query says otherwise.
func (d *DB) Changes(ctx context.Context, tenant string, q directory.ChangeQuery) ([]directory.Change, error) {
	page, err := d.Feed(ctx, tenant, q)
	return page.Changes, err
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
			coalesce(c.subject_id, ''), coalesce(c.person_id, ''), coalesce(c.fields, ''), coalesce(c.cause, '')
		from tenants t left join (
			select seq, at, type, subject, subject_id, person_id, fields, cause from changes
			where ` + where + ` order by ` + order + ` limit $3) c on true
		where t.slug = $1 order by c.` + order
	var page directory.FeedPage
	scan := func(s scanner) (c directory.Change, err error) {
		c.Fields = []directory.FieldChange{} // never null in the API
		return c, s.Scan(&page.ID, &page.Purged, &page.Last,
			&c.Seq, moment{&c.At}, &c.Type, &c.Subject, &c.SubjectID, &c.PersonID, jsonText{&c.Fields}, jsonText{&c.Cause})
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
	return page, nil
}
