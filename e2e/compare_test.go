package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

// known is what the last comparison found of a person.
type known struct{ status string }

// compare reads the whole directory and compares every person, team, group,
// membership and manager with what the org says is true.
func (w *world) compare() {
	w.t.Helper()
	truth := w.org.Truth()
	have := w.read()
	want := expect(truth, w.org.AppID(), have)
	w.comparePeople(truth, want, have)
	w.compareTeams(want, have)
	w.compareGroups(truth, want, have)
	if w.t.Failed() {
		w.t.FailNow()
	}
	w.before, w.loose = map[string]known{}, map[string]bool{}
	for id, p := range have.people {
		w.before[id] = known{p.Status}
	}
}

// copied is the directory as the API shows it.
type copied struct {
	people      map[string]v1.Person
	teams       map[string]v1.Team
	groups      map[string]v1.Group
	members     map[string][]string // by group
	quarantined map[string]v1.Quarantined
}

func (w *world) read() copied {
	w.t.Helper()
	ctx, c := w.t.Context(), copied{members: map[string][]string{}}
	page := func(after string) client.Paging { return client.Paging{After: after, Limit: 1000} }
	c.people = everything(w.t, func(after string) (v1.Page[v1.Person], error) {
		return w.api.People(ctx, tenant, client.PeopleFilter{Paging: page(after)})
	}, func(p v1.Person) string { return p.ID })
	c.teams = everything(w.t, func(after string) (v1.Page[v1.Team], error) { return w.api.Teams(ctx, tenant, page(after)) },
		func(t v1.Team) string { return t.ID })
	c.groups = everything(w.t, func(after string) (v1.Page[v1.Group], error) { return w.api.Groups(ctx, tenant, page(after)) },
		func(g v1.Group) string { return g.ID })
	c.quarantined = everything(w.t, func(after string) (v1.Page[v1.Quarantined], error) {
		return w.api.Quarantine(ctx, tenant, page(after))
	}, func(q v1.Quarantined) string { return q.PersonID })
	for id := range c.groups {
		members := everything(w.t, func(after string) (v1.Page[v1.Member], error) {
			return w.api.Members(ctx, tenant, id, page(after))
		}, func(m v1.Member) string { return m.PersonID })
		c.members[id] = slices.Sorted(maps.Keys(members))
	}
	return c
}

// everything reads all pages of a list, in which nothing may come twice.
func everything[T any](t *testing.T, read func(after string) (v1.Page[T], error), key func(T) string) map[string]T {
	t.Helper()
	all := map[string]T{}
	for after := ""; ; {
		page, err := read(after)
		if err != nil {
			t.Fatalf("read the directory: %v", err)
		}
		for _, item := range page.Items {
			if _, twice := all[key(item)]; twice {
				t.Fatalf("a list has %s twice", key(item))
			}
			all[key(item)] = item
		}
		if page.Next == "" {
			return all
		}
		after = page.Next
	}
}

// wanted is what a present person must look like.
type wanted struct {
	Status, OktaStatus, Assignment string
	Profile                        v1.Profile
	Team, Manager                  string
	IDText, Text                   string
}

// expected is what the directory must hold.
type expected struct {
	present     map[string]wanted
	quarantined map[string]bool // present people whose record lacks a required field
}

// expect applies the rules of docs/design.md, in a way of its own, to the truth.
// Quarantined people who are in the directory already keep the profile that
// they have.
func expect(truth emulator.Snapshot, app string, have copied) expected {
	e := expected{present: map[string]wanted{}, quarantined: map[string]bool{}}
	for _, p := range truth.People {
		if !p.AssignedTo(app) || p.Status == emulator.Deprovisioned {
			continue
		}
		want := wanted{Status: statusFor(p.Status), OktaStatus: string(p.Status), Profile: profileOf(p)}
		for _, g := range p.Apps {
			if g.AppID == app {
				want.Assignment = g.Scope
			}
		}
		want.Team, want.IDText, want.Text = want.Profile.Department, text(p, "managerId"), text(p, "manager")
		if want.Profile.FirstName == "" || want.Profile.LastName == "" || want.Profile.Email == "" {
			e.quarantined[p.ID] = true
			row, there := have.people[p.ID]
			if !there || row.Status == "removed" || row.Status == "deactivated" {
				continue
			}
			want.Profile, want.IDText, want.Text, want.Team = row.Profile, row.Manager.IDText, row.Manager.Text, row.Profile.Department
		}
		e.present[p.ID] = want
	}
	setManagers(e.present)
	return e
}

func statusFor(okta emulator.Status) string {
	switch okta {
	case emulator.Active, emulator.Provisioned, emulator.Recovery, emulator.PasswordExpired:
		return "active"
	default:
		return "suspended"
	}
}

func text(p emulator.Person, attribute string) string { return strings.TrimSpace(p.Text(attribute)) }

func profileOf(p emulator.Person) v1.Profile {
	language := text(p, "preferredLanguage")
	if language == "" {
		language = text(p, "locale")
	}
	return v1.Profile{
		FirstName: text(p, "firstName"), LastName: text(p, "lastName"), Email: text(p, "email"), Login: text(p, "login"),
		Picture: text(p, "profileUrl"), Title: text(p, "title"), Language: language, Location: text(p, "city"),
		Department: text(p, "department"), EmployeeNumber: text(p, "employeeNumber"),
	}
}

// setManagers resolves the texts among the present people: managerId first, each as
// Okta id, login, unique e-mail, employee number. Whoever stands on a loop has none.
func setManagers(people map[string]wanted) {
	logins, emails, numbers := map[string][]string{}, map[string][]string{}, map[string][]string{}
	for id, p := range people {
		logins[strings.ToLower(p.Profile.Login)] = append(logins[strings.ToLower(p.Profile.Login)], id)
		emails[strings.ToLower(p.Profile.Email)] = append(emails[strings.ToLower(p.Profile.Email)], id)
		numbers[p.Profile.EmployeeNumber] = append(numbers[p.Profile.EmployeeNumber], id)
	}
	find := func(text string) string {
		if text == "" {
			return ""
		}
		if _, isID := people[text]; isID {
			return text
		}
		for _, index := range []map[string][]string{logins, emails} {
			if found := index[strings.ToLower(text)]; len(found) == 1 {
				return found[0]
			}
		}
		if found := numbers[text]; len(found) == 1 {
			return found[0]
		}
		return ""
	}
	boss := map[string]string{}
	for id, p := range people {
		if boss[id] = find(p.IDText); boss[id] == "" {
			boss[id] = find(p.Text)
		}
	}
	for id, p := range people {
		if p.Manager = boss[id]; onLoop(boss, id) {
			p.Manager = ""
		}
		people[id] = p
	}
}

func onLoop(boss map[string]string, start string) bool {
	seen := map[string]bool{}
	for at := boss[start]; at != "" && !seen[at]; at = boss[at] {
		if at == start {
			return true
		}
		seen[at] = true
	}
	return false
}

func (w *world) comparePeople(truth emulator.Snapshot, want expected, have copied) {
	w.t.Helper()
	inOkta := map[string]emulator.Person{}
	for _, p := range truth.People {
		inOkta[p.ID] = p
	}
	everybody := map[string]bool{}
	for id := range inOkta {
		everybody[id] = true
	}
	for id := range have.people {
		everybody[id] = true
	}
	for id := range w.before {
		everybody[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(everybody)) {
		row, there := have.people[id]
		if p, present := want.present[id]; present {
			w.comparePerson(id, p, row, inOkta[id], want)
			continue
		}
		status := "absent"
		if there {
			status = row.Status
		}
		person, exists := inOkta[id]
		if !slices.Contains(w.mayBe(id, person, exists, want), status) {
			w.t.Errorf("person %s is %s in the directory; Okta: exists %t, status %s, apps %v; the directory had them %q before, may be %v",
				id, status, exists, person.Status, person.Apps, w.before[id].status, w.mayBe(id, person, exists, want))
		}
		// Who had been removed before is not touched any more.
		if was := w.before[id].status; !exists && was != "" && was != "removed" && !w.loose[id] && row.OktaStatus != "DELETED" {
			w.t.Errorf("person %s is deleted in Okta, okta_status is %q", id, row.OktaStatus)
		}
	}
	for id := range want.quarantined {
		if have.quarantined[id].Reason == "" {
			w.t.Errorf("person %s lacks a required field in Okta and is not in quarantine with a reason", id)
		}
	}
	for id, q := range have.quarantined {
		if !want.quarantined[id] {
			w.t.Errorf("person %s is in quarantine without need: %s", id, q.Reason)
		}
	}
}

// mayBe tells what somebody who has no access may be in the directory. Mostly it is one
// thing; where several events fell together, what was seen in between is a
// matter of moments.
func (w *world) mayBe(id string, p emulator.Person, exists bool, want expected) []string {
	before := w.before[id].status
	_, newcomer := w.before[id]
	newcomer = !newcomer && w.before != nil
	switch {
	case want.quarantined[id] && (before == "" || before == "removed" || before == "deactivated"):
		if before == "" {
			return []string{"absent"}
		}
		return []string{before}
	case w.loose[id] && exists && p.Status == emulator.Deprovisioned:
		return []string{"absent", "deactivated", "removed"}
	case newcomer && (!exists || w.loose[id]):
		return []string{"absent", "removed"}
	case before == "":
		return []string{"absent"}
	case !exists, p.Status != emulator.Deprovisioned, before == "removed":
		return []string{"removed"}
	default:
		return []string{"deactivated"}
	}
}

func (w *world) comparePerson(id string, p wanted, row v1.Person, truth emulator.Person, want expected) {
	w.t.Helper()
	got := wanted{Status: row.Status, OktaStatus: row.OktaStatus, Assignment: row.Assignment, Profile: row.Profile,
		Manager: row.Manager.ID, IDText: row.Manager.IDText, Text: row.Manager.Text}
	if row.Team != nil {
		got.Team = row.Team.Name
	}
	if diff := cmp.Diff(p, got); diff != "" {
		w.t.Errorf("person %s differs from Okta (-want +got):\n%s", id, diff)
	}
	// The org's own view of the managers, where both mean the same: it knows display
	// names too, and people who are not assigned.
	if boss, present := want.present[truth.ManagerID]; present && p.Manager != "" && p.Manager != truth.ManagerID {
		w.t.Errorf("the manager of %s is %s by the rules and %s (%s) for Okta", id, p.Manager, truth.ManagerID, boss.Status)
	}
	if row.Manager.ID == "" && (row.Manager.IDText != "" || row.Manager.Text != "") && row.Manager.Problem == "" {
		w.t.Errorf("person %s has a manager text and no manager, and nothing says why", id)
	}
}

func (w *world) compareTeams(want expected, have copied) {
	w.t.Helper()
	sizes := map[string]int{}
	for _, p := range want.present {
		if p.Team != "" {
			sizes[p.Team]++
		}
	}
	got := map[string]int{}
	for _, team := range have.teams {
		if _, twice := got[team.Name]; twice {
			w.t.Errorf("two teams are called %q", team.Name)
		}
		if team.People > 0 {
			got[team.Name] = team.People
		}
	}
	if diff := cmp.Diff(sizes, got); diff != "" {
		w.t.Errorf("teams and their sizes (-want +got):\n%s", diff)
	}
}

func (w *world) compareGroups(truth emulator.Snapshot, want expected, have copied) {
	w.t.Helper()
	groupsOf := map[string][]v1.Ref{}
	inOkta := map[string]bool{}
	for _, g := range truth.Groups {
		if g.Type != "OKTA_GROUP" {
			continue
		}
		inOkta[g.ID] = true
		row, there := have.groups[g.ID]
		if !there || row.Name != g.Name || row.Description != g.Description || row.Type != g.Type {
			w.t.Errorf("group %s: have %+v, want %q, %q", g.ID, row, g.Name, g.Description)
		}
		var members []string
		for _, id := range g.Members {
			status := have.people[id].Status
			_, present := want.present[id]
			if present || status == "deactivated" {
				members = append(members, id)
				groupsOf[id] = append(groupsOf[id], v1.Ref{ID: g.ID, Name: g.Name})
			}
		}
		if diff := cmp.Diff(members, have.members[g.ID]); diff != "" {
			w.t.Errorf("members of group %s (-want +got):\n%s", g.ID, diff)
		}
		if row.Members != len(members) {
			w.t.Errorf("group %s says that it has %d members, want %d", g.ID, row.Members, len(members))
		}
	}
	for id := range have.groups {
		if !inOkta[id] {
			w.t.Errorf("group %s is in the directory and not in Okta", id)
		}
	}
	w.compareDetails(want, groupsOf)
}

// compareDetails looks at single people's pages: the groups from the other side, and
// the manager's name.
func (w *world) compareDetails(want expected, groupsOf map[string][]v1.Ref) {
	w.t.Helper()
	ids := slices.Sorted(maps.Keys(want.present))
	for i := 0; i < len(ids); i += 1 + len(ids)/40 {
		id := ids[i]
		detail, err := w.api.Person(w.t.Context(), tenant, id)
		if err != nil {
			w.t.Fatalf("read person %s: %v", id, err)
		}
		if diff := cmp.Diff(fmt.Sprint(groupsOf[id]), fmt.Sprint(detail.Groups)); diff != "" {
			w.t.Errorf("groups of person %s (-want +got):\n%s", id, diff)
		}
		boss := want.present[want.present[id].Manager].Profile
		if name := strings.TrimSpace(boss.FirstName + " " + boss.LastName); detail.Manager.Name != name {
			w.t.Errorf("the manager of person %s is called %q, want %q", id, detail.Manager.Name, name)
		}
	}
}
