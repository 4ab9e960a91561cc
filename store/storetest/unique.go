package storetest

import (
	"context"
	"fmt"
	"strings"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// testUniqueValues: the index of unique values is made in steps, kept by each write, and knows who is present.
func testUniqueValues(f *fixture) {
	badge, desk := directory.CustomOf("badge"), directory.CustomOf("desk")
	long := strings.Repeat("Ü", 3000)
	with := func(id string, custom map[string]any) directory.Person {
		p := person(id)
		p.Profile.Custom = custom
		return p
	}
	rows := []directory.Person{
		with("u1", map[string]any{"badge": " Seven ", "desk": 1.5}),
		with("u2", map[string]any{"badge": "seven", "desk": 1e21, "tags": []any{"seven"}}),
		with("u3", map[string]any{"badge": long}),
		with("u4", map[string]any{"badge": "left"}),
		with("u5", nil),
	}
	f.putPeople(rows...)
	step := func(limit int, fields ...directory.Field) (steps int) {
		for done := false; !done; steps++ {
			f.update(func(ctx context.Context, tx *store.Tx) error {
				f.must(tx.IndexUnique(ctx, fields, limit))
				done = tx.UniqueIndexed(fields)
				return nil
			})
			if steps > 50 {
				f.Fatal("the index is never complete")
			}
		}
		return steps
	}
	holders := func(field directory.Field, values ...any) (found []string) {
		f.update(func(ctx context.Context, tx *store.Tx) error {
			var wanted []directory.UniqueValue
			for _, v := range values {
				wanted = append(wanted, directory.UniqueValue{Field: field, Value: directory.FoldValue(v)})
			}
			for _, v := range must(tx.UniqueHolders(ctx, wanted))(f) {
				found = append(found, fmt.Sprintf("%s %.5s", v.PersonID, v.Value))
			}
			return nil
		})
		return found
	}
	f.same("before there is one", holders(badge, "seven"), nil)
	if steps := step(2, badge); steps < 3 {
		f.Errorf("the index of 5 people was complete after %d steps of 2", steps)
	}
	f.same("badges", holders(badge, "SEVEN", long, "nobody's"), []string{"u1 seven", "u2 seven", "u3 üüüüü"})
	f.same("of a field that is not in it", holders(desk, 1.5), nil)
	step(2, desk, badge)
	f.same("numbers", holders(desk, 1.5, 1e21), []string{"u1 1.5", "u2 1e+21"})

	rows[0].Profile.Custom = map[string]any{"badge": "eight"}
	rows[1].Status, rows[1].OktaStatus = directory.StatusRemoved, directory.OktaDeleted
	rows[3].Status, rows[3].LeftAt = directory.StatusDeactivated, at(5)
	rows[4].Profile.Custom, rows[4].Status = map[string]any{"badge": "seven"}, directory.StatusSuspended
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutPeople(ctx, rows))
		wanted := []directory.UniqueValue{{Field: badge, Value: "seven"}}
		f.same("inside", must(tx.UniqueHolders(ctx, wanted))(f), []directory.UniqueValue{{PersonID: "u5", Field: badge, Value: "seven"}})
		f.same("nothing is wanted", must(tx.UniqueHolders(ctx, nil))(f), nil)
		return nil
	})
	f.same("after writes", holders(badge, "seven", "eight", "left"), []string{"u1 eight", "u5 seven"})

	step(2)
	f.same("without fields", holders(badge, "eight"), nil)
	rows[0].Profile.Custom = map[string]any{"badge": "nine"}
	f.putPeople(rows[0])
	step(100, badge)
	f.same("made anew", holders(badge, "eight", "nine", "seven"), []string{"u1 nine", "u5 seven"})

	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutQuarantined(ctx, []directory.Quarantined{{PersonID: "w1", Holder: "u1"}, {PersonID: "w2", Holder: "u2"}, {PersonID: "w3"}}))
		f.must(tx.LookAtWaiting(ctx, nil, 10))
		return tx.LookAtWaiting(ctx, []string{"u1", "u3"}, 10)
	})
	looks := must(f.db.DueSecondLooks(f.ctx, 0, 10))(f)
	f.same("looks", looks, []directory.ScopeHint{{Tenant: tenant, Scope: directory.PersonScope("w1")}})
}
