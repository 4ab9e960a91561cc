package sync_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

// owning is a fixture in which the product owns title, department and the nickname, which nothing in Okta gives.
func owning(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t, func(rules *directory.Rules) {
		rules.Owned = []directory.Field{directory.FieldTitle, directory.FieldDepartment, directory.FieldEmail, directory.CustomOf("nickname"), directory.CustomOf("size"), directory.CustomOf("since")}
		rules.Unique = []directory.Field{directory.FieldEmail}
		rules.Custom = []directory.CustomField{
			{Name: "nickname", Type: directory.CustomText},
			{Name: "size", Type: directory.CustomChoice, Choices: []string{"Small", "Large"}, Source: directory.Source{From: []string{"user.size"}}},
			{Name: "since", Type: directory.CustomDate},
			{Name: "badge", Type: directory.CustomNumber, Source: directory.Source{From: []string{"user.badge"}}},
		}
	})
	f.join("ada", map[string]any{"title": "Analyst", "department": "Engines", "size": "huge"})
	f.join("bob", nil)
	f.mustFull()
	return f
}

// historyOf counts the changes of one person.
func (f *fixture) historyOf(id string) int {
	f.t.Helper()
	changes, err := f.db.Changes(f.t.Context(), f.tenant, directory.ChangeQuery{PersonID: id, Limit: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	return len(changes)
}

func (f *fixture) own(id string, values map[directory.Field]any) {
	f.t.Helper()
	if _, err := f.engine.SetOwned(f.t.Context(), id, values, "shop"); err != nil {
		f.t.Fatal(err)
	}
}

// TestRow25OwnedFields: Okta gives the first value of a field that the product owns, and never another.
func TestRow25OwnedFields(t *testing.T) {
	t.Parallel()
	f := owning(t)
	if p := f.row("ada").Profile; p.Title != "Analyst" || p.Unfit[directory.CustomOf("size")] != directory.UnfitChoice {
		t.Fatalf("at first the profile is %+v; want Okta's", p)
	}
	look := map[string]func(){
		"an event":    func() { f.event(directory.PersonScope("ada")) },
		"a full sync": func() { f.mustFull() },
	}
	f.people["ada"].profile["title"] = "Countess" // not the first value
	for name, follow := range look {
		if follow(); f.row("ada").Profile.Title != "Analyst" {
			t.Errorf("after %s the title is %q; want the first", name, f.row("ada").Profile.Title)
		}
	}
	f.own("ada", map[directory.Field]any{
		directory.FieldTitle: " Enchantress ", directory.FieldDepartment: "Numbers", directory.CustomOf("nickname"): "<b>Ada\u202e",
		directory.CustomOf("size"): "LARGE", directory.CustomOf("since"): "1833-06-05",
	})
	before := f.historyOf("ada")
	for name, follow := range look {
		follow()
		p := f.row("ada")
		if p.Profile.Title != "Enchantress" || p.Profile.Department != "Numbers" || len(p.Profile.Unfit) > 0 {
			t.Errorf("after %s the profile is %+v; want the product's", name, p.Profile)
		}
		if diff := cmp.Diff(map[string]any{"nickname": "<b>Ada\u202e", "size": "Large", "since": "1833-06-05"}, p.Profile.Custom); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", name, diff)
		}
		if team, _ := directory.TeamFor("department", "Numbers"); p.TeamID != team.ID {
			t.Errorf("after %s the team is %s, want %s", name, p.TeamID, team.ID)
		}
	}
	if now := f.historyOf("ada"); now != before {
		t.Errorf("%d changes in the history, there were %d", now, before)
	}

	f.own("ada", map[directory.Field]any{directory.FieldTitle: nil}) // emptied is not unset
	for name, follow := range look {
		if follow(); f.row("ada").Profile.Title != "" {
			t.Errorf("after %s the title is %q; the product emptied it", name, f.row("ada").Profile.Title)
		}
	}
	f.own("ada", map[directory.Field]any{directory.FieldTitle: "Dr"})
	if p := f.row("ada").Profile; p.Title != "Dr" || len(p.Emptied) > 0 {
		t.Errorf("the profile is %+v; want the new title", p)
	}
	changes, err := f.db.Changes(t.Context(), f.tenant, directory.ChangeQuery{PersonID: "ada", Limit: 1, Newest: true})
	if err != nil || len(changes) != 1 {
		t.Fatal(changes, err)
	}
	want := directory.Change{Cause: directory.Cause{Kind: directory.CauseProduct, Actor: "shop"}, Fields: []directory.FieldChange{
		{Field: "title", After: "Dr"}, {Field: "emptied.title", Before: true},
	}}
	if diff := cmp.Diff(want, directory.Change{Cause: changes[0].Cause, Fields: changes[0].Fields}); diff != "" {
		t.Errorf("the last change (-want +got):\n%s", diff)
	}
}

// What the product writes while a run holds an older plan is not undone by the plan.
func TestOwnedFieldOutlivesAnOlderPlan(t *testing.T) {
	t.Parallel()
	f := owning(t)
	f.people["ada"].profile["firstName"] = "Augusta"
	f.onPage = func(int, directory.Page) {
		f.onPage = nil
		f.own("ada", map[directory.Field]any{directory.FieldTitle: "Enchantress"})
	}
	f.mustFull()
	f.mustFull()
	if p := f.row("ada").Profile; p.Title != "Enchantress" || p.FirstName != "Augusta" {
		t.Errorf("the profile is %+v; want the product's title and Okta's name", p)
	}
}

func TestOwnedFieldsRefused(t *testing.T) {
	t.Parallel()
	f := owning(t)
	for name, tt := range map[string]struct {
		id     string
		values map[directory.Field]any
		want   string
	}{
		"locked":              {"ada", map[directory.Field]any{directory.FieldLocation: "x"}, "fields.location is locked: Okta owns it (from user.city); change it in Okta, or list it under owned"},
		"locked custom":       {"ada", map[directory.Field]any{"custom.badge": 7.0}, "fields.custom.badge is locked: Okta owns it (from user.badge; type number)"},
		"unknown":             {"ada", map[directory.Field]any{"custom.shoe": "x"}, "is no field of this tenant"},
		"one of two":          {"ada", map[directory.Field]any{directory.FieldTitle: "x", "status": "active"}, "fields.status is no field of this tenant"},
		"required":            {"ada", map[directory.Field]any{directory.FieldEmail: nil}, "is required, so it cannot be emptied"},
		"required and blank":  {"ada", map[directory.Field]any{directory.FieldEmail: "  "}, "is required, so it cannot be emptied"},
		"somebody else's":     {"ada", map[directory.Field]any{directory.FieldEmail: "BOB@acme.example"}, "another person has the same value"},
		"wrong type":          {"ada", map[directory.Field]any{directory.FieldTitle: 7.0}, "is not of the field's type"},
		"a list":              {"ada", map[directory.Field]any{directory.FieldTitle: []any{"x", "y"}}, "has to be a single value"},
		"an object":           {"ada", map[directory.Field]any{directory.FieldTitle: map[string]any{}}, "is not of the field's type"},
		"too long":            {"ada", map[directory.Field]any{directory.FieldTitle: strings.Repeat("x", 5000)}, "is too long"},
		"no choice":           {"ada", map[directory.Field]any{"custom.size": "huge"}, "is none of the declared choices"},
		"no date":             {"ada", map[directory.Field]any{"custom.since": "yesterday"}, "is not a date"},
		"nothing":             {"ada", nil, "names no field"},
		"nobody":              {"eve", map[directory.Field]any{directory.FieldTitle: "x"}, "is not in the directory"},
		"none of it is taken": {"ada", map[directory.Field]any{directory.FieldTitle: "x", directory.FieldEmail: "bob@acme.example"}, "nothing was written"},
	} {
		_, err := f.engine.SetOwned(t.Context(), tt.id, tt.values, "shop")
		var invalid *directory.InvalidError
		if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.As(err, &invalid) && !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if p := f.row("ada").Profile; p.Title != "Analyst" || p.Email != "ada@acme.example" {
		t.Errorf("the profile is %+v; nothing was to be written", p)
	}
	quarantined, err := f.db.Quarantine(t.Context(), f.tenant, "", 10)
	if err != nil || len(quarantined) > 0 {
		t.Errorf("in quarantine: %v, %v", quarantined, err)
	}
}

// TestTryRules: the person is read from Okta now, each field told, and nothing written.
func TestTryRules(t *testing.T) {
	t.Parallel()
	f := owning(t)
	f.own("ada", map[directory.Field]any{directory.FieldTitle: "Enchantress"})
	before, row := f.history(), f.row("ada")
	profile := f.people["ada"].profile
	profile["city"], profile["badge"], profile["shoeSize"], profile["email"] = "London", "many", 38, ""
	delete(profile, "lastName")
	trial, err := f.engine.Try(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	told := map[directory.Field]directory.TrialField{}
	for _, field := range trial.Fields {
		told[field.Field] = field
	}
	want := map[directory.Field]directory.TrialField{
		directory.FieldTitle:    {Field: directory.FieldTitle, Rule: "from user.title", Result: "Enchantress", Owned: true, Kept: true, Okta: []directory.TrialValue{{Attribute: "user.title", Value: "Analyst"}}},
		directory.FieldLocation: {Field: directory.FieldLocation, Rule: "from user.city", Result: "London", Okta: []directory.TrialValue{{Attribute: "user.city", Value: "London"}}},
		"custom.badge":          {Field: "custom.badge", Rule: "from user.badge; type number", Unfit: directory.UnfitNumber, Okta: []directory.TrialValue{{Attribute: "user.badge", Value: "many"}}},
		"custom.nickname":       {Field: "custom.nickname", Rule: "type text", Owned: true},
	}
	for field, one := range want {
		if diff := cmp.Diff(one, told[field]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", field, diff)
		}
	}
	if len(trial.Fields) != 17 || trial.Status != directory.StatusActive || !trial.Assigned {
		t.Errorf("%d fields, status %s, assigned %t", len(trial.Fields), trial.Status, trial.Assigned)
	}
	if len(trial.Quarantine) != 1 || !strings.Contains(trial.Quarantine[0].Reason, "Okta has no last_name for this person") {
		t.Errorf("quarantine: %v; want the last name, which is required; the e-mail is the product's", trial.Quarantine)
	}
	if diff := cmp.Diff([]string{"user.shoeSize"}, trial.Ignored); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(row, f.row("ada")); diff != "" || f.history() != before {
		t.Errorf("a trial wrote something (%d changes, there were %d):\n%s", f.history(), before, diff)
	}

	f.join("cid", map[string]any{"email": "bob@acme.example"})
	if trial, err = f.engine.Try(t.Context(), "cid"); err != nil || len(trial.Quarantine) != 1 || !strings.Contains(trial.Quarantine[0].Reason, "already has the same email") {
		t.Errorf("quarantine: %v, %v; want the e-mail that bob has", trial.Quarantine, err)
	}
	if _, err := f.engine.Try(t.Context(), "nobody"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}

// TestOwnedTeamGivesItsRoles: where the product owns what makes the team, a role that is given in the person's team follows what the
// product writes, in the same commit: also out of the team, and by no later sync.
func TestOwnedTeamGivesItsRoles(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(rules *directory.Rules) {
		rules.Owned = []directory.Field{directory.FieldDepartment}
		rules.Grants = directory.GrantRules{Sets: []directory.RoleSet{{
			Name: "access", Combine: directory.CombineUnion, Roles: []directory.RoleKind{{Name: "member"}},
			Rules: []directory.GrantRule{{Name: "in-team", Role: "member", Everyone: true, TeamFrom: directory.TeamOfPerson}},
		}}}
	})
	f.join("ada", map[string]any{"department": "Engines"})
	f.mustFull()
	f.mustHave(map[string]string{"ada": "member@" + idOf("Engines")})

	before := f.lastChange().Seq
	f.own("ada", map[directory.Field]any{directory.FieldDepartment: "Numbers"})
	f.mustHave(map[string]string{"ada": "member@" + idOf("Numbers")})
	want := []string{
		"role.revoked set role team rule via", "team.created name source", "person.updated department team", "role.granted set role team rule via",
	}
	if diff := cmp.Diff(want, f.told(before)); diff != "" {
		t.Errorf("the history (-want +got):\n%s", diff)
	}
	changes, err := f.db.Changes(t.Context(), f.tenant, directory.ChangeQuery{PersonID: "ada", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if c.Seq > before && (c.Cause.Kind != directory.CauseProduct || c.Cause.Actor != "shop") {
			t.Errorf("%s has the cause %+v, want the product", c.Type, c.Cause)
		}
	}
	f.own("ada", map[directory.Field]any{directory.FieldDepartment: nil})
	f.mustHave(map[string]string{})
	if again := f.mustFull(); len(again.Counts.Changes) != 0 {
		t.Errorf("a full sync changed %v", again.Counts.Changes)
	}
}
