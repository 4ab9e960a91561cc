package storetest

import (
	"context"
	"errors"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func testFindPerson(f *fixture) {
	rows := people("u1", "u2", "u3", "u4", "u5", "u6")
	rows[1].Profile.Email = "u1@login.example" // somebody's login is another one's e-mail
	rows[2].Profile.Email, rows[3].Profile.Email = "twins@mail.example", "Twins@mail.example"
	rows[4].Status = directory.StatusRemoved
	rows[4].Profile.Login = "u6@login.example" // a login that moved on
	rows[4].Profile.Email = "left@mail.example"
	rows[5].Profile.Email = rows[5].Profile.Login
	f.putPeople(rows...)
	tests := []struct {
		name, who, want string
		err             error
	}{
		{"id", "u3", "u3", nil},
		{"id of one who left", "u5", "u5", nil},
		{"login, folded", " U2@LOGIN.example", "u2", nil},
		{"e-mail", "u1@mail.example", "u1", nil},
		{"a login goes before an e-mail", "u1@login.example", "u1", nil},
		{"a present person goes before one who left", "u6@login.example", "u6", nil},
		{"e-mail of one who left", "left@mail.example", "u5", nil},
		{"two with one e-mail", "twins@mail.example", "", directory.ErrAmbiguous},
		{"an id in other case", "U3", "", directory.ErrNotFound},
		{"nobody", "nobody@mail.example", "", directory.ErrNotFound},
		{"only the neighbour's", "zz", "", directory.ErrNotFound},
		{"blank", " ", "", directory.ErrNotFound},
	}
	for _, test := range tests {
		found, err := f.db.FindPerson(f.ctx, tenant, test.who)
		if test.err != nil {
			f.fails(err, test.err)
			continue
		}
		f.must(err)
		f.same(test.name, found.ID, test.want)
		f.same(test.name+": hash", found.Hash, "hash "+test.want)
	}
}

func testListPeople(f *fixture) {
	rows := people("a", "b", "c", "d", "e")
	rows[1].Status, rows[2].Status = directory.StatusSuspended, directory.StatusRemoved
	rows[3].TeamID, rows[4].TeamID = "team2", ""
	rows[3].Profile.Unfit = map[directory.Field]directory.Unfit{directory.FieldPicture: directory.UnfitPicture}
	f.putPeople(rows...)
	tests := []struct {
		name  string
		query directory.PeopleQuery
		want  []string
	}{
		{"all", directory.PeopleQuery{Limit: 10}, []string{"a", "b", "c", "d", "e"}},
		{"a page", directory.PeopleQuery{Limit: 2, After: "b"}, []string{"c", "d"}},
		{"active", directory.PeopleQuery{Limit: 10, Status: directory.StatusActive}, []string{"a", "d", "e"}},
		{"removed", directory.PeopleQuery{Limit: 10, Status: directory.StatusRemoved}, []string{"c"}},
		{"of a team", directory.PeopleQuery{Limit: 10, TeamID: "team1"}, []string{"a", "b", "c"}},
		{"of whom something does not fit", directory.PeopleQuery{Limit: 10, Unfit: true}, []string{"d"}},
		{"active, of a team, after", directory.PeopleQuery{Limit: 10, TeamID: "team1", Status: directory.StatusActive, After: "a"}, nil},
	}
	for _, test := range tests {
		var got []string
		for _, p := range must(f.db.ListPeople(f.ctx, tenant, test.query))(f) {
			got = append(got, p.ID)
		}
		f.same(test.name, got, test.want)
	}
}

func testListGroups(f *fixture) {
	f.same("no teams", must(f.db.ListTeams(f.ctx, tenant, "", 10))(f), nil)
	f.same("no groups", must(f.db.ListGroups(f.ctx, tenant, "", 10))(f), nil)
	rows := people("u1", "u2", "u3", "u4")
	rows[1].Status, rows[2].Status = directory.StatusSuspended, directory.StatusDeactivated
	rows[3].TeamID = "team2"
	groups := []directory.Group{group("g1"), group("g2"), group("g3")}
	groups[2].Removed = true
	gone := member("g2", "u1")
	gone.Present = false
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutPeople(ctx, rows))
		f.must(tx.PutTeams(ctx, []directory.Team{{ID: "team1", Source: "department", Name: "One"}, {ID: "team2", Name: "Two"}, {ID: "team3"}}))
		f.must(tx.PutGroups(ctx, groups))
		return tx.PutMemberships(ctx, []directory.Membership{member("g1", "u1"), member("g1", "u2"), gone, member("g2", "u2"), member("g3", "u1")})
	})
	times := cmpopts.IgnoreFields(directory.Group{}, "CreatedAt", "UpdatedAt")
	teamTimes := cmpopts.IgnoreFields(directory.Team{}, "CreatedAt")

	teams := []directory.TeamSize{
		{Team: directory.Team{ID: "team1", Source: "department", Name: "One"}, People: 2},
		{Team: directory.Team{ID: "team2", Name: "Two"}, People: 1},
		{Team: directory.Team{ID: "team3"}},
	}
	f.same("teams", must(f.db.ListTeams(f.ctx, tenant, "", 10))(f), teams, teamTimes)
	f.same("a page of teams", must(f.db.ListTeams(f.ctx, tenant, "team1", 1))(f), teams[1:2], teamTimes)

	f.same("a team", must(f.db.TeamSize(f.ctx, tenant, "team1"))(f), teams[0], teamTimes)
	merged := directory.Team{ID: "team3", Name: "Tres", OktaName: "Three", MergedInto: "team1", Removed: true}
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutTeams(ctx, []directory.Team{merged}))
		f.same("a row that is merged", must(tx.Teams(ctx, []string{"team3"}))(f), []directory.Team{merged}, teamTimes)
		return nil
	})
	f.same("merged", must(f.db.MergedTeams(f.ctx, tenant, "", 10))(f), []directory.Team{merged}, teamTimes)
	f.same("merged, behind it", must(f.db.MergedTeams(f.ctx, tenant, "team3", 10))(f), nil)
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.same("aliases", must(tx.TeamAliases(ctx))(f), directory.TeamAliases{"team3": "team1"})
		f.must(tx.PutTeams(ctx, []directory.Team{{ID: "team4"}, {ID: "team5", ParentID: "team4"}, {ID: "team6"}}))
		f.same("teams below", []bool{must(tx.TeamsBelow(ctx, "team4"))(f), must(tx.TeamsBelow(ctx, "team5"))(f)}, []bool{true, false})
		f.must(tx.PutTeamMembers(ctx, []directory.Person{{ID: "u1", FurtherTeams: []string{"team6"}}}))
		empty := must(tx.EmptyTeams(ctx, []string{"team1", "team3", "team4", "team5", "team6", "nothing"}))(f)
		f.same("empty", empty, []directory.Team{{ID: "team5", ParentID: "team4"}}, teamTimes)
		f.must(tx.MarkTeamMembers(ctx, []string{"team1", "team6"}))
		f.same("queued", must(tx.TakeTeamsDirty(ctx, 2))(f), []string{"u1", "u2"})
		f.same("the rest", must(tx.TakeTeamsDirty(ctx, 9))(f), []string{"u3"})
		f.must(tx.MarkTeamsLeft(ctx, []string{"team2", "team1", "team2"}))
		f.same("left", must(tx.TakeTeamsLeft(ctx, 1))(f), []string{"team1"})
		f.must(tx.MarkTeamsLeft(ctx, nil))
		f.same("all", must(tx.TakeTeamsLeft(ctx, 9))(f), []string{"team1", "team2", "team4", "team5", "team6"})
		f.same("none", must(tx.TakeTeamsLeft(ctx, 9))(f), nil)
		for i, id := range []string{"team4", "team5", "team6"} {
			f.must(tx.PutTeams(ctx, []directory.Team{{ID: id, ParentID: []string{"", "team4", ""}[i], Removed: true}}))
		}
		return nil
	})
	f.same("without the merged one", must(f.db.ListTeams(f.ctx, tenant, "", 10))(f), teams[:2], teamTimes)
	f.same("nor by id", must(f.db.TeamsByID(f.ctx, tenant, []string{"team2", "team3"}))(f), []directory.Team{teams[1].Team}, teamTimes)
	for _, id := range []string{"team3", "nothing"} {
		_, err := f.db.TeamSize(f.ctx, tenant, id)
		f.same("no team "+id, errors.Is(err, directory.ErrNotFound), true)
	}

	sizes := []directory.GroupSize{{Group: groups[0], Members: 2}, {Group: groups[1], Members: 1}}
	f.same("groups", must(f.db.ListGroups(f.ctx, tenant, "", 10))(f), sizes, times)
	f.same("a page of groups", must(f.db.ListGroups(f.ctx, tenant, "g1", 10))(f), sizes[1:], times)

	all := []directory.Membership{member("g1", "u1"), member("g1", "u2"), member("g2", "u2"), member("g3", "u1")}
	f.same("memberships", must(f.db.ListMemberships(f.ctx, tenant, directory.Membership{}, 10))(f), all)
	f.same("a page of memberships", must(f.db.ListMemberships(f.ctx, tenant, all[0], 2))(f), all[1:3])
	f.same("memberships after a group's last", must(f.db.ListMemberships(f.ctx, tenant, all[1], 10))(f), all[2:])
	f.same("groups of a person", must(f.db.GroupsOfPerson(f.ctx, tenant, "u1"))(f), groups[:1], times)
	f.same("groups of another", must(f.db.GroupsOfPerson(f.ctx, tenant, "u2"))(f), groups[:2], times)
	f.same("groups of nobody", must(f.db.GroupsOfPerson(f.ctx, tenant, "u9"))(f), nil)
}
