package sync_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// licensed is a tenant whose rules are kept, with three people: a and b in g2, c in g1.
func licensed(t *testing.T, db *store.DB, rules directory.GrantRules, edit ...func(*directory.Rules)) *fixture {
	t.Helper()
	f := newTenant(t, db, "acme", func(r *directory.Rules) {
		r.Grants = rules
		for _, e := range edit {
			e(r)
		}
	})
	f.groups["g1"], f.groups["g2"], f.groups["g3"] = "One", "Two", "Three"
	for _, id := range []string{"a", "b", "c"} {
		group := map[string]string{"a": "g2", "b": "g2", "c": "g1"}[id]
		f.join(id, nil).groups[group] = true
	}
	f.propose(f.rules, false)
	f.useRules()
	for _, id := range []string{"a", "b", "c"} {
		f.event(person1(id))
	}
	f.mustFull()
	return f
}

// change brings rules about roles and licenses into force by a run of their own.
func (f *fixture) change(rules directory.GrantRules) directory.Run {
	f.t.Helper()
	done := f.propose(f.edited(granting(rules)), true)
	run := f.work(done.Run.ID)
	if run.State == directory.RunSucceeded {
		f.useRules()
	}
	return run
}

// planOf is the plan of a run, as "type subject person".
func (f *fixture) planOf(run string) []string {
	f.t.Helper()
	planned, err := f.db.Plan(f.t.Context(), f.tenant, run, 0, 10_000)
	if err != nil {
		f.t.Fatal(err)
	}
	var all []string
	for _, c := range planned {
		all = append(all, string(c.Type)+" "+c.SubjectID+" "+c.PersonID)
	}
	return all
}

func roleBy(role string, groups ...string) directory.GrantRules {
	return directory.GrantRules{Sets: []directory.RoleSet{{Name: "access", Roles: []directory.RoleKind{{Name: role}},
		Rules: []directory.GrantRule{{Name: "by-" + role, Role: role, Groups: groups}}}}}
}

// TestRulesAboutRolesComeBack: an approved plan is applied by an execution that did not make it, and the rules from before
// it come back before any full sync.
func TestRulesAboutRolesComeBack(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, db *store.DB) {
		none := func(r *directory.Rules) { r.Limits.Roles = directory.Limit{} }
		f := licensed(t, db, roleBy("editor", "g1", "g2"), none)
		f.mustHave(map[string]string{"a": "editor", "b": "editor", "c": "editor"})
		run := f.change(roleBy("admin", "g1", "g2"))
		if run.State != directory.RunHeld {
			t.Fatalf("the run: %+v", run)
		}
		f.approve(run.ID)
		if run = f.work(run.ID); run.State != directory.RunSucceeded {
			t.Fatalf("the approved run: %+v", run)
		}
		f.useRules()
		f.mustHave(map[string]string{"a": "admin", "b": "admin", "c": "admin"})
		run = f.change(roleBy("editor", "g1", "g2"))
		f.approve(run.ID)
		f.work(run.ID)
		f.mustHave(map[string]string{"a": "editor", "b": "editor", "c": "editor"})
	})
}

// TestEventsWhileRulesAboutRolesWait: what an event did by the old rules, after the plan was made, is done again by the new ones.
func TestEventsWhileRulesAboutRolesWait(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, db *store.DB) {
		f := licensed(t, db, roleBy("editor", "g1"), func(r *directory.Rules) { r.Limits.Roles = directory.Limit{} })
		f.join("d", nil).groups["g3"] = true
		f.join("e", nil).groups["g3"] = true
		f.mustFull()
		run := f.change(roleBy("admin", "g2"))
		if run.State != directory.RunHeld {
			t.Fatalf("the run: %+v", run)
		}
		// Only memberships move; the rows stay as they are.
		f.people["a"].groups["g1"] = true
		f.event(person1("a"), "group.user_membership.add")
		f.people["c"].groups["g2"] = true
		f.event(directory.GroupScope("g2"), "group.user_membership.add")
		f.people["b"].groups = map[string]bool{}
		f.event(person1("b"), "group.user_membership.remove")
		// The plan says nothing of these two.
		f.people["d"].groups["g1"] = true
		f.event(person1("d"), "group.user_membership.add")
		f.people["e"].groups["g2"] = true
		f.event(person1("e"), "group.user_membership.add")
		f.mustHave(map[string]string{"a": "editor", "c": "editor", "d": "editor"})
		f.approve(run.ID)
		if run = f.work(run.ID); run.State != directory.RunSucceeded {
			t.Fatalf("the approved run: %+v", run)
		}
		f.mustHave(map[string]string{"a": "admin", "c": "admin", "e": "admin"})
	})
}

// TestRulesUnderOtherNames: which rule gives what somebody has shows in the row after the rules were renamed or put in
// another order, and the order of a pool's rules counts for who loses a license.
func TestRulesUnderOtherNames(t *testing.T) {
	t.Parallel()
	rules := seats(3, directory.CapKeepRanked)
	rules.Sets = roleBy("editor", "g1", "g2").Sets
	f := licensed(t, openDatabase(t), rules)
	other := seats(3, directory.CapKeepRanked)
	other.Sets = roleBy("editor", "g1", "g2").Sets
	other.Sets[0].Rules[0].Name = "authors"
	slices.Reverse(other.Pools[0].Rules)
	if run := f.change(other); run.State != directory.RunSucceeded || len(run.Counts.Changes) > 0 {
		t.Fatalf("the run: %+v", run)
	}
	roles, licenses, err := f.db.GrantsOfPerson(t.Context(), f.tenant, "c")
	if err != nil || roles[0].Rule != "authors" || licenses[0].Rank != 1 {
		t.Errorf("c has %+v, %+v, %v", roles, licenses, err)
	}
	fewer := seats(2, directory.CapKeepRanked)
	fewer.Sets, fewer.Pools[0].Rules = other.Sets, other.Pools[0].Rules
	f.change(fewer)
	f.mustHave(map[string]string{"a": "editor, seat", "b": "editor, seat", "c": "editor, seat waits as 1"})

	// Fewer licenses and another order at once: by the new order.
	again := seats(1, directory.CapKeepRanked)
	again.Sets = other.Sets
	f.change(seatsWith(again, 3))
	f.mustHave(map[string]string{"a": "editor, seat", "b": "editor, seat", "c": "editor, seat"})
	f.change(seatsWith(other, 1))
	f.mustFull()
	f.mustHave(map[string]string{"a": "editor, seat", "b": "editor, seat waits as 1", "c": "editor, seat waits as 2"})
}

func seatsWith(rules directory.GrantRules, most int) directory.GrantRules {
	rules.Pools = slices.Clone(rules.Pools)
	rules.Pools[0].Cap = most
	return rules
}

// TestPlanOfLicenses: a plan of changed rules says of each license what applying gives, whoever frees it and whoever waits.
func TestPlanOfLicenses(t *testing.T) {
	t.Parallel()
	pool := func(most int, groups ...string) directory.GrantRules {
		return directory.GrantRules{Pools: []directory.LicensePool{{Name: "seat", Cap: most, Rules: []directory.GrantRule{{Name: "seats", Groups: groups}}}}}
	}
	tests := map[string]struct {
		before, after directory.GrantRules
		groups        map[string]string // of people beside a and b in g2, c in g1
		want          []string
		have          map[string]string
	}{
		"freed behind those who get it": {
			before: pool(1, "g1"), after: pool(1, "g2"),
			want: []string{"license.granted seat a", "license.waiting seat b", "license.released seat c"},
			have: map[string]string{"a": "seat", "b": "seat waits as 1"},
		},
		"whoever comes first in line has it": {
			before: pool(1, "g1"), after: pool(2, "g2", "g3"), groups: map[string]string{"d": "g3"},
			want: []string{"license.granted seat a", "license.granted seat b", "license.released seat c", "license.waiting seat d"},
			have: map[string]string{"a": "seat", "b": "seat", "d": "seat waits as 1"},
		},
		"who waited goes first": {
			before: pool(1, "g1", "g3"), after: pool(2, "g2", "g3"), groups: map[string]string{"d": "g3"},
			want: []string{"license.granted seat a", "license.granted seat d", "license.released seat c", "license.waiting seat b"},
			have: map[string]string{"a": "seat", "d": "seat", "b": "seat waits as 1"},
		},
		"no cap any more": {
			before: pool(1, "g1", "g2"), after: pool(-1, "g1", "g2"),
			want: []string{"license.granted seat b", "license.granted seat c"},
			have: map[string]string{"a": "seat", "b": "seat", "c": "seat"},
		},
		"a cap where there was none": {
			before: pool(-1, "g1", "g2"), after: pool(1, "g1", "g2"),
			want: []string{"license.released seat b", "license.released seat c"},
			have: map[string]string{"a": "seat", "b": "seat waits as 1", "c": "seat waits as 2"},
		},
		"no pool any more": {
			before: pool(1, "g1", "g2"), after: directory.GrantRules{},
			want: []string{"license.released seat a", "license.withdrawn seat b", "license.withdrawn seat c"},
			have: map[string]string{},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothDatabases(t, func(t *testing.T, db *store.DB) {
				f := licensed(t, db, test.before)
				for id, group := range test.groups {
					f.join(id, nil).groups[group] = true
					f.event(person1(id))
				}
				run := f.change(test.after)
				if run.State != directory.RunSucceeded || run.Counts.Superseded != 0 {
					t.Errorf("the run: %+v", run)
				}
				plan := f.planOf(run.ID)
				slices.Sort(plan)
				slices.Sort(test.want)
				if diff := cmp.Diff(test.want, plan); diff != "" {
					t.Errorf("the plan (-want +got):\n%s", diff)
				}
				f.mustHave(test.have)
			})
		})
	}
}

// TestPlanKeepsTheLast: changed rules that would take a role from everybody leave it with one, the same in the plan and
// afterwards, also where the people stand in several batches.
func TestPlanKeepsTheLast(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, db *store.DB) {
		rules := func(group string) directory.GrantRules {
			r := roleBy("admin", group)
			r.Sets[0].Roles[0].KeepLast = true
			return r
		}
		f := licensed(t, db, rules("g2"), func(r *directory.Rules) { r.Limits.Roles = directory.Limit{Absolute: 10_000, Fraction: 1} })
		for i := range 600 {
			f.join(fmt.Sprintf("p%03d", i), nil).groups["g2"] = true
		}
		f.people["a"].status = "SUSPENDED" // who had it first
		f.mustFull()
		run := f.change(rules("g3"))
		if run.State != directory.RunSucceeded || run.Counts.Changes[directory.RoleRevoked] != 601 || run.Counts.Superseded != 0 {
			t.Errorf("the run: %+v", run)
		}
		plan := f.planOf(run.ID)
		if !slices.Contains(plan, "grants.due admin b") || len(plan) != 602 {
			t.Errorf("%d changes are planned, and of b: %t", len(plan), slices.Contains(plan, "grants.due admin b"))
		}
		f.mustHave(map[string]string{"b": "admin kept last"})
	})
}

// TestTryingRulesAboutRoles: a dry run of changed rules shows roles and licenses, and changes none.
func TestTryingRulesAboutRoles(t *testing.T) {
	t.Parallel()
	before, after := seats(1, ""), seats(2, "")
	before.Sets, after.Sets = roleBy("editor", "g1").Sets, roleBy("admin", "g2").Sets
	after.Pools[0].Rules = after.Pools[0].Rules[1:] // g1 gives none any more
	f := licensed(t, openDatabase(t), before)
	f.mustHave(map[string]string{"a": "seat", "b": "seat waits as 1", "c": "editor, seat waits as 2"})
	run := f.try(f.edited(granting(after)))
	want := map[directory.ChangeType]int{directory.RoleGranted: 2, directory.RoleRevoked: 1, directory.LicenseGranted: 1, directory.LicenseWithdrawn: 1}
	if diff := cmp.Diff(want, run.Plan.Changes); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
	f.mustHave(map[string]string{"a": "seat", "b": "seat waits as 1", "c": "editor, seat waits as 2"})
	f.change(after)
	f.mustHave(map[string]string{"a": "admin, seat", "b": "admin, seat"})
	f.described(directory.RoleGranted, directory.RoleRevoked, directory.LicenseGranted, directory.LicenseWaiting, directory.LicenseWithdrawn)
}

// TestProtectedPeopleLeaveWithoutRules: once a tenant has no rules about roles any more, whoever kept some loses them by leaving.
func TestProtectedPeopleLeaveWithoutRules(t *testing.T) {
	t.Parallel()
	rules := roleBy("editor", "g1")
	rules.Protected = []string{"c"}
	f := licensed(t, openDatabase(t), rules)
	f.change(directory.GrantRules{Protected: []string{"c"}})
	f.mustHave(map[string]string{"c": "editor kept protected"})
	f.people["c"].status = "DEPROVISIONED"
	f.event(person1("c"), "user.lifecycle.deactivate")
	f.mustHave(map[string]string{})
}

// TestRulesForManagersComeByTheirRun: changed rules for managers count when their run is over, and so do those from before.
func TestRulesForManagersComeByTheirRun(t *testing.T) {
	t.Parallel()
	f := ruled(t, openDatabase(t))
	manager := func() string { return f.stored()["ada"].Manager }
	byLogin := f.edited(func(r *directory.Rules) { r.Managers.Resolve = []directory.ManagerRef{directory.ManagerByLogin} })
	if got := manager(); got != "boss" {
		t.Fatalf("manager of ada: %q", got)
	}
	was := f.rules
	if run := f.work(f.propose(byLogin, false).Run.ID); run.State != directory.RunSucceeded {
		t.Fatalf("the run: %+v", run)
	}
	f.useRules()
	if got := manager(); got != "" {
		t.Errorf("manager of ada by login alone: %q", got)
	}
	f.work(f.propose(was, false).Run.ID)
	f.useRules()
	if got := manager(); got != "boss" {
		t.Errorf("manager of ada by the rules from before: %q", got)
	}
}

// try carries out a dry run of rules.
func (f *fixture) try(rules directory.Rules) directory.Run {
	f.t.Helper()
	set, err := dirsync.NewRuleset(rules)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.db.PutRuleset(f.t.Context(), f.tenant, set); err != nil {
		f.t.Fatal(err)
	}
	run := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.RulesScope(set.Hash), Rules: set.Hash, Cause: directory.CauseManual, State: directory.RunQueued, DryRun: true}
	if _, _, err := f.db.CreateRun(f.t.Context(), run); err != nil {
		f.t.Fatal(err)
	}
	var held *directory.HeldError
	if _, err := f.engine.Run(f.t.Context(), run.ID, directory.AnyClaim); err != nil && !errors.As(err, &held) {
		f.t.Fatal(err)
	}
	return f.stand(run.ID)
}
