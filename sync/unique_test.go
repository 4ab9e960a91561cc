package sync_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// withBadge declares custom fields of which the given ones are unique.
func withBadge(unique ...directory.Field) func(*directory.Rules) {
	return func(r *directory.Rules) {
		from := func(name string) directory.Source { return directory.Source{From: []string{"user." + name}} }
		r.Custom = []directory.CustomField{
			{Name: "badge", Type: directory.CustomNumber, Source: from("badge")},
			{Name: "desk", Type: directory.CustomText, Source: from("desk")},
		}
		r.Unique = unique
	}
}

// waiters returns who is in quarantine, with the person who has what they want.
func (f *fixture) waiters() []string {
	f.t.Helper()
	list, err := f.db.Quarantine(f.t.Context(), f.tenant, "", 100)
	if err != nil {
		f.t.Fatal(err)
	}
	var who []string
	for _, q := range list {
		who = append(who, q.PersonID+" for "+q.Holder)
	}
	return who
}

// lookNow works off the looks that are due.
func (f *fixture) lookNow() {
	f.t.Helper()
	due, err := f.db.DueSecondLooks(f.t.Context(), 0, 100)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, hint := range due {
		if _, err := f.engine.Scope(f.t.Context(), hint.Scope); err != nil {
			f.t.Fatal(err)
		}
	}
}

// TestUniqueCustomFields: a value of a unique custom field belongs to whoever has it, until they give it up; then whoever
// waits for it is looked at again, one after the other.
func TestUniqueCustomFields(t *testing.T) {
	t.Parallel()
	databases := map[string]func(testing.TB) *store.DB{"sqlite": openDatabase, "postgres": openPostgres}
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			badge, desk := directory.CustomOf("badge"), directory.CustomOf("desk")
			f := newTenant(t, open(t), "acme", withBadge(badge, desk))
			see := func(id string) { f.event(directory.PersonScope(id)) }
			expect := func(what string, want ...string) {
				t.Helper()
				if got := f.waiters(); !slices.Equal(got, want) {
					t.Errorf("%s: waiting %q, want %q", what, got, want)
				}
			}
			f.join("a", map[string]any{"badge": "7", "desk": "Window"})
			f.join("b", map[string]any{"badge": "007.0"})
			f.join("c", map[string]any{"badge": "7"})
			f.join("d", map[string]any{"badge": "8", "desk": " WINDOW "})
			f.mustFull()
			expect("a full sync", "b for a", "c for a", "d for a")

			f.people["d"].profile["desk"] = "door"
			see("d")
			expect("d moves", "b for a", "c for a")

			f.people["a"].profile["badge"] = "8" // d has it
			see("a")
			expect("a is known already", "a for d", "b for a", "c for a")
			if row, err := f.db.People(t.Context(), f.tenant, []string{"a"}); err != nil || row[0].Profile.Custom["badge"] != 7.0 {
				t.Errorf("a has %v, %v; want the badge that they had", row[0].Profile.Custom, err)
			}
			f.people["a"].status = "DEPROVISIONED"
			f.event(directory.PersonScope("a"), "user.lifecycle.deactivate")
			f.lookNow()
			expect("a leaves, and b has it", "c for b")
			f.people["b"].profile["badge"] = "9"
			see("b")
			f.lookNow()
			expect("b gives it up")
			for id, want := range map[string]float64{"b": 9, "c": 7, "d": 8} {
				row, err := f.db.People(t.Context(), f.tenant, []string{id})
				if err != nil || len(row) != 1 || row[0].Profile.Custom["badge"] != want {
					t.Errorf("%s: %+v, %v; want the badge %v", id, row, err, want)
				}
			}
			f.people["a"].status = "ACTIVE"
			f.people["a"].profile["badge"] = "7"
			see("a")
			expect("a is back, and c has it", "a for c")
		})
	}
}

// TestUniqueFromNowOn: a field that becomes unique is looked up among everybody who was there before, also when the
// fields change back and forth and people do meanwhile.
func TestUniqueFromNowOn(t *testing.T) {
	t.Parallel()
	badge, desk := directory.CustomOf("badge"), directory.CustomOf("desk")
	f := newFixture(t, withBadge())
	for i := range 1200 { // several steps
		f.join(fmt.Sprintf("p%04d", i), map[string]any{"badge": fmt.Sprint(i % 1199), "desk": fmt.Sprint(i)})
	}
	f.mustFull()
	becomes := func(unique ...directory.Field) {
		withBadge(unique...)(&f.rules)
		f.engine = f.engineOf(dirsync.Options{})
	}
	second := func(id string, profile map[string]any, want string) {
		t.Helper()
		f.join(id, profile)
		f.event(directory.PersonScope(id))
		got := strings.Join(f.waiters(), ", ")
		if got != want {
			t.Errorf("%s: waiting %q, want %q", id, got, want)
		}
		delete(f.people, id)
		f.event(directory.PersonScope(id), "user.lifecycle.delete.initiated")
		f.mustFull()
	}
	becomes(badge)
	second("x1", map[string]any{"badge": "1100"}, "x1 for p1100")
	both, err := f.db.People(t.Context(), f.tenant, []string{"p0000", "p1199"})
	if err != nil || len(both) != 2 || !both[0].Present() || !both[1].Present() {
		t.Errorf("two who had the same value before do not both stay: %v, %v", both, err)
	}
	becomes(desk)
	second("x2", map[string]any{"badge": "1100", "desk": "1150"}, "x2 for p1150")
	becomes()
	f.people["p1100"].profile["badge"] = "5000"
	f.event(directory.PersonScope("p1100"))
	becomes(desk, badge)
	second("x3", map[string]any{"badge": "5000"}, "x3 for p1100")
	second("x4", map[string]any{"badge": "1100"}, "")
}
