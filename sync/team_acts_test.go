package sync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	dirsync "github.com/oktasync/oktasync/sync"
)

func (f *fixture) rename(team, name string) {
	f.t.Helper()
	f.act(func(ctx context.Context, act directory.Act) (dirsync.Result, error) {
		return f.engine.RenameTeam(ctx, team, name, act)
	})
}

func TestRenamedTeam(t *testing.T) {
	t.Parallel()
	f := led(t, directory.ManagersOverride)
	id := f.team("Sales").ID
	f.lead("Sales", "zoe")
	f.rename(id, " Field  Sales ")
	if team := f.team("Sales"); team.Name != "Field Sales" || team.OktaName != "Sales" || team.ManagerID != "zoe" {
		t.Errorf("the team is %+v", team)
	}
	named := f.lastChange()
	want := []directory.FieldChange{{Field: "name", Before: "Sales", After: "Field Sales"}, {Field: "okta_name", After: "Sales"}}
	if diff := cmp.Diff(want, named.Fields); diff != "" || named.Type != directory.TeamUpdated || named.Cause.Kind != directory.CauseManual || named.Cause.Actor != "anna" {
		t.Errorf("the change is %+v", named)
	}
	// The same word in Okta leads to the same team, and does not take the name back.
	f.arrive("ivo", map[string]any{"department": " Sales"})
	f.mustFull()
	f.event(directory.PersonScope("eve"))
	rows, err := f.db.People(t.Context(), f.tenant, []string{"eve", "ivo"})
	if err != nil || rows[0].TeamID != id || rows[1].TeamID != id {
		t.Errorf("people: %+v, %v", rows, err)
	}
	f.rename(id, "Field Sales")
	if last := f.lastChange(); last.Type == directory.TeamUpdated {
		t.Errorf("the same name again is a change: %+v", last)
	}
	f.rename(id, "Vertrieb")
	f.rename(id, "")
	if team := f.team("Sales"); team.Name != "Sales" || team.OktaName != "" || team.ManagerID != "zoe" {
		t.Errorf("taken back, the team is %+v", team)
	}
	if _, err := f.engine.RenameTeam(t.Context(), "nothing", "x", directory.Act{}); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("no team: %v", err)
	}
	acts, err := f.db.Acts(t.Context(), f.tenant, directory.ActQuery{Limit: 10})
	if err != nil || len(acts) != 5 || acts[0].Subject != "team:"+id {
		t.Errorf("acts: %+v, %v", acts, err)
	}
}

func (f *fixture) merge(team, into string) {
	f.t.Helper()
	f.act(func(ctx context.Context, act directory.Act) (dirsync.Result, error) {
		act.Kind = directory.ActTeamMerge
		return f.engine.MergeTeam(ctx, idOf(team), idOf(into), act)
	})
}

func (f *fixture) unmerge(team string) {
	f.t.Helper()
	f.act(func(ctx context.Context, act directory.Act) (dirsync.Result, error) {
		act.Kind = directory.ActTeamUnmerge
		return f.engine.UnmergeTeam(ctx, idOf(team), act)
	})
}

// idOf is the id of the team of a department.
func idOf(name string) string {
	team, _ := directory.TeamFor("department", name)
	return team.ID
}

// teamPlaces returns the departments that people's teams are made of, with the number of people in the teams that the
// directory lists: "Sales" for a person, "team Sales" for a team.
func (f *fixture) teamPlaces() map[string]string {
	f.t.Helper()
	names := map[string]string{}
	for _, name := range []string{"Sales", "Field", "Support", "Office", "Lab"} {
		names[idOf(name)] = name
	}
	got := map[string]string{}
	people, err := f.db.People(f.t.Context(), f.tenant, sorted(f.people))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, p := range people {
		if p.TeamID != "" && p.Present() {
			got[p.ID] = names[p.TeamID]
		}
	}
	teams, err := f.db.ListTeams(f.t.Context(), f.tenant, "", 100)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, t := range teams {
		got["team "+names[t.ID]] = fmt.Sprint(t.People)
	}
	return got
}

func (f *fixture) wantPlaces(when string, want map[string]string) {
	f.t.Helper()
	if diff := cmp.Diff(want, f.teamPlaces()); diff != "" {
		f.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

func (f *fixture) types(after int64) []string {
	f.t.Helper()
	changes, err := f.db.Changes(f.t.Context(), f.tenant, directory.ChangeQuery{After: after, Limit: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	var types []string
	for _, c := range changes {
		types = append(types, strings.Trim(string(c.Type)+" "+c.PersonID, " "))
	}
	return types
}

func TestMergedTeam(t *testing.T) {
	t.Parallel()
	f := led(t, directory.ManagersOverride)
	f.arrive("ivo", map[string]any{"department": "Field"})
	f.arrive("ann", map[string]any{"department": "Support"})
	f.lead("Field", "adam")
	f.lead("Sales", "zoe")
	seq := f.lastChange().Seq
	f.merge("Field", "Sales")
	f.wantPlaces("merged", map[string]string{"eve": "Sales", "ivo": "Sales", "ann": "Support", "team Sales": "2", "team Support": "1"})
	f.wantManagers("the other team's manager counts", map[string]string{"ivo": "zoe team"})
	if diff := cmp.Diff([]string{"person.updated ivo", "team.removed", "person.manager_changed ivo"}, f.types(seq)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if last := f.lastChange(); last.Cause.Kind != directory.CauseManual || last.Cause.Actor != "anna" {
		t.Errorf("the cause is %+v", last.Cause)
	}
	why := f.about(f.explain("ivo").Values, directory.TopicTeam, "team").Reason
	if why != "teams.from: department; it gives the team "+idOf("Field")+", which an admin merged into this one" {
		t.Errorf("the merged team is explained by %q", why)
	}

	// Who comes to the old one is in the other, and nothing of that differs in a full sync.
	f.arrive("new", map[string]any{"department": "Field"})
	f.people["ivo"].profile["title"] = "Boss"
	f.event(directory.PersonScope("ivo"))
	if c := f.lastChange(); len(c.Fields) != 1 {
		t.Errorf("a change of the title says %+v", c.Fields)
	}
	want := map[string]string{"eve": "Sales", "ivo": "Sales", "new": "Sales", "ann": "Support", "team Sales": "3", "team Support": "1"}
	f.wantPlaces("somebody came", want)
	if again := f.mustFull(); len(again.Counts.Changes) != 0 {
		t.Errorf("a full sync changed %v", again.Counts.Changes)
	}

	// Chains, and what is refused.
	f.merge("Sales", "Support")
	f.wantPlaces("merged again", map[string]string{"eve": "Support", "ivo": "Support", "new": "Support", "ann": "Support", "team Support": "4"})
	for _, test := range []struct{ team, into, says string }{
		{"Support", "Sales", "is merged into team"}, {"Field", "Support", "is merged into team"},
		{"Support", "Support", "into itself"}, {"Nothing", "Support", "there is no team"}, {"Support", "Nothing", "there is no team"},
	} {
		if _, err := f.engine.MergeTeam(t.Context(), idOf(test.team), idOf(test.into), directory.Act{Actor: "anna"}); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s into %s: %v, want %q", test.team, test.into, err, test.says)
		}
	}
	if _, err := f.engine.UnmergeTeam(t.Context(), idOf("Support"), directory.Act{}); !errors.Is(err, directory.ErrConflict) {
		t.Errorf("taking back what was not done: %v", err)
	}
	f.unmerge("Sales")
	f.wantPlaces("taken back, with those who were merged into it", want)
	f.unmerge("Field")
	f.wantPlaces("all taken back", map[string]string{"eve": "Sales", "ivo": "Field", "new": "Field", "ann": "Support", "team Sales": "1", "team Field": "2", "team Support": "1"})
	f.wantManagers("and its own manager", map[string]string{"ivo": "adam team", "new": "adam team"})
	if again := f.mustFull(); len(again.Counts.Changes) != 0 {
		t.Errorf("a full sync changed %v", again.Counts.Changes)
	}
}

// TestRolesFollowAMerge: what is given in somebody's team is given in the team that it was merged into, as long as it is.
func TestRolesFollowAMerge(t *testing.T) {
	t.Parallel()
	f := newFixture(t, granting(directory.GrantRules{Sets: []directory.RoleSet{{
		Name: "access", Combine: directory.CombineUnion, Roles: []directory.RoleKind{{Name: "member"}},
		Rules: []directory.GrantRule{{Name: "in-team", Role: "member", Everyone: true, TeamFrom: directory.TeamOfPerson}},
	}}}))
	f.arrive("eve", map[string]any{"department": "Sales"})
	f.arrive("ivo", map[string]any{"department": "Field"})
	apart := map[string]string{"eve": "member@" + idOf("Sales"), "ivo": "member@" + idOf("Field")}
	f.mustHave(apart)
	f.merge("Field", "Sales")
	f.mustFull() // roles that follow from a merge are settled with it, or by the next sync
	f.mustHave(map[string]string{"eve": "member@" + idOf("Sales"), "ivo": "member@" + idOf("Sales")})
	f.unmerge("Field")
	f.mustFull()
	f.mustHave(apart)
	if again := f.mustFull(); len(again.Counts.Changes) != 0 {
		t.Errorf("a full sync changed %v", again.Counts.Changes)
	}
}

// TestMergesInAnyOrder: whether two teams are merged before or after people come, and whether these come by events or by a full
// sync, or by a plan that was made before, the teams are the same.
func TestMergesInAnyOrder(t *testing.T) {
	t.Parallel()
	want := map[string]string{"eve": "Sales", "ivo": "Sales", "ann": "Sales", "bob": "Support", "team Sales": "3", "team Support": "1"}
	for name, deliver := range map[string]func(f *fixture){
		"events, then the merge": func(f *fixture) {
			f.event(directory.PersonScope("ann"))
			f.event(directory.PersonScope("bob"))
			f.merge("Field", "Sales")
		},
		"the merge, then events": func(f *fixture) {
			f.merge("Field", "Sales")
			f.event(directory.PersonScope("bob"))
			f.event(directory.PersonScope("ann"))
		},
		"the merge, then a full sync": func(f *fixture) {
			f.merge("Field", "Sales")
			f.mustFull()
		},
		"a plan from before the merge": func(f *fixture) {
			plan := f.dry(directory.FullScope())
			f.merge("Field", "Sales")
			if done := f.carryOut(plan.ID); done.State != directory.RunSucceeded {
				f.t.Errorf("the plan is %s: %s", done.State, done.Error)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := led(t, directory.ManagersOverride)
			f.arrive("ivo", map[string]any{"department": "Field"})
			f.join("ann", map[string]any{"department": "Field"})
			f.join("bob", map[string]any{"department": "Support"})
			deliver(f)
			f.wantPlaces("in the end", want)
			if again := f.mustFull(); len(again.Counts.Changes) != 0 {
				t.Errorf("a full sync changed %v", again.Counts.Changes)
			}
		})
	}
}

// TestRow32_FirstMemberOfMergedTeams: who comes by a merge was not there first, whether before the merge or after it.
func TestRow32_FirstMemberOfMergedTeams(t *testing.T) {
	t.Parallel()
	for name, deliver := range map[string]func(f *fixture){
		"events, then the merge": func(f *fixture) { f.event(directory.PersonScope("old")); f.merge("Field", "Sales") },
		"the merge, then events": func(f *fixture) { f.merge("Field", "Sales"); f.event(directory.PersonScope("old")) },
		"the merge, then a sync": func(f *fixture) { f.merge("Field", "Sales"); f.mustFull() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := led(t, directory.ManagersFirstMember)
			f.arrive("fay", map[string]any{"department": "Field"})
			f.arrive("ivo", map[string]any{"department": "Sales"})
			f.join("old", map[string]any{"department": "Field", "managerId": "zoe"}).since = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
			deliver(f)
			f.wantManagers("in the end", map[string]string{"ivo": "adam first_member", "fay": "adam first_member", "old": "adam first_member"})
		})
	}
}

// TestMergeOfALargeTeam: the people move in several commits, and the team ends with the last of them.
func TestMergeOfALargeTeam(t *testing.T) {
	t.Parallel()
	f := led(t, directory.ManagersIndividual)
	for n := range 1203 {
		f.join(fmt.Sprintf("p%04d", n), map[string]any{"department": "Field"})
	}
	f.mustFull()
	f.merge("Field", "Sales")
	if got := f.teamPlaces(); got["team Sales"] != "1204" || got["team Field"] != "" || f.lastChange().Type != directory.TeamRemoved {
		t.Errorf("Sales has %s people, Field %q; the last change is %s", got["team Sales"], got["team Field"], f.lastChange().Type)
	}
	f.unmerge("Field")
	if got := f.teamPlaces(); got["team Sales"] != "1" || got["team Field"] != "1203" {
		t.Errorf("taken back: %v, %v", got["team Sales"], got["team Field"])
	}
}

func TestEmptyTeams(t *testing.T) {
	t.Parallel()
	for _, rule := range []directory.EmptyTeams{"", directory.EmptyTeamsKeep, directory.EmptyTeamsRemove} {
		t.Run("rule "+string(rule), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(r *directory.Rules) { r.EmptyTeams, r.Managers.Mode = rule, directory.ManagersFirstMember })
			f.arrive("zoe", nil)
			f.arrive("eve", map[string]any{"department": "Sales", "managerId": "zoe"})
			f.arrive("ivo", map[string]any{"department": "Sales"})
			f.rename(idOf("Sales"), "Vertrieb")
			f.people["eve"].profile["department"] = "Lab"
			f.event(directory.PersonScope("eve"))
			f.wantPlaces("one is left", map[string]string{"eve": "Lab", "ivo": "Sales", "team Sales": "1", "team Lab": "1"})
			seq := f.lastChange().Seq
			f.people["ivo"].status = "DEPROVISIONED"
			f.event(directory.PersonScope("ivo"), "user.lifecycle.deactivate")
			ends := rule == directory.EmptyTeamsRemove
			if got := slices.Contains(f.types(seq), "team.removed"); got != ends {
				t.Errorf("the team ended: %t, want %t: %v", got, ends, f.types(seq))
			}
			want := map[string]string{"eve": "Lab", "team Lab": "1"}
			if !ends {
				want["team Sales"] = "0"
			}
			f.wantPlaces("the last one left", want)
			f.people["ivo"].profile["title"] = "Boss" // who has left brings no team back
			f.event(directory.PersonScope("ivo"))
			f.wantPlaces("somebody who left changed", want)
			if again := f.mustFull(); len(again.Counts.Changes) != 0 {
				t.Errorf("a full sync changed %v", again.Counts.Changes)
			}
			f.people["ivo"].status = "ACTIVE"
			f.event(directory.PersonScope("ivo"))
			f.wantPlaces("back", map[string]string{"eve": "Lab", "ivo": "Sales", "team Sales": "1", "team Lab": "1"})
			if team := f.team("Sales"); team.Name != "Vertrieb" || team.OktaName != "Sales" {
				t.Errorf("it came back as %+v", team)
			}
			f.wantManagers("with its manager", map[string]string{"ivo": "zoe first_member"})
		})
	}
}

// TestEmptyTeamsInRuns: a team that one page of a plan empties and the next fills does not end in between; all that are
// empty end when the rule changes.
func TestEmptyTeamsInRuns(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.join("a", map[string]any{"department": "Sales"})
	f.join("b", map[string]any{"department": "Lab"})
	f.join("c", map[string]any{"department": "Office"})
	f.mustFull()
	f.people["c"].profile["department"] = "Lab"
	f.mustFull()
	f.wantPlaces("kept", map[string]string{"a": "Sales", "b": "Lab", "c": "Lab", "team Sales": "1", "team Lab": "2", "team Office": "0"})
	f.rules.EmptyTeams = directory.EmptyTeamsRemove
	f.engine = f.engineOf(dirsync.Options{})
	seq := f.lastChange().Seq
	f.mustFull()
	f.wantPlaces("another rule", map[string]string{"a": "Sales", "b": "Lab", "c": "Lab", "team Sales": "1", "team Lab": "2"})
	if got := f.types(seq); got[0] != "team.removed" {
		t.Errorf("changes: %v", got)
	}
	seq = f.lastChange().Seq
	f.people["a"].profile["department"], f.people["b"].profile["department"] = "Office", "Sales"
	f.mustFull()
	f.wantPlaces("moved", map[string]string{"a": "Office", "b": "Sales", "c": "Lab", "team Sales": "1", "team Lab": "1", "team Office": "1"})
	if got := f.types(seq); slices.Contains(got, "team.removed") {
		t.Errorf("a team ended in between: %v", got)
	}
}
