package main

import (
	"strings"
	"testing"

	"github.com/oktasync/oktasync/emulator"
)

func TestLogiSense(t *testing.T) {
	t.Parallel()
	p := newProduct(t, "logisense", "")
	p.comesAndGoes()
	invoices, tariffs := p.group("LogiSense Invoices"), p.group("LogiSense Tariffs")
	p.row(14, "a_group_brings_its_members", func(p *product) {
		if _, err := p.org.AssignGroup("", tariffs); err != nil {
			p.Fatal(err)
		}
		id := p.joins(emulator.NewPerson{Unassigned: true, Groups: []string{tariffs}})
		p.sync()
		p.mustBeIn(id)
		if _, err := p.org.UnassignGroup("", tariffs); err != nil {
			p.Fatal(err)
		}
		p.sync()
		p.mustBeOut(id)
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
	p.row(26, "the_field_that_tells_people_apart_is_set", func(p *product) {
		p.set("unique: [employee_number]\nmapping: {employee_number: user.customerNumber}\n")
		first := p.comes(emulator.NewPerson{Profile: map[string]any{"customerNumber": "K-17"}})
		second := p.comes(emulator.NewPerson{Profile: map[string]any{"customerNumber": "k-17"}})
		p.mustBeIn(first)
		if got := p.quarantined(second); !strings.Contains(got, "employee_number") {
			p.Errorf("the second person with a number is let in: %q", got)
		}
		p.live(second)(p.org.Update(second, map[string]any{"customerNumber": "K-18"}))
		p.mustBeIn(second)
		p.set("")
	})
	p.row(34, "groups_appear_in_the_product", func(p *product) {
		id := p.comes(emulator.NewPerson{Groups: []string{invoices}})
		if got := p.groupsOf(id); got != "LogiSense Invoices" {
			p.Errorf("the person's groups are %q", got)
		}
	})
	p.row(47, "each_group_is_a_role_group_and_one_role_stands_for_all", func(p *product) {
		id := p.comes(emulator.NewPerson{Groups: []string{invoices, tariffs}})
		p.mustHave(id, "member@"+invoices+", member@"+tariffs+", role-groups")
		fresh := p.group("LogiSense Reports") // a further group needs no setting
		p.live(id)(p.org.AddToGroup(fresh, id))
		p.mustHave(id, "member@"+invoices+", member@"+tariffs+", member@"+fresh+", role-groups")
	})
	p.row(49, "read_only_until_a_group_grants_more", func(p *product) {
		id := p.comes(emulator.NewPerson{})
		p.mustHave(id, "read-only")
		p.live(id)(p.org.AddToGroup(invoices, id))
		p.mustHave(id, "member@"+invoices+", role-groups")
		p.live(id)(p.org.RemoveFromGroup(invoices, id))
		p.mustHave(id, "read-only")
	})
}
