package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// old waits until everything that was written so far is older than a moment.
func (f *fixture) old() time.Duration {
	f.Helper()
	const moment = 20 * time.Millisecond
	start := f.now()
	f.eventually("time passes", func() bool { return f.now().Sub(start) > moment })
	return moment
}

func testPurge(f *fixture) {
	u1 := directory.PersonScope("u1")
	rows := people("u1", "u2", "u3")
	rows[1].Status, rows[2].Status = directory.StatusRemoved, directory.StatusRemoved
	rows[2].ObservedAt = f.now().Add(time.Hour)
	goneGroup, gone := group("g2"), member("g1", "u2")
	goneGroup.Removed, gone.Present = true, false
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutPeople(ctx, rows))
		f.must(tx.PutGroups(ctx, []directory.Group{group("g1"), goneGroup}))
		return tx.PutMemberships(ctx, []directory.Membership{member("g1", "u1"), gone})
	})
	var events []directory.Event
	for i := range 2500 { // more than one chunk
		events = append(events, event(fmt.Sprintf("e%04d", i), u1))
	}
	f.add(events...)
	f.mark(f.ticket(u1))
	f.add(event("empty"), event("waiting", u1))
	run := f.run("r1", directory.GroupScope("g1"))
	f.stage("r1", seen("u1"))
	f.plan("r1", ofPerson(directory.PersonUpdated, "u1"))
	run.State = directory.RunFailed
	f.must(f.db.SaveRun(f.ctx, run, "w1", time.Minute))

	total := must(f.db.Purge(f.ctx, store.Retention{}))(f)
	f.same("zero keeps all", total, 0)
	f.same("nothing is old enough", must(f.db.Purge(f.ctx, store.Retention{Inbox: time.Hour, Runs: time.Hour}))(f), 0)
	f.old()
	// 2500 marked events, the empty one and the neighbour's empty one.
	f.same("events", must(f.db.Purge(f.ctx, store.Retention{Inbox: time.Microsecond}))(f), 2502)
	f.same("what waits is kept", f.waiting(u1), []string{"waiting"})
	f.same("runs", must(f.db.Purge(f.ctx, store.Retention{Runs: time.Microsecond}))(f), 1)
	_, err := f.db.Run(f.ctx, tenant, "r1")
	f.fails(err, directory.ErrNotFound)
	f.same("its plan", must(f.db.Plan(f.ctx, tenant, "r1", 0, 10))(f), nil)

	f.same("tombstones", must(f.db.Purge(f.ctx, store.Retention{Tombstones: time.Hour}))(f), 3)
	left := must(f.db.People(f.ctx, tenant, []string{"u1", "u2", "u3"}))(f)
	f.same("people", []string{left[0].ID, left[1].ID}, []string{"u1", "u3"})
	f.same("groups", len(must(f.db.Groups(f.ctx, tenant, []string{"g1", "g2"}))(f)), 1)
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.same("memberships", must(tx.MembershipsOf(ctx, []string{"u1", "u2"}))(f), []directory.Membership{member("g1", "u1")})
		return nil
	})
}

func testPurgeKeeps(f *fixture) {
	finish := func(id, date string, state directory.RunState) {
		f.create(directory.Run{ID: id, Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: date})
		run := must(f.db.ClaimRun(f.ctx, tenant, id, "w1", directory.AnyClaim, time.Minute))(f)
		run.State = state
		f.must(f.db.SaveRun(f.ctx, run, "w1", time.Minute))
	}
	finish("old", "2026-03-01", directory.RunSucceeded)
	finish("good", "2026-03-02", directory.RunSucceeded)
	finish("failed", "2026-03-03", directory.RunFailed)
	finish("last", "2026-03-04", directory.RunFailed)
	f.run("open", directory.FullScope())
	f.stage("open", seen("u1"))
	f.putPeople(person("u1"))
	f.old()
	f.same("runs", must(f.db.Purge(f.ctx, store.Retention{Inbox: time.Hour, Runs: time.Microsecond, Tombstones: 1000000 * time.Hour}))(f), 2)
	var kept []string
	for _, r := range must(f.db.Runs(f.ctx, tenant, 10))(f) {
		kept = append(kept, r.ID)
	}
	f.same("kept", kept, []string{"open", "last", "good"})
	f.same("what an open run has seen", must(f.db.UnseenPeople(f.ctx, tenant, "open", directory.StatusActive, "", 10))(f), nil)
}
