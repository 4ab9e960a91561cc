package sync_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// access is a set with a default, two roles by group and one that has to be held by somebody.
func access(rules ...directory.GrantRule) directory.GrantRules {
	base := []directory.GrantRule{
		{Name: "base", Role: "reader", Default: true},
		{Name: "editors", Role: "editor", Groups: []string{"g-edit"}},
		{Name: "admins", Role: "admin", Groups: []string{"g-admin"}},
	}
	return directory.GrantRules{Sets: []directory.RoleSet{{
		Name: "access", Combine: directory.CombineHighest,
		Roles: []directory.RoleKind{{Name: "reader"}, {Name: "editor"}, {Name: "admin"}}, Rules: append(base, rules...),
	}}}
}

// granting gives the tenant rules about roles and licenses.
func granting(rules directory.GrantRules) func(*directory.Rules) {
	return func(r *directory.Rules) { r.Grants = rules }
}

// rule gives the fixture's engine other rules.
func (f *fixture) rule(rules directory.GrantRules) {
	f.rules.Grants = rules
	f.lookAgainLater(0)
}

// has is what people have: roles with their rules, licenses held, or waiting.
func (f *fixture) has() map[string]string {
	f.t.Helper()
	have := map[string][]string{}
	for id := range f.people {
		roles, licenses, err := f.db.GrantsOfPerson(f.t.Context(), f.tenant, id)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, r := range roles {
			text := r.Role
			if r.Team != "" {
				text += "@" + r.Team
			}
			if r.Kept != "" {
				text += " kept " + string(r.Kept)
			}
			have[id] = append(have[id], text)
		}
		for _, l := range licenses {
			text := l.Pool
			if !l.Held {
				text += fmt.Sprintf(" waits as %d", l.Place)
			}
			if l.Kept != "" {
				text += " kept " + string(l.Kept)
			}
			have[id] = append(have[id], text)
		}
	}
	out := map[string]string{}
	for id, texts := range have {
		out[id] = strings.Join(texts, ", ")
	}
	return out
}

func (f *fixture) mustHave(want map[string]string) {
	f.t.Helper()
	if diff := cmp.Diff(want, f.has()); diff != "" {
		f.t.Fatalf("what people have (-want +got):\n%s", diff)
	}
}

// grantHistory is the history of roles and licenses, as "type subject person".
func (f *fixture) grantHistory() []string {
	f.t.Helper()
	changes, err := f.db.Changes(f.t.Context(), f.tenant, directory.ChangeQuery{Limit: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	var all []string
	for _, c := range changes {
		if c.Subject == directory.SubjectRole || c.Subject == directory.SubjectLicense {
			all = append(all, fmt.Sprintf("%s %s %s", c.Type, c.SubjectID, c.PersonID))
		}
	}
	return all
}

func person1(id string) directory.Scope { return directory.PersonScope(id) }

// TestRolesFollowEveryTrigger walks one person through everything that can happen to them.
func TestRolesFollowEveryTrigger(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *store.DB) {
		f := newTenant(t, db, "acme", granting(access()))
		f.groups["g-edit"], f.groups["g-admin"], f.groups["g-other"] = "Editors", "Admins", "Others"
		f.join("ann", nil)
		f.event(person1("ann"))
		f.mustHave(map[string]string{"ann": "reader"})

		f.people["ann"].groups["g-edit"] = true
		f.event(person1("ann"), "group.user_membership.add")
		f.mustHave(map[string]string{"ann": "editor"})

		// A group's event reads no profile.
		f.people["ann"].groups["g-admin"] = true
		f.event(directory.GroupScope("g-admin"), "group.user_membership.add")
		f.mustHave(map[string]string{"ann": "admin"})

		f.groups["g-admin"] = "Renamed"
		f.event(directory.GroupScope("g-admin"), "group.profile.update")
		f.people["ann"].status = "SUSPENDED"
		f.event(person1("ann"), "user.lifecycle.suspend")
		f.mustHave(map[string]string{"ann": "admin"})

		f.people["ann"].status = "ACTIVE"
		f.people["ann"].groups = map[string]bool{"g-other": true}
		f.mustFull()
		f.mustHave(map[string]string{"ann": "reader"})

		f.people["ann"].status = "DEPROVISIONED"
		f.event(person1("ann"), "user.lifecycle.deactivate")
		f.mustHave(map[string]string{})

		f.people["ann"].status, f.people["ann"].groups = "ACTIVE", map[string]bool{"g-edit": true}
		f.mustFull()
		f.mustHave(map[string]string{"ann": "editor"})

		// Deleted: the members go, and with them what the group gave.
		delete(f.groups, "g-edit")
		f.mustFull()
		f.mustHave(map[string]string{"ann": "reader"})

		f.rule(access(directory.GrantRule{Name: "others", Role: "admin", Groups: []string{"g-other"}}))
		f.people["ann"].groups["g-other"] = true
		f.mustFull()
		f.mustHave(map[string]string{"ann": "admin"})
		f.rule(directory.GrantRules{})
		f.mustFull()
		f.mustHave(map[string]string{})

		want := []string{
			"role.granted reader ann", "role.revoked reader ann", "role.granted editor ann", "role.revoked editor ann", "role.granted admin ann",
			"role.revoked admin ann", "role.granted reader ann", "role.revoked reader ann", "role.granted editor ann",
			"role.revoked editor ann", "role.granted reader ann", "role.revoked reader ann", "role.granted admin ann", "role.revoked admin ann",
		}
		if diff := cmp.Diff(want, f.grantHistory()); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		if run := f.mustFull(); run.Progress.Planned != 0 {
			t.Errorf("a run after which nothing changed planned %d changes", run.Progress.Planned)
		}
	})
}

// TestRolesByName: a pattern means the groups that are called so at the moment.
func TestRolesByName(t *testing.T) {
	t.Parallel()
	rules := directory.GrantRules{Sets: []directory.RoleSet{{Name: "team", Roles: []directory.RoleKind{{Name: "lead"}},
		Rules: []directory.GrantRule{{Name: "leads", Role: "lead", GroupNames: []string{"Leads *"}, TeamFrom: directory.TeamOfGroup}}}}}
	f := newFixture(t, granting(rules))
	f.groups["g1"], f.groups["g2"] = "Leads North", "South"
	f.join("ann", nil).groups["g1"] = true
	f.join("bob", nil).groups["g2"] = true
	f.mustFull()
	f.mustHave(map[string]string{"ann": "lead@g1"})

	f.groups["g1"], f.groups["g2"] = "North", "Leads South"
	f.mustFull()
	f.mustHave(map[string]string{"bob": "lead@g2"})

	// One person's event tells of the new name; the members of the group follow with its own.
	f.groups["g2"] = "South"
	f.event(person1("bob"))
	f.event(directory.GroupScope("g2"), "group.profile.update")
	f.mustHave(map[string]string{})

	// Linked anew under another id.
	delete(f.groups, "g2")
	f.groups["g3"] = "Leads South"
	f.people["bob"].groups = map[string]bool{"g3": true}
	f.mustFull()
	f.mustHave(map[string]string{"bob": "lead@g3"})
}

// TestRolesByAttribute: the value is kept with the person, so that a group's event does not take it for missing.
func TestRolesByAttribute(t *testing.T) {
	t.Parallel()
	rules := access(directory.GrantRule{Name: "okta", Attribute: "user.productRole", Values: map[string]string{"boss": "admin", "writer": "editor"}})
	f := newFixture(t, granting(rules))
	f.groups["g-edit"] = "Editors"
	f.join("ann", map[string]any{"productRole": "Boss"})
	f.join("bob", map[string]any{"productRole": []any{"x", "WRITER"}})
	f.mustFull()
	f.mustHave(map[string]string{"ann": "admin", "bob": "editor"})
	f.people["ann"].groups["g-edit"] = true
	f.event(directory.GroupScope("g-edit"), "group.user_membership.add")
	f.mustHave(map[string]string{"ann": "admin", "bob": "editor"})
	f.people["ann"].profile["productRole"] = ""
	f.event(person1("ann"))
	f.mustHave(map[string]string{"ann": "editor", "bob": "editor"})
	if run := f.mustFull(); run.Progress.Planned != 0 {
		t.Errorf("a run after which nothing changed planned %d changes", run.Progress.Planned)
	}
}

func TestKeepLast(t *testing.T) {
	t.Parallel()
	rules := access()
	rules.Sets[0].Roles[2].KeepLast = true
	f := newFixture(t, granting(rules))
	f.groups["g-admin"] = "Admins"
	f.join("ann", nil).groups["g-admin"] = true
	f.join("bob", nil).groups["g-admin"] = true
	f.mustFull()
	f.people["ann"].groups, f.people["bob"].groups = map[string]bool{}, map[string]bool{}
	f.mustFull()
	f.mustHave(map[string]string{"ann": "admin kept last, reader", "bob": "reader"})
	f.people["ann"].status = "DEPROVISIONED"
	f.event(person1("ann"), "user.lifecycle.deactivate")
	f.mustHave(map[string]string{"ann": "admin kept last", "bob": "reader"})
	if run := f.mustFull(); run.Progress.Planned != 0 {
		t.Errorf("what is kept was planned again: %d changes", run.Progress.Planned)
	}
	// Somebody else has it: it goes by itself.
	f.people["bob"].groups["g-admin"] = true
	f.event(person1("bob"), "group.user_membership.add")
	f.mustHave(map[string]string{"bob": "admin"})
	alerts, err := f.db.DueAlerts(t.Context(), directory.AlertMail, 1<<40, 1, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(alerts) != 1 || alerts[0].Kind != directory.AlertRoleKept || !strings.Contains(alerts[0].Sentence, "ann") {
		t.Errorf("alerts: %+v", alerts)
	}
}

// TestKeepLastWhoMaySignIn: a role that somebody has to have stays with somebody who can use it, as long as there is anybody.
func TestKeepLastWhoMaySignIn(t *testing.T) {
	t.Parallel()
	rules := access()
	rules.Sets[0].Roles[2].KeepLast = true
	onBoth(t, func(t *testing.T, db *store.DB) {
		f := newTenant(t, db, "acme", granting(rules))
		f.groups["g-admin"] = "Admins"
		f.join("ann", nil).groups["g-admin"] = true
		f.join("bob", nil).groups["g-admin"] = true
		f.mustFull()
		f.people["ann"].status = "SUSPENDED"
		f.event(person1("ann"), "user.lifecycle.suspend")
		delete(f.people["bob"].groups, "g-admin")
		f.event(person1("bob"), "group.user_membership.remove")
		f.mustHave(map[string]string{"ann": "admin", "bob": "admin kept last, reader"})
		f.people["ann"].status = "ACTIVE"
		f.event(person1("ann"), "user.lifecycle.unsuspend")
		f.mustHave(map[string]string{"ann": "admin", "bob": "reader"})

		// Both lose it, the first who had it is suspended.
		f.people["bob"].groups["g-admin"] = true
		f.event(person1("bob"), "group.user_membership.add")
		f.people["ann"].status = "SUSPENDED"
		f.event(person1("ann"), "user.lifecycle.suspend")
		f.people["ann"].groups, f.people["bob"].groups = map[string]bool{}, map[string]bool{}
		f.mustFull()
		f.mustHave(map[string]string{"ann": "reader", "bob": "admin kept last, reader"})
	})
}

// TestKeepLastInAnotherTeam: who keeps the role in one team does not keep it in the other as the last one.
func TestKeepLastInAnotherTeam(t *testing.T) {
	t.Parallel()
	lead := func(group string) directory.GrantRule {
		return directory.GrantRule{Name: "lead-" + group, Role: "lead", Groups: []string{group}, TeamFrom: directory.TeamOfGroup}
	}
	f := newFixture(t, granting(directory.GrantRules{Sets: []directory.RoleSet{{Name: "teams", Roles: []directory.RoleKind{{Name: "lead", KeepLast: true}},
		Rules: []directory.GrantRule{lead("g1"), lead("g2")}}}}))
	f.groups["g1"], f.groups["g2"] = "One", "Two"
	h := f.join("ann", nil)
	h.groups["g1"], h.groups["g2"] = true, true
	f.mustFull()
	delete(h.groups, "g1")
	f.event(person1("ann"), "group.user_membership.remove")
	f.mustHave(map[string]string{"ann": "lead@g2"})
}

func TestProtectedPeople(t *testing.T) {
	t.Parallel()
	rules := access()
	rules.Protected = []string{"ANN@acme.example", "bob"}
	rules.Pools = []directory.LicensePool{{Name: "seat", Cap: 3, Rules: []directory.GrantRule{{Name: "seats", Groups: []string{"g-admin"}}}}}
	f := newFixture(t, granting(rules))
	f.groups["g-admin"] = "Admins"
	for _, id := range []string{"ann", "bob", "cid"} {
		f.join(id, nil).groups["g-admin"] = true
	}
	f.mustFull()
	for _, h := range f.people {
		h.groups = map[string]bool{}
	}
	f.mustFull()
	kept := "admin kept protected, reader, seat kept protected"
	f.mustHave(map[string]string{"ann": kept, "bob": kept, "cid": "reader"})
	f.people["ann"].assigned = false
	f.event(person1("ann"), "application.user_membership.remove")
	f.mustHave(map[string]string{"bob": kept, "cid": "reader"})
}

// seats are the rules of one pool.
func seats(most int, lower directory.CapLowered) directory.GrantRules {
	return directory.GrantRules{Pools: []directory.LicensePool{{Name: "seat", Cap: most, OnLower: lower, Rules: []directory.GrantRule{
		{Name: "first", Groups: []string{"g1"}}, {Name: "second", Groups: []string{"g2"}},
	}}}}
}

func TestLicensePool(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *store.DB) {
		f := newTenant(t, db, "acme", granting(seats(2, "")))
		f.groups["g1"], f.groups["g2"] = "One", "Two"
		for _, id := range []string{"d", "c", "b", "a"} { // in the order of their coming, not of their ids
			f.join(id, nil).groups["g2"] = true
			f.event(person1(id))
		}
		f.mustHave(map[string]string{"d": "seat", "c": "seat", "b": "seat waits as 1", "a": "seat waits as 2"})
		f.people["c"].groups = map[string]bool{}
		f.event(person1("c"), "group.user_membership.remove")
		f.mustHave(map[string]string{"d": "seat", "b": "seat", "a": "seat waits as 1"})
		f.people["d"].status = "SUSPENDED"
		f.event(person1("d"), "user.lifecycle.suspend")
		f.mustHave(map[string]string{"d": "seat", "b": "seat", "a": "seat waits as 1"})
		f.people["d"].status = "DEPROVISIONED"
		f.event(person1("d"), "user.lifecycle.deactivate")
		f.mustHave(map[string]string{"b": "seat", "a": "seat"})
		f.people["d"].status = "ACTIVE"
		f.mustFull()
		f.mustHave(map[string]string{"b": "seat", "a": "seat", "d": "seat waits as 1"})
		f.rule(seats(3, ""))
		f.mustFull()
		f.mustHave(map[string]string{"b": "seat", "a": "seat", "d": "seat"})
		want := []string{
			"license.granted seat d", "license.granted seat c", "license.waiting seat b", "license.waiting seat a",
			"license.released seat c", "license.granted seat b", "license.released seat d", "license.granted seat a",
			"license.waiting seat d", "license.granted seat d",
		}
		if diff := cmp.Diff(want, f.grantHistory()); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		f.described(directory.LicenseGranted, directory.LicenseReleased, directory.LicenseWaiting)
	})
}

func TestCapLowered(t *testing.T) {
	t.Parallel()
	tests := map[directory.CapLowered]map[string]string{
		directory.CapKeepOldest: {"a": "seat", "b": "seat waits as 1", "c": "seat waits as 2"},
		directory.CapKeepRanked: {"a": "seat waits as 1", "b": "seat waits as 2", "c": "seat"},
		directory.CapStop:       {"a": "seat", "b": "seat", "c": "seat"},
	}
	for lower, want := range tests {
		t.Run(string(lower), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, granting(seats(3, lower)))
			f.groups["g1"], f.groups["g2"] = "One", "Two"
			for id, group := range map[string]string{"a": "g2", "b": "g2", "c": "g1"} {
				f.join(id, nil).groups[group] = true
			}
			for _, id := range []string{"a", "b", "c"} {
				f.event(person1(id))
			}
			f.rule(seats(1, lower))
			f.event(person1("c")) // one person's event takes nothing from others
			f.mustHave(map[string]string{"a": "seat", "b": "seat", "c": "seat"})
			f.mustFull()
			f.mustHave(want)
			if run := f.mustFull(); run.Progress.Planned != 0 {
				t.Errorf("a run after which nothing changed planned %d changes", run.Progress.Planned)
			}
		})
	}
}

// inTurn is a world that is asked by one at a time.
type inTurn struct {
	*world
	mu sync.Mutex
}

func (s *inTurn) Person(ctx context.Context, request directory.PersonRequest) (directory.PersonSeen, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.world.Person(ctx, request)
}

// TestHundredAtOnce: 100 people become entitled at once when one license is left.
func TestHundredAtOnce(t *testing.T) {
	t.Parallel()
	f := newTenant(t, openPostgres(t), "acme", granting(seats(10, "")))
	f.groups["g1"] = "One"
	for i := range 9 {
		id := fmt.Sprintf("old%d", i)
		f.join(id, nil).groups["g1"] = true
		f.event(person1(id))
	}
	for i := range 100 {
		id := fmt.Sprintf("new%02d", i)
		f.join(id, nil).groups["g1"] = true
		f.hint(person1(id))
	}
	// The world counts what it is asked, so it is asked by one at a time; deciding and writing is not.
	engine := dirsync.New(dirsync.Options{
		Tenant: f.tenant, Rules: f.rules, Source: &inTurn{world: f.world}, Store: engineStore{f.db}, Owner: "test", Now: time.Now, NewID: f.runID,
	})
	failures := make(chan error, 100)
	for i := range 100 {
		go func() {
			_, err := engine.Scope(t.Context(), person1(fmt.Sprintf("new%02d", i)))
			failures <- err
		}()
	}
	for range 100 {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	held, line := 0, map[int]string{}
	for id, text := range f.has() {
		place := 0
		if text == "seat" {
			held++
		} else if _, err := fmt.Sscanf(text, "seat waits as %d", &place); err == nil {
			line[place] = id
		}
	}
	if held != 10 || len(line) != 99 {
		t.Fatalf("%d hold a license of 10 and %d wait", held, len(line))
	}
	for place := range 99 {
		if line[place+1] == "" {
			t.Fatalf("nobody waits at place %d", place+1)
		}
	}
	f.people["old0"].groups = map[string]bool{}
	f.event(person1("old0"), "group.user_membership.remove")
	if got := f.has()[line[1]]; got != "seat" {
		t.Errorf("the first in line has %q", got)
	}
	if got := f.has()[line[2]]; got != "seat waits as 1" {
		t.Errorf("the second in line has %q", got)
	}
}

func TestGrantLimits(t *testing.T) {
	t.Parallel()
	rules := access()
	rules.Pools = seats(100, "").Pools
	f := newFixture(t, func(r *directory.Rules) {
		r.Grants = rules
		r.Limits.Roles = directory.Limit{Absolute: 2, Fraction: 1}
		r.Limits.Licenses = directory.Limit{Absolute: 2, Fraction: 1}
	})
	f.groups["g-admin"], f.groups["g1"] = "Admins", "One"
	for i := range 4 {
		h := f.join(fmt.Sprintf("p%d", i), nil)
		h.groups["g-admin"], h.groups["g1"] = true, true
	}
	before := f.mustFull()
	if before.Counts.Changes[directory.RoleGranted] != 4 || before.Counts.Changes[directory.LicenseGranted] != 4 {
		t.Fatalf("the first sync: %v", before.Counts.Changes)
	}
	for _, h := range f.people {
		h.groups = map[string]bool{}
	}
	run, err := f.full()
	if err == nil || run.State != directory.RunHeld {
		t.Fatalf("the run is %s: %v", run.State, err)
	}
	for _, want := range []string{"4 of 4 roles", "4 of 4 licenses"} {
		if !strings.Contains(run.Error, want) {
			t.Errorf("%q does not say %q", run.Error, want)
		}
	}
	if run.Plan.Changes[directory.RoleRevoked] != 4 || run.Plan.Changes[directory.LicenseReleased] != 4 {
		t.Errorf("the plan: %v", run.Plan.Changes)
	}
	f.mustHave(map[string]string{"p0": "admin, seat", "p1": "admin, seat", "p2": "admin, seat", "p3": "admin, seat"})
	// More than before takes nothing: the default steps back without a word from the guard.
	for _, h := range f.people {
		h.groups = map[string]bool{"g-admin": true, "g1": true}
	}
	f.mustFull()
}

// TestRolesInAnyOrder: the same facts, told in any order and by any trigger, end in the same roles.
func TestRolesInAnyOrder(t *testing.T) {
	t.Parallel()
	rules := access(directory.GrantRule{Name: "okta", Attribute: "user.kind", Values: map[string]string{"b": "editor"}})
	type fact struct{ person, group, kind string }
	facts := []fact{{"ann", "g-edit", ""}, {"bob", "g-admin", ""}, {"bob", "g-edit", ""}, {"cid", "", "b"}, {"dan", "", ""}, {"ann", "", "b"}}
	var want map[string]string
	for n := range 6 {
		f := newFixture(t, granting(rules))
		f.groups["g-edit"], f.groups["g-admin"] = "Editors", "Admins"
		for _, i := range rand.New(rand.NewPCG(uint64(n), 7)).Perm(len(facts)) {
			fact := facts[i]
			h := f.people[fact.person]
			if h == nil {
				h = f.join(fact.person, nil)
			}
			if fact.kind != "" {
				h.profile["kind"] = fact.kind
			}
			if fact.group != "" {
				h.groups[fact.group] = true
			}
			switch {
			case n == 3:
				f.mustFull()
			case fact.group != "" && n >= 2 && slices.Contains([]string{"bob", "ann"}, fact.person) && f.stored()[fact.person].Status != "":
				f.event(directory.GroupScope(fact.group), "group.user_membership.add")
			default:
				f.event(person1(fact.person), "group.user_membership.add")
			}
		}
		f.mustFull()
		if want == nil {
			want = f.has()
			continue
		}
		f.mustHave(want)
	}
}

// TestAffectedPages: a plan about more people than a page, all of them given roles and licenses.
func TestAffectedPages(t *testing.T) {
	t.Parallel()
	rules := access()
	rules.Pools = seats(400, "").Pools
	f := newFixture(t, granting(rules))
	f.groups["g1"] = "One"
	for i := range 1100 {
		f.join(fmt.Sprintf("p%04d", i), nil).groups["g1"] = true
	}
	run := f.mustFull()
	want := map[directory.ChangeType]int{directory.RoleGranted: 1100, directory.LicenseGranted: 400, directory.LicenseWaiting: 700}
	for kind, n := range want {
		if run.Counts.Changes[kind] != n {
			t.Errorf("%d changes %s, want %d", run.Counts.Changes[kind], kind, n)
		}
	}
	if run.Counts.Superseded != 0 {
		t.Errorf("%d changes did not come as planned", run.Counts.Superseded)
	}
	f.rule(func() directory.GrantRules { r := access(); r.Pools = seats(1000, "").Pools; return r }())
	if run := f.mustFull(); run.Counts.Changes[directory.LicenseGranted] != 600 || run.Counts.Superseded != 0 {
		t.Errorf("a raised cap: %v, %d superseded", run.Counts.Changes, run.Counts.Superseded)
	}
	if err := f.db.Update(t.Context(), f.tenant, func(ctx context.Context, tx *store.Tx) error {
		ids, err := tx.DirtyGrants(ctx, 1)
		if len(ids) > 0 {
			t.Errorf("%v are still queued", ids)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
