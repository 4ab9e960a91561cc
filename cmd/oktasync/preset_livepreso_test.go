package main

import (
	"fmt"
	"testing"

	"github.com/oktasync/oktasync/emulator"
)

func TestLivePreso(t *testing.T) {
	t.Parallel()
	p := newProduct(t, "livepreso", "license_caps: {salesperson: 5, prep-user: 1}\n")
	sales, prep, office := p.group("LivePreso Salesperson"), p.group("LivePreso Prep User"), p.group("LivePreso Manager")
	p.group("Somebody else's")
	p.comesAndGoes()
	p.row(14, "a_group_brings_its_members", func(p *product) {
		crew := p.group("Crew")
		if _, err := p.org.AssignGroup("", crew); err != nil {
			p.Fatal(err)
		}
		id := p.joins(emulator.NewPerson{Unassigned: true, Groups: []string{crew}})
		p.sync()
		p.mustBeIn(id)
		later := p.joins(emulator.NewPerson{Unassigned: true})
		p.live(later)(p.org.AddToGroup(crew, later))
		p.mustBeIn(later)
	})
	p.row(34, "the_groups_of_the_rules_appear_and_no_others", func(p *product) {
		p.sync()
		groups, err := p.db.ListGroups(p.Context(), p.tenant.Slug, "", 100)
		if err != nil {
			p.Fatal(err)
		}
		var names []string
		for _, g := range groups {
			names = append(names, g.Name)
		}
		if got := fmt.Sprint(names); got != "[LivePreso Salesperson LivePreso Prep User LivePreso Manager]" {
			p.Errorf("the groups in the directory are %s", got)
		}
	})
	p.row(35, "a_group_that_was_there_before_may_be_used", func(p *product) {
		existing := p.group("Field staff")
		id := p.comes(emulator.NewPerson{Groups: []string{existing}})
		p.mustHave(id, "")
		p.set("license_caps: {salesperson: 5}\nrule_groups: {salespeople: " + existing + "}\n")
		p.sync()
		p.mustHave(id, "salesperson")
	})
	ids := fmt.Sprintf("rule_groups: {salespeople: %s, prep-users: %s, head-office: %s}\n", sales, prep, office)
	p.set("license_caps: {salesperson: 5, prep-user: 1}\n" + ids)
	p.row(39, "a_renamed_group_keeps_the_mapping_by_id", func(p *product) {
		id := p.comes(emulator.NewPerson{Groups: []string{sales}})
		p.live(id)(p.org.RenameGroup(sales, "LivePreso - All Sellers"))
		p.sync()
		p.mustHave(id, "salesperson")
		if got := p.groupsOf(id); got != "LivePreso - All Sellers" {
			p.Errorf("the person's groups are %q", got)
		}
		p.live(id)(p.org.Deactivate(id))
	})
	p.row(40, "a_group_grants_the_standard_license", func(p *product) {
		id := p.comes(emulator.NewPerson{})
		p.mustHave(id, "")
		p.live(id)(p.org.AddToGroup(sales, id))
		p.mustHave(id, "salesperson")
		p.live(id)(p.org.RemoveFromGroup(sales, id))
		p.mustHave(id, "")
	})
	p.row(41, "an_optional_group_grants_a_second_license", func(p *product) {
		id := p.comes(emulator.NewPerson{Groups: []string{sales, prep}})
		p.mustHave(id, "prep-user, salesperson")
		p.live(id)(p.org.RemoveFromGroup(prep, id))
		p.mustHave(id, "salesperson")
		p.live(id)(p.org.Deactivate(id))
	})
	p.row(42, "an_optional_group_grants_head_office_access", func(p *product) {
		id := p.comes(emulator.NewPerson{Groups: []string{office}})
		p.mustHave(id, "manager")
	})
	p.row(43, "beyond_the_cap_people_appear_without_a_license", func(p *product) {
		p.set("license_caps: {salesperson: 2}\n" + ids)
		p.sync()
		var sellers []string
		for range 4 {
			sellers = append(sellers, p.comes(emulator.NewPerson{Groups: []string{sales}}))
		}
		for i, want := range []string{"salesperson", "salesperson", "salesperson (waits as 1)", "salesperson (waits as 2)"} {
			p.mustBeIn(sellers[i])
			p.mustHave(sellers[i], want)
		}
		p.live(sellers[0])(p.org.Deactivate(sellers[0]))
		p.mustHave(sellers[2], "salesperson")
		p.mustHave(sellers[3], "salesperson (waits as 1)")
	})
	p.row(43, "until_the_number_is_set_nobody_has_one", func(p *product) {
		id := p.comes(emulator.NewPerson{Groups: []string{sales}})
		p.set(ids)
		if caps := p.tenant.LicensePools; caps[0].Cap != 0 || caps[1].Cap != 0 {
			p.Errorf("the preset gives out licenses that nobody said were bought: %+v", caps)
		}
		p.mustBeIn(id)
	})
}
