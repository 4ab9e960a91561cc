package storetest

import (
	"context"
	"encoding/json"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// held makes a run that waits for an admin until `until`.
func (f *fixture) held(id string, scope directory.Scope, until time.Time) directory.Run {
	f.Helper()
	run := f.run(id, scope)
	f.plan(id, ofPerson(directory.PersonRemoved, "u1"), ofPerson(directory.PersonRemoved, "u2"))
	planned := f.now()
	run.State, run.Error, run.PlannedAt, run.WaitsUntil = directory.RunHeld, "too many", &planned, &until
	run.Plan = &directory.PlanSummary{Leavers: 2, Effects: []directory.PlanEffect{{Kind: directory.SubjectTeam, ID: "t", Name: "T \" 日本", Lost: 2}}}
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveRun(ctx, run, "w1", time.Minute) })
	f.same("as it waits", must(f.db.Run(f.ctx, tenant, id))(f), run)
	return run
}

func (f *fixture) decide(run directory.Run) error {
	return f.db.Update(f.ctx, tenant, func(ctx context.Context, tx *store.Tx) error {
		return tx.DecideRun(ctx, run, act(directory.ActApprove, run.Scope))
	})
}

func testDecide(f *fixture) {
	later := f.now().Add(time.Hour)
	run := f.held("r1", directory.FullScope(), later)
	_, err := f.db.ClaimRun(f.ctx, tenant, "r1", "w1", directory.AnyClaim, time.Minute)
	f.fails(err, directory.ErrConflict)
	f.fails(f.db.SaveRun(f.ctx, run, "w1", time.Minute), directory.ErrConflict)
	f.must(f.db.FailRun(f.ctx, tenant, "r1", "given up"))
	f.same("nobody's work", must(f.db.StaleRuns(f.ctx, 0))(f), nil)

	undone := context.Canceled
	approved := run
	approved.State, approved.Error = directory.RunApplying, ""
	approved.Decision = &directory.Decision{Approved: true, By: "ops", At: at(5), Reason: "it is \" right"}
	err = f.db.Update(f.ctx, tenant, func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.DecideRun(ctx, approved, act(directory.ActApprove, run.Scope)))
		f.same("inside", must(tx.Run(ctx, "r1"))(f), approved)
		return undone
	})
	f.fails(err, undone)
	f.same("undone", must(f.db.Run(f.ctx, tenant, "r1"))(f), run)
	f.same("no act", must(f.db.Acts(f.ctx, tenant, directory.ActQuery{Limit: 10}))(f), nil)

	f.must(f.decide(approved))
	f.fails(f.decide(approved), directory.ErrConflict)
	f.same("approved", must(f.db.Run(f.ctx, tenant, "r1"))(f), approved)
	acts := must(f.db.Acts(f.ctx, tenant, directory.ActQuery{Limit: 10}))(f)
	f.same("one act", len(acts), 1)
	f.same("about the run", []any{acts[0].RunID, acts[0].Kind}, []any{"r1", directory.ActApprove})
	f.same("somebody's work", len(must(f.db.StaleRuns(f.ctx, 0))(f)), 1)

	// No other run of the scope may come before it, claimed or not; another approved one takes its turn.
	other := f.approvedGroup("r2")
	f.create(directory.Run{ID: "r3", Scope: directory.FullScope(), Cause: directory.CauseManual})
	_, err = f.db.ClaimRun(f.ctx, tenant, "r3", "w2", directory.AnyClaim, time.Minute)
	f.fails(err, directory.ErrBusy)
	claimed := must(f.db.ClaimRun(f.ctx, tenant, "r1", "w1", directory.AnyClaim, time.Microsecond))(f)
	f.same("with its decision", claimed.Decision, approved.Decision)
	_, err = f.db.ClaimRun(f.ctx, tenant, "r3", "w2", directory.AnyClaim, time.Minute)
	f.fails(err, directory.ErrBusy)
	must(f.db.ClaimRun(f.ctx, tenant, other, "w2", directory.AnyClaim, time.Microsecond))(f)
	f.same("not thrown back", must(f.db.Run(f.ctx, tenant, "r1"))(f).State, directory.RunApplying)
	for _, id := range []string{"r1", other} {
		done := must(f.db.ClaimRun(f.ctx, tenant, id, "w1", directory.AnyClaim, time.Minute))(f)
		done.State = directory.RunSucceeded
		f.must(f.db.SaveRun(f.ctx, done, "w1", 0))
	}
	must(f.db.ClaimRun(f.ctx, tenant, "r3", "w2", directory.AnyClaim, time.Minute))(f)
}

// approvedGroup makes a group's run that waited and was approved.
func (f *fixture) approvedGroup(id string) string {
	f.Helper()
	run := f.held(id, directory.GroupScope("g1"), f.now().Add(time.Hour))
	run.State, run.Decision = directory.RunApplying, &directory.Decision{Approved: true, By: "ops", At: at(1)}
	f.must(f.decide(run))
	return id
}

func testOutdate(f *fixture) {
	later := f.now().Add(time.Hour)
	state := func(id string) directory.RunState { f.Helper(); return must(f.db.Run(f.ctx, tenant, id))(f).State }
	full, g1, g2 := directory.FullScope(), directory.GroupScope("g1"), directory.GroupScope("g2")
	old := f.held("old", full, later)
	f.held("g1", g1, later)
	f.held("g2", g2, later)
	newer := f.run("newer-g1", g1)
	young := f.held("young", g2, later)
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.OutdateRuns(ctx, newer) })
	f.same("of the same group", []directory.RunState{state("old"), state("g1"), state("g2"), state("young")},
		[]directory.RunState{directory.RunHeld, directory.RunOutdated, directory.RunHeld, directory.RunHeld})
	outdated := must(f.db.Run(f.ctx, tenant, "g1"))(f)
	f.same("says by whom", outdated.Error, "run newer-g1 has read Okta since, so this plan is outdated; too many")
	f.same("is over", outdated.FinishedAt != nil, true)
	f.must(f.db.FailRun(f.ctx, tenant, "newer-g1", ""))
	tried := f.run("tried", directory.RulesScope("r1"))
	tried.State, tried.DryRun, tried.Error = directory.RunPlanned, true, ""
	f.must(f.db.SaveRun(f.ctx, tried, "w1", 0))
	again := f.run("tried-again", directory.RulesScope("r1"))
	again.DryRun = true
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.OutdateRuns(ctx, again) })
	f.same("rules that are tried again", must(f.db.Run(f.ctx, tenant, "tried"))(f).Error, "run tried-again has planned the same rules since, so this plan is outdated")
	f.must(f.db.FailRun(f.ctx, tenant, "tried-again", ""))

	newest := f.run("newest", full)
	start := *old.StartedAt
	newest.StartedAt = &start // a reading that began no later than that of young
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.OutdateRuns(ctx, newest) })
	f.same("a full one", []directory.RunState{state("old"), state("g2"), state("young")},
		[]directory.RunState{directory.RunOutdated, directory.RunHeld, directory.RunHeld})

	newerThan := func(run directory.Run) string {
		f.Helper()
		id := "?"
		f.update(func(ctx context.Context, tx *store.Tx) (err error) { id, err = tx.NewerRun(ctx, run); return err })
		return id
	}
	f.same("none is done", newerThan(young), "")
	newest.State = directory.RunSucceeded
	begun := f.now()
	newest.StartedAt = &begun
	f.must(f.db.SaveRun(f.ctx, newest, "w1", 0))
	f.same("a full one is", newerThan(young), "newest")
	late := begun.Add(time.Second)
	young.PlannedAt = &late
	f.same("not later than the plan", newerThan(young), "")
	f.same("itself", newerThan(newest), "")
}

func testPurgeWaiting(f *fixture) {
	soon := f.now().Add(10 * time.Millisecond)
	f.held("r1", directory.GroupScope("g1"), soon)
	f.held("r2", directory.GroupScope("g2"), f.now().Add(time.Hour))
	f.old()
	f.same("nothing is deleted at once", must(f.db.Purge(f.ctx, store.Retention{Runs: time.Hour}))(f), 0)
	over := must(f.db.Run(f.ctx, tenant, "r1"))(f)
	f.same("waited too long", []any{over.State, over.Error}, []any{directory.RunOutdated, "nobody decided in time, so the plan is too old to be applied; too many"})
	f.same("the plan is still there", len(must(f.db.Plan(f.ctx, tenant, "r1", 0, 10))(f)), 2)
	f.fails(f.decide(over), directory.ErrConflict)
	f.old()
	f.same("later", must(f.db.Purge(f.ctx, store.Retention{Runs: time.Microsecond}))(f), 1)
	_, err := f.db.Run(f.ctx, tenant, "r1")
	f.fails(err, directory.ErrNotFound)
	f.same("its plan", must(f.db.Plan(f.ctx, tenant, "r1", 0, 10))(f), nil)
	f.same("who waits", must(f.db.Run(f.ctx, tenant, "r2"))(f).State, directory.RunHeld)
	f.same("with a plan", len(must(f.db.Plan(f.ctx, tenant, "r2", 0, 10))(f)), 2)
}

func testFindRun(f *fixture) {
	for _, id := range []string{"01a2-11", "01a2-12", "01a2-12-x", "01b"} {
		f.create(directory.Run{ID: id, Scope: directory.GroupScope(id), Cause: directory.CauseManual})
	}
	found := func(prefix string) string { f.Helper(); return must(f.db.FindRun(f.ctx, tenant, prefix))(f).ID }
	f.same("whole", found("01b"), "01b")
	f.same("whole, and the beginning of another", found("01a2-12"), "01a2-12")
	f.same("beginning", found("01a2-11"), "01a2-11")
	f.same("beginning", found("01a2-12-"), "01a2-12-x")
	_, err := f.db.FindRun(f.ctx, tenant, "01a2")
	f.fails(err, directory.ErrAmbiguous)
	for _, none := range []string{"", "01a", "01a2-2", "%a2-", "r1"} {
		_, err := f.db.FindRun(f.ctx, tenant, none)
		f.fails(err, directory.ErrNotFound)
	}
}

func testGroupMarks(f *fixture) {
	rows := func() []directory.Group {
		f.Helper()
		groups := must(f.db.Groups(f.ctx, tenant, []string{"g1", "g2"}))(f)
		for i := range groups {
			groups[i].CreatedAt, groups[i].UpdatedAt = time.Time{}, time.Time{}
		}
		return groups
	}
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutGroups(ctx, []directory.Group{group("g1"), group("g2")}))
		f.must(tx.NoteGroups(ctx, []directory.GroupSeen{{ID: "g1", At: at(5)}}))
		f.must(tx.NoteGroups(ctx, []directory.GroupSeen{{ID: "g1", At: at(3)}, {ID: "new", At: at(6)}})) // not back
		f.must(tx.NoteGroups(ctx, nil))
		return tx.NoteGroups(ctx, []directory.GroupSeen{{ID: "new", At: at(4)}})
	})
	g1, g2 := group("g1"), group("g2")
	g1.ObservedAt = at(5)
	f.same("noted", rows(), []directory.Group{g1, g2})
	f.update(func(ctx context.Context, tx *store.Tx) error { // of a group that is there a change says so
		return tx.NoteGroups(ctx, []directory.GroupSeen{{ID: "g1", At: at(5), Assigned: true}, {ID: "new", At: at(5), Assigned: true}})
	})
	f.same("assigned, by an older look", must(f.db.Groups(f.ctx, tenant, []string{"new"}))(f)[0].Assigned, false)
	f.update(func(ctx context.Context, tx *store.Tx) error {
		return tx.NoteGroups(ctx, []directory.GroupSeen{{ID: "g1", At: at(7), Assigned: true}, {ID: "new", At: at(7), Assigned: true}, {ID: "other", At: at(7), Assigned: true}})
	})
	g1.ObservedAt = at(7)
	f.same("noted as assigned", rows(), []directory.Group{g1, g2})
	for _, g := range must(f.db.Groups(f.ctx, tenant, []string{"new", "other"}))(f) {
		f.same("assigned and removed", []bool{g.Assigned, g.Removed}, []bool{true, true})
	}
	f.update(func(ctx context.Context, tx *store.Tx) error {
		return tx.NoteGroups(ctx, []directory.GroupSeen{{ID: "new", At: at(8)}})
	})
	unknown := must(f.db.Groups(f.ctx, tenant, []string{"new"}))(f)[0]
	f.same("no longer assigned", unknown.Assigned, false)
	f.same("one without a row", []any{unknown.Name, unknown.Removed, unknown.ObservedAt}, []any{"", true, at(8)})
	f.same("listed", len(must(f.db.ListGroups(f.ctx, tenant, "", 10))(f)), 2)

	mark := func(run string) {
		f.Helper()
		f.update(func(ctx context.Context, tx *store.Tx) error { return tx.MarkMembersRead(ctx, run) })
	}
	f.run("r1", directory.GroupScope("g1"))
	f.stage("r1", members(7, false, "g1", "u1"), members(8, true, "g1", "u2"), members(8, false, "g2", "u2"), members(8, true, "g9"))
	mark("r1")
	f.same("while no other run could still apply an older reading", rows(), []directory.Group{g1, g2})
	reading := f.run("other", directory.GroupScope("g7"))
	reading.State = directory.RunReading
	f.must(f.db.SaveRun(f.ctx, reading, "w1", time.Minute))
	mark("r1")
	g1.MembersObservedAt = at(7)
	f.same("read to the end", rows(), []directory.Group{g1, g2})
	f.run("r2", directory.GroupScope("g2"))
	f.stage("r2", members(6, true, "g1"))
	mark("r2")
	f.same("not back", rows(), []directory.Group{g1, g2})
	f.update(func(ctx context.Context, tx *store.Tx) error {
		return tx.PutGroups(ctx, []directory.Group{group("g1")})
	})
	g1.ObservedAt = at(0)
	f.same("written again", rows(), []directory.Group{g1, g2})
	text, err := json.Marshal(g1)
	f.must(err)
	var back directory.Group
	f.must(json.Unmarshal(text, &back))
	f.same("as JSON", back, g1)
}
