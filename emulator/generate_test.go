package emulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/emulator"
)

func TestGeneratedOrgIsWhole(t *testing.T) {
	t.Parallel()
	org, err := emulator.New(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := org.Truth()
	if len(s.People) != 500 || len(s.Groups) != 26 || len(s.Apps) != 1 {
		t.Fatalf("%d people, %d groups, %d apps; want 500, 26, 1", len(s.People), len(s.Groups), len(s.Apps))
	}
	seen := map[string]bool{}
	byID := map[string]emulator.Person{}
	departments := map[string]bool{}
	for _, p := range s.People {
		for _, key := range []string{p.ID, strings.ToLower(p.Login), "mail " + strings.ToLower(p.Text("email"))} {
			if seen[key] && !strings.HasPrefix(key, "mail") {
				t.Errorf("%q occurs twice", key)
			}
			seen[key] = true
		}
		for _, r := range p.Text("email") + p.Login {
			if r > 127 {
				t.Errorf("address of %s is not ASCII", p.ID)
			}
		}
		if len(p.ID) != 20 || !strings.HasPrefix(p.ID, "00u") {
			t.Errorf("id %q does not look like a user's", p.ID)
		}
		if p.Status != emulator.Active || !p.AssignedTo(s.Apps[0].ID) {
			t.Errorf("%s is %s with apps %v", p.ID, p.Status, p.Apps)
		}
		departments[p.Text("department")] = true
		byID[p.ID] = p
	}
	if len(departments) != 40 {
		t.Errorf("%d departments, want 40", len(departments))
	}
	heads := 0
	for _, p := range s.People {
		steps := 0
		for at := p; at.ManagerID != ""; at = byID[at.ManagerID] {
			if steps++; steps > 20 {
				t.Fatalf("the managers of %s form a loop", p.ID)
			}
		}
		if p.ManagerID == "" {
			heads++
		}
	}
	if heads != 1 {
		t.Errorf("%d people have no manager, want 1", heads)
	}
}

func TestSameSeedSameOrg(t *testing.T) {
	t.Parallel()
	make := func(seed uint64) emulator.Snapshot {
		org, err := emulator.New(emulator.Options{People: 50, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return org.Truth()
	}
	if d := cmp.Diff(make(7), make(7)); d != "" {
		t.Errorf("two orgs of one seed differ: %s", d)
	}
	if cmp.Equal(make(7), make(8)) {
		t.Error("two orgs of different seeds are the same")
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		opt    emulator.Options
		people int
		groups int
		fails  string
	}{
		{name: "empty org", opt: emulator.Options{People: -1, Groups: -1}, people: 0, groups: 1},
		{name: "one person", opt: emulator.Options{People: 1, Groups: 1}, people: 1, groups: 2},
		{name: "through a group", opt: emulator.Options{People: 10, Groups: 1, AssignThroughGroup: true}, people: 10, groups: 3},
		{name: "no departments", opt: emulator.Options{Departments: -1}, fails: "departments"},
		{name: "unknown plan", opt: emulator.Options{Limits: emulator.Limits{Plan: "gold"}}, fails: "unknown plan"},
		{name: "unknown bucket", opt: emulator.Options{Limits: emulator.Limits{PerMinute: map[string]int{"x": 1}}}, fails: "unknown bucket"},
		{name: "share above one", opt: emulator.Options{Limits: emulator.Limits{TokenShare: 2}}, fails: "share"},
		{name: "too many flaws", opt: emulator.Options{People: 2, Flaws: emulator.Flaws{NoName: 3}}, fails: "flawed"},
		{name: "empty token", opt: emulator.Options{Tokens: []string{" "}}, fails: "token"},
		{name: "app without key", opt: emulator.Options{ServiceApps: []emulator.ServiceApp{{ClientID: "x"}}}, fails: "no public key"},
		{name: "base attribute as custom", opt: emulator.Options{CustomAttributes: []emulator.Attribute{{Name: "title", Type: "string"}}}, fails: "base attribute"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			org, err := emulator.New(tt.opt)
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Fatalf("error %v, want one that says %q", err, tt.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if org.People() != tt.people || len(org.Groups()) != tt.groups {
				t.Errorf("%d people and %d groups, want %d and %d", org.People(), len(org.Groups()), tt.people, tt.groups)
			}
		})
	}
}

func TestFlaws(t *testing.T) {
	t.Parallel()
	org, err := emulator.New(emulator.Options{People: 100, Flaws: emulator.Flaws{NoEmail: 1, NoName: 2, SharedEmail: 3,
		UnknownManager: 4, ManagerLoop: 5, SuspendedPeople: 6, DeactivatedUsers: 7}})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	mails := map[string]int{}
	for _, p := range org.Truth().People {
		if p.Text("email") == "" {
			counts["no email"]++
		}
		mails[p.Text("email")]++
		if p.Text("lastName") == "" {
			counts["no name"]++
		}
		if p.Text("managerId") != "" && p.ManagerID == "" {
			counts["unknown manager"]++
		}
		counts[string(p.Status)]++
		if p.Status == emulator.Deprovisioned && len(p.Apps) > 0 {
			t.Errorf("%s is deactivated and assigned", p.ID)
		}
	}
	for _, n := range mails {
		if n == 2 {
			counts["shared"]++
		}
	}
	want := map[string]int{"no email": 1, "no name": 2, "shared": 3, "unknown manager": 4, "SUSPENDED": 6,
		"DEPROVISIONED": 7, "ACTIVE": 87}
	if d := cmp.Diff(want, counts); d != "" {
		t.Error(d)
	}
}

func TestUniqueIdentitiesAtScale(t *testing.T) {
	t.Parallel()
	org, err := emulator.New(emulator.Options{People: 30_000, Groups: -1})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool, 90_000)
	org.EachPerson(func(p emulator.Person) bool {
		for _, key := range []string{"l " + p.Login, "e " + p.Text("email"), "n " + p.Text("employeeNumber")} {
			if seen[key] {
				t.Errorf("%q occurs twice", key)
			}
			seen[key] = true
		}
		return !t.Failed()
	})
}

func TestJoinersNeverRepeatAnIdentity(t *testing.T) {
	t.Parallel()
	org, err := emulator.New(emulator.Options{People: 10, Groups: -1})
	if err != nil {
		t.Fatal(err)
	}
	logins := map[string]bool{}
	for i := range 50 {
		act, err := org.Join(emulator.NewPerson{})
		if err != nil {
			t.Fatal(fmt.Errorf("join %d: %w", i, err))
		}
		p, _ := org.Person(act.ID)
		if logins[p.Login] {
			t.Fatalf("login of joiner %d was used before", i)
		}
		logins[p.Login] = true
		if i%2 == 0 {
			must(t)(org.Delete(act.ID))
		}
	}
}
