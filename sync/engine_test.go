package sync_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// company is a small org with a hierarchy, two groups and all kinds of manager texts.
func company(t testing.TB, edit func(*directory.Rules)) *fixture {
	t.Helper()
	return companyIn(t, openDatabase(t), edit)
}

func companyIn(t testing.TB, db *store.DB, edit func(*directory.Rules)) *fixture {
	t.Helper()
	f := newTenant(t, db, "acme", edit)
	f.groups = map[string]string{"g-eng": "Engineering", "g-all": "All hands"}
	f.join("boss", map[string]any{"department": "Office", "employeeNumber": "1"})
	f.join("ada", map[string]any{"department": "R&D", "managerId": "boss"}).groups["g-eng"] = true
	f.join("bob", map[string]any{"department": "R&D", "managerId": "ADA@acme.example"}).groups["g-eng"] = true
	f.join("cyd", map[string]any{"department": "Sales", "manager": "1"})
	f.join("dan", map[string]any{"department": "Sales", "managerId": "nobody", "manager": "cyd@acme.example"})
	for _, h := range f.people {
		h.groups["g-all"] = true
	}
	return f
}

func everyone(f *fixture) map[string]bool {
	known := map[string]bool{}
	for id := range f.people {
		known[id] = true
	}
	return known
}

func TestFullSyncFollowsOkta(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	first := f.mustFull()
	f.compare(nil)
	if first.Counts.Changes[directory.PersonCreated] != 5 || first.Counts.Changes[directory.TeamCreated] != 3 {
		t.Errorf("first sync counted %v", first.Counts.Changes)
	}
	second := f.mustFull()
	if len(second.Counts.Changes) != 0 || second.Progress.Planned != 0 {
		t.Errorf("second sync planned %d and changed %v, want nothing", second.Progress.Planned, second.Counts.Changes)
	}
}

// TestLeavingAndComingBack walks through every way to lose access and every way back,
// by event and by full sync.
func TestLeavingAndComingBack(t *testing.T) {
	t.Parallel()
	ways := map[string]struct {
		leave, back func(*human)
		status      directory.Status
	}{
		"suspended":                  {func(h *human) { h.status = "SUSPENDED" }, func(h *human) { h.status = "ACTIVE" }, directory.StatusSuspended},
		"locked out":                 {func(h *human) { h.status = "LOCKED_OUT" }, func(h *human) { h.status = "ACTIVE" }, directory.StatusSuspended},
		"deactivated":                {func(h *human) { h.status = "DEPROVISIONED" }, func(h *human) { h.status = "ACTIVE" }, directory.StatusDeactivated},
		"unassigned":                 {func(h *human) { h.assigned = false }, func(h *human) { h.assigned = true }, directory.StatusRemoved},
		"deleted":                    {func(h *human) { h.status = "" }, nil, directory.StatusRemoved},
		"deactivated, later deleted": {func(h *human) { h.status = "DEPROVISIONED" }, func(h *human) { h.status = "" }, directory.StatusDeactivated},
	}
	for name, way := range ways {
		for _, by := range []string{"event", "full sync"} {
			t.Run(name+" by "+by, func(t *testing.T) {
				t.Parallel()
				f := company(t, nil)
				f.mustFull()
				follow := func() {
					if by == "event" {
						f.event(directory.PersonScope("ada"))
					} else {
						f.mustFull()
					}
				}
				way.leave(f.people["ada"])
				follow()
				f.compare(everyone(f))
				row, err := f.db.People(t.Context(), f.tenant, []string{"ada"})
				if err != nil || len(row) != 1 || row[0].Status != way.status {
					t.Fatalf("row of the leaver = %+v, %v; want status %s", row, err, way.status)
				}
				if way.back == nil {
					return
				}
				way.back(f.people["ada"])
				follow()
				f.compare(everyone(f))
				f.described(directory.PersonCreated)
			})
		}
	}
}

func TestEventsOfOneScopeCoalesce(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	for range 10 {
		f.hint(directory.PersonScope("ada"))
	}
	if got := f.event(directory.PersonScope("ada")); got.Events != 11 {
		t.Errorf("the first task worked off %d events, want 11", got.Events)
	}
	again, err := f.engine.Scope(t.Context(), directory.PersonScope("ada"))
	if err != nil || again.Events != 0 || f.reads != 1 {
		t.Errorf("the second task: %+v, %v, %d reads in all; want nothing done and one read", again, err, f.reads)
	}
}

// TestEventDuringReadingStaysWaiting: what arrives after the ticket was read belongs to the next task.
func TestEventDuringReadingStaysWaiting(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.between = func() { f.hint(directory.GroupScope("g-eng")) }
	f.event(directory.GroupScope("g-eng"))
	ticket, err := f.db.Ticket(t.Context(), f.tenant, directory.GroupScope("g-eng"))
	if err != nil || len(ticket.Events) != 1 {
		t.Errorf("waiting = %v, %v; want the event that came in between", ticket.Events, err)
	}
}

// TestOlderPullUndoesNothing: a pull that was read first and arrives last.
func TestOlderPullUndoesNothing(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	late := false
	f.between = func() {
		if late {
			return
		}
		late = true
		f.people["ada"].status = "SUSPENDED"
		f.people["bob"].assigned = false
		delete(f.people["cyd"].groups, "g-all")
		f.people["dan"].groups["g-eng"] = true
		f.join("eve", map[string]any{"department": "R&D", "managerId": "ada"}).groups["g-all"] = true
		for _, id := range []string{"ada", "bob", "dan", "eve"} {
			f.event(directory.PersonScope(id))
		}
		f.event(directory.PersonScope("cyd"), "group.user_membership.remove")
	}
	// Something else must differ, or the old pages would be skipped by their hashes.
	f.people["ada"].profile["title"] = "Engineer"
	f.people["bob"].profile["title"] = "Engineer"
	f.mustFull()
	f.compare(everyone(f))
}

// TestJoinAndLeaveInsideOnePull: somebody was in a group when the list was read, and had left
// it by the time an event was worked off; the directory never knew.
func TestJoinAndLeaveInsideOnePull(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	f.people["dan"].groups["g-eng"] = true
	f.between = func() {
		delete(f.people["dan"].groups, "g-eng")
		f.event(directory.PersonScope("dan"))
		f.between = nil
	}
	f.mustFull()
	f.compare(everyone(f))
}

func TestNobodyIsRemovedWithoutProof(t *testing.T) {
	t.Parallel()
	t.Run("missing from the list but assigned", func(t *testing.T) {
		t.Parallel()
		f := company(t, nil)
		f.mustFull()
		f.listOmits = map[string]bool{"ada": true, "bob": true}
		if run := f.mustFull(); len(run.Counts.Changes) != 0 || run.Counts.Confirmed != 2 {
			t.Errorf("changes %v after %d confirmations, want none after 2", run.Counts.Changes, run.Counts.Confirmed)
		}
		f.compare(nil)
	})
	t.Run("pull cut half-way", func(t *testing.T) {
		t.Parallel()
		f := company(t, nil)
		f.mustFull()
		before := f.stored()
		f.people["ada"].profile["department"] = "Sales"
		f.failAfter = 6
		run, err := f.full()
		if err == nil || !run.State.Open() || !strings.Contains(run.Error, "nothing was changed") {
			t.Errorf("run is %s with %q, %v; want it to be tried again, nothing changed", run.State, run.Error, err)
		}
		sameDirectory(t, f, before)
	})
	t.Run("the reads by id fail", func(t *testing.T) {
		t.Parallel()
		f := company(t, nil)
		f.mustFull()
		before := f.stored()
		f.people["ada"].assigned = false
		f.confirmErr = &directory.CredentialsError{Advice: "renew the token", Err: errors.New("401 E0000011")}
		if _, err := f.full(); err == nil {
			t.Error("the run succeeded")
		}
		sameDirectory(t, f, before)
	})
	t.Run("empty list", func(t *testing.T) {
		t.Parallel()
		f := company(t, nil)
		f.mustFull()
		before := f.stored()
		f.listOmits = everyone(f)
		run, err := f.full()
		if err == nil || run.State != directory.RunHeld || !strings.Contains(run.Error, "nobody") {
			t.Errorf("run ended %s with %q, want held", run.State, run.Error)
		}
		sameDirectory(t, f, before)
	})
	t.Run("too many missing", func(t *testing.T) {
		t.Parallel()
		f := company(t, func(r *directory.Rules) { r.Limits.People = directory.Limit{Absolute: 100, Fraction: 0.2, Floor: 1} })
		f.mustFull()
		before := f.stored()
		f.people["ada"].assigned, f.people["bob"].assigned = false, false
		f.people["cyd"].profile["department"] = "Office"
		run, _ := f.full()
		if run.State != directory.RunHeld || f.reads != 2 || run.PlannedAt == nil {
			t.Errorf("run ended %s after %d reads by id, want held with a plan after 2: %s", run.State, f.reads, run.Error)
		}
		sameDirectory(t, f, before)
	})
	t.Run("a list that is wrong", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(r *directory.Rules) { r.Limits.People = directory.Limit{Absolute: 100, Fraction: 0.2, Floor: 1} })
		for i := range 60 {
			f.join(fmt.Sprintf("p%02d", i), nil)
		}
		f.mustFull()
		before := f.stored()
		f.listOmits = map[string]bool{}
		for i := 10; i < 50; i++ {
			f.listOmits[fmt.Sprintf("p%02d", i)] = true
		}
		run, _ := f.full()
		if run.State != directory.RunHeld || f.reads != 25 || run.PlannedAt != nil || !strings.Contains(run.Error, "Okta's list lacks 40 of the 60 people") {
			t.Errorf("run ended %s after %d reads by id, want held without a plan after 25: %s", run.State, f.reads, run.Error)
		}
		// One of the first is really gone: all are read, and the doubt stays.
		f.people["p12"].status = "DEPROVISIONED"
		run, _ = f.full()
		if run.State != directory.RunHeld || f.reads != 25+40 || run.PlannedAt == nil || !strings.Contains(run.Error, "39 are still assigned") {
			t.Errorf("run ended %s after %d reads by id, want held with a plan after 65: %s", run.State, f.reads, run.Error)
		}
		delete(before, "p12") // of whom Okta says that he is deactivated
		sameDirectory(t, f, before)
	})
	t.Run("everybody is gone", func(t *testing.T) {
		t.Parallel()
		f := company(t, nil) // whose limits allow that
		f.mustFull()
		before := f.stored()
		for _, h := range f.people {
			h.assigned = false
		}
		run, _ := f.full()
		if run.State != directory.RunHeld || run.PlannedAt == nil || !strings.Contains(run.Error, "Okta listed nobody") {
			t.Errorf("run ended %s: %s; want held with a plan", run.State, run.Error)
		}
		sameDirectory(t, f, before)
	})
	t.Run("a group emptied", func(t *testing.T) {
		t.Parallel()
		f := company(t, func(r *directory.Rules) { r.Limits.Members = directory.Limit{Absolute: 100, Fraction: 0.5, Floor: 2} })
		f.mustFull()
		before := f.stored()
		for _, h := range f.people {
			delete(h.groups, "g-all")
		}
		run, _ := f.full()
		if run.State != directory.RunHeld || !strings.Contains(run.Error, "g-all") {
			t.Errorf("run ended %s: %s; want held because of g-all", run.State, run.Error)
		}
		sameDirectory(t, f, before)
	})
}

func sameDirectory(t *testing.T, f *fixture, before map[string]person) {
	t.Helper()
	after := f.stored()
	for id, p := range before {
		if q, there := after[id]; !there || q.Status != p.Status || q.Team != p.Team || len(q.Groups) != len(p.Groups) {
			t.Errorf("person %s was %+v and is %+v", id, p, q)
		}
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	f.groups["g-eng"] = "Engineering EMEA"
	f.event(directory.GroupScope("g-eng"))
	groups, err := f.db.Groups(t.Context(), f.tenant, []string{"g-eng"})
	if err != nil || groups[0].Name != "Engineering EMEA" {
		t.Errorf("group after the rename = %+v, %v", groups, err)
	}
	f.compare(nil)
	delete(f.groups, "g-eng")
	f.event(directory.GroupScope("g-eng"))
	f.compare(nil)
	changes, err := f.db.Changes(t.Context(), f.tenant, directory.ChangeQuery{Newest: true, Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	if changes[0].Type != directory.GroupRemoved || changes[2].Type != directory.MembershipRemoved {
		t.Errorf("history ends with %s, %s, %s; want the members to leave before the group goes", changes[2].Type, changes[1].Type, changes[0].Type)
	}
	f.described(directory.GroupCreated, directory.GroupUpdated, directory.GroupRemoved, directory.MembershipAdded, directory.MembershipRemoved)
}

// TestDeletedGroupIsNotHeld: that a group is gone is proved by id, so its members may all leave.
func TestDeletedGroupIsNotHeld(t *testing.T) {
	t.Parallel()
	f := company(t, func(r *directory.Rules) {
		r.Limits = directory.DefaultRules().Limits
		r.Limits.Members = directory.Limit{Absolute: 1, Fraction: 0.1}
	})
	f.mustFull()
	delete(f.groups, "g-all")
	f.event(directory.GroupScope("g-all"))
	f.compare(nil)
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	unique := func(r *directory.Rules) { r.Unique = []directory.Field{directory.FieldEmail} }
	f := company(t, unique)
	f.people["ada"].profile["email"] = ""
	f.people["dan"].profile["email"] = "CYD@acme.example"
	run := f.mustFull()
	quarantined := func() []string {
		list, err := f.db.Quarantine(t.Context(), f.tenant, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, q := range list {
			ids = append(ids, q.PersonID)
			if q.Reason == "" || strings.Contains(q.Reason, "@") {
				t.Errorf("reason %q; want a sentence without profile values", q.Reason)
			}
		}
		return ids
	}
	if got := quarantined(); len(got) != 2 || got[0] != "ada" || got[1] != "dan" {
		t.Errorf("quarantined %v (%d counted), want ada and dan", got, run.Counts.Quarantined)
	}
	if got := f.stored(); len(got) != 3 {
		t.Errorf("%d people in the directory, want the other 3", len(got))
	}
	f.people["ada"].profile["email"] = "ada@acme.example"
	f.event(directory.PersonScope("ada"))
	f.people["dan"].profile["email"] = "dan@acme.example"
	f.mustFull()
	if got := quarantined(); got != nil {
		t.Errorf("still quarantined: %v", got)
	}
	f.compare(nil)
}

// TestLoginMovesBetweenIDs: deleted and made again under the same login, seen in one page.
func TestLoginMovesBetweenIDs(t *testing.T) {
	t.Parallel()
	f := company(t, func(r *directory.Rules) { r.Unique = []directory.Field{directory.FieldLogin, directory.FieldEmail} })
	f.mustFull()
	login := f.people["ada"].profile["login"]
	f.people["ada"].status = ""
	f.join("ada2", map[string]any{"login": login, "email": login, "department": "R&D"})
	f.event(directory.PersonScope("ada2")) // the old one is not known to be gone yet
	if _, there := f.stored()["ada2"]; there {
		t.Error("two present people hold one login")
	}
	f.event(directory.PersonScope("ada"))
	f.mustFull()
	f.compare(nil)
	if got := f.stored()["bob"].Manager; got != "ada2" {
		t.Errorf("bob's manager is %q, want the new holder of the login", got)
	}
}

func TestInterruptedRunGoesOn(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	later := &directory.RetryAfterError{Wait: time.Microsecond, Err: errors.New("429")}
	f.mustFull()
	f.people["ada"].assigned = false
	f.confirmErr = later
	run, err := f.full()
	if !errors.Is(err, later) || !run.State.Open() {
		t.Fatalf("run is %s after %v, want it to wait", run.State, err)
	}
	f.confirmErr = nil
	if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); err != nil {
		t.Fatal(err)
	}
	f.compare(everyone(f))
}

func TestManualResyncOfOnePerson(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	f.people["ada"].profile["department"] = "Sales"
	run := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.PersonScope("ada"), Cause: directory.CauseManual, By: "ops", State: directory.RunQueued}
	if _, _, err := f.db.CreateRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); err != nil {
		t.Fatal(err)
	}
	f.compare(nil)
	changes, err := f.db.Changes(t.Context(), f.tenant, directory.ChangeQuery{PersonID: "ada", Newest: true, Limit: 1})
	if err != nil || changes[0].Cause.Kind != directory.CauseManual || changes[0].Cause.Actor != "ops" || changes[0].Cause.RunID != run.ID {
		t.Errorf("cause = %+v, %v; want the manual run by ops", changes, err)
	}
}
