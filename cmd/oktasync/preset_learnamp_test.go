package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

func TestLearnAmp(t *testing.T) {
	t.Parallel()
	p := newProduct(t, "learnamp", "")
	p.comesAndGoes()
	p.row(5, "reactivation_restores_the_person", func(p *product) {
		id := p.comes(emulator.NewPerson{Department: "Works", Title: "Fitter"})
		before := p.person(id)
		p.live(id)(p.org.Deactivate(id))
		p.mustBeOut(id)
		p.live(id)(p.org.Activate(id))
		p.live(id)(p.org.Assign("", id))
		p.mustBeIn(id)
		if after := p.person(id); after.TeamID != before.TeamID || after.Profile.Title != "Fitter" || !after.CreatedAt.Equal(before.CreatedAt) {
			p.Errorf("the person came back as %+v, and was %+v", after, before)
		}
	})
	p.row(6, "deletion_in_okta_is_an_event_of_its_own", func(p *product) {
		id := p.comes(emulator.NewPerson{})
		p.live(id)(p.org.Delete(id))
		p.mustBeOut(id)
		if got := p.person(id).Status; got != directory.StatusRemoved {
			p.Errorf("the person is %q", got)
		}
	})
	p.row(16, "at_setup_or_later", func(p *product) {
		before := p.joins(emulator.NewPerson{})
		p.sync()
		p.mustBeIn(before)
		p.mustBeIn(p.comes(emulator.NewPerson{}))
	})
	p.row(17, "names_and_address", func(p *product) {
		got := p.profile(emulator.NewPerson{FirstName: "Ada", LastName: "Byron", Email: "ada@acme.example"})
		if got.FirstName != "Ada" || got.LastName != "Byron" || got.Email != "ada@acme.example" {
			p.Errorf("the profile is %+v", got)
		}
	})
	p.row(20, "title_language_location", func(p *product) {
		got := p.profile(emulator.NewPerson{Title: "Fitter", Profile: map[string]any{"preferredLanguage": "nb", "city": "Oslo"}})
		if got.Title != "Fitter" || got.Language != "nb" || got.Location != "Oslo" {
			p.Errorf("the profile is %+v", got)
		}
	})
	p.row(21, "picture", func(p *product) {
		got := p.profile(emulator.NewPerson{Profile: map[string]any{"profileUrl": "https://pictures.example/ada.png"}})
		if got.Picture != "https://pictures.example/ada.png" {
			p.Errorf("the picture is %q", got.Picture)
		}
	})
	p.row(22, "manager", func(p *product) {
		boss := p.comes(emulator.NewPerson{})
		id := p.comes(emulator.NewPerson{Manager: boss})
		p.mustFollow(id, boss, directory.ManagerFromOkta)
	})
	p.row(23, "the_department_becomes_the_primary_team", func(p *product) {
		id := p.comes(emulator.NewPerson{Department: "Harbour"})
		p.mustBeInTeam(id, "Harbour")
		p.live(id)(p.org.Move(id, "Shipyard", ""))
		p.mustBeInTeam(id, "Shipyard")
	})
	p.row(24, "custom_fields_only_where_declared", func(p *product) {
		got := p.profile(emulator.NewPerson{Profile: map[string]any{"startDate": "2026-03-01", "shoeSize": "43"}})
		if diff := cmp.Diff(map[string]any{"start_date": "2026-03-01"}, got.Custom); diff != "" {
			p.Errorf("custom fields (-want +got):\n%s", diff)
		}
		ignored, err := p.db.IgnoredAttributes(p.Context(), p.tenant.Slug)
		if err != nil || !slices.Contains(ignored, "user.shoeSize") {
			p.Errorf("what is not declared is not told: %v, %v", ignored, err)
		}
	})
	p.row(29, "own_manager_wins", func(p *product) {
		boss, other := p.comes(emulator.NewPerson{}), p.comes(emulator.NewPerson{})
		id := p.comes(emulator.NewPerson{Department: "Sales", Manager: boss})
		p.lead(id, other)
		p.mustFollow(id, boss, directory.ManagerFromOkta)
	})
	p.row(30, "teams_have_none_until_an_admin_sets_the_fallback", func(p *product) {
		boss := p.comes(emulator.NewPerson{})
		without := p.comes(emulator.NewPerson{Department: "Support", Profile: map[string]any{"managerId": nil, "manager": nil}})
		p.mustFollow(without, "", "")
		p.lead(without, boss)
		p.mustFollow(without, boss, directory.ManagerFromTeam)
	})
	p.row(31, "an_admins_choice_for_a_person_goes_before", func(p *product) {
		boss, other := p.comes(emulator.NewPerson{}), p.comes(emulator.NewPerson{})
		id := p.comes(emulator.NewPerson{Manager: boss})
		if _, err := p.engine.ChooseManager(p.Context(), id, other, directory.Act{Tenant: p.tenant.Slug, Actor: "anna", Kind: directory.ActPersonManager}); err != nil {
			p.Fatal(err)
		}
		p.mustFollow(id, other, directory.ManagerFromAdmin)
		p.sync()
		p.mustFollow(id, other, directory.ManagerFromAdmin)
	})
	p.row(33, "a_setting_selects_how_managers_are_handled", func(p *product) {
		p.set("managers: {mode: first_member}\n")
		p.sync()
		p.row(28, "the_primary_teams_manager_is_yours", func(p *product) {
			boss, head := p.comes(emulator.NewPerson{}), p.comes(emulator.NewPerson{})
			id := p.comes(emulator.NewPerson{Department: "Foundry", Manager: boss})
			p.lead(id, head)
			p.mustFollow(id, head, directory.ManagerFromTeam)
		})
		p.row(32, "the_first_member_brings_the_teams_manager", func(p *product) {
			boss, other := p.comes(emulator.NewPerson{}), p.comes(emulator.NewPerson{})
			first := p.comes(emulator.NewPerson{Department: "Laboratory", Manager: boss})
			later := p.comes(emulator.NewPerson{Department: "Laboratory", Manager: other})
			p.mustFollow(first, boss, directory.ManagerFromFirst)
			p.mustFollow(later, boss, directory.ManagerFromFirst)
		})
		p.set("")
		p.sync()
	})
	p.row(46, "memberships_follow_live", func(p *product) {
		crew := p.group("Crew")
		id := p.comes(emulator.NewPerson{})
		p.live(id)(p.org.AddToGroup(crew, id))
		if got := p.groupsOf(id); got != "Crew" {
			p.Errorf("the person's groups are %q", got)
		}
		p.live(id)(p.org.RemoveFromGroup(crew, id))
		if got := p.groupsOf(id); got != "" {
			p.Errorf("the person's groups are %q", got)
		}
	})
	p.row(62, "nobody_is_invited_before_the_launch", func(p *product) {
		id := p.comes(emulator.NewPerson{})
		p.sync()
		if got := p.invite(id); got.State != directory.InviteHeld {
			p.Errorf("the invite is %q", got.State)
		}
		if waits, err := p.db.InviteWaits(p.Context(), p.tenant.Slug); err != nil || waits {
			p.Errorf("something waits to go out: %t, %v", waits, err)
		}
	})
	p.set("invites: {mode: automatic, send_by: product}\n")
	p.row(63, "after_the_launch_the_invite_goes_out_at_once", func(p *product) {
		id := p.comes(emulator.NewPerson{})
		if got := p.invite(id); got.State != directory.InviteDue {
			p.Errorf("the invite is %q", got.State)
		}
	})
	p.row(64, "whatever_the_start_date", func(p *product) {
		id := p.comes(emulator.NewPerson{Profile: map[string]any{"startDate": "2999-01-01"}})
		if got := p.invite(id); got.State != directory.InviteDue || p.person(id).Profile.Custom["start_date"] != "2999-01-01" {
			p.Errorf("the invite is %+v", got)
		}
	})
}

// profile is what the directory has of somebody who comes.
func (p *product) profile(n emulator.NewPerson) directory.Profile {
	p.Helper()
	return p.person(p.comes(n)).Profile
}

func (p *product) mustFollow(id, manager string, source directory.ManagerSource) {
	p.Helper()
	if row := p.person(id); row.ManagerID != manager || row.ManagerSource != source {
		p.Errorf("the manager is %q by %q (%s), want %q by %q", row.ManagerID, row.ManagerSource, row.ManagerProblem, manager, source)
	}
}

// lead makes somebody the manager of a person's team, as an admin does.
func (p *product) lead(ofTeamOf, manager string) {
	p.Helper()
	if _, err := p.engine.SetTeamManager(p.Context(), p.person(ofTeamOf).TeamID, manager, directory.Act{Tenant: p.tenant.Slug, Actor: "anna", Kind: directory.ActTeamManager}); err != nil {
		p.Fatal(err)
	}
}

func (p *product) mustBeInTeam(id, name string) {
	p.Helper()
	teams, err := p.db.ListTeams(p.Context(), p.tenant.Slug, "", 100)
	if err != nil {
		p.Fatal(err)
	}
	of := p.person(id).TeamID
	i := slices.IndexFunc(teams, func(t directory.TeamSize) bool { return t.ID == of })
	if i < 0 || teams[i].Name != name {
		p.Errorf("the person's team is %q of %+v, want %s", of, teams, name)
	}
}

func (p *product) invite(id string) directory.Invite {
	p.Helper()
	list, err := p.db.ListInvites(p.Context(), p.tenant.Slug, directory.InviteSelection{People: []string{id}}, "", 10)
	if err != nil || len(list) != 1 {
		p.Fatalf("the invites of %s: %d, %v", id, len(list), err)
	}
	return list[0].Invite
}
