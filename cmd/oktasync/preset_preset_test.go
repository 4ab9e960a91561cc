package main

import (
	"testing"

	"github.com/oktasync/oktasync/emulator"
)

func TestPreset(t *testing.T) {
	t.Parallel()
	p := newProduct(t, "preset", "")
	p.row(8, "people_assigned_before_are_brought_by_the_first_sync", func(p *product) {
		id := p.joins(emulator.NewPerson{})
		p.sync()
		p.mustBeIn(id)
		p.mustHave(id, "team-member")
	})
	p.comesAndGoes()
	admins, editors, owners := p.group("Preset Team Admins"), p.group("Preset Workspace Sales Editors"), p.group("Preset Workspace Ops Owners")
	p.row(7, "leaving_takes_out_of_the_team_and_the_account_stays", func(p *product) {
		id := p.comes(emulator.NewPerson{Groups: []string{admins, editors}})
		p.mustHave(id, "team-admin, workspace-editor@"+editors)
		p.live(id)(p.org.Unassign("", id))
		p.mustBeOut(id)
		if row := p.person(id); !row.Detached() || row.Profile.Email == "" {
			p.Errorf("the account is %q and its address %q; it should have stayed", row.Status, row.Profile.Email)
		}
		if got := p.groupsOf(id); got != "" {
			p.Errorf("the person is still in %s", got)
		}
	})
	p.row(34, "groups_appear_in_the_product", func(p *product) {
		plain := p.group("Preset Guests")
		p.group("Canteen")
		id := p.comes(emulator.NewPerson{Groups: []string{plain, "Canteen"}})
		if got := p.groupsOf(id); got != "Preset Guests" {
			p.Errorf("the person's groups are %q", got)
		}
		p.mustHave(id, "team-member")
	})
	p.row(44, "groups_map_to_roles_of_the_team_and_of_workspaces", func(p *product) {
		id := p.comes(emulator.NewPerson{})
		p.mustHave(id, "team-member")
		p.live(id)(p.org.AddToGroup(editors, id))
		p.mustHave(id, "team-member, workspace-editor@"+editors)
		p.live(id)(p.org.AddToGroup(owners, id))
		p.mustHave(id, "team-member, workspace-editor@"+editors+", workspace-owner@"+owners)
		p.live(id)(p.org.AddToGroup(admins, id))
		p.live(id)(p.org.RemoveFromGroup(editors, id))
		p.mustHave(id, "team-admin, workspace-owner@"+owners)
	})
	p.row(44, "by_id_a_name_is_only_a_name", func(p *product) {
		p.set("rule_groups: {workspace-owners: " + owners + "}\n")
		id := p.comes(emulator.NewPerson{Groups: []string{owners}})
		p.live(id)(p.org.RenameGroup(owners, "Whatever"))
		p.sync()
		p.mustHave(id, "team-member, workspace-owner@"+owners)
	})
}
