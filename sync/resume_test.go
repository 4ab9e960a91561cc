package sync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
	dirsync "github.com/oktasync/oktasync/sync"
)

// queued makes a full run and returns its id.
func (f *fixture) queued() string {
	f.t.Helper()
	run := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.FullScope(), Cause: directory.CauseManual}
	if _, _, err := f.db.CreateRun(f.t.Context(), run); err != nil {
		f.t.Fatal(err)
	}
	return run.ID
}

// interrupt carries the run out until so many pages were taken in, and says how it stands then.
func (f *fixture) interrupt(id string, pages int) directory.Run {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	f.failAfter, f.failWith = pages, func() error { cancel(); return context.Canceled }
	defer func() { f.failAfter, f.failWith = 0, nil }()
	if _, err := f.engine.Run(ctx, id, directory.AnyClaim); err == nil {
		f.t.Fatal("the run ended although it was interrupted")
	}
	run := f.run(id)
	if run.State != directory.RunReading || run.Progress.Pages != pages {
		f.t.Fatalf("the run is %s after %d pages, want it to read and to have %d", run.State, run.Progress.Pages, pages)
	}
	return run
}

func (f *fixture) run(id string) directory.Run {
	f.t.Helper()
	run, err := f.db.Run(f.t.Context(), f.tenant, id)
	if err != nil {
		f.t.Fatal(err)
	}
	return run
}

// carryOn carries the run to its end.
func (f *fixture) carryOn(id string) directory.Run {
	f.t.Helper()
	if _, err := f.engine.Run(f.t.Context(), id, directory.AnyClaim); err != nil {
		f.t.Fatal(err)
	}
	return f.run(id)
}

// pagesOf says how many pages a full pull has now.
func (f *fixture) pagesOf() int {
	return len(f.pages(f.t.Context(), directory.PullRequest{Scope: directory.FullScope(), Deactivated: true}))
}

// TestReadingGoesOn interrupts a reading after each of its pages.
func TestReadingGoesOn(t *testing.T) {
	t.Parallel()
	org := func(t *testing.T) *fixture {
		f := company(t, nil)
		f.join("old", nil)
		f.mustFull()
		f.people["old"].status = "DEPROVISIONED"
		f.event(directory.PersonScope("old"))
		// What the night has to find.
		f.join("new", map[string]any{"managerId": "boss"}).groups["g-new"] = true
		f.groups["g-new"] = "New"
		f.people["bob"].assigned = false
		f.people["cyd"].status = "SUSPENDED"
		delete(f.people["dan"].groups, "g-all")
		f.people["eve"] = f.join("eve", map[string]any{"email": ""}) // at fault
		return f
	}
	count := org(t).pagesOf()
	if count < 8 {
		t.Fatalf("only %d pages", count)
	}
	for n := 1; n < count; n++ {
		t.Run(fmt.Sprintf("after %d of %d pages", n, count), func(t *testing.T) {
			t.Parallel()
			f := org(t)
			id := f.queued()
			before := f.stored()
			f.interrupt(id, n)
			if after := f.stored(); len(after) != len(before) {
				t.Fatalf("half a reading changed the directory: %v", after)
			}
			f.served = 0
			run := f.carryOn(id)
			if f.served != count-n || run.Progress.Pages != count {
				t.Errorf("%d pages were read after %d, %d are counted, want %d in all", f.served, n, run.Progress.Pages, count)
			}
			if run.Progress.Resumed != 1 || !strings.Contains(run.Progress.Note, fmt.Sprintf("after %d pages", n)) {
				t.Errorf("the run says %+v", run.Progress)
			}
			everKnown := everyone(f)
			delete(everKnown, "eve")
			delete(f.people, "eve")
			f.compare(everKnown)
			list, err := f.db.Quarantine(t.Context(), f.tenant, "", 10)
			if err != nil || len(list) != 1 || list[0].PersonID != "eve" {
				t.Errorf("in quarantine: %v, %v; want eve", list, err)
			}
			if again := f.mustFull(); len(again.Counts.Changes) != 0 {
				t.Errorf("a full sync afterwards changed %v", again.Counts.Changes)
			}
		})
	}
}

// TestInterruptedReadings: whatever happens between the halves of a reading, and is told by
// events before or after, the directory ends as Okta is, and nobody loses what was not gone.
func TestInterruptedReadings(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *store.DB) {
		tenants := 0
		rapid.Check(t, func(rt *rapid.T) {
			tenants++
			f := newTenant(quiet{t, rt}, db, fmt.Sprintf("t%d", tenants), nil)
			f.join("anchor", nil) // a list of nobody would be refused
			f.groups = map[string]string{"g0": "Group g0", "g1": "Group g1"}
			for range rapid.IntRange(0, 25).Draw(rt, "before") {
				f.mutate(rt)
			}
			if rapid.Bool().Draw(rt, "known") {
				f.mustFull()
				for range rapid.IntRange(0, 10).Draw(rt, "unnoticed") {
					f.mutate(rt)
				}
			}
			id := f.queued()
			known := map[string]bool{}
			for range rapid.IntRange(1, 3).Draw(rt, "interruptions") {
				f.interruptWhere(rt, id)
				var late []func()
				for range rapid.IntRange(0, 6).Draw(rt, "meanwhile") {
					scope, eventType := f.mutate(rt)
					// Each of the three groups may be missed: nothing is in doubt.
					end := "group.user_membership.remove"
					arrive := func() { f.event(scope, eventType, end, end, end) }
					if rapid.Bool().Draw(rt, "late") {
						late = append(late, arrive)
						continue
					}
					arrive()
				}
				for _, arrive := range late {
					arrive()
				}
			}
			for person := range f.stored() {
				known[person] = true
			}
			f.carryOn(id)
			for person := range f.stored() {
				known[person] = true
			}
			f.compare(known)
		})
	})
}

// interruptWhere interrupts the run after some page, or leaves it alone where nothing is left.
func (f *fixture) interruptWhere(rt *rapid.T, id string) {
	had := f.run(id).Progress.Pages
	ctx, cancel := context.WithCancel(f.t.Context())
	defer cancel()
	f.failAfter, f.failWith = rapid.IntRange(1, 4).Draw(rt, "pages"), func() error { cancel(); return context.Canceled }
	defer func() { f.failAfter, f.failWith = 0, nil }()
	f.served = 0
	if _, err := f.engine.Run(ctx, id, directory.AnyClaim); err != nil && !errors.Is(err, context.Canceled) {
		f.t.Fatal(err)
	}
	if run := f.run(id); run.State.Open() && run.Progress.Pages != had+f.served {
		f.t.Errorf("%d pages are counted, had %d and read %d", run.Progress.Pages, had, f.served)
	}
}

// TestReadingStartsOver lists why an interrupted reading is not gone on with.
func TestReadingStartsOver(t *testing.T) {
	t.Parallel()
	rest := resting{}
	tests := []struct {
		name string
		do   func(t *testing.T, f *fixture, id string)
		says string
	}{
		{"other rules", func(t *testing.T, f *fixture, _ string) {
			f.rules.Mapping[directory.FieldTitle] = directory.Source{Default: "Colleague"}
			f.engine = f.engineOf(dirsync.Options{})
		}, "the rules or the version have changed"},
		{"another version", func(t *testing.T, f *fixture, _ string) {
			f.engine = f.engineOf(dirsync.Options{Version: "2"})
		}, "the rules or the version have changed"},
		{"rested too long", func(t *testing.T, f *fixture, _ string) {
			rest.forward(31 * time.Minute)
		}, "rested for 31m"},
		{"another full sync went first", func(t *testing.T, f *fixture, _ string) {
			f.mustFull()
		}, "another full sync came first"},
		{"Okta refuses the cursor", func(t *testing.T, f *fixture, _ string) {
			f.failAfter, f.failWith = -1, func() error {
				f.failAfter = 0
				return &directory.CursorError{Err: errors.New("okta answered 400 E0000001")}
			}
		}, "E0000001"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rest.ahead.Store(0)
			f := companyIn(t, rest.database(t), nil)
			count := f.pagesOf()
			id := f.queued()
			f.interrupt(id, count/2)
			test.do(t, f, id)
			f.served = 0
			run := f.carryOn(id)
			if f.served != count || run.Progress.Pages != count || run.Progress.Resumed > 1 {
				t.Errorf("%d pages were read, %d are counted, want %d: from the beginning", f.served, run.Progress.Pages, count)
			}
			if !strings.Contains(run.Progress.Note, "started over after") || !strings.Contains(run.Progress.Note, test.says) {
				t.Errorf("the run says %q", run.Progress.Note)
			}
			f.compare(nil)
		})
	}
}

// resting is a database's clock that a test may put forward.
type resting struct{ ahead atomic.Int64 }

func (r *resting) forward(d time.Duration) { r.ahead.Add(int64(d)) }

func (r *resting) database(t *testing.T) *store.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{
		Path:  storetest.SQLiteFile(t),
		Clock: func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestReadingThatGetsNoFurther: a place behind which nothing can be read must not hold a run
// for good.
func TestReadingThatGetsNoFurther(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	count := f.pagesOf()
	id := f.queued()
	f.interrupt(id, count/2)
	f.failAfter, f.failWith = -1, func() error { return errors.New("a cursor came a second time") }
	if _, err := f.engine.Run(t.Context(), id, directory.AnyClaim); err == nil {
		t.Fatal("the run ended")
	}
	run := f.run(id)
	if run.State != directory.RunReading || !strings.Contains(run.Progress.Note, "starts over") || run.Error == "" {
		t.Fatalf("the run is %s and says %q", run.State, run.Progress.Note)
	}
	f.failAfter, f.served = 0, 0
	f.carryOn(id)
	if f.served != count {
		t.Errorf("%d pages were read, want %d: from the beginning", f.served, count)
	}
	f.compare(nil)
}

// TestProofsAreKept: who was read by id before the interruption is not read again.
func TestProofsAreKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for i := range 12 {
		f.join(fmt.Sprintf("p%02d", i), nil)
	}
	f.groups = map[string]string{"g1": "One", "g2": "Two"}
	f.mustFull()
	for i := range 8 {
		f.people[fmt.Sprintf("p%02d", i)].assigned = false
	}
	delete(f.groups, "g2")
	id := f.queued()
	ctx, cancel := context.WithCancel(t.Context())
	f.reads = 0
	f.after = func(string) {
		if f.reads == 5 {
			cancel()
		}
	}
	if _, err := f.engine.Run(ctx, id, directory.AnyClaim); err == nil {
		t.Fatal("the run ended although it was interrupted")
	}
	f.after, f.reads, f.served = nil, 0, 0
	run := f.carryOn(id)
	if f.reads > 4 || f.served != 0 { // the fifth was not kept
		t.Errorf("%d people were read by id and %d pages, want the 4 who were left and no page", f.reads, f.served)
	}
	if run.Counts.Confirmed != 9 || run.Counts.Superseded != 0 || run.Counts.Changes[directory.PersonRemoved] != 8 || run.Counts.Changes[directory.GroupRemoved] != 1 {
		t.Errorf("the run says %+v", run.Counts)
	}
	f.compare(nil)
}

// stumbling is a store that fails once where the plan is summed up.
type stumbling struct {
	engineStore
	fail func() error
}

func (s *stumbling) PlanCounts(ctx context.Context, tenant, run string) (directory.PlanCounts, error) {
	if fail := s.fail; fail != nil {
		s.fail = nil
		return directory.PlanCounts{}, fail()
	}
	return s.engineStore.PlanCounts(ctx, tenant, run)
}

// TestPlanIsNotDoubled: changes that are worked out after the last page are worked out anew,
// and counted once: twice as many would be over the limit.
func TestPlanIsNotDoubled(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(r *directory.Rules) { r.Limits.Members = directory.Limit{Absolute: 6, Fraction: 1} })
	f.groups = map[string]string{"g1": "One"}
	for i := range 10 {
		f.join(fmt.Sprintf("p%d", i), nil).groups["g1"] = true
	}
	f.mustFull()
	for i := range 5 {
		delete(f.people[fmt.Sprintf("p%d", i)].groups, "g1")
	}
	id := f.queued()
	ctx, cancel := context.WithCancel(t.Context())
	store := &stumbling{engineStore: engineStore{f.db}, fail: func() error { cancel(); return context.Canceled }}
	f.engine = f.engineOf(dirsync.Options{Store: store})
	if _, err := f.engine.Run(ctx, id, directory.AnyClaim); err == nil {
		t.Fatal("the run ended although it was interrupted")
	}
	f.served = 0
	run := f.carryOn(id)
	if f.served != 0 || run.State != directory.RunSucceeded || run.Progress.Planned != 5 || run.Counts.Superseded != 0 {
		t.Errorf("%d pages, the run is %s: %s, %+v", f.served, run.State, run.Error, run)
	}
	f.compare(nil)
}

// TestWhatTheFirstHalfKnew: groups that were found to be gone, and attributes that no rule
// reads, are not forgotten.
func TestWhatTheFirstHalfKnew(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.groups["g-old"] = "Old"
	f.people["ada"].groups["g-old"] = true
	f.mustFull()
	for _, h := range f.people {
		h.profile["shoeSize"] = "44"
	}
	delete(f.people["ada"].groups, "g-old")
	// The first page of people comes first, and the group is gone when its members are asked for.
	f.edit = func(pages []directory.Page) []directory.Page {
		people := slices.IndexFunc(pages, func(p directory.Page) bool { return p.People != nil })
		if len(f.from) > 0 || people < 0 {
			return pages
		}
		pages = slices.Concat(pages[people:people+1], pages[:people], pages[people+1:])
		for i, p := range pages {
			if p.Members != nil && p.Members.GroupID == "g-old" {
				pages[i] = directory.Page{At: p.At, Groups: []directory.GroupSeen{{ID: "g-old", At: p.At}}, Positions: p.Positions}
			}
		}
		return pages
	}
	id := f.queued()
	f.interrupt(id, f.pagesOf()-1) // a page of people is left
	delete(f.groups, "g-old")
	for _, h := range f.people {
		delete(h.profile, "shoeSize") // only the first half has seen it
	}
	run := f.carryOn(id)
	if run.Counts.Changes[directory.GroupRemoved] != 1 {
		t.Errorf("changes: %v, want the group to be removed", run.Counts.Changes)
	}
	ignored, err := f.db.IgnoredAttributes(t.Context(), f.tenant)
	if err != nil || !slices.Contains(ignored, "user.shoeSize") {
		t.Errorf("ignored attributes: %v, %v; want user.shoeSize", ignored, err)
	}
	f.compare(nil)
}

// TestQuarantineOfTheFirstHalf: somebody whose record broke after the list had shown it stays in
// quarantine when a reading goes on and ends.
func TestQuarantineOfTheFirstHalf(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.join("old", nil)
	f.mustFull()
	f.people["old"].status = "DEPROVISIONED"
	f.event(directory.PersonScope("old"))
	id := f.queued()
	f.interrupt(id, f.pagesOf()-1) // the list of deactivated people is left
	f.people["ada"].profile["email"] = ""
	f.event(directory.PersonScope("ada"))
	f.carryOn(id)
	list, err := f.db.Quarantine(t.Context(), f.tenant, "", 10)
	if err != nil || len(list) != 1 || list[0].PersonID != "ada" {
		t.Errorf("in quarantine: %v, %v; want ada", list, err)
	}
}

// TestOldPlanIsNotApplied: a run is interrupted while its plan is applied, and is taken up again more than a
// day later. Those who left have come back meanwhile, and the events that say so still wait.
func TestOldPlanIsNotApplied(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ approved, moved bool }{
		"a run like any": {}, "an approved one": {approved: true}, "of another app": {moved: true}, "approved, of another app": {true, true},
	} {
		approved := tt.approved
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := crowd(t, openDatabase(t))
			f.leave(0, 2)
			if approved {
				f.leave(0, 8)
			}
			id := ""
			if approved {
				id = f.held().ID
				f.approve(id)
			} else {
				id = f.queued()
			}
			ctx, kill := context.WithCancel(t.Context())
			dying := f.engineOf(dirsync.Options{Store: smallBatches{engineStore{f.db}, 1, func(after int64) {
				if after >= 1 {
					kill()
				}
			}}})
			if _, err := dying.Run(ctx, id, directory.AnyClaim); err == nil {
				t.Fatal("the run ended before it was killed")
			}
			if half := f.stand(id); half.State != directory.RunApplying || half.Progress.Applied != 1 {
				t.Fatalf("killed, the run is %s after %d", half.State, half.Progress.Applied)
			}
			for i := range 8 {
				f.people[fmt.Sprintf("p%02d", i)].assigned = true
			}

			changes := f.history()
			later := f.engineOf(dirsync.Options{Store: laterStore{engineStore{f.db}}})
			if tt.moved {
				later, f.name = f.engine, ", another one"
			}
			if _, err := later.Run(t.Context(), id, directory.AnyClaim); err != nil {
				t.Fatal(err)
			}
			done := f.stand(id)
			if approved {
				if done.State != directory.RunOutdated || !strings.Contains(done.Error, "1 of its 8 changes were applied") || done.FinishedAt == nil {
					t.Errorf("the run is %s: %s", done.State, done.Error)
				}
				if now := f.history(); now != changes {
					t.Errorf("%d changes were made by a plan that is too old", now-changes)
				}
				f.mustFull()
			} else if done.State != directory.RunSucceeded || !strings.Contains(done.Progress.Note, "after 1 of 2 planned changes") || done.Counts.Changes[directory.PersonRemoved] != 1 {
				t.Errorf("the run is %s with %+v: %q", done.State, done.Counts, done.Progress.Note)
			}
			f.compare(everyone(f))
		})
	}
}

// TestReadingOfAnotherApp: the tenant gets another app while its reading is interrupted.
func TestReadingOfAnotherApp(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	id := f.queued()
	f.interrupt(id, 2)
	f.name = ", another one"
	f.people["ada"].assigned = false // there she is not in it
	if done := f.carryOn(id); !strings.Contains(done.Progress.Note, "another Okta org or app") || f.from != nil {
		t.Errorf("it went on from %v: %q", f.from, done.Progress.Note)
	}
	f.compare(everyone(f))
}

// laterStore has a clock that is more than a day ahead.
type laterStore struct{ engineStore }

func (s laterStore) Now(ctx context.Context) (time.Time, error) {
	now, err := s.engineStore.Now(ctx)
	return now.Add(25 * time.Hour), err
}

// TestManyGroupsAreGone: rules that take fewer groups leave thousands to be confirmed. What is kept after each
// reading must not grow with the square of their number.
func TestManyGroupsAreGone(t *testing.T) {
	t.Parallel()
	const many = 200
	f := newFixture(t, nil)
	f.join("ada", nil)
	for i := range many {
		f.groups[fmt.Sprintf("g%03d", i)] = fmt.Sprintf("A group with a name of some length, number %d", i)
		f.people["ada"].groups[fmt.Sprintf("g%03d", i)] = true
	}
	f.mustFull()
	clear(f.people["ada"].groups)
	clear(f.groups)
	kept := 0
	f.engine = f.engineOf(dirsync.Options{Store: weighingStore{engineStore{f.db}, &kept}})
	run := f.mustFull()
	if run.Counts.Changes[directory.GroupRemoved] != many || run.Counts.Changes[directory.MembershipRemoved] != many || run.Counts.Confirmed != many {
		t.Errorf("counts %+v", run.Counts)
	}
	if most := many * 800; kept > most {
		t.Errorf("the steps kept %d bytes, want at most %d", kept, most)
	}
	f.compare(everyone(f))
	f.compareGroups()
}

// weighingStore adds up what steps of a reading keep.
type weighingStore struct {
	engineStore
	bytes *int
}

func (s weighingStore) SaveStep(ctx context.Context, run directory.Run, owner string, lease time.Duration, step directory.Step) error {
	*s.bytes += len(step.Notes)
	return s.engineStore.SaveStep(ctx, run, owner, lease, step)
}
