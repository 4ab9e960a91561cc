package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// BenchmarkGroupsOfPeople reads, of a page of 500 people who are in 500 groups each, the three groups that the rules name; and for
// comparison the same three of people who are in no others.
func BenchmarkGroupsOfPeople(b *testing.B, e Empty) {
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	ctx := b.Context()
	must(e.DB.Migrate(ctx))
	must(e.DB.EnsureTenants(ctx, []string{tenant}))
	must(e.DB.Update(ctx, tenant, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutMemberships(ctx, []directory.Membership{member("first", "first")})
	}))
	e.SQL(`with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n < 499)
		insert into memberships (tenant, group_id, person_id, present, observed_at)
		select m.tenant, 'g' || g.n, 'many' || p.n, m.present, m.observed_at from memberships m cross join numbers g cross join numbers p where m.person_id = 'first'
		union all
		select m.tenant, 'g' || g.n, 'few' || p.n, m.present, m.observed_at from memberships m cross join numbers g cross join numbers p where m.person_id = 'first' and g.n in (7, 77, 177)`)
	e.SQL("analyze")
	for _, kind := range []string{"few", "many"} {
		people := make([]string, 500)
		for i := range people {
			people[i] = fmt.Sprintf("%s%d", kind, i)
		}
		b.Run(kind, func(b *testing.B) {
			must(e.DB.Update(ctx, tenant, func(ctx context.Context, tx *store.Tx) error {
				for b.Loop() {
					found, err := tx.GroupsOfPeople(ctx, people, []string{"g177", "g7", "g77"}, false)
					if err != nil {
						return err
					}
					if len(found) != 1500 {
						b.Fatalf("%d memberships", len(found))
					}
				}
				return nil
			}))
		})
	}
}
