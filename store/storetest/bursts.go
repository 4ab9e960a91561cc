package storetest

import (
	"context"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// assignment is an event that a list of the app may settle.
func assignment(uuid string, scopes ...directory.Scope) directory.Event {
	e := event(uuid, scopes...)
	e.Type = "application.user_membership.add"
	return e
}

func testBursts(f *fixture) {
	// As long as Okta's: rows about logins are deleted when they are done.
	u := func(id string) directory.Scope { return directory.PersonScope("00u00000000000000x" + id) }
	waiting := func(most int) int { f.Helper(); return must(f.db.WaitingPeople(f.ctx, tenant, most))(f) }
	recent := func() int { f.Helper(); return must(f.db.RecentAssignments(f.ctx, tenant, time.Hour, 10))(f) }
	newest, now, err := f.db.NewestEvent(f.ctx, tenant, time.Hour)
	f.must(err)
	f.same("nothing came", []any{newest.IsZero(), now.IsZero()}, []any{true, false})

	leaving := assignment("e5", u("u5"))
	leaving.Urgent = true
	f.add(event("e1", u("u1")), assignment("e2", u("u2")), assignment("e3", u("u2")), assignment("e4", directory.GroupScope("g1")),
		leaving, assignment("e6", u("u6")))
	newest, now, err = f.db.NewestEvent(f.ctx, tenant, time.Hour)
	f.must(err)
	f.same("something came", newest.IsZero() || newest.After(now), false)
	f.same("people, not events, nor those who may be leaving", waiting(10), 3)
	f.same("assignments", recent(), 2)
	f.must(f.db.Park(f.ctx, tenant, u("u6"), "given up"))
	f.same("without what is parked", waiting(10), 2)
	f.mark(f.ticket(u("u2")))
	f.same("without what is done", waiting(10), 1)
	f.same("what a read by id has settled still counts", recent(), 2)
	f.same("of a while", must(f.db.RecentAssignments(f.ctx, tenant, 0, 10))(f), 0)

	// What a run reads for, it keeps apart.
	f.run("r1", directory.FullScope())
	f.fails(f.db.ReadFor(f.ctx, tenant, "r1", "w2", 0), directory.ErrBusy)
	f.must(f.db.ReadFor(f.ctx, tenant, "r1", "w1", time.Hour))
	f.same("too young", waiting(10), 1)
	f.must(f.db.ReadFor(f.ctx, tenant, "r1", "w1", 0))
	f.same("read for", []any{waiting(10), f.ticket(u("u1")).Events[0].ReadBy, f.ticket(u("u5")).Events[0].ReadBy, f.ticket(u("u6")).Events[0].ReadBy},
		[]any{0, "r1", "", ""})
	f.must(f.db.FailRun(f.ctx, tenant, "r1", "it failed"))
	f.run("r2", directory.FullScope())
	f.must(f.db.ReadFor(f.ctx, tenant, "r2", "w1", 0))
	f.same("once", f.ticket(u("u1")).Events[0].ReadBy, "r1")
}

func testMarkListed(f *fixture) {
	u := func(id string) directory.Scope { return directory.PersonScope(id) }
	leaving := event("e5", u("u1"))
	leaving.Urgent = true
	f.putPeople(people("u1", "u2", "u5")...)
	f.add(event("e1", u("u1")), event("e2", u("u2")), event("e3", u("u3")), event("e4", u("u4")), event("e7", u("u5")), event("e8", u("u6")), leaving)
	run := f.run("r1", directory.FullScope())
	f.must(f.db.ReadFor(f.ctx, tenant, "r1", "w1", 0))
	f.add(event("e6", u("u1"))) // after it
	seen := []directory.PersonSeen{{ID: "u1"}, {ID: "u2"}, {ID: "u3"}, {ID: "u5"}, {ID: "u6"}}
	asked := must(f.db.Now(f.ctx))(f)
	f.must(f.db.SaveStep(f.ctx, run, "w1", time.Minute, directory.Step{Pages: []directory.Page{{At: asked, People: seen}}}))
	f.update(func(ctx context.Context, tx *store.Tx) error {
		return tx.Touch(ctx, "u2", asked.Add(time.Second), time.Time{})
	})
	written := people("u5", "u6")
	written[0].ObservedAt, written[1].ObservedAt = asked.Add(-time.Second), asked // the second one by the run itself
	f.putPeople(written...)
	list := func(run string, limit int) int {
		f.Helper()
		n := 0
		f.update(func(ctx context.Context, tx *store.Tx) (err error) {
			n, err = tx.MarkListed(ctx, run, limit)
			return err
		})
		return n
	}
	f.same("another run's", list("r2", 10), 0)
	f.same("one at a time", []int{list("r1", 1), list("r1", 1), list("r1", 1), list("r1", 1)}, []int{1, 1, 1, 0})
	f.same("what came later, and leavers", f.waiting(u("u1")), []string{"e5", "e6"})
	f.same("who was looked at later", f.waiting(u("u2")), []string{"e2"})
	f.same("whose row somebody wrote who had looked before", f.waiting(u("u5")), []string{"e7"})
	f.same("whose row the run wrote", f.waiting(u("u6")), nil)
	f.same("who is not in the directory", f.waiting(u("u3")), nil)
	f.same("who was not seen", f.waiting(u("u4")), []string{"e4"})

	_, found, err := f.db.LastSight(f.ctx, tenant)
	f.must(err)
	f.same("no run has succeeded", found, false)
	run.State, run.Progress.People, run.Progress.Groups = directory.RunSucceeded, 3, 2
	f.must(f.db.SaveRun(f.ctx, run, "w1", 0))
	f.run("r2", directory.FullScope())
	f.must(f.db.FailRun(f.ctx, tenant, "r2", "it failed"))
	sight, found, err := f.db.LastSight(f.ctx, tenant)
	f.must(err)
	f.same("what the last one saw", []any{found, sight}, []any{true, directory.Sight{Run: "r1", People: 3, Groups: 2}})
}
