package sync_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func (f *fixture) waiting(scope directory.Scope) []string {
	f.t.Helper()
	ticket, err := f.db.Ticket(f.t.Context(), f.tenant, scope)
	if err != nil {
		f.t.Fatal(err)
	}
	var types []string
	for _, w := range ticket.Events {
		types = append(types, w.Type)
	}
	return types
}

// TestCheapestProof mirrors the table in the doc comment of Engine.leaver.
func TestCheapestProof(t *testing.T) {
	t.Parallel()
	const suspend, deactivate, remove, join = "user.lifecycle.suspend", "user.lifecycle.deactivate", "application.user_membership.remove", "group.user_membership.add"
	status := func(s string) func(*human) { return func(h *human) { h.status = s } }
	tests := []struct {
		name   string
		change func(*human)
		events []string
		want   directory.Status
		full   int  // reads beyond that of the user alone
		hurry  bool // in these too
	}{
		{"suspended", status("SUSPENDED"), []string{suspend}, directory.StatusSuspended, 0, false},
		{"locked out", status("LOCKED_OUT"), []string{"user.account.lock"}, directory.StatusSuspended, 0, false},
		{"deactivated", status("DEPROVISIONED"), []string{deactivate}, directory.StatusDeactivated, 0, false},
		{"deactivated, and so unassigned", status("DEPROVISIONED"), []string{deactivate, remove}, directory.StatusDeactivated, 0, true},
		{"deactivated beside a group event", status("DEPROVISIONED"), []string{deactivate, join}, directory.StatusDeactivated, 1, false},
		{"deleted", status(""), []string{"user.lifecycle.delete.initiated"}, directory.StatusRemoved, 0, false},
		{"deleted beside other events", status(""), []string{deactivate, remove, join}, directory.StatusRemoved, 0, false},
		{"deletion under way", status("DEPROVISIONED"), []string{"user.lifecycle.delete.initiated"}, directory.StatusDeactivated, 0, false},
		{"suspended beside a group event", status("SUSPENDED"), []string{suspend, join}, directory.StatusSuspended, 1, false},
		{"suspended and unassigned", func(h *human) { h.status, h.assigned = "SUSPENDED", false }, []string{suspend, remove}, directory.StatusRemoved, 1, true},
		{"suspended, and back before we looked", func(*human) {}, []string{suspend}, directory.StatusActive, 1, true},
		{"unassigned", func(h *human) { h.assigned = false }, []string{remove}, directory.StatusRemoved, 1, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := company(t, nil)
			f.mustFull()
			f.asked, f.reads = nil, 0
			test.change(f.people["ada"])
			f.event(directory.PersonScope("ada"), test.events...)
			rows, err := f.db.People(t.Context(), f.tenant, []string{"ada"})
			if err != nil || rows[0].Status != test.want {
				t.Errorf("the row is %+v, %v; want status %s", rows, err, test.want)
			}
			if f.reads != test.full {
				t.Errorf("asked %+v, want %d reads beyond the first", f.asked, test.full)
			}
			for i, asked := range f.asked {
				// What is left when access is gone must not use the calls that are kept for leavers.
				if hurry := i == 0 || test.hurry; asked.Urgent != hurry {
					t.Errorf("asked %+v, want urgent %t", asked, hurry)
				}
			}
			if left := f.waiting(directory.PersonScope("ada")); left != nil {
				t.Errorf("%v still wait", left)
			}
			f.compare(everyone(f))
		})
	}
}

// TestAccessGoesBeforeTheRest: the budget of the other reads is used up.
func TestAccessGoesBeforeTheRest(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	before := f.stored()["ada"]
	f.people["ada"].status = "SUSPENDED"
	f.confirmErr = &directory.RetryAfterError{Wait: time.Minute, Err: errors.New("no calls left")}
	scope := directory.PersonScope("ada")
	f.hint(scope, "user.lifecycle.suspend", "application.user_membership.update")
	result, err := f.engine.Scope(t.Context(), scope)
	if !errors.Is(err, f.confirmErr) || result.Changes[directory.PersonSuspended] != 1 {
		t.Errorf("the look ended with %+v, %v; want the suspension and the error of the rest", result, err)
	}
	after := f.stored()["ada"]
	if after.Status != directory.StatusSuspended || after.Team != before.Team || after.Manager != before.Manager || !slices.Equal(after.Groups, before.Groups) {
		t.Errorf("ada was %+v and is %+v, want her suspended and nothing else changed", before, after)
	}
	if left := f.waiting(scope); len(left) != 2 {
		t.Errorf("%v wait, want both events: the rest was not read", left)
	}
	f.confirmErr = nil
	if _, err := f.engine.Scope(t.Context(), scope); err != nil {
		t.Fatal(err)
	}
	f.compare(nil)
}

// TestOvertakenLook: while a whole look was under way a partial one, asked for later, was faster. What
// only the whole one has seen must not be lost.
func TestOvertakenLook(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	f.after = func(string) { // once the whole look has its answers
		f.after = nil
		f.people["ada"].status = "SUSPENDED"
		f.event(directory.PersonScope("ada"), "user.lifecycle.suspend")
	}
	f.people["ada"].profile["title"] = "Director"
	run := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.PersonScope("ada"), Cause: directory.CauseManual, State: directory.RunQueued}
	if _, _, err := f.db.CreateRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); err != nil {
		t.Fatal(err)
	}
	rows, err := f.db.People(t.Context(), f.tenant, []string{"ada"})
	if err != nil || rows[0].Profile.Title != "Director" || rows[0].Status != directory.StatusSuspended {
		t.Errorf("ada is %+v, %v; want her suspended, with the new title", rows[0], err)
	}
}

// TestJoinWhileGroupIsRead: a run that reads a group for the first time has noted it, and is about to
// make it, when an older look at somebody new in it is committed. The run does not know them and the look
// must not take the note for a group that is gone.
func TestJoinWhileGroupIsRead(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	f.groups["g-new"] = "Contractors"
	f.join("eve", nil).groups["g-new"] = true
	f.after = func(string) {
		f.after = nil
		err := f.db.Update(t.Context(), f.tenant, func(ctx context.Context, tx *store.Tx) error {
			return tx.NoteGroups(ctx, []directory.GroupSeen{{ID: "g-new", Name: "Contractors", Exists: true, At: f.clock(ctx)}})
		})
		if err != nil {
			t.Error(err)
		}
	}
	f.event(directory.PersonScope("eve"), "user.lifecycle.create", "group.user_membership.add")
	f.compare(nil)
}
