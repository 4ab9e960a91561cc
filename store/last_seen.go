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
		update people set seen = v.seen, seen_basis = v.seen_basis, seen_hash = v.seen_hash
		from {rows}
		where tenant = $1 and people.id = v.id and observed_at <= {at $2} and ` + everHere
	batch := []Column{
		texts("id", ids, func(id *string) string { return *id }),
		texts("seen", ids, func(id *string) string { return string(seen[*id].Values) }),
		texts("seen_basis", ids, func(id *string) string { return seen[*id].Basis }),
		texts("seen_hash", ids, func(id *string) string { return seen[*id].Hash }),
	}
	if _, err := t.db.execRows(ctx, t.tx, query, batch, t.tenant, at); err != nil {
		return fmt.Errorf("write what was seen of %d people: %w", len(ids), err)
	}
	return nil
}

// SeenPeople returns the rows of everybody but those who were removed, with the values last seen, in order of id after
// `after`, at most limit.
func (d *DB) SeenPeople(ctx context.Context, tenant, after string, limit int) ([]directory.Person, error) {
	const query = `select ` + personColumns + `, seen from people where tenant = $1 and id > $2 and status <> 'removed' order by id limit $3`
	scan := func(s scanner) (directory.Person, error) {
		var values string
		p, err := scanPerson(andText{s, &values})
		if values != "" {
			p.Seen.Values = json.RawMessage(values)
		}
		return p, err
	}
	people, err := list(ctx, d, d.read, scan, query, tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read what was last seen of the people of tenant %s: %w", tenant, err)
	}
	return people, nil
}

// andText scans a row that has one text more at its end.
type andText struct {
	scanner
	text *string
}

func (a andText) Scan(dest ...any) error { return a.scanner.Scan(append(dest, a.text)...) }

// SeenBases counts the people who are present by the set of attributes that were last looked for; empty for those of
// whom nothing is kept.
func (d *DB) SeenBases(ctx context.Context, tenant string) (map[string]int, error) {
	type ofBasis struct {
		basis string
		count int
	}
	const query = `select seen_basis, count(*) from people
		where tenant = $1 and status in ('active', 'suspended') and left_at is null group by seen_basis`
	scan := func(s scanner) (b ofBasis, err error) { return b, s.Scan(&b.basis, &b.count) }
	found, err := list(ctx, d, d.read, scan, query, tenant)
	if err != nil {
		return nil, fmt.Errorf("count what was last seen of the people of tenant %s: %w", tenant, err)
	}
	counts := make(map[string]int, len(found))
	for _, b := range found {
		counts[b.basis] = b.count
	}
	return counts, nil
}
