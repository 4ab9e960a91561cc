package sync_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

func (f *fixture) explain(who string) directory.Explanation {
	f.t.Helper()
	x, err := dirsync.Explain(f.t.Context(), dirsync.ExplainOptions{Tenant: f.tenant, Rules: f.rules, Rows: f.db}, who)
	if err != nil {
		f.t.Fatal(err)
	}
	return x
}

// about returns what is said of one thing, or fails.
func (f *fixture) about(all []directory.Explained, topic directory.Topic, name string) directory.Explained {
	f.t.Helper()
	i := slices.IndexFunc(all, func(e directory.Explained) bool { return e.Topic == topic && e.Name == name })
	if i < 0 {
		f.t.Fatalf("nothing is said of %s %s: %+v", topic, name, all)
	}
	return all[i]
}

// explained checks that each value that people have is explained once, by a change of the history.
func (a *album) explained() {
	a.t.Helper()
	rows, err := a.db.ListPeople(a.t.Context(), a.tenant, directory.PeopleQuery{Limit: 1000})
	if err != nil {
		a.t.Fatal(err)
	}
	for _, p := range rows {
		x := a.explain(p.ID)
		told := map[string]any{}
		for _, e := range x.Values {
			name := string(e.Topic) + " " + e.Name
			if _, twice := told[name]; twice {
				a.t.Errorf("person %s: %s is explained twice", p.ID, name)
			}
			told[name] = e.Value
			if e.Origin == nil {
				a.t.Errorf("person %s: %s, which is %v, has no cause", p.ID, name, e.Value)
			}
		}
		want := map[string]any{"status status": string(p.Status), "team team": p.TeamID, "manager manager": p.ManagerID, "status okta_status": p.OktaStatus, "status assignment": p.Assignment}
		for _, field := range directory.Fields() {
			want["field "+string(field)] = *p.Profile.Field(field)
		}
		groups, err := a.db.GroupsOfPerson(a.t.Context(), a.tenant, p.ID)
		if err != nil {
			a.t.Fatal(err)
		}
		for _, g := range groups {
			want["group "+g.ID] = g.ID
		}
		for _, team := range p.FurtherTeams {
			want["team "+team] = team
		}
		for name, value := range want {
			if value != "" && told[name] != value {
				a.t.Errorf("person %s: %s is %v, and explained is %v", p.ID, name, value, told[name])
			}
			delete(told, name)
		}
		if len(told) > 0 {
			a.t.Errorf("person %s: explained is what is not there: %v", p.ID, told)
		}
	}
}

// TestExplain: a person's values, roles and licenses with their causes, and what is not there.
func TestExplain(t *testing.T) {
	t.Parallel()
	seller := directory.GrantRule{Name: "sellers", Place: "line 31 of the configuration file", Groups: []string{"g1"}}
	f := newTenant(t, openDatabase(t), "acme", func(rules *directory.Rules) {
		rules.Grants = directory.GrantRules{
			Sets: []directory.RoleSet{{Name: "access", Combine: directory.CombineHighest, Roles: []directory.RoleKind{{Name: "viewer"}, {Name: "editor"}}, Rules: []directory.GrantRule{
				{Name: "all", Role: "viewer", Default: true}, {Name: "editors", Place: "line 12 of the configuration file", Role: "editor", Groups: []string{"g1"}},
			}}},
			Pools: []directory.LicensePool{{Name: "salesperson", Cap: 1, Rules: []directory.GrantRule{seller}}},
		}
	})
	f.groups = map[string]string{"g1": "Sales people"}
	f.join("a", map[string]any{"title": "Boss"}).groups["g1"] = true
	f.mustFull()
	f.join("b", map[string]any{"manager": "nobody at all"})
	f.event(directory.PersonScope("b"))
	f.people["b"].groups["g1"], f.people["a"].profile["title"] = true, "Chief"
	f.event(directory.PersonScope("b"), "group.user_membership.add")
	f.event(directory.PersonScope("a"), "user.account.update_profile")

	a, b := f.explain("a"), f.explain("B@acme.example")
	title := f.about(a.Values, directory.TopicField, "title")
	if o := title.Origin; title.Value != "Chief" || title.Reason != "from user.title" || o == nil || o.Before != "Boss" || o.Cause.Kind != directory.CauseHook ||
		!slices.Equal(o.Cause.EventTypes, []string{"user.account.update_profile"}) || o.At.IsZero() {
		t.Errorf("title: %+v of %+v", title, o)
	}
	if e := f.about(a.Values, directory.TopicField, "first_name"); e.Origin == nil || e.Origin.Type != directory.PersonCreated || e.Origin.Cause.RunID == "" || e.Origin.Before != nil {
		t.Errorf("first name: %+v of %+v", e, e.Origin)
	}
	if e := f.about(a.Values, directory.TopicLicense, "salesperson"); e.Value != "held" || e.Origin == nil || e.Reason != "rule sellers (line 31 of the configuration file): group g1" {
		t.Errorf("license: %+v", e)
	}
	role := f.about(b.Values, directory.TopicRole, "access")
	if role.Value != "editor" || role.Reason != "rule editors (line 12 of the configuration file): group g1" || role.Origin == nil || role.Origin.Before != "viewer" {
		t.Errorf("role: %+v of %+v", role, role.Origin)
	}
	license := f.about(b.Missing, directory.TopicLicense, "salesperson")
	if want := "no license: pool salesperson 1 of 1, place 1; entitled since "; license.Origin == nil || !strings.HasPrefix(license.Reason, want) {
		t.Errorf("no license: %+v", license)
	}
	manager := f.about(b.Missing, directory.TopicManager, "manager")
	if manager.Reason != `no manager: Okta says "nobody at all", nobody in the directory matches by okta_id, login, email, employee_number (managers.resolve)` || manager.Origin == nil {
		t.Errorf("no manager: %+v", manager)
	}
	for _, e := range slices.Concat(a.Values, b.Values) {
		if e.Origin == nil {
			t.Errorf("%s %s has no cause", e.Topic, e.Name)
		}
	}

	f.people["b"].status = "DEPROVISIONED"
	f.event(directory.PersonScope("b"), "user.lifecycle.deactivate")
	lost := f.about(f.explain("b").Missing, directory.TopicRole, "access")
	if o := lost.Origin; !strings.HasPrefix(lost.Reason, "no role of access: the person left on ") || o == nil || o.Before != "editor" || !slices.Equal(o.Cause.EventTypes, []string{"user.lifecycle.deactivate"}) {
		t.Errorf("no role: %+v of %+v", lost, lost.Origin)
	}

	// The beginning of the history goes: what is older than the rest has no cause any more, and that is said.
	if _, err := f.db.Purge(t.Context(), store.Retention{Changes: time.Microsecond}); err != nil {
		t.Fatal(err)
	}
	f.people["a"].profile["title"] = "Head"
	f.event(directory.PersonScope("a"), "user.account.update_profile")
	x := f.explain("a")
	if e := f.about(x.Values, directory.TopicField, "first_name"); !x.Purged || x.OldestKept == nil || e.Origin != nil {
		t.Errorf("after the purge: %t since %v, first name of %+v", x.Purged, x.OldestKept, e.Origin)
	}
	if e := f.about(x.Values, directory.TopicField, "title"); e.Origin == nil || e.Origin.Before != "Chief" || !e.Origin.At.Equal(*x.OldestKept) {
		t.Errorf("after the purge: title %+v of %+v", e, e.Origin)
	}
}

// TestExplainWhoIsNotThere: erased, never let in, unknown.
func TestExplainWhoIsNotThere(t *testing.T) {
	t.Parallel()
	f := newTenant(t, openDatabase(t), "acme", func(rules *directory.Rules) {
		rules.Deprovision = directory.Deprovision{Policy: directory.DeprovisionDelete}
	})
	f.join("anchor", nil)
	f.join("canary", map[string]any{"title": "canary's title"})
	f.join("bad", map[string]any{"lastName": ""})
	f.mustFull()
	f.people["canary"].status = "DEPROVISIONED"
	f.event(directory.PersonScope("canary"), "user.lifecycle.deactivate")
	if result, _, err := f.engine.EraseDue(t.Context()); err != nil || result.Changes[directory.PersonErased] != 1 {
		t.Fatalf("erasing led to %v, %v", result.Changes, err)
	}

	erased := f.explain("canary")
	if len(erased.Values) > 0 || erased.Known || len(erased.Missing) != 1 || erased.Missing[0].Name != "erased" || erased.Missing[0].Origin.Type != directory.PersonErased {
		t.Errorf("erased: %+v", erased)
	}
	if text, err := json.Marshal(erased); err != nil || strings.Contains(string(text), "canary's title") {
		t.Errorf("erased: %s, %v", text, err)
	}
	if bad := f.explain("bad"); bad.Known || f.about(bad.Missing, directory.TopicStatus, "quarantined").Reason == "" {
		t.Errorf("quarantined: %+v", bad)
	}
	_, err := dirsync.Explain(t.Context(), dirsync.ExplainOptions{Tenant: f.tenant, Rules: f.rules, Rows: f.db}, "nobody")
	if !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}
