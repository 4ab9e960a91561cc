package sync_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// crowded is a fixture in which 60 people were assigned, of whom the first is known, and in which a list was
// asked for.
func crowded(t *testing.T, edit func(*directory.Rules)) *fixture {
	t.Helper()
	f := newFixture(t, edit)
	f.join("p00", nil)
	f.mustFull()
	f.engine = f.engineOf(dirsync.Options{SecondLook: time.Nanosecond, Burst: 50, FullPause: time.Hour})
	for i := range 60 {
		f.join(fmt.Sprintf("p%02d", i), map[string]any{"title": "Newcomer"})
		f.hint(directory.PersonScope(fmt.Sprintf("p%02d", i)), "application.user_membership.add")
	}
	if err := f.later("p00"); err == nil {
		t.Fatal("p00 was read by id")
	}
	if looks := f.looks(directory.FullScope()); looks != 1 {
		t.Fatalf("%d lists were asked for", looks)
	}
	return f
}

// later works on a person and returns why it has to wait, if it has.
func (f *fixture) later(id string) error {
	f.t.Helper()
	_, err := f.engine.Scope(f.t.Context(), directory.PersonScope(id))
	if err != nil && !errors.As(err, new(*directory.RetryAfterError)) {
		f.t.Fatal(err)
	}
	return err
}

func (f *fixture) looks(scope directory.Scope) int {
	f.t.Helper()
	ticket, err := f.db.Ticket(f.t.Context(), f.tenant, scope)
	if err != nil {
		f.t.Fatal(err)
	}
	if ticket.SecondLook.IsZero() {
		return 0
	}
	return 1
}

func (f *fixture) waits(id string) int {
	f.t.Helper()
	ticket, err := f.db.Ticket(f.t.Context(), f.tenant, directory.PersonScope(id))
	if err != nil {
		f.t.Fatal(err)
	}
	return len(ticket.Events)
}

func TestListSettles(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault func(*fixture)
		left  int // events of p00 that the list leaves
	}{
		"whom it shows": {func(*fixture) {}, 0},
		"whom it omits and the directory knows": {func(f *fixture) {
			f.listOmits = map[string]bool{"p00": true}
			// The run reads them by id, as it does whoever is missing.
		}, 0},
		"not what came while it was read": {func(f *fixture) {
			f.between = func() { f.hint(directory.PersonScope("p00")) }
		}, 1},
		"nobody at whom others looked later": {func(f *fixture) {
			f.onPage = func(int, directory.Page) {
				err := f.db.Update(f.t.Context(), f.tenant, func(ctx context.Context, tx *store.Tx) error {
					return tx.Touch(ctx, "p00", tx.Now(), time.Time{})
				})
				if err != nil {
					f.t.Fatal(err)
				}
			}
		}, 1},
		"nobody who may be leaving": {func(f *fixture) { f.hint(directory.PersonScope("p00"), "application.user_membership.remove") }, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := crowded(t, nil)
			test.fault(f)
			if _, err := f.engine.Scope(t.Context(), directory.FullScope()); err != nil {
				t.Fatal(err)
			}
			if left := f.waits("p00"); left != test.left {
				t.Errorf("%d events of p00 are left, want %d", left, test.left)
			}
			if left := f.waits("p59"); left != 0 {
				t.Errorf("%d events of p59 are left", left)
			}
			if n := len(f.stored()); n != 60 {
				t.Errorf("the directory has %d people", n)
			}
			if looks := f.looks(directory.FullScope()); looks != 0 {
				t.Error("the list is still asked for")
			}
			// Whatever the list left is read by id, at once.
			if err := f.later("p00"); err != nil {
				t.Errorf("p00 still waits: %v", err)
			}
			if left := f.waits("p00"); left != 0 {
				t.Errorf("%d events of p00 are left in the end", left)
			}
			changes, err := f.db.Changes(t.Context(), f.tenant, directory.ChangeQuery{PersonID: "p59", Limit: 10})
			if err != nil || len(changes) == 0 || changes[0].Cause.Kind != directory.CauseBurst {
				t.Errorf("p59 has the history %v, %v", changes, err)
			}
		})
	}
}

// Somebody whom no list has shown is not left to the next one.
func TestListOmits(t *testing.T) {
	t.Parallel()
	f := crowded(t, nil)
	f.listOmits = map[string]bool{"p59": true} // who is not in the directory, so nobody asks for them by id
	if _, err := f.engine.Scope(t.Context(), directory.FullScope()); err != nil {
		t.Fatal(err)
	}
	if left := f.waits("p59"); left != 1 {
		t.Fatalf("%d events of p59 are left", left)
	}
	reads := f.reads
	if err := f.later("p59"); err != nil || f.reads != reads+1 {
		t.Errorf("p59 was read %d times, %v", f.reads-reads, err)
	}
	if n := len(f.stored()); n != 60 {
		t.Errorf("the directory has %d people", n)
	}
}

// Nobody waits for a list that does not come.
func TestNoListComes(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*fixture){
		"the last one failed": func(f *fixture) { f.failAfter = -1 },
		"the last one waits for an admin": func(f *fixture) {
			f.edit = func([]directory.Page) []directory.Page { return nil }
		},
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := crowded(t, nil)
			fault(f)
			if _, err := f.engine.Scope(t.Context(), directory.FullScope()); err == nil {
				t.Fatal("the list came")
			}
			for i := range 60 {
				if err := f.later(fmt.Sprintf("p%02d", i)); err != nil {
					t.Fatalf("p%02d waits: %v", i, err)
				}
			}
			if n := len(f.stored()); n != 60 {
				t.Errorf("the directory has %d people", n)
			}
		})
	}
}

// TestNoListBeforeALateSecondLook: who wants to look again after more than a minute does not take Okta's lists to
// be right before.
func TestNoListBeforeALateSecondLook(t *testing.T) {
	t.Parallel()
	f := crowded(t, nil)
	f.engine = f.engineOf(dirsync.Options{SecondLook: 2 * time.Minute, Burst: 50, FullPause: time.Hour})
	for i := range 60 {
		if err := f.later(fmt.Sprintf("p%02d", i)); err != nil {
			t.Fatalf("p%02d waits: %v", i, err)
		}
	}
}

// A burst that is over when the list's turn comes needs no list.
func TestBurstOver(t *testing.T) {
	t.Parallel()
	f := crowded(t, nil)
	for i := range 60 {
		id := fmt.Sprintf("p%02d", i)
		f.hint(directory.PersonScope(id), "application.user_membership.remove") // which waits for nothing
		if err := f.later(id); err != nil {
			t.Fatal(err)
		}
	}
	served := f.served
	if _, err := f.engine.Scope(t.Context(), directory.FullScope()); err != nil {
		t.Fatal(err)
	}
	if f.served != served || f.looks(directory.FullScope()) != 0 {
		t.Errorf("%d pages were read, %d lists are asked for", f.served-served, f.looks(directory.FullScope()))
	}
}

func TestDryRunSettlesNothing(t *testing.T) {
	t.Parallel()
	f := crowded(t, nil)
	run := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.FullScope(), Cause: directory.CauseManual, State: directory.RunQueued, DryRun: true}
	if _, _, err := f.db.CreateRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); err != nil {
		t.Fatal(err)
	}
	if left := f.waits("p59"); left != 1 {
		t.Errorf("%d events of p59 are left", left)
	}
}
