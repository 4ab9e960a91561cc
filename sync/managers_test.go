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

// led is a fixture with a mode, and a team of an eve whose manager in Okta is adam.
func led(t *testing.T, mode directory.ManagerMode, more ...func(*directory.ManagerRules)) *fixture {
	t.Helper()
	f := newFixture(t, func(r *directory.Rules) {
		r.Managers.Mode = mode
		for _, edit := range more {
			edit(&r.Managers)
		}
	})
	for _, id := range []string{"adam", "zoe"} {
		f.arrive(id, nil)
	}
	f.arrive("eve", map[string]any{"department": "Sales", "managerId": "adam"})
	return f
}

// arrive has somebody assigned, later than everybody before.
func (f *fixture) arrive(id string, profile map[string]any) {
	f.t.Helper()
	f.join(id, profile).since = time.Date(2026, 1, len(f.people), 9, 0, 0, 0, time.UTC)
	f.event(directory.PersonScope(id))
}

// managers returns "id" or "id:problem", with the source, of people.
func (f *fixture) managers(people ...string) map[string]string {
	f.t.Helper()
	rows, err := f.db.People(f.t.Context(), f.tenant, people)
	if err != nil {
		f.t.Fatal(err)
	}
	out := map[string]string{}
	for _, row := range rows {
		out[row.ID] = strings.Trim(strings.Join([]string{row.ManagerID, string(row.ManagerSource), string(row.ManagerProblem)}, " "), " ")
	}
	return out
}

func (f *fixture) wantManagers(when string, want map[string]string) {
	f.t.Helper()
	if diff := cmp.Diff(want, f.managers(sorted(want)...)); diff != "" {
		f.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

func (f *fixture) team(name string) directory.Team {
	f.t.Helper()
	team, _ := directory.TeamFor("department", name)
	rows, err := f.db.TeamsByID(f.t.Context(), f.tenant, []string{team.ID})
	if err != nil || len(rows) != 1 {
		f.t.Fatalf("team %s: %v, %v", name, rows, err)
	}
	return rows[0]
}

func (f *fixture) act(do func(context.Context, directory.Act) (dirsync.Result, error)) {
	f.t.Helper()
	if _, err := do(f.t.Context(), directory.Act{Actor: "anna", Role: directory.RoleOperate, Kind: directory.ActPersonManager}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) choose(person, manager string) {
	f.t.Helper()
	f.act(func(ctx context.Context, act directory.Act) (dirsync.Result, error) {
		return f.engine.ChooseManager(ctx, person, manager, act)
	})
}

func (f *fixture) lead(team, manager string) {
	f.t.Helper()
	f.act(func(ctx context.Context, act directory.Act) (dirsync.Result, error) {
		return f.engine.SetTeamManager(ctx, f.team(team).ID, manager, act)
	})
}

func (f *fixture) lastChange() directory.Change {
	f.t.Helper()
	changes, err := f.db.Changes(f.t.Context(), f.tenant, directory.ChangeQuery{Newest: true, Limit: 1})
	if err != nil || len(changes) != 1 {
		f.t.Fatal(changes, err)
	}
	return changes[0]
}

func TestRow28_PrimaryTeamsManagerIsYours(t *testing.T) {
	t.Parallel()
	f := led(t, directory.ManagersFirstMember)
	f.lead("Sales", "zoe")
	f.arrive("ivo", map[string]any{"department": "Sales"})
	f.arrive("ann", map[string]any{"department": "Sales", "managerId": "adam"})
	f.wantManagers("with a team's manager", map[string]string{"eve": "zoe team", "ivo": "zoe team", "ann": "zoe team", "zoe": ""})
	f.people["ann"].profile["department"] = "Support" // where she is the first
	f.event(directory.PersonScope("ann"))
	f.wantManagers("in another team", map[string]string{"ann": "adam first_member"})
	f.people["zoe"].profile["department"], f.people["zoe"].profile["managerId"] = "Sales", "adam"
	f.event(directory.PersonScope("zoe"))
	f.wantManagers("who manages the own team has the own manager", map[string]string{"zoe": "adam okta"})
}

func TestRow29_OwnOktaManagerOverrides(t *testing.T) {
	t.Parallel()
	f := led(t, directory.ManagersOverride)
	f.lead("Sales", "zoe")
	f.wantManagers("Okta names one", map[string]string{"eve": "adam okta"})
	f.people["eve"].profile["managerId"] = "nobody we know"
	f.event(directory.PersonScope("eve"))
	f.wantManagers("Okta names one who is not here", map[string]string{"eve": "okta unresolved"})
}

func TestRow30_TeamsManagerIsTheFallback(t *testing.T) {
	t.Parallel()
	f := led(t, directory.ManagersOverride)
	f.arrive("ivo", map[string]any{"department": "Sales"})
	f.arrive("lone", nil)
	f.wantManagers("teams have none by themselves", map[string]string{"eve": "adam okta", "ivo": "", "lone": ""})
	f.lead("Sales", "zoe")
	f.wantManagers("an admin set one", map[string]string{"eve": "adam okta", "ivo": "zoe team", "lone": ""})
	change := f.lastChange()
	if change.Type != directory.PersonManagerChanged || change.PersonID != "ivo" || change.Cause.Kind != directory.CauseManual || change.Cause.Actor != "anna" {
		t.Errorf("the change is %+v", change)
	}
	f.people["eve"].profile["managerId"] = ""
	f.event(directory.PersonScope("eve"))
	f.wantManagers("Okta names one no more", map[string]string{"eve": "zoe team"})
	f.lead("Sales", "adam")
	f.wantManagers("another", map[string]string{"eve": "adam team", "ivo": "adam team"})
	f.lead("Sales", "")
	f.wantManagers("taken back", map[string]string{"eve": "", "ivo": ""})
	f.lead("Sales", "ivo")
	f.wantManagers("one of the team", map[string]string{"eve": "ivo team", "ivo": ""})
	if again := f.mustFull(); len(again.Counts.Changes) != 0 {
		t.Errorf("a full sync changed %v", again.Counts.Changes)
	}
}

func TestRow31_AdminsOverrideOnAPerson(t *testing.T) {
	t.Parallel()
	for _, mode := range []directory.ManagerMode{directory.ManagersOverride, directory.ManagersIndividual, directory.ManagersFirstMember} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			f := led(t, mode)
			f.choose("eve", "zoe")
			f.wantManagers("chosen", map[string]string{"eve": "zoe admin"})
			f.lead("Sales", "adam")
			f.event(directory.PersonScope("eve"))
			f.mustFull()
			f.wantManagers("whatever comes", map[string]string{"eve": "zoe admin"})
			f.lead("Sales", "")
			f.choose("eve", "")
			want := "adam okta"
			if mode == directory.ManagersFirstMember {
				want = "adam first_member"
			}
			f.wantManagers("taken back", map[string]string{"eve": want})
			change := f.lastChange()
			if change.Type != directory.PersonManagerChanged || change.Cause.Kind != directory.CauseManual || change.Cause.Actor != "anna" || len(change.Fields) != 2 {
				t.Errorf("the change is %+v", change)
			}
		})
	}
}

func TestRow31_WhatAnAdminMayNotChoose(t *testing.T) {
	t.Parallel()
	f := led(t, directory.ManagersOverride)
	f.arrive("left", nil)
	f.people["left"].status = "DEPROVISIONED"
	f.event(directory.PersonScope("left"), "user.lifecycle.deactivate")
	for _, test := range []struct {
		person, manager, says string
		kind                  error
	}{
		{"eve", "eve", "cannot be their own manager", directory.ErrConflict},
		{"adam", "eve", "stands below person adam already", directory.ErrConflict},
		{"eve", "nobody", "can be nobody's manager", directory.ErrConflict},
		{"eve", "left", "can be nobody's manager", directory.ErrConflict},
		{"left", "adam", "has left", directory.ErrConflict},
		{"nobody", "adam", "is not in the directory", directory.ErrNotFound},
	} {
		_, err := f.engine.ChooseManager(t.Context(), test.person, test.manager, directory.Act{Actor: "anna"})
		if err == nil || !strings.Contains(err.Error(), test.says) || !errors.Is(err, test.kind) {
			t.Errorf("%s for %s: %v, want %q", test.manager, test.person, err, test.says)
		}
	}
	if _, err := f.engine.SetTeamManager(t.Context(), "no team", "adam", directory.Act{}); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("no team: %v", err)
	}
	f.wantManagers("all as before", map[string]string{"eve": "adam okta", "adam": ""})
	acts, err := f.db.Acts(t.Context(), f.tenant, directory.ActQuery{Limit: 10})
	if err != nil || len(acts) != 0 {
		t.Errorf("acts: %v, %v", acts, err)
	}
}

func TestRow32_FirstMemberBringsTheTeamsManager(t *testing.T) {
	t.Parallel()
	f := led(t, directory.ManagersFirstMember)
	f.arrive("ivo", map[string]any{"department": "Sales"})
	f.arrive("ann", map[string]any{"department": "Sales", "managerId": "zoe"})
	f.wantManagers("later members bring none", map[string]string{"eve": "adam first_member", "ivo": "adam first_member", "ann": "adam first_member"})
	f.people["eve"].profile["managerId"] = "zoe"
	f.event(directory.PersonScope("eve"))
	f.wantManagers("the first one's changes", map[string]string{"eve": "zoe first_member", "ivo": "zoe first_member", "ann": "zoe first_member"})
	f.people["eve"].profile["department"], f.people["eve"].profile["managerId"] = "Support", "adam"
	f.event(directory.PersonScope("eve"))
	f.wantManagers("the first one went", map[string]string{"eve": "adam first_member", "ivo": "zoe first_member", "ann": "zoe first_member"})
	f.lead("Sales", "adam")
	f.wantManagers("an admin sets another", map[string]string{"ivo": "adam team", "ann": "adam team"})
	f.lead("Sales", "")
	f.wantManagers("and takes it back", map[string]string{"ivo": "zoe first_member", "ann": "zoe first_member"})

	// Whom we hear of late was there first all the same.
	f.join("old", map[string]any{"department": "Sales", "managerId": "adam"}).since = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	f.event(directory.PersonScope("old"))
	f.wantManagers("heard of late", map[string]string{"old": "adam first_member", "ivo": "adam first_member"})
	// Who comes from another team was not.
	f.people["zoe"].profile["department"], f.people["zoe"].profile["managerId"] = "Sales", "old"
	f.event(directory.PersonScope("zoe"))
	f.wantManagers("who moved in", map[string]string{"zoe": "adam first_member", "ivo": "adam first_member"})
}

func TestRow33_ASettingSelectsHowManagersAreHandled(t *testing.T) {
	t.Parallel()
	f := led(t, directory.ManagersIndividual)
	f.arrive("ivo", map[string]any{"department": "Sales"})
	f.lead("Sales", "zoe")
	f.mustFull()
	f.wantManagers("individual", map[string]string{"eve": "adam okta", "ivo": ""})
	for _, step := range []struct {
		mode directory.ManagerMode
		want map[string]string
	}{
		{directory.ManagersOverride, map[string]string{"eve": "adam okta", "ivo": "zoe team"}},
		{directory.ManagersFirstMember, map[string]string{"eve": "zoe team", "ivo": "zoe team"}},
		{directory.ManagersIndividual, map[string]string{"eve": "adam okta", "ivo": ""}},
	} {
		f.rules.Managers.Mode = step.mode
		f.engine = f.engineOf(dirsync.Options{})
		f.mustFull()
		f.wantManagers(string(step.mode), step.want)
	}
}

func TestManagerWhoLeaves(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			t.Parallel()
			f := led(t, directory.ManagersOverride, func(m *directory.ManagerRules) { m.KeepLeft = keep })
			f.arrive("ivo", map[string]any{"department": "Sales"})
			f.arrive("ann", map[string]any{"managerId": "zoe"})
			f.lead("Sales", "adam")
			f.choose("ann", "adam")
			f.people["adam"].assigned = false
			f.event(directory.PersonScope("adam"), "application.user_membership.remove")
			left := func(source string) string {
				if keep {
					return "adam " + source + " left"
				}
				return source + " left"
			}
			orphans := map[string]string{"eve": left("okta"), "ivo": left("team"), "ann": left("admin")}
			f.wantManagers("left", orphans)
			f.mustFull()
			f.event(directory.PersonScope("eve"))
			f.wantManagers("later", orphans)
			cases, err := f.db.ManagerCases(t.Context(), f.tenant, directory.ManagerLeft, "", 10)
			if err != nil || len(cases) != 3 || cases[0].PersonID != "ann" || cases[0].Wanted != "adam" {
				t.Errorf("orphans: %+v, %v", cases, err)
			}
			f.arrive("new", map[string]any{"managerId": "adam"})
			f.wantManagers("who never had the manager does not get them", map[string]string{"new": "okta unresolved"})
			f.people["adam"].assigned = true
			f.event(directory.PersonScope("adam"), "application.user_membership.add")
			f.wantManagers("back", map[string]string{"eve": "adam okta", "ivo": "adam team", "ann": "adam admin", "new": "adam okta"})

			f.people["adam"].status = ""
			f.event(directory.PersonScope("adam"), "user.lifecycle.delete.initiated")
			if _, err := f.engine.Erase(t.Context(), "adam", directory.Act{Actor: "anna"}); err != nil {
				t.Fatal(err)
			}
			f.wantManagers("erased", map[string]string{"eve": "okta unresolved", "ivo": "team left", "ann": "admin left"})
		})
	}
}

// TestRow22_ManagerTexts: whatever script, case or spelling a name has, it becomes a person or is listed.
func TestRow22_ManagerTexts(t *testing.T) {
	t.Parallel()
	everything := func(m *directory.ManagerRules) {
		m.Resolve = append(directory.DefaultManagerRefs(), directory.ManagerByName)
	}
	f := led(t, directory.ManagersIndividual, everything)
	names := map[string]string{
		"jp": "山田 太郎", "ar": "محمد بن سلمان", "he": "\u202eדוד כהן", "html": `<b>Bob</b> "O'Neil" & Söhne`,
		"tab": "Ta\tb By\u0001te", "long": strings.Repeat("ß", 900), "el": "ΣΊΣΥΦΟΣ ΤΆΔΕ",
	}
	for _, id := range sorted(names) {
		f.arrive("r-"+id, map[string]any{"manager": names[id]})
	}
	for _, id := range sorted(names) { // they come after those who report to them
		first, last, _ := strings.Cut(names[id], " ")
		f.arrive(id, map[string]any{"firstName": first, "lastName": last})
	}
	for _, id := range sorted(names) {
		want := id + " okta"
		if id == "long" { // too long to be looked up
			want = "okta unresolved"
		}
		f.wantManagers(id, map[string]string{"r-" + id: want})
	}
	f.arrive("jp2", map[string]any{"firstName": "山田", "lastName": "太郎"})
	f.wantManagers("two of a name", map[string]string{"r-jp": "okta ambiguous"})
	why, err := dirsync.Explain(t.Context(), dirsync.ExplainOptions{Tenant: f.tenant, Rules: f.rules, Rows: f.db}, "r-jp")
	says := fmt.Sprintf("no manager: Okta says %q, two people match", names["jp"])
	if err != nil || !slices.ContainsFunc(why.Missing, func(g directory.Explained) bool { return g.Reason == says }) {
		t.Errorf("it is not explained as %s: %+v, %v", says, why.Missing, err)
	}
	rows, err := f.db.People(t.Context(), f.tenant, []string{"r-html"})
	if err != nil || rows[0].Profile.ManagerText != names["html"] {
		t.Errorf("the raw text is %q, %v", rows[0].Profile.ManagerText, err)
	}
}

func TestManagerResolveOrder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		refs []directory.ManagerRef
		want string
	}{
		{nil, "adam okta"},
		{[]directory.ManagerRef{directory.ManagerByNumber, directory.ManagerByLogin}, "zoe okta"},
		{[]directory.ManagerRef{directory.ManagerByID}, "okta unresolved"},
	} {
		t.Run(fmt.Sprint(test.refs), func(t *testing.T) {
			t.Parallel()
			f := led(t, directory.ManagersIndividual, func(m *directory.ManagerRules) { m.Resolve = test.refs })
			f.people["zoe"].profile["employeeNumber"] = "adam@acme.example" // odd, and possible
			f.event(directory.PersonScope("zoe"))
			f.arrive("ivo", map[string]any{"manager": "adam@acme.example"})
			f.wantManagers("", map[string]string{"ivo": test.want})
		})
	}
}
