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
		p.mustFollow(id, boss)
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

func (p *product) mustFollow(id, manager string) {
	p.Helper()
	if row := p.person(id); row.ManagerID != manager {
		p.Errorf("the manager is %q (%s), want %q", row.ManagerID, row.ManagerProblem, manager)
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
