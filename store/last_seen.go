package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// written is what PutPeople writes of it: all of it, or nothing.
func written(seen directory.LastSeen) directory.LastSeen {
	if len(seen.Values) == 0 {
		return directory.LastSeen{}
	}
	return seen
}

// NoteSeen writes what was last seen of people whose rows are right, by id. It does nothing where there is
// no row, a tombstone, or a row that was observed after at.
func (t *Tx) NoteSeen(ctx context.Context, seen map[string]directory.LastSeen, at time.Time) error {
	if len(seen) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(seen))
	const query = `
		update people set seen = v.seen, seen_basis = v.seen_basis, seen_hash = v.seen_hash, seen_at = {at $3}
		from {rows}
		where tenant = $1 and people.id = v.id and observed_at <= {at $2} and ` + everHere
	batch := []Column{
		texts("id", ids, func(id *string) string { return *id }),
		texts("seen", ids, func(id *string) string { return string(seen[*id].Values) }),
		texts("seen_basis", ids, func(id *string) string { return seen[*id].Basis }),
		texts("seen_hash", ids, func(id *string) string { return seen[*id].Hash }),
	}
	if _, err := t.db.execRows(ctx, t.tx, query, batch, t.tenant, at, t.now); err != nil {
		return fmt.Errorf("write what was seen of %d people: %w", len(ids), err)
	}
	return nil
}

// SeenPeople returns the rows of everybody but those who were removed, with the values last seen, in order of id after
// `after`, at most limit.
func (d *DB) SeenPeople(ctx context.Context, tenant, after string, limit int) ([]directory.Person, error) {
	const query = `select ` + personColumns + `, seen from people where tenant = $1 and id > $2 and status <> 'removed' order by id limit $3`
	people, err := list(ctx, d, d.read, scanSeen, query, tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read what was last seen of the people of tenant %s: %w", tenant, err)
	}
	return people, nil
}

func scanSeen(s scanner) (directory.Person, error) {
	var values string
	p, err := scanPerson(andText{s, &values})
	if values != "" {
		p.Seen.Values = json.RawMessage(values)
	}
	return p, err
}

// andText scans a row that has one text more at its end.
type andText struct {
	scanner
	text *string
}

func (a andText) Scan(dest ...any) error { return a.scanner.Scan(append(dest, a.text)...) }

// SeenSets counts the people who are present by the set of attributes that was last looked for.
func (d *DB) SeenSets(ctx context.Context, tenant string) ([]directory.SeenSet, error) {
	const query = `
		select b.basis, coalesce((select max(r.attributes) from rules r where r.tenant = $1 and r.basis = b.basis), ''), b.people
		from (select seen_basis as basis, count(*) as people from people
			where tenant = $1 and status in ('active', 'suspended') and left_at is null group by seen_basis) b
		order by b.basis`
	scan := func(s scanner) (set directory.SeenSet, err error) {
		return set, s.Scan(&set.Basis, jsonText{&set.Attributes}, &set.People)
	}
	sets, err := list(ctx, d, d.read, scan, query, tenant)
	if err != nil {
		return nil, fmt.Errorf("count what was last seen of the people of tenant %s: %w", tenant, err)
	}
	return sets, nil
}

// MovedPeople returns the ids of people whose row, or what was last seen of them, was written between the two times, both
// included, or whose groups were read then, in order after `after`, at most limit.
func (d *DB) MovedPeople(ctx context.Context, tenant string, from, to time.Time, after string, limit int) ([]string, error) {
	const query = `
		select id from people
		where tenant = $1 and id > $4 and status <> 'removed'
			and (updated_at >= {at $2} and updated_at <= {at $3} or seen_at >= {at $2} and seen_at <= {at $3}
				or groups_observed_at >= {at $2} and groups_observed_at <= {at $3})
		order by id limit $5`
	ids, err := list(ctx, d, d.read, scanText, query, tenant, from, to, after, limit)
	if err != nil {
		return nil, fmt.Errorf("look which people of tenant %s moved while rules were planned: %w", tenant, err)
	}
	return ids, nil
}

// SeenPeople returns the rows of the ids that were not removed, with the values last seen, in order of id.
func (t *Tx) SeenPeople(ctx context.Context, ids []string) ([]directory.Person, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	const query = keyed + `select ` + personColumns + `, seen from wanted cross join people
		where tenant = of_tenant and id = key and status <> 'removed' order by id`
	people, err := list(ctx, t.db, t.tx, scanSeen, query, t.tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("read what was last seen of %d people: %w", len(ids), err)
	}
	return people, nil
}
