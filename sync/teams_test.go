package sync_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/store"
)

func fromPath(levels ...string) directory.TeamRule { return directory.TeamRule{Path: levels} }

func fromGroups(names ...string) directory.TeamRule {
	return directory.TeamRule{Groups: &directory.GroupSelection{Names: names}}
}

// teamed is a tenant whose teams come from the department alone, from groups first, or from two groups as well.
func teamed(t testing.TB, db *store.DB, tenant string, kind int) *fixture {
	t.Helper()
	rules := [][]directory.TeamRule{
		{fromPath("department")},
		{fromGroups("Group *"), fromPath("department")},
		{fromPath("department"), {Groups: &directory.GroupSelection{IDs: []string{"g0", "g2"}}}},
	}[kind]
	f := newTenant(t, db, tenant, func(r *directory.Rules) { r.Teams = rules })
	f.places = func(h *human) (names []string) {
		department, _ := h.profile["department"].(string)
		if department != "" {
			names = append(names, department)
		}
		var groups []string
		for _, id := range sorted(h.groups) {
			name := f.groups[id]
			if kind == 1 && strings.HasPrefix(name, "Group ") || kind == 2 && name != "" && id != "g1" {
				groups = append(groups, name)
			}
		}
		if kind == 1 {
			return append(groups, names...)
		}
		return append(names, groups...)
	}
	return f
}

// in lists somebody's teams by name below those above them, the primary one first.
func (f *fixture) in(id string) string {
	f.t.Helper()
	row := f.row(id)
	var further []string
	for _, team := range row.FurtherTeams {
		further = append(further, f.line(team))
	}
	slices.Sort(further)
	return strings.Join(append([]string{f.line(row.TeamID)}, further...), "; ")
}

// line is a team's name behind those of the teams above it.
func (f *fixture) line(id string) string {
	f.t.Helper()
	if id == "" {
		return ""
	}
	rows, err := f.db.TeamsByID(f.t.Context(), f.tenant, []string{id})
	if err != nil || len(rows) != 1 {
		f.t.Fatalf("team %s: %v, %v", id, rows, err)
	}
	if above := f.line(rows[0].ParentID); above != "" {
		return above + " > " + rows[0].Name
	}
	return rows[0].Name
}

func (f *fixture) wantIn(when string, want map[string]string) {
	f.t.Helper()
	got := map[string]string{}
	for id := range want {
		got[id] = f.in(id)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.t.Errorf("teams %s (-want +got):\n%s", when, diff)
	}
}

// told lists what the changes after a number say of people, teams and memberships.
func (f *fixture) told(after int64) []string {
	f.t.Helper()
	page, err := f.db.Feed(f.t.Context(), f.tenant, directory.ChangeQuery{After: after, Limit: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	var all []string
	for _, c := range page.Changes {
		if c.Subject == directory.SubjectRun {
			continue
		}
		text := string(c.Type)
		for _, field := range c.Fields {
			text += " " + field.Field
		}
		all = append(all, text)
	}
	return all
}

// TestRow23_PathsAndAttributesMakeTeams: people are in the last team of a path, and those above are there.
func TestRow23_PathsAndAttributesMakeTeams(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Very ", 700) + "long"
	tests := map[string]struct {
		profile map[string]any
		want    string
	}{
		"a path":                    {map[string]any{"division": "EMEA", "department": "Sales"}, "EMEA > Sales"},
		"another below the same":    {map[string]any{"division": " EMEA ", "department": "Ops"}, "EMEA > Ops"},
		"the same name elsewhere":   {map[string]any{"division": "APAC", "department": "Sales"}, "APAC > Sales"},
		"no department":             {map[string]any{"division": "EMEA"}, "EMEA"},
		"no division":               {map[string]any{"department": "Sales"}, ""},
		"blank parts":               {map[string]any{"division": " \t", "department": "Sales"}, ""},
		"the separator in a part":   {map[string]any{"division": "EMEA/North", "department": "R/D"}, "EMEA/North > R/D"},
		"not the same as two parts": {map[string]any{"division": "EMEA", "department": "North/R/D"}, "EMEA > North/R/D"},
		"any script":                {map[string]any{"division": "מכירות", "department": "営業 <b>部</b>"}, "מכירות > 営業 <b>部</b>"},
		"very long":                 {map[string]any{"division": long, "department": "Sales"}, long + " > Sales"},
		"further teams":             {map[string]any{"division": "EMEA", "department": "Sales", "squads": []any{"Red", "Blue", "Red", ""}}, "EMEA > Sales; Blue; Red"},
		"only further sources":      {map[string]any{"squads": []any{"Red", "Blue"}}, "Red; Blue"},
	}
	f := newFixture(t, func(r *directory.Rules) {
		r.Teams = []directory.TeamRule{fromPath("user.division", "department"), fromPath("user.squads")}
	})
	want := map[string]string{}
	for n, name := range sorted(tests) {
		id := fmt.Sprintf("p%d", n)
		f.join(id, nil)
		delete(f.people[id].profile, "department")
		for key, value := range tests[name].profile {
			f.people[id].profile[key] = value
		}
		want[id] = tests[name].want
	}
	f.mustFull()
	f.wantIn("after a full sync", want)
	if again := f.mustFull(); len(again.Counts.Changes) != 0 {
		t.Errorf("a second full sync changed %v", again.Counts.Changes)
	}

	// An event brings somebody into a team of the same path, and the path gets another end.
	f.arrive("new", map[string]any{"division": "EMEA", "department": "Sales"})
	f.people["p0"].profile["division"], f.people["p0"].profile["department"] = "New", "Crew"
	before := f.lastChange().Seq
	f.event(directory.PersonScope("p0"))
	f.wantIn("after events", map[string]string{"new": "EMEA > Sales", "p0": "New > Crew"})
	if told := f.told(before); told[0] != "team.created name source" || told[1] != "team.created name source parent" {
		t.Errorf("the history tells %q; teams above come first", told)
	}
}

// TestRow46_GroupsAreTeamsLive: memberships of groups that are teams are applied with their event, and the feed tells
// of it in order; a rename renames the team, and what is no team any more ends its memberships.
func TestRow46_GroupsAreTeamsLive(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(r *directory.Rules) {
		r.Teams = []directory.TeamRule{fromGroups("Team *"), fromPath("department")}
		r.Managers.Mode = directory.ManagersFirstMember
		r.Grants = directory.GrantRules{Sets: []directory.RoleSet{{Name: "access", Roles: []directory.RoleKind{{Name: "editor"}}, Rules: []directory.GrantRule{
			{Name: "all", Role: "editor", Everyone: true, TeamFrom: directory.TeamOfPerson},
		}}}}
	})
	f.groups = map[string]string{"g1": "Team Red", "g2": "Team Blue", "g3": "All staff"}
	f.join("boss", map[string]any{"department": ""})
	f.join("ann", map[string]any{"department": "Sales", "manager": "boss@acme.example"})
	f.join("bob", map[string]any{"department": "Sales"})
	f.people["ann"].groups["g3"] = true
	f.mustFull()
	f.wantIn("without groups", map[string]string{"ann": "Sales", "bob": "Sales", "boss": ""})

	before := f.lastChange().Seq
	f.people["ann"].groups["g1"] = true
	f.event(directory.PersonScope("ann"), "group.user_membership.add")
	f.wantIn("in a group", map[string]string{"ann": "Team Red; Sales", "bob": "Sales"})
	want := []string{
		"role.revoked set role team rule via", "team.created name source okta_group", "membership.added",
		"person.updated team further_teams", "role.granted set role team rule via",
	}
	told := f.told(before)
	if diff := cmp.Diff(want, told[:min(len(told), len(want))]); diff != "" {
		t.Errorf("the history (-want +got):\n%s", diff)
	}
	f.people["ann"].groups["g2"] = true
	f.people["bob"].groups["g2"] = true
	f.event(directory.PersonScope("ann"), "group.user_membership.add")
	f.event(directory.PersonScope("bob"), "group.user_membership.add")
	f.wantIn("in two groups", map[string]string{"ann": "Team Red; Sales; Team Blue", "bob": "Team Blue; Sales"})
	blue := f.row("bob").TeamID
	members, err := f.db.ListPeople(t.Context(), f.tenant, directory.PeopleQuery{TeamID: blue, Limit: 10})
	if err != nil || len(members) != 2 {
		t.Errorf("members of a team, one of them by a further team: %d, %v", len(members), err)
	}

	f.groups["g2"] = "Team Green"
	before = f.lastChange().Seq
	f.event(directory.GroupScope("g2"), "group.profile.update")
	f.wantIn("after a rename", map[string]string{"ann": "Team Red; Sales; Team Green", "bob": "Team Green; Sales"})
	if told := f.told(before); f.row("bob").TeamID != blue || !slices.Contains(told, "team.updated name") || slices.Contains(told, "person.updated team further_teams") {
		t.Errorf("a rename is told as %q", told)
	}

	explained := f.explain("ann")
	var reasons []string
	for _, e := range explained.Values {
		if e.Topic == directory.TopicTeam {
			reasons = append(reasons, e.Called+": "+e.Reason)
			if e.Origin == nil {
				t.Errorf("%s %s has no cause", e.Name, e.Called)
			}
		}
	}
	slices.Sort(reasons)
	wantReasons := []string{
		"Sales: a further team, by teams.from: department", "Team Green: a further team, by teams.from: groups, the group g2", "Team Red: teams.from: groups, the group g1",
	}
	if diff := cmp.Diff(wantReasons, reasons); diff != "" {
		t.Errorf("explained (-want +got):\n%s", diff)
	}

	f.groups["g2"] = "Club Green"
	f.event(directory.GroupScope("g2"), "group.profile.update")
	f.wantIn("when the name fits no more", map[string]string{"ann": "Team Red; Sales", "bob": "Sales"})

	delete(f.groups, "g1")
	delete(f.people["ann"].groups, "g1")
	f.event(directory.GroupScope("g1"), "group.lifecycle.delete")
	f.wantIn("when the group is gone", map[string]string{"ann": "Sales", "bob": "Sales"})

	f.groups["g2"] = "Team Green"
	f.event(directory.GroupScope("g2"), "group.profile.update")
	delete(f.people["ann"].groups, "g2")
	f.event(directory.PersonScope("ann"), "group.user_membership.remove")
	f.wantIn("taken out", map[string]string{"ann": "Sales", "bob": "Team Green; Sales"})
	f.people["bob"].assigned = false
	f.event(directory.PersonScope("bob"), "application.user_membership.remove")
	f.people["bob"].assigned = true
	f.event(directory.PersonScope("bob"), "application.user_membership.add")
	f.wantIn("left and back", map[string]string{"bob": "Team Green; Sales"})
	if again := f.mustFull(); len(again.Counts.Changes) != 0 {
		t.Errorf("a full sync after the events changed %v", again.Counts.Changes)
	}
	tried, err := f.engine.Try(t.Context(), "bob")
	if err != nil || len(tried.Teams) != 2 || tried.Teams[0].Name != "Team Green" || tried.Teams[0].Rule != "teams.from: groups, the group g2" || tried.Teams[1].Name != "Sales" {
		t.Errorf("trying the rules on bob gives the teams %+v, %v", tried.Teams, err)
	}
	if managers := f.managers("ann"); managers["ann"] == "" {
		t.Errorf("no manager in the chart: %v", managers)
	}
}

// TestChangedSourcesOfTeams: other sources come into force by a run that plans the moves, without a call to Okta where
// nothing new is read, and leave no trace of the old ones.
func TestChangedSourcesOfTeams(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, db *store.DB) {
		f := ruled(t, db)
		f.groups = map[string]string{"g1": "Team Red"}
		f.join("ann", map[string]any{"department": "Sales", "title": "Head"})
		f.join("bob", map[string]any{"department": "Ops", "title": "Clerk"})
		f.people["ann"].groups["g1"] = true
		f.mustFull()
		f.wantIn("at first", map[string]string{"ann": "Sales", "bob": "Ops"})
		steps := []struct {
			rules []directory.TeamRule
			want  map[string]string
		}{
			{[]directory.TeamRule{fromGroups("Team *"), fromPath("title")}, map[string]string{"ann": "Team Red; Head", "bob": "Clerk"}},
			{[]directory.TeamRule{fromPath("title"), fromGroups("Team *")}, map[string]string{"ann": "Head; Team Red", "bob": "Clerk"}},
			{[]directory.TeamRule{fromPath("department", "title")}, map[string]string{"ann": "Sales > Head", "bob": "Ops > Clerk"}},
			{[]directory.TeamRule{fromPath("department"), fromGroups("Team *")}, map[string]string{"ann": "Sales; Team Red", "bob": "Ops"}},
			{[]directory.TeamRule{fromPath("department")}, map[string]string{"ann": "Sales", "bob": "Ops"}},
			{nil, map[string]string{"ann": "", "bob": ""}},
		}
		for n, step := range steps {
			asked := f.reads
			served := f.served
			p := f.propose(f.edited(func(r *directory.Rules) { r.Teams = step.rules }), false)
			run := f.work(p.Run.ID)
			if run.State != directory.RunSucceeded {
				t.Fatalf("step %d: the run is %s: %s", n, run.State, run.Error)
			}
			f.useRules()
			f.wantIn(fmt.Sprintf("after step %d", n), step.want)
			if f.reads != asked || f.served != served {
				t.Errorf("step %d asked Okta %d times and for %d pages", n, f.reads-asked, f.served-served)
			}
			if again := f.mustFull(); len(again.Counts.Changes) != 0 {
				t.Errorf("step %d: a full sync after it changed %v", n, again.Counts.Changes)
			}
		}
	})
}

// TestTeamsOfAnOrg: groups that are teams, by the real reader on an emulated org and by its events.
func TestTeamsOfAnOrg(t *testing.T) {
	t.Parallel()
	selected := directory.GroupSelection{Names: []string{"Crew *"}}
	r := newRealOrg(t, openDatabase(t), emulator.Options{People: 12, Seed: 4, Limits: emulator.Unlimited()}, func(rules *directory.Rules) {
		rules.Teams = []directory.TeamRule{{Groups: &selected}, fromPath("department")}
		rules.Groups = selected
	})
	crew := r.must(r.org.CreateGroup("Crew <b>Ærø</b>", "")).ID
	other := r.must(r.org.CreateGroup("Choir", "")).ID
	who := r.org.PersonIDs()[3]
	r.must(r.org.AddToGroup(other, who))
	r.mustFull()
	department := r.entry(who).Team
	r.must(r.org.AddToGroup(crew, who))
	r.follow()
	team := directory.TeamOfOktaGroup(crew, "")
	row := func() directory.Person {
		rows, err := r.db.People(t.Context(), realTenant, []string{who})
		if err != nil || len(rows) != 1 {
			t.Fatalf("person %s: %v, %v", who, rows, err)
		}
		return rows[0]
	}
	if p := row(); p.TeamID != team.ID || !slices.Equal(p.FurtherTeams, []string{department}) {
		t.Errorf("in the group, the teams are %s and %v, want %s and %s", p.TeamID, p.FurtherTeams, team.ID, department)
	}
	r.must(r.org.RenameGroup(crew, "Crew two"))
	r.follow()
	if teams, err := r.db.TeamsByID(t.Context(), realTenant, []string{team.ID}); err != nil || len(teams) != 1 || teams[0].Name != "Crew two" || teams[0].GroupID != crew {
		t.Errorf("after the rename: %+v, %v", teams, err)
	}
	r.must(r.org.RemoveFromGroup(crew, who))
	r.follow()
	if p := row(); p.TeamID != department || p.FurtherTeams != nil {
		t.Errorf("taken out, the teams are %s and %v, want %s", p.TeamID, p.FurtherTeams, department)
	}
	r.org.ResetCalls()
	if run := r.mustFull(); len(run.Counts.Changes) != 0 {
		t.Errorf("a full sync after the events changed %v", run.Counts.Changes)
	}
	for _, c := range r.org.Calls() { // of one group, where two have members
		if strings.HasPrefix(c.Endpoint, "GET /api/v1/groups/") && strings.HasSuffix(c.Endpoint, "/users") && c.Calls != 1 {
			t.Errorf("a full sync asked %d times for the members of groups, want 1", c.Calls)
		}
	}
}

// TestPersonInManyGroups: 500 groups that are all teams, and a long name.
func TestPersonInManyGroups(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(r *directory.Rules) { r.Teams = []directory.TeamRule{fromPath("department"), fromGroups("Team *")} })
	f.groups = map[string]string{}
	f.join("ann", map[string]any{"department": "Sales"})
	f.join("bob", map[string]any{"department": "Sales"})
	for n := range 500 {
		id := fmt.Sprintf("g%03d", n)
		f.groups[id] = fmt.Sprintf("Team %d %s", n, strings.Repeat("ü", 200))
		f.people["ann"].groups[id] = true
	}
	f.mustFull()
	if row := f.row("ann"); len(row.FurtherTeams) != 500 || row.TeamID != f.row("bob").TeamID {
		t.Errorf("the teams are %s and %d more", row.TeamID, len(row.FurtherTeams))
	}
	f.people["ann"].groups = map[string]bool{"g007": true}
	f.mustFull()
	if row := f.row("ann"); len(row.FurtherTeams) != 1 {
		t.Errorf("of 500 teams %d are left, want 1", len(row.FurtherTeams))
	}
	if again := f.mustFull(); len(again.Counts.Changes) != 0 {
		t.Errorf("a second full sync changed %v", again.Counts.Changes)
	}
}
