package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// PutQuarantined writes or renews entries. Since is kept when there is one; in a
// new entry it is the given time, or Now. Seen is the given time, or Now.
func (t *Tx) PutQuarantined(ctx context.Context, entries []directory.Quarantined) error {
	if len(entries) == 0 {
		return nil
	}
	type entry = directory.Quarantined
	fields, err := jsonOf("fields", entries, func(e *entry) (any, bool) { return e.Fields, len(e.Fields) > 0 })
	if err != nil {
		return fmt.Errorf("write quarantined people: %w", err)
	}
	orNow := func(at time.Time) time.Time {
		if at.IsZero() {
			return t.now
		}
		return at
	}
	const query = `
		insert into quarantine (tenant, person_id, reason, fields, since, seen, holder)
		select $1, v.* from {rows} where true
		on conflict (tenant, person_id) do update set
			reason = excluded.reason, fields = excluded.fields, seen = excluded.seen, holder = excluded.holder`
	_, err = t.db.execRows(ctx, t.tx, query, []Column{
		texts("person_id", entries, func(e *entry) string { return e.PersonID }),
		texts("reason", entries, func(e *entry) string { return e.Reason }),
		fields,
		times("since", entries, func(e *entry) time.Time { return orNow(e.Since) }),
		times("seen", entries, func(e *entry) time.Time { return orNow(e.Seen) }),
		texts("holder", entries, func(e *entry) string { return e.Holder }),
	}, t.tenant)
	if err != nil {
		return fmt.Errorf("write %d quarantined people: %w", len(entries), err)
	}
	return nil
}

// ReleaseQuarantined deletes the people's entries.
func (t *Tx) ReleaseQuarantined(ctx context.Context, people []string) error {
	if len(people) == 0 {
		return nil
	}
	const query = `delete from quarantine where tenant = $1 and person_id {in $2}`
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, people); err != nil {
		return fmt.Errorf("release %d people from quarantine: %w", len(people), err)
	}
	return nil
}

// ReleaseQuarantinedBefore deletes all entries of the tenant that were last seen
// before at.
func (t *Tx) ReleaseQuarantinedBefore(ctx context.Context, at time.Time) error {
	const query = `delete from quarantine where tenant = $1 and seen < {at $2}`
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, at); err != nil {
		return fmt.Errorf("release people last seen in quarantine before %s: %w", at, err)
	}
	return nil
}

// Quarantine returns the entries in order of person after `after`, at most limit.
func (d *DB) Quarantine(ctx context.Context, tenant, after string, limit int) ([]directory.Quarantined, error) {
	const query = `
		select person_id, reason, fields, since, seen, holder from quarantine
		where tenant = $1 and person_id > $2 order by person_id limit $3`
	entries, err := list(ctx, d, d.read, scanQuarantined, query, tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the quarantine of tenant %s: %w", tenant, err)
	}
	return entries, nil
}

// QuarantineOf returns the entry of a person; false when there is none.
func (d *DB) QuarantineOf(ctx context.Context, tenant, person string) (directory.Quarantined, bool, error) {
	const query = `select person_id, reason, fields, since, seen, holder from quarantine where tenant = $1 and person_id = $2`
	entries, err := list(ctx, d, d.read, scanQuarantined, query, tenant, person)
	if err != nil {
		return directory.Quarantined{}, false, fmt.Errorf("read the quarantine of person %s of tenant %s: %w", person, tenant, err)
	}
	if len(entries) == 0 {
		return directory.Quarantined{}, false, nil
	}
	return entries[0], true, nil
}

func scanQuarantined(s scanner) (e directory.Quarantined, err error) {
	return e, s.Scan(&e.PersonID, &e.Reason, jsonText{&e.Fields}, moment{&e.Since}, moment{&e.Seen}, &e.Holder)
}

// NoteIgnored remembers attribute names that no rule uses and returns those that
// are new, in order.
func (t *Tx) NoteIgnored(ctx context.Context, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	const query = `
		insert into ignored_attributes (tenant, name)
		select $1, v.name from {rows} where true
		on conflict do nothing
		returning name`
	batch := []Column{texts("name", names, func(n *string) string { return *n })}
	added, err := listRows(ctx, t.db, t.tx, scanText, query, batch, t.tenant)
	if err != nil {
		return nil, fmt.Errorf("note %d ignored attributes: %w", len(names), err)
	}
	slices.Sort(added)
	return added, nil
}

// IgnoredAttributes returns the names of attributes that no rule uses, in order.
func (d *DB) IgnoredAttributes(ctx context.Context, tenant string) ([]string, error) {
	names, err := list(ctx, d, d.read, scanText, `select name from ignored_attributes where tenant = $1 order by name`, tenant)
	if err != nil {
		return nil, fmt.Errorf("read the ignored attributes of tenant %s: %w", tenant, err)
	}
	return names, nil
}
