package storetest

import (
	"context"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func testBlock(f *fixture) {
	f.same("at first", must(f.db.Blocked(f.ctx, tenant))(f), "")
	f.must(f.db.Block(f.ctx, tenant, "the token is dead"))
	since := must(f.db.TenantState(f.ctx, tenant))(f).BlockedSince
	if since == nil {
		f.Fatal("a blocked tenant has no time since when")
	}
	f.must(f.db.Block(f.ctx, tenant, "the role is missing"))
	f.same("the newest reason", must(f.db.Blocked(f.ctx, tenant))(f), "the role is missing")
	f.same("the time since when", must(f.db.TenantState(f.ctx, tenant))(f).BlockedSince, since)
	f.same("the neighbour", must(f.db.Blocked(f.ctx, neighbour))(f), "")
	f.must(f.db.Unblock(f.ctx, tenant))
	f.must(f.db.Unblock(f.ctx, tenant))
	f.same("unblocked", must(f.db.Blocked(f.ctx, tenant))(f), "")
	f.same("no time", must(f.db.TenantState(f.ctx, tenant))(f).BlockedSince, (*time.Time)(nil))

	f.fails(f.db.Block(f.ctx, "nobody", "x"), directory.ErrNotFound)
	_, err := f.db.Blocked(f.ctx, "nobody")
	f.fails(err, directory.ErrNotFound)
	_, err = f.db.TenantState(f.ctx, "nobody")
	f.fails(err, directory.ErrNotFound)
}

func testTenantState(f *fixture) {
	f.same("an empty tenant", must(f.db.TenantState(f.ctx, tenant))(f), directory.TenantState{Tenant: tenant})

	rows := people("u1", "u2", "u3", "u4")
	rows[1].Status, rows[2].Status, rows[3].Status = directory.StatusSuspended, directory.StatusDeactivated, directory.StatusRemoved
	f.putPeople(rows...)
	before := f.now()
	f.must(f.db.AddEvents(f.ctx, tenant, []directory.Event{
		event("e1", directory.PersonScope("u1")), event("e2", directory.PersonScope("u1"), directory.PersonScope("u2")),
		event("e3", directory.GroupScope("g1")), event("e4"),
	}))
	f.must(f.db.Park(f.ctx, tenant, directory.GroupScope("g1"), "broken"))
	f.update(func(ctx context.Context, tx *store.Tx) error {
		return tx.PutQuarantined(ctx, []directory.Quarantined{{PersonID: "u9", Reason: "no e-mail"}})
	})
	run := f.run("r1", directory.FullScope())
	run.State = directory.RunSucceeded
	f.must(f.db.SaveRun(f.ctx, run, "w1", time.Minute))

	state := must(f.db.TenantState(f.ctx, tenant))(f)
	if state.OldestWait == nil || state.OldestWait.Before(before) || state.OldestWait.After(f.now()) {
		f.Fatalf("oldest wait is %v, want after %v", state.OldestWait, before)
	}
	if state.LastFullSync == nil || state.LastFullSync.Before(before) {
		f.Fatalf("last full sync is %v, want after %v", state.LastFullSync, before)
	}
	state.OldestWait, state.LastFullSync = nil, nil
	f.same("the counts", state, directory.TenantState{Tenant: tenant, Waiting: 2, Parked: 1, People: 2, Quarantined: 1})
}
