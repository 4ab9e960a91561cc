package sync_test

import (
	"errors"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	dirsync "github.com/oktasync/oktasync/sync"
)

const pause = 10 * time.Minute

// withPause gives the fixture an engine that pauses between full syncs, and a clock for it.
func withPause(f *fixture) (later func(time.Duration)) {
	ahead := time.Duration(0)
	f.engine = dirsync.New(dirsync.Options{
		Tenant: f.tenant, Rules: f.rules, Source: f.world, Store: engineStore{f.db}, Owner: "test", NewID: f.runID,
		Now: func() time.Time { return time.Now().Add(ahead) }, FullPause: pause,
	})
	return func(d time.Duration) { ahead += d }
}

// putOff expects that an event may not start a full sync now.
func putOff(t *testing.T, f *fixture, why string) {
	t.Helper()
	result, err := f.engine.Scope(t.Context(), directory.FullScope())
	var later *directory.RetryAfterError
	if !errors.As(err, &later) || later.Wait <= 0 || later.Wait > pause {
		t.Fatalf("%s: %+v, %v; want it put off", why, result, err)
	}
}

// Many events share a full sync, and those that come meanwhile the next.
func TestEventsStartAFullSync(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	later := withPause(f)
	all := directory.FullScope()
	f.hint(all, "system.import.complete", "system.import.complete", "application.lifecycle.activate")
	f.between = func() {
		f.between = nil
		f.hint(all, "system.import.complete")
	}
	first := f.event(all) // a hint of its own makes four
	if first.Events != 4 || first.RunID == "" {
		t.Fatalf("worked off %+v, want four events", first)
	}
	f.compare(nil)
	run, err := f.db.Run(t.Context(), f.tenant, first.RunID)
	if err != nil || run.Cause != directory.CauseHook || run.Scope != all || run.Date != "" {
		t.Errorf("the run is %+v, %v", run, err)
	}
	changes, err := f.db.Changes(t.Context(), f.tenant, directory.ChangeQuery{Limit: 1})
	if err != nil || len(changes) != 1 || len(changes[0].Cause.Events) != 4 || changes[0].Cause.RunID != first.RunID {
		t.Errorf("the cause of a change is %+v, %v; want the four events and the run", changes, err)
	}

	putOff(t, f, "right after it")
	later(pause / 2)
	putOff(t, f, "half the pause later")
	later(pause)
	second, err := f.engine.Scope(t.Context(), all)
	if err != nil || second.Events != 1 || second.RunID == first.RunID {
		t.Errorf("after the pause: %+v, %v; want another full sync for what came in between", second, err)
	}
	if third, err := f.engine.Scope(t.Context(), all); err != nil || third.RunID != "" {
		t.Errorf("nothing waits: %+v, %v", third, err)
	}
}

// A full sync that is asked for otherwise takes the events along.
func TestAFullSyncTakesTheEventsAlong(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	later := withPause(f)
	f.hint(directory.FullScope(), "system.import.complete")
	f.mustFull()
	later(2 * pause)
	if result, err := f.engine.Scope(t.Context(), directory.FullScope()); err != nil || result.RunID != "" {
		t.Errorf("after a full sync: %+v, %v; want nothing left to do", result, err)
	}
}

// While a full sync is under way, or its plan waits for an admin, no event starts another.
func TestOneFullSyncAtATime(t *testing.T) {
	t.Parallel()
	f := crowd(t, openDatabase(t))
	later := withPause(f)
	queued := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-11-22"}
	if _, _, err := f.db.CreateRun(t.Context(), queued); err != nil {
		t.Fatal(err)
	}
	f.hint(directory.FullScope(), "system.import.complete")
	if result, err := f.engine.Scope(t.Context(), directory.FullScope()); !errors.Is(err, directory.ErrBusy) {
		t.Errorf("while another one is queued: %+v, %v", result, err)
	}
	for id := range f.people {
		f.people[id].assigned = false
	}
	if _, err := f.engine.Run(t.Context(), queued.ID, directory.AnyClaim); !errors.As(err, new(*directory.HeldError)) {
		t.Fatalf("the run ended with %v, want it held", err)
	}
	f.hint(directory.FullScope(), "system.import.complete")
	later(2 * pause)
	putOff(t, f, "while a plan waits")
}

// An app that nobody can use is no reason to take anything from anybody.
func TestAnInactiveAppChangesNothing(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	later := withPause(f)
	f.mustFull()
	later(2 * pause)
	f.failAfter, f.failWith = 1, func() error {
		return &directory.TerminalError{Err: errors.New("the app is INACTIVE in Okta")}
	}
	f.hint(directory.FullScope(), "application.lifecycle.deactivate")
	if _, err := f.engine.Scope(t.Context(), directory.FullScope()); !errors.As(err, new(*directory.TerminalError)) {
		t.Errorf("error %v, want one that sets the event aside", err)
	}
	f.compare(everyone(f))
}
