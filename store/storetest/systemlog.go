package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// logEvent is an event that the System Log brings.
func logEvent(uuid string, scopes ...directory.Scope) directory.Event {
	e := event(uuid, scopes...)
	e.Via, e.DeliveryID = directory.ViaLog, ""
	return e
}

func logAt(next string) directory.LogCursor {
	return directory.LogCursor{Next: next, Types: []string{"a.b", "c.d"}, Since: at(0), Published: at(1)}
}

// takeLog takes events in and returns those that are new, in order.
func (f *fixture) takeLog(from, to string, events ...directory.Event) []string {
	f.Helper()
	fresh := must(f.db.TakeLogPage(f.ctx, tenant, directory.LogPage{Events: events}, from, logAt(to)))(f)
	return slices.Sorted(maps.Keys(fresh))
}

func (f *fixture) logCursor() directory.LogCursor {
	f.Helper()
	cursor, found, err := f.db.LogCursor(f.ctx, tenant)
	f.must(err)
	if !found {
		f.Fatal("the tenant has no cursor")
	}
	return cursor
}

func testLogCursor(f *fixture) {
	_, found, err := f.db.LogCursor(f.ctx, tenant)
	f.must(err)
	f.same("before the first", found, false)
	f.fails(f.db.MoveLog(f.ctx, tenant, "p0", logAt("p1")), directory.ErrConflict)
	f.must(f.db.MoveLog(f.ctx, tenant, "", logAt("p1")))
	f.same("begun", f.logCursor(), logAt("p1"))
	f.fails(f.db.MoveLog(f.ctx, tenant, "", logAt("p9")), directory.ErrConflict)
	f.fails(f.db.MoveLog(f.ctx, "nobody", "", logAt("p1")), directory.ErrConflict)

	to := logAt("p2")
	to.Polled, to.CaughtUp, to.Types = at(5), at(6), []string{"e.f"}
	f.must(f.db.MoveLog(f.ctx, tenant, "p1", to))
	f.same("moved", f.logCursor(), to)
	f.must(f.db.MoveLog(f.ctx, tenant, "p2", logAt("p2")))
	f.same("not moved, but read", f.logCursor(), logAt("p2"))
}

func testLogPage(f *fixture) {
	u1, u2 := directory.PersonScope("u1"), directory.PersonScope("u2")
	f.must(f.db.MoveLog(f.ctx, tenant, "", logAt("p1")))
	f.add(event("hooked", u1))
	f.same("new ones", f.takeLog("p1", "p2", logEvent("missed", u2), logEvent("hooked", u1, u2), logEvent("idle"), logEvent("missed", u1)), []string{"idle", "missed"})
	f.same("the cursor", f.logCursor(), logAt("p2"))
	f.same("what the hook brought is as it was", f.waiting(u1), []string{"hooked"})
	f.same("what it did not waits", f.waiting(u2), []string{"missed"})
	f.same("read again", f.takeLog("p2", "p2", logEvent("missed", u2), logEvent("hooked", u1)), nil)
	f.add(event("missed", u1, u2)) // the hook, late
	f.same("the late hook changes nothing", f.waiting(u1), []string{"hooked"})
	f.same("an empty page", f.takeLog("p2", "p3"), nil)
	f.same("the cursor after it", f.logCursor(), logAt("p3"))

	// Another worker was faster: neither events nor cursor.
	_, err := f.db.TakeLogPage(f.ctx, tenant, directory.LogPage{Events: []directory.Event{logEvent("late", u2)}}, "p2", logAt("p9"))
	f.fails(err, directory.ErrConflict)
	f.same("the cursor of the other", f.logCursor(), logAt("p3"))
	f.same("no event without the cursor", f.waiting(u2), []string{"missed"})

	_, err = f.db.TakeLogPage(f.ctx, "nobody", directory.LogPage{Events: []directory.Event{logEvent("x")}}, "p2", logAt("p9"))
	f.fails(err, directory.ErrNotFound)
}

// testLogAndHookAtOnce brings the same events by both ways, from many sides.
func testLogAndHookAtOnce(f *fixture) {
	f.must(f.db.MoveLog(f.ctx, tenant, "", logAt("p")))
	var hooked, logged []directory.Event
	for i := range 50 {
		uuid, scope := fmt.Sprintf("e%02d", i), directory.GroupScope(fmt.Sprint("g", i))
		hooked, logged = append(hooked, event(uuid, scope)), append(logged, logEvent(uuid, scope))
	}
	slices.Reverse(logged)
	var wait sync.WaitGroup
	var fresh atomic.Int32
	for i := range 10 {
		wait.Go(func() {
			if err := f.db.AddEvents(f.ctx, tenant, append(slices.Clone(hooked[i:]), hooked[:i]...)); err != nil {
				f.Error(err)
			}
		})
		wait.Go(func() {
			got, err := f.db.TakeLogPage(f.ctx, tenant, directory.LogPage{Events: logged}, "p", logAt("p"))
			if err != nil && !errors.Is(err, directory.ErrConflict) {
				f.Error(err)
			}
			fresh.Add(int32(len(got)))
		})
	}
	wait.Wait()
	f.same("scopes", must(f.db.TenantState(f.ctx, tenant))(f).Waiting, 50)
	if fresh.Load() > 50 {
		f.Errorf("%d events were new to the log", fresh.Load())
	}
}

func testFullSyncSince(f *fixture) {
	since := func() (time.Time, bool) {
		f.Helper()
		since, found, err := f.db.FullSyncSince(f.ctx, tenant)
		f.must(err)
		return since, found
	}
	if _, found := since(); found {
		f.Error("there was a full sync already")
	}
	started := func(id string, scope directory.Scope, seconds int, state directory.RunState) {
		f.Helper()
		run, moment := f.run(id, scope), at(seconds)
		run.State, run.StartedAt = state, &moment
		f.must(f.db.SaveRun(f.ctx, run, "w1", 0))
	}
	for _, step := range []struct {
		id      string
		scope   directory.Scope
		seconds int
		state   directory.RunState
		want    int
	}{
		{"group", directory.GroupScope("g1"), 1, directory.RunSucceeded, 0},
		{"held", directory.FullScope(), 2, directory.RunHeld, 0},
		{"reading", directory.FullScope(), 3, directory.RunReading, 3},
		{"done", directory.FullScope(), 5, directory.RunSucceeded, 5},
		{"older", directory.FullScope(), 4, directory.RunSucceeded, 5},
		{"failed", directory.FullScope(), 9, directory.RunFailed, 5},
	} {
		started(step.id, step.scope, step.seconds, step.state)
		got, found := since()
		if found != (step.want > 0) || found && !got.Equal(at(step.want)) {
			f.Errorf("after %s: since %v (%t), want %v", step.id, got, found, at(step.want))
		}
	}
}
