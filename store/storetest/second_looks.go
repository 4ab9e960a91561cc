package storetest

import (
	"context"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// dueLooks sweeps the second looks of the tenant.
func (f *fixture) dueLooks(olderThan time.Duration) []directory.ScopeHint {
	f.Helper()
	var mine []directory.ScopeHint
	for _, h := range must(f.db.DueSecondLooks(f.ctx, olderThan, 100))(f) {
		if h.Tenant == tenant {
			mine = append(mine, h)
		}
	}
	return mine
}

func testSecondLooks(f *fixture) {
	u1, u2 := directory.PersonScope("u1"), directory.PersonScope("u2")
	ask := func(scope directory.Scope, after time.Duration) {
		f.Helper()
		f.update(func(ctx context.Context, tx *store.Tx) error { return tx.AskSecondLook(ctx, scope, after) })
	}
	hint := []directory.ScopeHint{{Tenant: tenant, Scope: u1}}
	ask(u1, time.Hour)
	ask(u2, time.Hour)
	f.same("not due", f.dueLooks(0), nil)
	f.same("nothing to do yet", f.ticket(u1).Idle(), true)
	ask(u1, -time.Second) // the last wish counts
	f.same("due", f.dueLooks(time.Minute), hint)
	f.same("swept a moment ago", f.dueLooks(time.Minute), nil)
	f.same("not taken", f.dueLooks(0), hint)

	// It waits for the ticket, beside events, and goes with the mark.
	f.add(event("e1", u1))
	known := f.ticket(u1)
	f.same("known", []any{known.Idle(), known.SecondLook.IsZero(), len(known.Events)}, []any{false, false, 1})
	ask(u1, -time.Millisecond) // anew, while Okta is asked
	f.mark(known)
	f.same("events are marked", f.waiting(u1), nil)
	f.same("the later wish stays", f.dueLooks(0), hint)
	f.mark(f.ticket(u1))
	f.same("done", f.dueLooks(0), nil)
	f.same("nothing left", f.ticket(u1).Idle(), true)

	ask(u1, -time.Second)
	f.must(f.db.Block(f.ctx, tenant, "the token is dead"))
	f.same("blocked", f.dueLooks(0), nil)
	f.must(f.db.Unblock(f.ctx, tenant))
	f.same("unblocked", f.dueLooks(0), hint)
	f.must(f.db.Park(f.ctx, tenant, u1, "given up"))
	f.same("given up", f.dueLooks(0), nil)
}

// testLookAtGroupsRead asks for a look at groups of which runs have begun since.
func testLookAtGroupsRead(f *fixture) {
	f.run("before", directory.GroupScope("g0"))
	since := must(f.db.Now(f.ctx))(f)
	f.run("r1", directory.GroupScope("g1"))
	f.run("r2", directory.FullScope())
	f.create(directory.Run{ID: "r3", Scope: directory.GroupScope("g2"), Cause: directory.CauseHook}) // has not begun
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.LookAtGroupsRead(ctx, since) })
	f.same("looked at", f.dueLooks(0), []directory.ScopeHint{{Tenant: tenant, Scope: directory.GroupScope("g1")}})
}
