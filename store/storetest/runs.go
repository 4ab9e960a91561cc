package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// create makes a run and says whether it is new.
func (f *fixture) create(run directory.Run) (directory.Run, bool) {
	f.Helper()
	run.Tenant = tenant
	made, isNew, err := f.db.CreateRun(f.ctx, run)
	f.must(err)
	return made, isNew
}

func testCreateRun(f *fixture) {
	before := f.now()
	given := directory.Run{ID: "r1", Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-03-01",
		Progress: directory.Progress{CallsLeft: -1}, State: directory.RunApplying}
	nightly, isNew := f.create(given)
	f.same("new", isNew, true)
	if nightly.CreatedAt.Before(before) || nightly.CreatedAt.After(f.now()) {
		f.Fatalf("made at %v", nightly.CreatedAt)
	}
	given.Tenant, given.State, given.CreatedAt = tenant, directory.RunQueued, nightly.CreatedAt
	f.same("the run", nightly, given)
	f.same("as stored", must(f.db.Run(f.ctx, tenant, "r1"))(f), given)

	manual := directory.Run{ID: "m1", Scope: directory.FullScope(), Cause: directory.CauseManual, By: "admin"}
	tests := []struct {
		name string
		run  directory.Run
		want string // id of what comes back
	}{
		{"the same date", directory.Run{ID: "r2", Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-03-01"}, "r1"},
		{"the next date", directory.Run{ID: "r3", Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-03-02"}, "r3"},
		{"manual, beside nightly ones", manual, "m1"},
		{"the same id", manual, "m1"},
		{"manual, while one is queued", directory.Run{ID: "m2", Scope: directory.FullScope(), Cause: directory.CauseManual}, "m1"},
		{"of a group", directory.Run{ID: "h1", Scope: directory.GroupScope("g1"), Cause: directory.CauseHook}, "h1"},
		{"of the group, while one is queued", directory.Run{ID: "h2", Scope: directory.GroupScope("g1"), Cause: directory.CauseManual}, "h1"},
		{"dry, of the group", directory.Run{ID: "d1", Scope: directory.GroupScope("g1"), Cause: directory.CauseManual, DryRun: true}, "d1"},
		{"dry, while one is queued", directory.Run{ID: "d2", Scope: directory.GroupScope("g1"), Cause: directory.CauseManual, DryRun: true}, "d1"},
		{"by other rules, while one is queued", directory.Run{ID: "n1", Scope: directory.FullScope(), Cause: directory.CauseRules, Rules: "r1"}, "n1"},
		{"by the same rules", directory.Run{ID: "n2", Scope: directory.FullScope(), Cause: directory.CauseRules, Rules: "r1"}, "n1"},
		{"by others again", directory.Run{ID: "n3", Scope: directory.FullScope(), Cause: directory.CauseRules, Rules: "r2"}, "n3"},
		{"of another group", directory.Run{ID: "h3", Scope: directory.GroupScope("g2"), Cause: directory.CauseHook}, "h3"},
	}
	for _, test := range tests {
		_, known := f.db.Run(f.ctx, tenant, test.run.ID)
		made, isNew := f.create(test.run)
		f.same(test.name, made.ID, test.want)
		f.same(test.name+", new", isNew, made.ID == test.run.ID && known != nil)
	}

	// What is claimed may have looked already: a new one is needed.
	must(f.db.ClaimRun(f.ctx, tenant, "h1", "w1", directory.AnyClaim, time.Minute))(f)
	made, isNew := f.create(directory.Run{ID: "h4", Scope: directory.GroupScope("g1"), Cause: directory.CauseHook})
	f.same("after a claim", []any{made.ID, isNew}, []any{"h4", true})

	var order []string
	for _, r := range must(f.db.Runs(f.ctx, tenant, 3))(f) {
		order = append(order, r.ID)
	}
	f.same("newest first", order, []string{"h4", "h3", "n3"})
	_, err := f.db.Run(f.ctx, tenant, "r9")
	f.fails(err, directory.ErrNotFound)
	_, _, err = f.db.CreateRun(f.ctx, directory.Run{Tenant: "nobody", ID: "r1", Scope: directory.FullScope()})
	f.fails(err, directory.ErrNotFound)
}

func testCreateAtOnce(f *fixture) {
	var wait sync.WaitGroup
	var mutex sync.Mutex
	made, found := 0, map[string]bool{}
	for i := range 20 {
		wait.Go(func() {
			run := directory.Run{Tenant: tenant, ID: fmt.Sprint("r", i), Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-03-01"}
			if i%2 == 0 {
				run.Date, run.Scope = "", directory.GroupScope("g1")
			}
			got, isNew, err := f.db.CreateRun(f.ctx, run)
			if err != nil {
				f.Error(err)
			}
			mutex.Lock()
			defer mutex.Unlock()
			found[got.ID] = true
			if isNew {
				made++
			}
		})
	}
	wait.Wait()
	f.same("made", made, 2)
	f.same("different ones", len(found), 2)
}

func testLease(f *fixture) {
	f.create(directory.Run{ID: "r1", Scope: directory.GroupScope("g1"), Cause: directory.CauseManual})
	_, err := f.db.ClaimRun(f.ctx, tenant, "r9", "w1", directory.AnyClaim, time.Minute)
	f.fails(err, directory.ErrNotFound)
	run := must(f.db.ClaimRun(f.ctx, tenant, "r1", "w1", directory.AnyClaim, time.Minute))(f)
	if run.StartedAt == nil || run.StartedAt.Before(run.CreatedAt) {
		f.Fatalf("started at %v", run.StartedAt)
	}
	f.same("state", run.State, directory.RunQueued)
	_, err = f.db.ClaimRun(f.ctx, tenant, "r1", "w2", directory.AnyClaim, time.Minute)
	f.fails(err, directory.ErrBusy)
	again := must(f.db.ClaimRun(f.ctx, tenant, "r1", "w1", directory.AnyClaim, time.Minute))(f)
	run.Claims++
	f.same("claimed again by its owner", again, run)

	eta := at(60)
	run.State, run.Error = directory.RunReading, "so far"
	run.Progress = directory.Progress{Pages: 1, People: 2, Groups: 3, Members: 4, Calls: 5, CallsLeft: -1, Planned: 7, Applied: 8, ETA: &eta}
	run.Counts = directory.RunCounts{Changes: map[directory.ChangeType]int{directory.PersonCreated: 3}, Superseded: 1, Quarantined: 2, Confirmed: 3}
	f.must(f.db.SaveRun(f.ctx, run, "w1", time.Minute))
	f.same("saved", must(f.db.Run(f.ctx, tenant, "r1"))(f), run)
	f.fails(f.db.SaveRun(f.ctx, run, "w2", time.Minute), directory.ErrBusy)
	missing := run
	missing.ID = "r9"
	f.fails(f.db.SaveRun(f.ctx, missing, "w1", time.Minute), directory.ErrNotFound)

	run.State = directory.RunSucceeded
	f.must(f.db.SaveRun(f.ctx, run, "w1", time.Minute))
	done := must(f.db.Run(f.ctx, tenant, "r1"))(f)
	if done.FinishedAt == nil || done.FinishedAt.Before(*run.StartedAt) {
		f.Fatalf("finished at %v", done.FinishedAt)
	}
	run.FinishedAt = done.FinishedAt
	f.same("finished", done, run)
	_, err = f.db.ClaimRun(f.ctx, tenant, "r1", "w2", directory.AnyClaim, time.Minute)
	f.fails(err, directory.ErrConflict)
	f.fails(f.db.SaveRun(f.ctx, run, "w1", time.Minute), directory.ErrConflict)

	// Times that are given are kept.
	second := f.run("r2", directory.GroupScope("g1"))
	started, finished := at(1), at(2)
	second.StartedAt, second.FinishedAt, second.State = &started, &finished, directory.RunFailed
	f.must(f.db.SaveRun(f.ctx, second, "w1", time.Minute))
	f.same("given times", must(f.db.Run(f.ctx, tenant, "r2"))(f), second)
}

// claimSoon claims as soon as the other's lease has run out.
func (f *fixture) claimSoon(id, owner string) directory.Run {
	f.Helper()
	var run directory.Run
	f.eventually("the lease of "+id+" runs out", func() bool {
		var err error
		run, err = f.db.ClaimRun(f.ctx, tenant, id, owner, directory.AnyClaim, time.Minute)
		if err != nil && !errors.Is(err, directory.ErrBusy) {
			f.Fatal(err)
		}
		return err == nil
	})
	return run
}

func testTakeOver(f *fixture) {
	f.create(directory.Run{ID: "r1", Scope: directory.GroupScope("g1"), Cause: directory.CauseManual})
	run := must(f.db.ClaimRun(f.ctx, tenant, "r1", "w1", directory.AnyClaim, 30*time.Millisecond))(f)
	run.State = directory.RunReading
	// A lease that ran out is still the owner's while nobody took it.
	start := f.now()
	f.eventually("the lease runs out", func() bool { return f.now().Sub(start) > 60*time.Millisecond })
	f.must(f.db.SaveRun(f.ctx, run, "w1", 30*time.Millisecond))
	taken := f.claimSoon("r1", "w2")
	f.same("what the first owner saved", taken.State, directory.RunReading)
	f.same("the first start", taken.StartedAt, run.StartedAt)
	f.fails(f.db.SaveRun(f.ctx, run, "w1", time.Minute), directory.ErrBusy)
	_, err := f.db.ClaimRun(f.ctx, tenant, "r1", "w1", directory.AnyClaim, time.Minute)
	f.fails(err, directory.ErrBusy)
	f.must(f.db.SaveRun(f.ctx, taken, "w2", time.Minute))
}

func testOneFullRun(f *fixture) {
	f.create(directory.Run{ID: "n1", Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-03-01"})
	f.create(directory.Run{ID: "m1", Scope: directory.FullScope(), Cause: directory.CauseManual})
	f.create(directory.Run{ID: "h1", Scope: directory.GroupScope("g1"), Cause: directory.CauseHook})
	first := must(f.db.ClaimRun(f.ctx, tenant, "n1", "w1", directory.AnyClaim, time.Minute))(f)
	_, err := f.db.ClaimRun(f.ctx, tenant, "m1", "w2", directory.AnyClaim, time.Minute)
	f.fails(err, directory.ErrBusy)
	_, err = f.db.ClaimRun(f.ctx, tenant, "m1", "w1", directory.AnyClaim, time.Minute) // nor by the same worker
	f.fails(err, directory.ErrBusy)
	must(f.db.ClaimRun(f.ctx, tenant, "h1", "w3", directory.AnyClaim, time.Minute))(f) // a group's does not wait

	// The first worker falls silent; when it comes back it is told.
	f.must(f.db.SaveRun(f.ctx, first, "w1", -time.Second))
	second := f.claimSoon("m1", "w2")
	f.fails(f.db.SaveRun(f.ctx, first, "w1", time.Minute), directory.ErrBusy)
	_, err = f.db.ClaimRun(f.ctx, tenant, "n1", "w1", directory.AnyClaim, time.Minute)
	f.fails(err, directory.ErrBusy)

	// After the second one has ended the first goes on.
	second.State = directory.RunSucceeded
	f.must(f.db.SaveRun(f.ctx, second, "w2", time.Minute))
	first = must(f.db.ClaimRun(f.ctx, tenant, "n1", "w1", directory.AnyClaim, time.Minute))(f)
	first.State = directory.RunApplying
	f.must(f.db.SaveRun(f.ctx, first, "w1", time.Minute))
}

func testClaimAtOnce(f *fixture) {
	for i := range 10 {
		f.create(directory.Run{ID: fmt.Sprint("n", i), Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: fmt.Sprint("2026-03-1", i)})
	}
	var wait sync.WaitGroup
	var mutex sync.Mutex
	claimed := 0
	for i := range 20 {
		wait.Go(func() {
			_, err := f.db.ClaimRun(f.ctx, tenant, fmt.Sprint("n", i%10), fmt.Sprint("w", i), directory.AnyClaim, time.Minute)
			if err != nil && !errors.Is(err, directory.ErrBusy) {
				f.Error(err)
			}
			if err == nil {
				mutex.Lock()
				claimed++
				mutex.Unlock()
			}
		})
	}
	wait.Wait()
	f.same("claimed", claimed, 1)
}

func testSaveInTx(f *fixture) {
	run := f.run("r1", directory.FullScope())
	failure := errors.New("no")
	run.State = directory.RunApplying
	save := func(result error, owner string) error {
		return f.db.Update(f.ctx, tenant, func(ctx context.Context, tx *store.Tx) error {
			if err := tx.SaveRun(ctx, run, owner, time.Minute); err != nil {
				return err
			}
			return result
		})
	}
	f.fails(save(failure, "w1"), failure)
	f.same("undone", must(f.db.Run(f.ctx, tenant, "r1"))(f).State, directory.RunQueued)
	f.fails(save(nil, "w2"), directory.ErrBusy)
	f.must(save(nil, "w1"))
	f.same("saved", must(f.db.Run(f.ctx, tenant, "r1"))(f).State, directory.RunApplying)
	run.Tenant = neighbour
	f.fails(save(nil, "w1"), directory.ErrConflict)
}

func testStaleRuns(f *fixture) {
	stale := func(olderThan time.Duration) (found []string) {
		for _, r := range must(f.db.StaleRuns(f.ctx, olderThan))(f) {
			if r.Tenant == tenant {
				found = append(found, r.ID)
			}
		}
		return found
	}
	for _, id := range []string{"r3", "r2", "r1"} { // in order of time, not of id
		f.create(directory.Run{ID: id, Scope: directory.GroupScope(id), Cause: directory.CauseHook})
	}
	f.same("just made", stale(time.Hour), nil)
	f.same("all", stale(0), []string{"r3", "r2", "r1"})
	f.same("just swept", stale(time.Hour), nil)
	run := must(f.db.ClaimRun(f.ctx, tenant, "r2", "w1", directory.AnyClaim, time.Minute))(f)
	f.same("one is held", stale(0), []string{"r3", "r1"})
	run.State = directory.RunHeld
	f.must(f.db.SaveRun(f.ctx, run, "w1", time.Minute))
	f.same("one is over", stale(0), []string{"r3", "r1"})
	must(f.db.ClaimRun(f.ctx, tenant, "r1", "w1", directory.AnyClaim, time.Microsecond))(f)
	f.same("one's lease ran out", stale(0), []string{"r3", "r1"})
}

// The row says when a run may go on, and which task is stale.
func testAttempts(f *fixture) {
	f.create(directory.Run{ID: "r1", Scope: directory.FullScope(), Cause: directory.CauseManual})
	f.create(directory.Run{ID: "n1", Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-03-01"})
	claim := func(claims int64, lease time.Duration) (directory.Run, error) {
		return f.db.ClaimRun(f.ctx, tenant, "r1", "w1", claims, lease)
	}
	stale := func() (found []string) {
		for _, r := range must(f.db.StaleRuns(f.ctx, 0))(f) {
			if r.Tenant == tenant {
				found = append(found, r.ID)
			}
		}
		return found
	}
	run := must(claim(0, time.Minute))(f)
	f.same("claimed once", run.Claims, int64(1))

	run.State, run.Error, run.Attempts, run.RetryIn = directory.RunReading, "Okta answered 500", 1, time.Hour
	before := f.now()
	f.must(f.db.SaveRun(f.ctx, run, "w1", 0))
	waits := must(f.db.Run(f.ctx, tenant, "r1"))(f)
	if waits.RetryAt == nil || waits.RetryAt.Before(before.Add(time.Hour)) || waits.Attempts != 1 {
		f.Errorf("the run waits until %v after %d attempts, want an hour after %s and 1", waits.RetryAt, waits.Attempts, before)
	}
	// A beat that comes after it would take it from the next owner, and count it as lost.
	f.same("it is renewed", must(f.db.RenewLease(f.ctx, tenant, "r1", "w1", time.Hour))(f), false)
	_, err := claim(1, time.Minute)
	f.fails(err, directory.ErrBusy) // before its time
	f.same("what to enqueue", stale(), []string{"n1"})
	// Another full run need not wait for so long.
	other := must(f.db.ClaimRun(f.ctx, tenant, "n1", "w2", 0, time.Minute))(f)
	other.State = directory.RunReading
	f.must(f.db.SaveRun(f.ctx, other, "w2", time.Minute))

	// It pauses for a moment, and is not overtaken.
	other.RetryIn = time.Minute
	f.must(f.db.SaveRun(f.ctx, other, "w2", 0))
	f.create(directory.Run{ID: "r2", Scope: directory.FullScope(), Cause: directory.CauseManual})
	_, err = f.db.ClaimRun(f.ctx, tenant, "r2", "w3", 0, time.Minute)
	f.fails(err, directory.ErrBusy)
	other.RetryIn = 0
	f.must(f.db.SaveRun(f.ctx, other, "w2", 0))
	_, err = f.db.ClaimRun(f.ctx, tenant, "n1", "w3", 0, time.Minute)
	f.fails(err, directory.ErrBusy) // the task of a claim that is over
	other = must(f.db.ClaimRun(f.ctx, tenant, "n1", "w3", 1, time.Minute))(f)
	other.State = directory.RunSucceeded
	f.must(f.db.SaveRun(f.ctx, other, "w3", 0))
	f.same("its retry is forgotten", must(f.db.Run(f.ctx, tenant, "n1"))(f).RetryAt, (*time.Time)(nil))
}

// A run that brings one process after the other down is failed.
func testLostOwners(f *fixture) {
	f.create(directory.Run{ID: "r1", Scope: directory.FullScope(), Cause: directory.CauseManual})
	lose := func(times int) (run directory.Run, err error) {
		for i := range times {
			start := f.now()
			f.eventually("the lease runs out", func() bool { return f.now().Sub(start) > 10*time.Microsecond })
			run, err = f.db.ClaimRun(f.ctx, tenant, "r1", fmt.Sprint("w", i), directory.AnyClaim, time.Microsecond)
		}
		return run, err
	}
	run, err := lose(10)
	f.must(err)
	run.State = directory.RunReading
	f.must(f.db.SaveStep(f.ctx, run, "w9", time.Microsecond, directory.Step{Notes: []byte("{}")})) // this one got further
	run, err = lose(9)
	f.must(err)
	f.must(f.db.SaveRun(f.ctx, run, "w8", 0)) // and this one gave the run up in order
	_, err = lose(10)
	f.must(err)
	_, err = lose(1)
	f.fails(err, directory.ErrConflict)
	if run := must(f.db.Run(f.ctx, tenant, "r1"))(f); run.State != directory.RunFailed || !strings.Contains(run.Error, "10 workers in a row") {
		f.Errorf("the run is %s: %s", run.State, run.Error)
	}
}

func testLastFullRun(f *fixture) {
	last := func() string {
		f.Helper()
		run, found, err := f.db.LastFullRun(f.ctx, tenant)
		f.must(err)
		if found != (run.ID != "") {
			f.Errorf("found %t: %+v", found, run)
		}
		return run.ID
	}
	f.same("none", last(), "")
	f.run("group", directory.GroupScope("g1"))
	f.same("a group's", last(), "")
	end := func(run directory.Run, state directory.RunState) {
		f.Helper()
		run.State = state
		f.must(f.db.SaveRun(f.ctx, run, "w1", 0))
	}
	first := f.run("first", directory.FullScope())
	f.same("under way", last(), "first")
	end(first, directory.RunSucceeded)
	end(f.run("second", directory.FullScope()), directory.RunFailed)
	f.same("the newest", last(), "second")
	end(f.run("held", directory.FullScope()), directory.RunHeld)
	f.same("the one that waits", last(), "held")
	_, _, err := f.db.CreateRun(f.ctx, directory.Run{ID: "queued", Tenant: tenant, Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-03-02"})
	f.must(err)
	f.same("the one that is queued", last(), "queued")
}

func testLastRuns(f *fixture) {
	last := func() []any {
		at, found, err := f.db.LastFullSync(f.ctx, tenant)
		f.must(err)
		date, nightly, err := f.db.LastNightly(f.ctx, tenant)
		f.must(err)
		return []any{at, found, date, nightly}
	}
	f.same("at first", last(), []any{time.Time{}, false, "", false})
	finish := func(run directory.Run, state directory.RunState, seconds int) {
		_, isNew := f.create(run)
		f.same("new", isNew, true)
		claimed := must(f.db.ClaimRun(f.ctx, tenant, run.ID, "w1", directory.AnyClaim, time.Minute))(f)
		finished := at(seconds)
		claimed.State, claimed.FinishedAt = state, &finished
		f.must(f.db.SaveRun(f.ctx, claimed, "w1", time.Minute))
	}
	nightly := func(id, date string) directory.Run {
		return directory.Run{ID: id, Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: date}
	}
	finish(directory.Run{ID: "r1", Scope: directory.GroupScope("g1"), Cause: directory.CauseManual}, directory.RunSucceeded, 1)
	f.same("a group", last(), []any{time.Time{}, false, "", false})
	finish(nightly("r2", "2026-03-02"), directory.RunSucceeded, 2)
	f.same("a nightly", last(), []any{at(2), true, "2026-03-02", true})
	finish(nightly("r3", "2026-03-03"), directory.RunFailed, 3)
	f.same("a failed one", last(), []any{at(2), true, "2026-03-03", true})
	finish(directory.Run{ID: "r4", Scope: directory.FullScope(), Cause: directory.CauseManual}, directory.RunSucceeded, 4)
	f.same("a manual one", last(), []any{at(4), true, "2026-03-03", true})
	f.create(nightly("r5", "2026-03-04"))
	f.same("a queued one", last(), []any{at(4), true, "2026-03-04", true})
}

func testRenewAndFail(f *fixture) {
	f.create(directory.Run{ID: "r1", Scope: directory.GroupScope("g1"), Cause: directory.CauseManual})
	must(f.db.ClaimRun(f.ctx, tenant, "r1", "w1", directory.AnyClaim, time.Microsecond))(f)
	renew := func(id, owner string) bool { return must(f.db.RenewLease(f.ctx, tenant, id, owner, time.Hour))(f) }
	f.same("not its owner, no such run", []bool{renew("r1", "w2"), renew("r9", "w1")}, []bool{false, false})
	run := must(f.db.ClaimRun(f.ctx, tenant, "r1", "w2", directory.AnyClaim, time.Microsecond))(f)
	f.same("its owner", renew("r1", "w2"), true)
	_, err := f.db.ClaimRun(f.ctx, tenant, "r1", "w1", directory.AnyClaim, time.Minute)
	f.fails(err, directory.ErrBusy)

	f.must(f.db.FailRun(f.ctx, tenant, "r1", "given up"))
	f.must(f.db.FailRun(f.ctx, tenant, "r1", "again"))
	f.same("it is over", renew("r1", "w2"), false)
	failed := must(f.db.Run(f.ctx, tenant, "r1"))(f)
	if failed.FinishedAt == nil || failed.FinishedAt.Before(*failed.StartedAt) {
		f.Fatalf("finished at %v", failed.FinishedAt)
	}
	run.State, run.Error, run.FinishedAt = directory.RunFailed, "given up", failed.FinishedAt
	f.same("failed", failed, run)
	f.fails(f.db.SaveRun(f.ctx, run, "w2", time.Minute), directory.ErrConflict)
}
