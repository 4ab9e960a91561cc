package sync_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// lookAgainDue carries out the looks that are due, and returns of what.
func (f *fixture) lookAgainDue() []string {
	f.t.Helper()
	due, err := f.db.DueSecondLooks(f.t.Context(), 0, 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	var scopes []string
	for _, hint := range due {
		scopes = append(scopes, hint.Scope.String())
		if _, err := f.engine.Scope(f.t.Context(), hint.Scope); err != nil {
			f.t.Fatal(err)
		}
	}
	slices.Sort(scopes)
	return scopes
}

// groupsNamed selects groups by their names.
func groupsNamed(patterns ...string) func(*directory.Rules) {
	return func(r *directory.Rules) { r.Groups = directory.GroupSelection{Names: patterns} }
}

// mustBeIn checks that everybody is in exactly those of their groups in Okta whose names begin in one of these ways.
func (f *fixture) mustBeIn(beginnings ...string) {
	f.t.Helper()
	want, got := map[string][]string{}, map[string][]string{}
	for id, h := range f.people {
		for _, g := range sorted(h.groups) {
			if slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(f.groups[g], b) }) {
				want[id] = append(want[id], g)
			}
		}
	}
	for id, p := range f.stored() {
		if len(p.Groups) > 0 {
			got[id] = p.Groups
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.t.Errorf("who is in which groups (-okta +directory):\n%s", diff)
	}
}

// TestEventsWhileAnotherSelectionWaits: while a run waits that brings other groups, events are decided by the old selection.
// Once it was approved and applied, everybody is in the groups that Okta has them in, whatever came in between.
func TestEventsWhileAnotherSelectionWaits(t *testing.T) {
	t.Parallel()
	const join, leave = "group.user_membership.add", "group.user_membership.remove"
	bothDatabases(t, func(t *testing.T, db *store.DB) {
		f := newTenant(t, db, "acme", func(r *directory.Rules) {
			groupsNamed("Old*", "Both*")(r)
			r.Limits.Groups = directory.Limit{}
		})
		f.groups = map[string]string{"old": "Old", "both": "Both", "new": "New", "new2": "New two"}
		for id, groups := range map[string][]string{
			"edited": {"new", "old"}, "joins": {}, "joins-by-group": {}, "leaves": {"new", "both"}, "leaves-by-group": {"new2"},
			"to-old": {"new"}, "to-old-by-group": {}, "to-made": {}, "to-made-alone": {}, "rests": {"old", "both", "new", "new2"},
		} {
			h := f.join(id, nil)
			for _, g := range groups {
				h.groups[g] = true
			}
		}
		f.propose(f.rules, false)
		f.useRules()
		f.mustFull()
		f.mustBeIn("Old", "Both")

		done := f.propose(f.edited(groupsNamed("New*", "Both*", "Made*")), false)
		run := f.work(done.Run.ID)
		if run.State != directory.RunHeld || run.Scope != directory.FullScope() {
			t.Fatalf("the run: %+v", run)
		}
		person := func(id, eventType string, change func(groups map[string]bool)) {
			t.Helper()
			change(f.people[id].groups)
			f.event(person1(id), eventType)
		}
		group := func(id, eventType string, change func()) {
			t.Helper()
			change()
			f.event(directory.GroupScope(id), eventType)
		}
		person("edited", "user.account.update_profile", func(map[string]bool) { f.people["edited"].profile["title"] = "Chief" })
		person("joins", join, func(in map[string]bool) { in["new"] = true })
		person("leaves", leave, func(in map[string]bool) { delete(in, "new") })
		person("to-old", join, func(in map[string]bool) { in["old"] = true })
		group("new", join, func() { f.people["joins-by-group"].groups["new"] = true })
		group("new2", leave, func() { delete(f.people["leaves-by-group"].groups, "new2") })
		group("old", join, func() { f.people["to-old-by-group"].groups["old"] = true })
		group("made", "group.lifecycle.create", func() { f.groups["made"] = "Made since"; f.people["to-made"].groups["made"] = true })
		person("to-made-alone", join, func(in map[string]bool) { f.groups["made2"] = "Made alone"; in["made2"] = true })
		f.mustBeIn("Old", "Both")

		f.approve(run.ID)
		if run = f.work(run.ID); run.State != directory.RunSucceeded {
			t.Fatalf("the approved run: %+v", run)
		}
		f.useRules()
		f.lookAgainDue()
		f.mustBeIn("New", "Both", "Made")
		if again := f.mustFull(); again.Progress.Planned != 0 {
			t.Errorf("a full sync plans %q more", f.planOf(again.ID))
		}
	})
}

// TestFailedSyncWhileAnotherSelectionWaits: a full sync by the old selection that read the groups and then failed keeps
// nothing of the approved plan away.
func TestFailedSyncWhileAnotherSelectionWaits(t *testing.T) {
	t.Parallel()
	f := newTenant(t, openDatabase(t), "acme", func(r *directory.Rules) {
		groupsNamed("Old*", "Both*")(r)
		r.Limits.Groups = directory.Limit{}
	})
	f.groups = map[string]string{"old": "Old", "both": "Both", "new": "New"}
	f.join("ann", nil).groups = map[string]bool{"old": true, "new": true}
	f.propose(f.rules, false)
	f.useRules()
	f.mustFull()
	done := f.propose(f.edited(groupsNamed("New*", "Both*")), false)
	f.people["ann"].groups["both"] = true
	run := f.work(done.Run.ID)
	if run.State != directory.RunHeld {
		t.Fatalf("the run: %+v", run)
	}
	failing := f.engineOf(dirsync.Options{Ruleset: f.inForce(), Store: failingStore{engineStore{f.db}}})
	if _, err := failing.Run(t.Context(), f.queued(), directory.AnyClaim); !errors.Is(err, errPlanCounts) {
		t.Fatalf("the full sync in between: %v", err)
	}
	f.approve(run.ID)
	if run = f.work(run.ID); run.State != directory.RunSucceeded {
		t.Fatalf("the approved run: %+v", run)
	}
	f.useRules()
	f.lookAgainDue()
	f.mustBeIn("New", "Both")
}

var errPlanCounts = errors.New("the plan cannot be counted")

// failingStore fails once everything was read.
type failingStore struct{ engineStore }

func (failingStore) PlanCounts(context.Context, string, string) (directory.PlanCounts, error) {
	return directory.PlanCounts{}, &directory.TerminalError{Err: errPlanCounts}
}

// TestSelectionsOneAfterTheOther: rules that need Okta to be read and are replaced before their run began keep nobody else's
// run away, nor does a full sync that is queued.
func TestSelectionsOneAfterTheOther(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, db *store.DB) {
		f := newTenant(t, db, "acme", groupsNamed("A"))
		f.groups = map[string]string{"a": "A", "b": "B", "c": "C"}
		f.join("ann", nil).groups = map[string]bool{"a": true, "b": true, "c": true}
		f.propose(f.rules, false)
		f.useRules()
		f.mustFull()

		f.queued() // by an admin
		first := f.propose(f.edited(groupsNamed("B")), false).Run
		second := f.propose(f.edited(groupsNamed("C")), false).Run
		if first.ID == second.ID || second.Rules == "" {
			t.Fatalf("the runs of the two are %+v and %+v", first, second)
		}
		served := f.served
		if run := f.work(first.ID); run.State != directory.RunOutdated || f.served != served {
			t.Errorf("the first run read %d pages: %+v", f.served-served, run)
		}
		if run := f.work(second.ID); run.State != directory.RunSucceeded {
			t.Errorf("the second run: %+v", run)
		}
		f.useRules()
		f.mustBeIn("C")
	})
}

// TestSyncOutdatesAnotherSelection: a nightly sync makes a plan outdated that was read from Okta before it, and the rules of that
// plan get another run at once.
func TestSyncOutdatesAnotherSelection(t *testing.T) {
	t.Parallel()
	f := newTenant(t, openDatabase(t), "acme", func(r *directory.Rules) {
		groupsNamed("Old*")(r)
		r.Limits.Groups = directory.Limit{}
	})
	f.groups = map[string]string{"old": "Old", "new": "New"}
	f.join("ann", nil).groups = map[string]bool{"old": true, "new": true}
	f.propose(f.rules, false)
	f.useRules()
	f.mustFull()
	run := f.work(f.propose(f.edited(groupsNamed("New*")), false).Run.ID)
	if run.State != directory.RunHeld {
		t.Fatalf("the run: %+v", run)
	}
	f.mustFull()
	if now := f.stand(run.ID); now.State != directory.RunOutdated {
		t.Errorf("the run after a full sync: %+v", now)
	}
	next := f.stand(f.lastRun())
	if next.Rules != run.Rules || next.State != directory.RunQueued {
		t.Fatalf("the newest run: %+v; want one of the rules that wait", next)
	}
	if next = f.work(next.ID); next.State != directory.RunHeld {
		t.Errorf("it ended as %+v", next)
	}
}
