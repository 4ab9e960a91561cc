package storetest

import (
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Who is blocked and has nothing that could be tried, and whose nightly run is to be made again.
func testRefused(f *fixture) {
	idle := func() bool {
		for _, slug := range must(f.db.BlockedIdle(f.ctx))(f) {
			if slug == tenant {
				return true
			}
		}
		return false
	}
	f.must(f.db.EnsureTenants(f.ctx, []string{tenant}))
	f.same("not blocked", idle(), false)
	f.must(f.db.Block(f.ctx, tenant, "make a new token"))
	f.same("blocked, nothing waits", idle(), true)
	f.add(event("e1", directory.PersonScope("p1")))
	f.same("an event waits", idle(), false)
	f.must(f.db.Park(f.ctx, tenant, directory.PersonScope("p1"), "no use"))
	f.same("it was parked", idle(), true)
	f.must(f.db.Unblock(f.ctx, tenant))
	f.same("let in again", idle(), false)

	refused := func() bool { return must(f.db.NightlyRefused(f.ctx, tenant))(f) }
	end := func(run directory.Run, refused bool) {
		f.create(run)
		claimed := must(f.db.ClaimRun(f.ctx, tenant, run.ID, "w1", directory.AnyClaim, time.Minute))(f)
		claimed.State, claimed.Refused = directory.RunFailed, refused
		f.must(f.db.SaveRun(f.ctx, claimed, "w1", 0))
	}
	nightly := func(id, date string) directory.Run {
		return directory.Run{ID: id, Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: date}
	}
	f.same("no run", refused(), false)
	end(nightly("n1", "2026-03-01"), false)
	f.same("it failed for another reason", refused(), false)
	end(nightly("n2", "2026-03-02"), true)
	f.same("it was refused", refused(), true)
	end(nightly("n3", ""), true)
	f.same("the one in its place was refused, too", refused(), false)
	end(nightly("n4", "2026-03-03"), true)
	f.same("the next night's was refused", refused(), true)
	f.create(directory.Run{ID: "m1", Scope: directory.FullScope(), Cause: directory.CauseManual})
	f.same("somebody has asked for another", refused(), false)
}
