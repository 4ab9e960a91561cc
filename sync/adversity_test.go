package sync_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// TestSecondTaskOfARunLeavesItAlone: a task that is delivered twice must not empty what the first has staged.
func TestSecondTaskOfARunLeavesItAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(r *directory.Rules) { r.Limits = directory.DefaultRules().Limits })
	f.groups = map[string]string{"g1": "G1"}
	for i := range 40 {
		f.join(fmt.Sprintf("p%02d", i), nil).groups["g1"] = true
	}
	f.mustFull()
	before := f.stored()
	run := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.GroupScope("g1"), Cause: directory.CauseManual}
	if _, _, err := f.db.CreateRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	depth := 0
	// pages of a group run: groups, members 1st half, members 2nd half (last)
	f.onPage = func(i int, p directory.Page) {
		if depth == 0 && p.Members != nil && p.Members.Last {
			depth = 1
			// the second task of the same run begins, and has read no page of members yet
			inner := f.onPage
			f.onPage = func(i int, p directory.Page) {
				if p.Members != nil {
					panic("stop here")
				}
			}
			func() {
				defer func() { _ = recover() }()
				if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); !errors.Is(err, directory.ErrBusy) {
					t.Errorf("the second task ended with %v, want to be told that the first is at it", err)
				}
			}()
			f.onPage = inner
		}
	}
	if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); err != nil {
		t.Error(err)
	}
	after := f.stored()
	lost := 0
	for id := range before {
		if len(after[id].Groups) == 0 {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of 40 people lost a membership that Okta has", lost)
	}
}

// TestUnnoticedLeaverBesideAnOldOne: whoever left without an event is on two lists: of the unseen and of the deactivated.
func TestUnnoticedLeaverBesideAnOldOne(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	f.people["ada"].status = "DEPROVISIONED"
	f.event(directory.PersonScope("ada"))
	f.people["bob"].status = "DEPROVISIONED" // no event
	run, err := f.full()
	if err != nil {
		t.Errorf("run %s: %v", run.State, err)
	}
	if n := run.Counts.Changes[directory.PersonDeactivated]; n != 1 {
		t.Errorf("history has %d deactivations of one person", n)
	}
	f.compare(everyone(f))
}

// TestListedTwice: rows that move while Okta pages are shown twice.
func TestListedTwice(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	f.join("eve", nil)
	f.edit = func(pages []directory.Page) []directory.Page {
		var out []directory.Page
		for _, p := range pages {
			out = append(out, p)
			if p.People != nil {
				for _, s := range p.People {
					if s.ID == "eve" {
						out = append(out, directory.Page{At: p.At, People: []directory.PersonSeen{s}})
					}
				}
			}
		}
		return out
	}
	run, err := f.full()
	if err != nil {
		t.Errorf("run %s: %v", run.State, err)
	}
	if n := run.Counts.Changes[directory.PersonCreated]; n != 1 {
		t.Errorf("created %d", n)
	}
	t.Run("at fault", func(t *testing.T) {
		f.join("fay", map[string]any{"email": ""})
		f.edit = func(pages []directory.Page) []directory.Page {
			var out []directory.Page
			for _, p := range pages {
				out = append(out, p)
				for _, s := range p.People {
					if s.ID == "fay" {
						out = append(out, directory.Page{At: p.At, People: []directory.PersonSeen{s}})
					}
				}
			}
			return out
		}
		if run, err := f.full(); err != nil {
			t.Errorf("run %s: %v", run.State, err)
		}
	})
}

// TestValueThatJSONCannotHold: one odd value must not stop the tenant.
func TestValueThatJSONCannotHold(t *testing.T) {
	t.Parallel()
	f := company(t, func(r *directory.Rules) {
		r.Custom = []directory.CustomField{{Name: "cost", Type: directory.CustomNumber, Source: directory.Source{From: []string{"user.cost"}}}}
	})
	f.people["ada"].profile["cost"] = "NaN"
	if run, err := f.full(); err != nil {
		t.Errorf("one odd value fails the whole run: %s %v", run.State, err)
	}
	f.hint(directory.PersonScope("ada"))
	if _, err := f.engine.Scope(t.Context(), directory.PersonScope("ada")); err != nil {
		t.Errorf("event: %v", err)
	}
}

// TestListedThenGoneBeforeEverKnown: listed as assigned, and unassigned by an event before the plan is applied.
func TestListedThenGoneBeforeEverKnown(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	f.join("eve", nil) // her events are late
	f.between = func() {
		f.between = nil
		f.people["eve"].assigned = false
		f.event(directory.PersonScope("eve")) // marked
	}
	f.mustFull()
	f.compare(everyone(f))
	if _, err := f.db.FindPerson(t.Context(), f.tenant, "eve"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("somebody who was never here is found: %v", err)
	}
	// The history has no word of the tombstone, so coming in later begins from nothing.
	f.people["eve"].assigned = true
	f.event(directory.PersonScope("eve"), "application.user_membership.add")
	changes, err := f.db.Changes(t.Context(), f.tenant, directory.ChangeQuery{PersonID: "eve", Limit: 1})
	if err != nil || len(changes) != 1 || changes[0].Type != directory.PersonCreated || changes[0].Fields[0].Field != "status" || changes[0].Fields[0].Before != nil {
		t.Errorf("the first change about her is %+v, %v; want created, from no status", changes, err)
	}
}

// TestOlderPersonWithNewerGroups: a run saw the profile later, but not the groups.
func TestOlderPersonWithNewerGroups(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	f.people["dan"].profile["title"] = "Chief"
	listed := f.clock(t.Context()) // the run reads the members of groups first
	f.after = func(id string) {    // the person's read is done, the commit is slow
		if id != "dan" {
			return
		}
		f.after = nil
		f.edit = func(pages []directory.Page) []directory.Page {
			// members of g-eng were listed before dan joined
			for i := range pages {
				if m := pages[i].Members; m != nil && m.GroupID == "g-eng" {
					var ids []string
					for _, id := range m.IDs {
						if id != "dan" {
							ids = append(ids, id)
						}
					}
					m.IDs, pages[i].At = ids, listed
				}
			}
			return pages
		}
		f.mustFull()
		f.edit = nil
	}
	f.people["dan"].groups["g-eng"] = true
	f.event(directory.PersonScope("dan"))
	f.compare(everyone(f))
}

// TestStopLeavesRunForLater: stopping the service cancels with a cause of its own.
func TestStopLeavesRunForLater(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	errStopping := errors.New("the service is stopping")
	ctx, cancel := context.WithCancelCause(t.Context())
	run := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-01-01"}
	if _, _, err := f.db.CreateRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	f.failAfter = 2
	f.failWith = func() error {
		cancel(errStopping)
		return fmt.Errorf("list the users of app 0oa1: %w", context.Cause(ctx))
	}
	if _, err := f.engine.Run(ctx, run.ID, directory.AnyClaim); err == nil {
		t.Error("the run ended although it was stopped")
	}
	stored, _ := f.db.Run(t.Context(), f.tenant, run.ID)
	if !stored.State.Open() {
		t.Errorf("a deploy ended the nightly run: %s %q", stored.State, stored.Error)
	}
}

// TestRunIsTriedAgain: what passes does not end a run.
func TestRunIsTriedAgain(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	run := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-01-01"}
	if _, _, err := f.db.CreateRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	f.failAfter = 2
	if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); err == nil {
		t.Error("a pull that was cut passed for a whole one")
	}
	f.failAfter = 0
	if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); err != nil { // the retry of the task
		t.Error(err)
	}
	f.compare(nil)
}

// TestQuarantinedWriteFreesNothing: whoever cannot have the new value keeps the old one.
func TestQuarantinedWriteFreesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(r *directory.Rules) { r.Unique = []directory.Field{directory.FieldEmail} })
	f.join("a", map[string]any{"email": "x@e"})
	f.join("c", map[string]any{"email": "y@e"})
	f.mustFull()
	f.people["a"].profile["email"] = "y@e" // held by c: quarantined
	f.join("b", map[string]any{"email": "x@e"})
	f.mustFull()
	s := f.stored()
	if s["a"].Email == s["b"].Email {
		t.Errorf("a and b both hold %s: %+v", s["a"].Email, s)
	}
}

// TestMassSuspensionIsHeld: a status that Okta adds tomorrow would suspend everybody.
func TestMassSuspensionIsHeld(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(r *directory.Rules) { r.Limits = directory.DefaultRules().Limits })
	for i := range 100 {
		f.join(fmt.Sprintf("p%02d", i), nil)
	}
	f.mustFull()
	for _, h := range f.people {
		h.status = "SOMETHING_NEW"
	}
	run, _ := f.full()
	if run.State != directory.RunHeld {
		t.Errorf("run %s: %+v", run.State, run.Counts)
	}
}

// TestReactivatedDuringPull: the list of the deactivated was read before somebody came back.
func TestReactivatedDuringPull(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	f.people["ada"].status = "DEPROVISIONED"
	f.event(directory.PersonScope("ada"))
	f.edit = func(pages []directory.Page) []directory.Page {
		at := f.clock(t.Context())
		old := f.see("bob", at, nil)
		old.OktaStatus, old.Assigned = "DEPROVISIONED", false
		// the list of the deactivated was read first, bob was back when the people were listed
		return append([]directory.Page{{At: pages[0].At, Deactivated: []directory.PersonSeen{old}}}, pages...)
	}
	f.mustFull()
	f.edit = nil
	f.compare(everyone(f))
}

// TestOustedRunReadsAnew: its plan is older than what a newer run has seen.
func TestOustedRunReadsAnew(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	f.people["ada"].assigned = false // as A reads
	a := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.FullScope(), Cause: directory.CauseManual}
	if _, _, err := f.db.CreateRun(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(t.Context())
	engineA := dirsync.New(dirsync.Options{Tenant: f.tenant, Rules: f.rules, Source: f.world, Store: killStore{engineStore{f.db}, kill}, Owner: "A", Now: time.Now, NewID: f.runID})
	if _, err := engineA.Run(ctx, a.ID, directory.AnyClaim); err == nil {
		t.Fatal("run A ended before it could be ousted")
	}
	f.people["ada"].assigned = true // and back; the events were lost
	f.mustFull()                    // B, newer, sees that all is right
	f.compare(nil)
	if _, err := f.engine.Run(t.Context(), a.ID, directory.AnyClaim); err != nil { // A goes on
		t.Error(err)
	}
	f.compare(nil)
}

// TestLoginStaysOutOfErrors: a login is personal data; errors go to logs and the queue.
func TestLoginStaysOutOfErrors(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	run := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.PersonScope("ada.secret@acme.example"), Cause: directory.CauseManual}
	if _, _, err := f.db.CreateRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	f.confirmErr = errors.New("okta answered 500")
	_, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim)
	stored, _ := f.db.Run(t.Context(), f.tenant, run.ID)
	if strings.Contains(stored.Error, "ada.secret") || strings.Contains(err.Error(), "ada.secret") {
		t.Errorf("login in run error %q and in the error that log and asynq get: %v", stored.Error, err)
	}
}

// TestGroupsObservedNeverGoesBack: a slow writer must not let older lists in again.
func TestGroupsObservedNeverGoesBack(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	err := f.db.Update(t.Context(), f.tenant, func(ctx context.Context, tx *store.Tx) error {
		rows, _ := tx.People(ctx, []string{"ada"})
		p := rows[0]
		if err := tx.Touch(ctx, "ada", tx.Now(), tx.Now()); err != nil {
			return err
		}
		return tx.PutPeople(ctx, []directory.Person{p})
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := f.db.People(t.Context(), f.tenant, []string{"ada"})
	if rows[0].GroupsObservedAt.IsZero() || rows[0].GroupsObservedAt.Year() < 2000 {
		t.Errorf("groups_observed_at went back to %s", rows[0].GroupsObservedAt)
	}
}

// killStore dies when the plan would be applied.
type killStore struct {
	engineStore
	kill func()
}

func (s killStore) Plan(ctx context.Context, tenant, run string, after int64, limit int) ([]directory.PlannedChange, error) {
	s.kill()
	return nil, context.Canceled
}
