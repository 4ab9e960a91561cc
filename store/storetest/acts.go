package storetest

import (
	"time"

	"github.com/oktasync/oktasync/directory"
)

// act is something that an admin does about a scope.
func act(kind directory.ActKind, scope directory.Scope) directory.Act {
	return directory.Act{Tenant: tenant, Actor: "ops", Role: directory.RoleOperate, Kind: kind, Subject: scope.String(), Reason: "asked by the \u0000 help desk"}
}

// testActs: each act is there with what it did, and only then.
func testActs(f *fixture) {
	u1, full := directory.PersonScope("u1"), directory.FullScope()
	before := f.now()
	f.add(event("e1", u1))
	_, err := f.db.Unpark(f.ctx, tenant, u1, act(directory.ActRetry, u1))
	f.fails(err, directory.ErrNotFound)
	f.must(f.db.Park(f.ctx, tenant, u1, "slow"))
	must(f.db.Unpark(f.ctx, tenant, u1, act(directory.ActRetry, u1)))(f)
	f.must(f.db.Park(f.ctx, tenant, u1, "slow"))
	f.must(f.db.Discard(f.ctx, tenant, u1, act(directory.ActDiscard, u1)))
	for _, id := range []string{"r1", "r2"} { // the second one joins the first
		run, _, err := f.db.RequestRun(f.ctx, directory.Run{Tenant: tenant, ID: id, Scope: full, Cause: directory.CauseManual}, act(directory.ActResync, full))
		f.must(err)
		f.same("run", run.ID, "r1")
	}
	_, _, err = f.db.RequestRun(f.ctx, directory.Run{Tenant: "nobody", ID: "r3", Scope: full}, directory.Act{Tenant: "nobody"})
	f.fails(err, directory.ErrNotFound)
	f.same("of a tenant that is none", must(f.db.Acts(f.ctx, "nobody", directory.ActQuery{Limit: 10}))(f), nil)

	want := []directory.Act{
		act(directory.ActResync, full), act(directory.ActResync, full), act(directory.ActDiscard, u1), act(directory.ActRetry, u1),
	}
	got := must(f.db.Acts(f.ctx, tenant, directory.ActQuery{Limit: 10}))(f)
	for i := range want {
		want[i].Reason = "asked by the  help desk"
		if i < 2 {
			want[i].RunID = "r1"
		}
		if i >= len(got) {
			break
		}
		if got[i].At.Before(before) || got[i].At.After(f.now()) || i > 0 && got[i].ID >= got[i-1].ID {
			f.Errorf("act %d has the id %d and the time %s", i, got[i].ID, got[i].At)
		}
		want[i].ID, want[i].At = got[i].ID, got[i].At
	}
	f.same("acts", got, want)
	f.same("the newest", must(f.db.Acts(f.ctx, tenant, directory.ActQuery{Limit: 2}))(f), want[:2])
	f.same("older ones", must(f.db.Acts(f.ctx, tenant, directory.ActQuery{Before: want[1].ID, Limit: 10}))(f), want[2:])
	claimed := must(f.db.ClaimRun(f.ctx, tenant, "r1", "w1", directory.AnyClaim, time.Minute))(f)
	f.same("the run", claimed.ID, "r1")
}
