package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

// Values of custom fields that are unique are looked up in a table beside people, which has rows for nobody else: whoever names
// no such field pays nothing for it. The tenant's row says of which fields the values stand there (tenants.unique_index): their names,
// and while it is being made, behind a '>', up to which person. PutPeople keeps it right for these fields, also while
// it is being made; those who were removed have no rows.

// uniqueIndex is what a tenant's row says.
type uniqueIndex struct {
	fields string // custom fields, sorted, with commas
	making bool
	upTo   string // while making: everybody's up to this id is there
}

func readUniqueIndex(text string) uniqueIndex {
	fields, upTo, making := strings.Cut(text, ">")
	return uniqueIndex{fields: fields, making: making, upTo: upTo}
}

func (u uniqueIndex) String() string {
	if u.making {
		return u.fields + ">" + u.upTo
	}
	return u.fields
}

func (u uniqueIndex) list() []directory.Field {
	if u.fields == "" {
		return nil
	}
	var fields []directory.Field
	for name := range strings.SplitSeq(u.fields, ",") {
		fields = append(fields, directory.Field(name))
	}
	return fields
}

func uniqueFields(fields []directory.Field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = string(f)
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// UniqueIndexed says whether everybody's values of these custom fields, and of no others, can be looked up.
func (t *Tx) UniqueIndexed(fields []directory.Field) bool {
	return !t.unique.making && t.unique.fields == uniqueFields(fields)
}

// IndexUnique goes a step towards that: it drops what stands there of other fields, or takes in at most limit people.
func (t *Tx) IndexUnique(ctx context.Context, fields []directory.Field, limit int) error {
	wanted := uniqueFields(fields)
	if t.unique.fields != wanted || wanted == "" && t.unique.making {
		dropped, err := t.db.exec(ctx, t.tx, t.db.dialect.DeleteFirst("unique_values", "field, key, person_id", "tenant = $1", "$2"), t.tenant, limit)
		if err != nil {
			return fmt.Errorf("drop the index of unique values of tenant %s: %w", t.tenant, err)
		}
		if dropped == int64(limit) { // there may be more; until then it is of no fields
			return t.putUniqueIndex(ctx, uniqueIndex{making: true})
		}
		return t.putUniqueIndex(ctx, uniqueIndex{fields: wanted, making: wanted != ""})
	}
	if !t.unique.making {
		return nil
	}
	const query = `select id, custom from people where tenant = $1 and id > $2 and custom <> '' and status <> 'removed' order by id limit $3`
	scan := func(s scanner) (p directory.Person, err error) { return p, s.Scan(&p.ID, jsonText{&p.Profile.Custom}) }
	people, err := list(ctx, t.db, t.tx, scan, query, t.tenant, t.unique.upTo, limit)
	if err != nil {
		return fmt.Errorf("read unique values of tenant %s: %w", t.tenant, err)
	}
	if err := t.addUnique(ctx, people); err != nil {
		return err
	}
	if len(people) < limit {
		return t.putUniqueIndex(ctx, uniqueIndex{fields: wanted})
	}
	return t.putUniqueIndex(ctx, uniqueIndex{fields: wanted, making: true, upTo: people[len(people)-1].ID})
}

func (t *Tx) putUniqueIndex(ctx context.Context, u uniqueIndex) error {
	if _, err := t.db.exec(ctx, t.tx, `update tenants set unique_index = $2 where slug = $1`, t.tenant, u.String()); err != nil {
		return fmt.Errorf("note how far the index of unique values of tenant %s is: %w", t.tenant, err)
	}
	t.unique = u
	return nil
}

// UniqueHolders returns who of the people present has one of the values, in the form of directory.FoldValue. PersonID of
// the wanted is not read.
func (t *Tx) UniqueHolders(ctx context.Context, wanted []directory.UniqueValue) ([]directory.UniqueValue, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	values := make(map[[2]string]string, len(wanted))
	for _, w := range wanted {
		values[[2]string{string(w.Field), uniqueKey(w.Value)}] = w.Value
	}
	const query = `
		with wanted as materialized (select distinct cast($1 as text) as of_tenant, v.field, v.key from {rows})
		select u.person_id, u.field, u.key from wanted
			cross join unique_values u
			join people p on p.tenant = of_tenant and p.id = u.person_id
		where u.tenant = of_tenant and u.field = wanted.field and u.key = wanted.key
			and p.status not in ('deactivated', 'removed') and p.left_at is null
		order by u.person_id, u.field`
	type value = directory.UniqueValue
	scan := func(s scanner) (v value, err error) { return v, s.Scan(&v.PersonID, &v.Field, &v.Value) }
	found, err := listRows(ctx, t.db, t.tx, scan, query, []Column{
		texts("field", wanted, func(v *value) string { return string(v.Field) }),
		texts("key", wanted, func(v *value) string { return uniqueKey(v.Value) }),
	}, t.tenant)
	if err != nil {
		return nil, fmt.Errorf("look up %d unique values: %w", len(wanted), err)
	}
	for i := range found {
		found[i].Value = values[[2]string{string(found[i].Field), found[i].Value}]
	}
	return found, nil
}

// uniqueKey is the digest of a folded value: texts may be longer than an index takes.
func uniqueKey(folded string) string {
	sum := sha256.Sum256([]byte(folded))
	return hex.EncodeToString(sum[:16])
}

// keepUnique makes the index say of people what their rows say, as far as it goes.
func (t *Tx) keepUnique(ctx context.Context, people []directory.Person) error {
	if t.unique.fields == "" {
		return nil
	}
	ids := make([]string, len(people))
	for i, p := range people {
		ids[i] = p.ID
	}
	if _, err := t.db.exec(ctx, t.tx, `delete from unique_values where tenant = $1 and person_id {in $2}`, t.tenant, ids); err != nil {
		return fmt.Errorf("renew unique values of %d people: %w", len(people), err)
	}
	return t.addUnique(ctx, people)
}

func (t *Tx) addUnique(ctx context.Context, people []directory.Person) error {
	type value struct{ field, key, person string }
	var values []value
	for _, p := range people {
		if p.Status == directory.StatusRemoved {
			continue
		}
		for _, f := range t.unique.list() {
			name, _ := f.Custom()
			if folded := directory.FoldValue(p.Profile.Custom[name]); folded != "" {
				values = append(values, value{string(f), uniqueKey(folded), p.ID})
			}
		}
	}
	if len(values) == 0 {
		return nil
	}
	const query = `insert into unique_values (tenant, field, key, person_id) select $1, v.field, v.key, v.person from {rows} where true on conflict do nothing`
	_, err := t.db.execRows(ctx, t.tx, query, []Column{
		texts("field", values, func(v *value) string { return v.field }),
		texts("key", values, func(v *value) string { return v.key }),
		texts("person", values, func(v *value) string { return v.person }),
	}, t.tenant)
	if err != nil {
		return fmt.Errorf("write %d unique values: %w", len(values), err)
	}
	return nil
}
