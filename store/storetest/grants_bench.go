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

// BenchmarkLicenses asks what each batch of a run asks about a pool of 300,000 licenses that are held and 100,000 people who
// wait: how many are held, beside a count of the rows; and what giving 500 costs.
func BenchmarkLicenses(b *testing.B, e Empty) {
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	ctx := b.Context()
	must(e.DB.Migrate(ctx))
	must(e.DB.EnsureTenants(ctx, []string{tenant}))
	in := func(b *testing.B, do func(context.Context, *store.Tx) error) {
		b.Helper()
		must(e.DB.Update(ctx, tenant, do))
	}
	first := directory.LicenseClaim{PersonID: "first", Pool: "seat", Held: true, Since: at(1), HeldAt: at(1), Rule: "r", Via: "everyone"}
	in(b, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutLicenseClaims(ctx, []directory.LicenseClaim{first})
	})
	e.SQL(`with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 400000)
		insert into license_claims (tenant, person_id, pool, held, since, held_at, rank, rule, via, kept)
		select c.tenant, 'p' || n, c.pool, n <= 300000, c.since, case when n <= 300000 then c.held_at end, c.rank, c.rule, c.via, c.kept from license_claims c cross join numbers`)
	e.SQL(`update license_pools set held = (select count(*) from license_claims c where c.tenant = license_pools.tenant and c.pool = license_pools.pool and c.held)`)
	e.SQL("analyze")
	b.Run("held", func(b *testing.B) {
		in(b, func(ctx context.Context, tx *store.Tx) error {
			for b.Loop() {
				if held, err := tx.LicensesHeld(ctx, "seat"); err != nil || held != 300_001 {
					b.Fatal(held, err)
				}
			}
			return nil
		})
	})
	b.Run("counted", func(b *testing.B) {
		for b.Loop() {
			e.SQL(`select count(*) from license_claims where tenant = '` + tenant + `' and pool = 'seat' and held`)
		}
	})
	e.SQL(`insert into plan (tenant, run, seq, type, subject, subject_id, person_id, before_hash, observed_at, fields, after)
		select tenant, 'r1', row_number() over (order by person_id), 'license.granted', 'license', 'seat', person_id, '', since, '', '' from license_claims where not held and person_id <= 'p350000'`)
	for name, after := range map[string]string{"the line from its beginning": "", "the line behind what is planned": "p350000"} {
		b.Run(name, func(b *testing.B) {
			in(b, func(ctx context.Context, tx *store.Tx) error {
				for b.Loop() {
					if _, err := tx.FirstInLine(ctx, "seat", "r1", directory.LicenseClaim{PersonID: after, Since: first.Since}, 500); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	b.Run("give 500", func(b *testing.B) {
		claims := make([]directory.LicenseClaim, 500)
		for i := range claims {
			claims[i] = first
			claims[i].PersonID = fmt.Sprintf("p%d", 300_001+i)
		}
		for b.Loop() {
			in(b, func(ctx context.Context, tx *store.Tx) error {
				for i := range claims {
					claims[i].Held = !claims[i].Held
				}
				return tx.PutLicenseClaims(ctx, claims)
			})
		}
	})
}
