package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/oktasync/oktasync/directory"
)

// step keeps a step of the run as owner.
func (f *fixture) step(run directory.Run, owner string, step directory.Step) error {
	run.State = directory.RunReading
	return f.db.SaveStep(f.ctx, run, owner, time.Minute, step)
}

func positions(pairs ...string) []directory.Position {
	var all []directory.Position
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, directory.Position{List: pairs[i], Next: pairs[i+1]})
	}
	return all
}

func (f *fixture) reading(run, owner string) (directory.Reading, bool) {
	f.Helper()
	reading, found, err := f.db.Reading(f.ctx, tenant, run, owner)
	f.must(err)
	if reading.Age < 0 || reading.Age > time.Minute {
		f.Fatalf("the last step is %s old", reading.Age)
	}
	return reading, found
}

func testReading(f *fixture) {
	f.putPeople(people("u1", "u2", "u3")...)
	run := f.run("r1", directory.FullScope())
	_, found := f.reading("r1", "w1")
	f.same("before the first step", found, false)

	page := func(p directory.Page, at ...string) directory.Page {
		p.Positions = positions(at...)
		return p
	}
	run.Progress = directory.Progress{Pages: 1, People: 1, Planned: 2, CallsLeft: -1}
	f.must(f.step(run, "w1", directory.Step{
		Pages:   []directory.Page{page(seen("u1"), "people", "p2")},
		Planned: []directory.PlannedChange{ofPerson(directory.PersonUpdated, "u1"), ofPerson(directory.PersonUpdated, "u2")},
		Notes:   json.RawMessage(`{"n":1}`),
	}))
	run.Progress = directory.Progress{Pages: 3, People: 2, Planned: 3, CallsLeft: 4}
	run.Counts.Confirmed = 7
	f.must(f.step(run, "w1", directory.Step{
		Pages: []directory.Page{
			page(seen("u2"), "people", "", "groups", "g1", "groups", "g2"), // the last word counts
			page(members(1, false, "m1", "u1"), "members", "m2"),
			page(directory.Page{}, "deactivated", "d2"),
		},
		Planned: []directory.PlannedChange{ofPerson(directory.PersonUpdated, "u3")},
		Notes:   json.RawMessage(`{"n":2}`),
	}))
	stored := must(f.db.Run(f.ctx, tenant, "r1"))(f)
	f.same("the run", []any{stored.State, stored.Progress, stored.Counts}, []any{directory.RunReading, run.Progress, run.Counts})

	// What is planned after the last page is worked out anew by whoever goes on.
	f.plan("r1", ofPerson(directory.PersonRemoved, "u3"))
	for _, owner := range []string{"w1", "w2"} {
		if owner == "w2" {
			f.must(f.db.SaveRun(f.ctx, stored, "w1", 0))
			must(f.db.ClaimRun(f.ctx, tenant, "r1", "w2", directory.AnyClaim, time.Minute))(f)
		}
		got, found := f.reading("r1", owner)
		f.same("found", found, true)
		f.same("what "+owner+" goes on with", got, directory.Reading{
			Notes: json.RawMessage(`{"n":2}`), Planned: 3,
			Positions: positions("deactivated", "d2", "groups", "g2", "members", "m2", "people", ""),
		}, cmpopts.IgnoreFields(directory.Reading{}, "Age"))
		f.same("changes in the plan", len(must(f.db.Plan(f.ctx, tenant, "r1", 0, 10))(f)), 3)
	}
	f.same("unseen", must(f.db.UnseenPeople(f.ctx, tenant, "r1", directory.StatusActive, "", 10))(f), []string{"u3"})
	f.must(f.db.AppendPlan(f.ctx, tenant, "r1", "w2", []directory.PlannedChange{ofPerson(directory.PersonRemoved, "u2")}))
	f.same("the next position", must(f.db.Plan(f.ctx, tenant, "r1", 3, 10))(f)[0].Seq, int64(4))

	f.must(f.db.ResetRun(f.ctx, tenant, "r1", "w2"))
	_, found = f.reading("r1", "w2")
	f.same("after a reset", found, false)
	_, _, err := f.db.Reading(f.ctx, tenant, "r9", "w1")
	f.fails(err, directory.ErrNotFound)
}

// testStepWhole has a step that fails half-way.
func testStepWhole(f *fixture) {
	f.putPeople(people("u1", "u2")...)
	run := f.run("r1", directory.FullScope())
	f.must(f.step(run, "w1", directory.Step{Pages: []directory.Page{seen("u1")}, Notes: json.RawMessage(`1`)}))
	run.Progress.Pages = 77
	broken := ofPerson(directory.PersonUpdated, "u2")
	broken.Fields = []directory.FieldChange{{Field: "odd", After: func() {}}} // no JSON
	err := f.step(run, "w1", directory.Step{
		Pages: []directory.Page{{At: at(1), People: seen("u2").People, Positions: positions("people", "p9")}}, Notes: json.RawMessage(`2`),
		Planned: []directory.PlannedChange{ofPerson(directory.PersonUpdated, "u2"), broken},
	})
	if err == nil {
		f.Fatal("a change that cannot be written was planned")
	}
	got, _ := f.reading("r1", "w1")
	f.same("the reading", got, directory.Reading{Notes: json.RawMessage(`1`)}, cmpopts.IgnoreFields(directory.Reading{}, "Age"))
	f.same("the plan", must(f.db.Plan(f.ctx, tenant, "r1", 0, 10))(f), nil)
	f.same("unseen", must(f.db.UnseenPeople(f.ctx, tenant, "r1", directory.StatusActive, "", 10))(f), []string{"u2"})
	f.same("pages", must(f.db.Run(f.ctx, tenant, "r1"))(f).Progress.Pages, 0)
}

// testReadingOusted: what a run had read before another full run went first is older than
// what that one applied.
func testReadingOusted(f *fixture) {
	run := f.run("r1", directory.FullScope())
	f.must(f.step(run, "w1", directory.Step{Pages: []directory.Page{seen("u1")}, Notes: json.RawMessage(`1`)}))
	f.must(f.db.SaveRun(f.ctx, must(f.db.Run(f.ctx, tenant, "r1"))(f), "w1", 0))
	f.create(directory.Run{ID: "r2", Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-03-01"})
	second := must(f.db.ClaimRun(f.ctx, tenant, "r2", "w2", directory.AnyClaim, time.Minute))(f)
	second.State = directory.RunSucceeded
	f.must(f.db.SaveRun(f.ctx, second, "w2", time.Minute))
	must(f.db.ClaimRun(f.ctx, tenant, "r1", "w1", directory.AnyClaim, time.Minute))(f)
	_, found := f.reading("r1", "w1")
	f.same("something to go on with", found, false)
}

// testFenced has an owner whose run was taken over write everything that there is to write.
func testFenced(f *fixture) {
	f.putPeople(people("u1", "u2")...)
	stale := f.run("r1", directory.FullScope())
	f.must(f.step(stale, "w1", directory.Step{Pages: []directory.Page{seen("u1")}, Notes: json.RawMessage(`1`)}))
	f.must(f.db.SaveRun(f.ctx, stale, "w1", 0))
	must(f.db.ClaimRun(f.ctx, tenant, "r1", "w2", directory.AnyClaim, time.Minute))(f)
	f.must(f.db.AppendPlan(f.ctx, tenant, "r1", "w2", []directory.PlannedChange{ofPerson(directory.PersonUpdated, "u1")}))
	state := func() []any {
		f.Helper()
		return []any{
			must(f.db.UnseenPeople(f.ctx, tenant, "r1", directory.StatusActive, "", 10))(f), f.unseen("r1"), f.missing("r1"),
			must(f.db.Plan(f.ctx, tenant, "r1", 0, 10))(f), must(f.db.Run(f.ctx, tenant, "r1"))(f),
		}
	}
	before := state()
	writes := map[string]func() error{
		"a step": func() error {
			return f.step(stale, "w1", directory.Step{Pages: []directory.Page{seen("u2"), members(1, true, "g1")}})
		},
		"a plan": func() error {
			return f.db.AppendPlan(f.ctx, tenant, "r1", "w1", []directory.PlannedChange{ofPerson(directory.PersonRemoved, "u2")})
		},
		"a reset":  func() error { return f.db.ResetRun(f.ctx, tenant, "r1", "w1") },
		"to go on": func() error { _, _, err := f.db.Reading(f.ctx, tenant, "r1", "w1"); return err },
		"the run":  func() error { return f.db.SaveRun(f.ctx, stale, "w1", time.Minute) },
		"its result": func() error {
			over := stale
			over.State = directory.RunFailed
			return f.db.SaveRun(f.ctx, over, "w1", 0)
		},
	}
	for what, write := range writes {
		if err := write(); !errors.Is(err, directory.ErrBusy) {
			f.Errorf("%s: %v, want to be told that another one is at it", what, err)
		}
		f.same("after "+what, state(), before)
	}
	f.must(f.db.FailRun(f.ctx, tenant, "r1", "enough"))
	for what, write := range writes {
		if err := write(); !errors.Is(err, directory.ErrConflict) {
			f.Errorf("%s of a run that is over: %v", what, err)
		}
	}
}

// testOwnersInTurn has owners that take the run from each other while they write: at the end
// all that is there must be the last one's.
func testOwnersInTurn(f *fixture) {
	const owners, pages = 8, 12
	f.create(directory.Run{ID: "r1", Scope: directory.FullScope(), Cause: directory.CauseManual})
	var wait sync.WaitGroup
	var mutex sync.Mutex
	last := ""
	for i := range owners {
		wait.Go(func() {
			owner := fmt.Sprint("w", i)
			var run directory.Run
			f.eventually(owner+" takes the run", func() bool {
				mutex.Lock() // only so that the test knows who was last
				defer mutex.Unlock()
				var err error
				run, err = f.db.ClaimRun(f.ctx, tenant, "r1", owner, directory.AnyClaim, 0) // its lease is over at once
				if err == nil {
					last = owner
				}
				return err == nil
			})
			err := f.db.ResetRun(f.ctx, tenant, "r1", owner)
			for n := 0; n < pages && err == nil; n++ {
				run.State = directory.RunReading
				err = f.db.SaveStep(f.ctx, run, owner, 0, directory.Step{
					Pages:   []directory.Page{{At: at(n), Positions: positions(fmt.Sprint("list ", n), owner)}},
					Planned: []directory.PlannedChange{ofPerson(directory.PersonUpdated, owner)},
					Notes:   json.RawMessage(`1`),
				})
			}
			if err != nil && !errors.Is(err, directory.ErrBusy) {
				f.Errorf("%s: %v", owner, err)
			}
		})
	}
	wait.Wait()
	got, found := f.reading("r1", last)
	f.same("found", found, true)
	f.same("pages", len(got.Positions), pages)
	for _, p := range got.Positions {
		f.same("who read it", p.Next, last)
	}
	plan := must(f.db.Plan(f.ctx, tenant, "r1", 0, 1000))(f)
	f.same("changes", len(plan), pages)
	for i, c := range plan {
		f.same("the plan", []any{c.Seq, c.PersonID}, []any{int64(i + 1), last})
	}
}
