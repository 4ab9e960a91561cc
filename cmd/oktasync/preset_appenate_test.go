package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

func TestAppenate(t *testing.T) {
	t.Parallel()
	p := newProduct(t, "appenate", "")
	p.comesAndGoes()
	p.row(12, "passwords_are_never_taken_over", func(p *product) {
		id := p.comes(emulator.NewPerson{})
		p.apps[id] = map[string]any{"password": "correct-horse"} // some apps have such an attribute
		p.sync()
		row, err := json.Marshal(p.person(id))
		if err != nil || strings.Contains(string(row), "correct-horse") {
			p.Errorf("the row holds the password: %s, %v", row, err)
		}
	})
	p.row(15, "single_people_are_assigned", func(p *product) {
		id := p.joins(emulator.NewPerson{Unassigned: true})
		p.live(id)(p.org.Assign("", id))
		p.mustBeIn(id)
	})
	p.row(16, "at_setup_or_later", func(p *product) {
		before := p.joins(emulator.NewPerson{})
		p.sync()
		p.mustBeIn(before)
		p.mustBeIn(p.comes(emulator.NewPerson{}))
	})
	p.row(17, "names_and_address", func(p *product) {
		id := p.comes(emulator.NewPerson{FirstName: "Ada", LastName: "Byron", Email: "ada@acme.example"})
		if got := p.person(id).Profile; got.FirstName != "Ada" || got.LastName != "Byron" || got.Email != "ada@acme.example" {
			p.Errorf("the profile is %+v", got)
		}
	})
	p.row(18, "without_one_of_the_three_nobody_comes_in", func(p *product) {
		for _, attribute := range []string{"firstName", "lastName", "email"} {
			id := p.comes(emulator.NewPerson{Login: attribute + "less@acme.example", Profile: map[string]any{attribute: nil}})
			if row := p.person(id); row.Present() || p.quarantined(id) == "" {
				p.Errorf("without %s the person is %q, quarantined because %q", attribute, row.Status, p.quarantined(id))
			}
			value := map[string]any{attribute: "found"}
			if attribute == "email" {
				value[attribute] = "found@acme.example"
			}
			p.live(id)(p.org.Update(id, value))
			p.mustBeIn(id)
		}
	})
	p.row(19, "the_address_is_unique_and_the_user_name", func(p *product) {
		first := p.comes(emulator.NewPerson{Login: "m.one@corp.example", Email: "shared@acme.example"})
		if got := p.person(first).Profile.Login; got != "shared@acme.example" {
			p.Errorf("the user name is %q", got)
		}
		second := p.comes(emulator.NewPerson{Login: "m.two@corp.example", Email: "Shared@acme.example"})
		if row := p.person(second); row.Present() || !strings.Contains(p.quarantined(second), "email") {
			p.Errorf("the second one with the address is %q, quarantined because %q", row.Status, p.quarantined(second))
		}
	})
	p.row(25, "only_the_selected_details_are_taken_over", func(p *product) {
		id := p.comes(emulator.NewPerson{Title: "Fitter", Department: "Works"})
		before := p.person(id)
		if before.Profile.Title != "" || before.Profile.Department != "" || before.TeamID != "" {
			p.Errorf("the profile is %+v", before.Profile)
		}
		p.live(id)(p.org.Update(id, map[string]any{"title": "Foreman", "city": "Oslo", "department": "Yard"}))
		changes, err := p.db.Changes(p.Context(), p.tenant.Slug, directory.ChangeQuery{PersonID: id, Limit: 100})
		if err != nil {
			p.Fatal(err)
		}
		for _, c := range changes {
			if c.Type == directory.PersonUpdated {
				p.Errorf("what nobody selected is a change: %+v", c)
			}
		}
	})
	p.row(27, "the_role_comes_with_the_profile_of_the_app", func(p *product) {
		id := p.comes(emulator.NewPerson{})
		for _, is := range [][2]string{{"ReadOnly", "read-only"}, {"User", "user"}, {"Admin", "admin"}, {"Root", "app-only"}} {
			p.apps[id] = map[string]any{"role": is[0]}
			p.hears(id, "application.user_membership.change_username")
			p.mustHave(id, is[1])
		}
		chief := p.joins(emulator.NewPerson{})
		p.apps[chief] = map[string]any{"role": "EnterpriseAdmin"}
		p.sync()
		p.mustHave(chief, "enterprise-admin")
	})
	p.row(50, "the_app_alone_until_a_role_opens_the_portal", func(p *product) {
		id := p.comes(emulator.NewPerson{})
		p.mustHave(id, "app-only")
		p.apps[id] = map[string]any{"role": "User"}
		p.hears(id, "user.account.update_profile")
		p.mustHave(id, "user")
		p.apps[id] = nil
		p.hears(id, "user.account.update_profile")
		p.mustHave(id, "app-only")
	})
}
