package sync_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
	dirsync "github.com/oktasync/oktasync/sync"
)

// assignedTeams makes teams of the groups that are assigned to the app, then of the department.
func assignedTeams(types ...string) func(*directory.Rules) {
	return func(r *directory.Rules) {
		r.Teams = []directory.TeamRule{{Groups: &directory.GroupSelection{Assigned: true, Exclude: []string{"Not *"}}}, fromPath("department")}
		r.Groups = directory.GroupSelection{Assigned: true, Types: types}
	}
}

// crowd is ann and bob in g1 and g2, of which the app has g1.
func (f *fixture) crowd() {
	f.groups = map[string]string{"g1": "One", "g2": "Two", "g3": "Not a team"}
	f.granted = map[string]bool{"g1": true, "g3": true}
	for _, id := range []string{"ann", "bob"} {
		f.join(id, map[string]any{"department": "Sales"}).groups = map[string]bool{"g1": true, "g2": true, "g3": true}
	}
}

const (
	grantBegins = "group.application_assignment.add"
	grantEnds   = "group.application_assignment.remove"
)

// TestTeamsOfAssignedGroups: whether or not the groups are taken over anyway, those that are assigned to the app are the
// teams, by events as by full syncs.
func TestTeamsOfAssignedGroups(t *testing.T) {
	t.Parallel()
	for name, types := range map[string][]string{"only these": nil, "all groups are taken over": {"OKTA_GROUP"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, assignedTeams(types...))
			f.crowd()
			f.mustFull()
			f.wantIn("at first", map[string]string{"ann": "One; Sales", "bob": "One; Sales"})

			f.granted = map[string]bool{"g2": true}
			f.event(directory.GroupScope("g1"), grantEnds)
			f.wantIn("after the end of one", map[string]string{"ann": "Sales", "bob": "Sales"})
			f.event(directory.GroupScope("g2"), grantBegins)
			f.wantIn("after the beginning of another", map[string]string{"ann": "Two; Sales", "bob": "Two; Sales"})

			f.join("cem", map[string]any{"department": "Sales"}).groups = map[string]bool{"g1": true, "g2": true}
			f.event(directory.PersonScope("cem"), "application.user_membership.add")
			delete(f.people["ann"].groups, "g2")
			f.event(directory.PersonScope("ann"), "group.user_membership.remove")
			f.wantIn("after people moved", map[string]string{"ann": "Sales", "bob": "Two; Sales", "cem": "Two; Sales"})

			f.granted = map[string]bool{"g1": true}
			f.mustFull()
			f.wantIn("after a full sync", map[string]string{"ann": "One; Sales", "bob": "One; Sales", "cem": "One; Sales"})
			if again := f.mustFull(); len(again.Counts.Changes) != 0 {
				t.Errorf("another full sync changed %v", again.Counts.Changes)
			}
			delete(f.groups, "g1")
			f.event(directory.GroupScope("g1"), "group.lifecycle.delete")
			f.wantIn("after the group went", map[string]string{"ann": "Sales", "bob": "Sales", "cem": "Sales"})
		})
	}
}

// TestAssignedGroupsAreProven: a list of the app's groups that lacks some, or all, ends no team.
func TestAssignedGroupsAreProven(t *testing.T) {
	t.Parallel()
	for name, types := range map[string][]string{"only these": nil, "all groups are taken over": {"OKTA_GROUP"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, assignedTeams(types...))
			f.crowd()
			f.mustFull()
			f.grantedOmits = map[string]bool{"g1": true, "g2": true, "g3": true}
			if run := f.mustFull(); len(run.Counts.Changes) != 0 || run.Counts.Confirmed == 0 {
				t.Errorf("an empty list of the app's groups changed %v, with %d reads by id", run.Counts.Changes, run.Counts.Confirmed)
			}
			f.wantIn("after an empty list", map[string]string{"ann": "One; Sales", "bob": "One; Sales"})
		})
	}
}

// TestAssignedGroupsUnderWay: a person is read between the moment when a run of a group has seen the assignment, and its commit.
func TestAssignedGroupsUnderWay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, assignedTeams())
	f.crowd()
	f.granted = map[string]bool{}
	f.mustFull()
	f.granted["g2"] = true
	f.onPage = func(_ int, p directory.Page) {
		if p.Members != nil { // the group itself is taken in by now
			f.onPage = nil
			f.join("cem", nil).groups = map[string]bool{"g2": true}
			f.event(directory.PersonScope("cem"), "application.user_membership.add")
		}
	}
	f.event(directory.GroupScope("g2"), grantBegins)
	f.wantIn("at the end", map[string]string{"ann": "Two; Sales", "bob": "Two; Sales", "cem": "Two"})
}

// TestNobodyAsksForAssignedGroups: without a rule about them Okta is not asked, and what is known is forgotten.
func TestNobodyAsksForAssignedGroups(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.crowd()
	f.mustFull()
	f.event(directory.GroupScope("g1"), grantBegins)
	f.event(directory.PersonScope("ann"), "group.user_membership.add")
	if f.grantLooks != 0 {
		t.Errorf("Okta was asked %d times which groups are assigned", f.grantLooks)
	}
	f.wantIn("without the rule", map[string]string{"ann": "Sales"})

	was := f.rules
	assignedTeams("OKTA_GROUP")(&f.rules)
	f.engine = f.engineOf(dirsync.Options{})
	f.mustFull()
	f.wantIn("with the rule", map[string]string{"ann": "One; Sales"})
	f.rules = was
	f.engine = f.engineOf(dirsync.Options{})
	f.mustFull()
	f.wantIn("without it again", map[string]string{"ann": "Sales"})
	rows, err := f.db.Groups(t.Context(), f.tenant, []string{"g1"})
	if err != nil || len(rows) != 1 || rows[0].Assigned {
		t.Errorf("the group's row still says that it is assigned: %+v, %v", rows, err)
	}
}

// TestAssignedGroupsOfAnOrg is the same with the real reader.
func TestAssignedGroupsOfAnOrg(t *testing.T) {
	t.Parallel()
	r := newRealOrg(t, openDatabase(t), emulator.Options{People: 6, Seed: 4, Limits: emulator.Unlimited()}, assignedTeams())
	who := r.org.PersonIDs()[3]
	crew := r.must(r.org.CreateGroup("Crew", "")).ID
	r.must(r.org.AssignGroup(r.org.AppID(), crew))
	other := r.must(r.org.CreateGroup("Choir", "")).ID
	r.must(r.org.AddToGroup(crew, who))
	r.must(r.org.AddToGroup(other, who))
	r.mustFull()
	teams := func() []string {
		rows, err := r.db.People(t.Context(), realTenant, []string{who})
		if err != nil || len(rows) != 1 {
			t.Fatalf("person %s: %v, %v", who, rows, err)
		}
		all := append([]string{rows[0].TeamID}, rows[0].FurtherTeams...)
		return slices.DeleteFunc(all, func(id string) bool {
			return !slices.Contains([]string{directory.TeamOfOktaGroup(crew, "").ID, directory.TeamOfOktaGroup(other, "").ID}, id)
		})
	}
	want := func(when string, groups ...string) {
		t.Helper()
		var ids []string
		for _, g := range groups {
			ids = append(ids, directory.TeamOfOktaGroup(g, "").ID)
		}
		if got := slices.Sorted(slices.Values(teams())); !slices.Equal(got, slices.Sorted(slices.Values(ids))) {
			t.Errorf("%s the teams are %v, want %v", when, got, ids)
		}
	}
	want("at first", crew)
	r.must(r.org.AssignGroup(r.org.AppID(), other))
	r.follow()
	want("with another assignment", crew, other)
	r.must(r.org.UnassignGroup(r.org.AppID(), crew))
	r.follow()
	want("without the first", other)

	r.org.ResetCalls()
	if run := r.mustFull(); len(run.Counts.Changes) != 0 {
		t.Errorf("a full sync after the events changed %v", run.Counts.Changes)
	}
	asked := map[string]int{}
	for _, c := range r.org.Calls() {
		if strings.HasPrefix(c.Endpoint, "GET /api/v1/apps/{appId}/groups") {
			asked[c.Endpoint] += c.Calls
		}
	}
	if !maps.Equal(asked, map[string]int{"GET /api/v1/apps/{appId}/groups": 1}) {
		t.Errorf("a full sync asked for assignments of groups %v, want one list", asked)
	}
}
