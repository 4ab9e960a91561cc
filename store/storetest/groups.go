package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func testGroups(f *fixture) {
	rows := []directory.Group{group("g1"), group("g2")}
	rows[1].Removed = true
	var made time.Time
	f.update(func(ctx context.Context, tx *store.Tx) error {
		made = tx.Now()
		f.must(tx.PutGroups(ctx, nil))
		return tx.PutGroups(ctx, rows)
	})
	for i := range rows {
		rows[i].CreatedAt, rows[i].UpdatedAt = made, made
	}
	f.same("new", must(f.db.Groups(f.ctx, tenant, []string{"g2", "g9", "g1"}))(f), rows)
	f.update(func(ctx context.Context, tx *store.Tx) error {
		renamed := directory.Group{ID: "g1", Name: "New", Description: "new", Type: "APP_GROUP", Removed: true, ObservedAt: at(4)}
		f.must(tx.PutGroups(ctx, []directory.Group{renamed}))
		renamed.CreatedAt, renamed.UpdatedAt = made, tx.Now()
		rows[0] = renamed
		f.same("inside", must(tx.Groups(ctx, []string{"g2", "g1"}))(f), rows)
		f.same("none", must(tx.Groups(ctx, nil))(f), nil)
		return nil
	})
	f.same("changed", must(f.db.Groups(f.ctx, tenant, []string{"g1", "g2"}))(f), rows)
}

func testTeams(f *fixture) {
	var made time.Time
	sales := directory.Team{ID: "team1", Source: "department", Name: "Sales", ManagerID: "m", FirstPerson: "u1", FirstAt: at(3), FirstManagerID: "m1"}
	ops := directory.Team{ID: "team2", Source: "division/department", Name: "Ops", ParentID: "team1", GroupID: "g1"}
	f.update(func(ctx context.Context, tx *store.Tx) error {
		made = tx.Now()
		f.must(tx.PutTeams(ctx, nil))
		f.must(tx.PutTeams(ctx, []directory.Team{sales, ops}))
		sales.CreatedAt, ops.CreatedAt = made, made
		f.same("inside", must(tx.Teams(ctx, []string{"team2", "team1", "team9"}))(f), []directory.Team{sales, ops})
		f.same("none", must(tx.Teams(ctx, nil))(f), nil)
		return nil
	})
	sales = directory.Team{ID: "team1", Source: "department", Name: "Sales!", FirstPerson: "u2", FirstAt: at(2)}
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.PutTeams(ctx, []directory.Team{sales}) })
	sales.CreatedAt = made
	f.same("rows", must(f.db.TeamsByID(f.ctx, tenant, []string{"team2", "team1", "team9"}))(f), []directory.Team{sales, ops})
	f.same("no rows", must(f.db.TeamsByID(f.ctx, tenant, nil))(f), nil)
}

// testTeamMembers: who is in a team is found by the primary and by further ones.
func testTeamMembers(f *fixture) {
	rows := people("u1", "u2", "u3")
	rows[0].TeamID, rows[0].FurtherTeams = "team1", []string{"team2", "team3"}
	rows[1].TeamID = "team2"
	rows[2].TeamID, rows[2].FurtherTeams, rows[2].Status = "team1", []string{"team2"}, directory.StatusDeactivated
	members := func(team string) (ids []string) {
		for _, p := range must(f.db.ListPeople(f.ctx, tenant, directory.PeopleQuery{TeamID: team, Limit: 10}))(f) {
			ids = append(ids, p.ID)
		}
		return ids
	}
	put := func(rows []directory.Person) {
		f.update(func(ctx context.Context, tx *store.Tx) error {
			f.must(tx.PutPeople(ctx, rows))
			f.must(tx.PutTeamMembers(ctx, nil))
			return tx.PutTeamMembers(ctx, rows)
		})
	}
	f.update(func(ctx context.Context, tx *store.Tx) error {
		return tx.PutTeams(ctx, []directory.Team{{ID: "team1"}, {ID: "team2"}, {ID: "team3"}})
	})
	put(rows)
	f.same("row", must(f.db.People(f.ctx, tenant, []string{"u1"}))(f)[0].FurtherTeams, rows[0].FurtherTeams)
	f.same("primary", members("team1"), []string{"u1", "u3"})
	f.same("primary and further", members("team2"), []string{"u1", "u2", "u3"})
	f.same("further", members("team3"), []string{"u1"})
	sizes := must(f.db.ListTeams(f.ctx, tenant, "", 10))(f)
	f.same("sizes, without who is deactivated", []int{sizes[0].People, sizes[1].People, sizes[2].People}, []int{1, 2, 1})
	teams := must(f.db.TeamsOf(f.ctx, tenant, []string{"u1", "u2", "u9"}))(f)
	slices.Sort(teams["u1"])
	f.same("teams of people", teams, map[string][]string{"u1": {"team1", "team2", "team3"}, "u2": {"team2"}})
	rows[0].FurtherTeams = []string{"team2"}
	put(rows[:1])
	f.same("no longer further", members("team3"), nil)
	f.same("still further", members("team2"), []string{"u1", "u2", "u3"})
}

func testMemberships(f *fixture) {
	gone := member("g2", "u1")
	gone.Present = false
	f.putMembers()
	f.putMembers(member("g1", "u1"), member("g1", "u2"), gone, member("g3", "u2"), member("g1", "u3"))
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.same("of people", must(tx.MembershipsOf(ctx, []string{"u2", "u1", "zz"}))(f),
			[]directory.Membership{member("g1", "u1"), gone, member("g1", "u2"), member("g3", "u2")})
		f.same("of nobody", must(tx.MembershipsOf(ctx, nil))(f), nil)
		pairs := []directory.Membership{member("g2", "u1"), member("g1", "u2"), member("g9", "zz"), member("g2", "u2")}
		f.same("of pairs", must(tx.Memberships(ctx, pairs))(f), []directory.Membership{member("g1", "u2"), gone})
		f.same("of no pairs", must(tx.Memberships(ctx, nil))(f), nil)
		return nil
	})
	back, left := gone, member("g1", "u1")
	back.Present, back.ObservedAt = true, at(7)
	left.Present, left.ObservedAt = false, at(8)
	f.putMembers(back, left)
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.same("changed", must(tx.MembershipsOf(ctx, []string{"u1"}))(f), []directory.Membership{left, back})
		return nil
	})
	f.same("members", must(f.db.GroupMembers(f.ctx, tenant, "g1", "", 10))(f), []string{"u2", "u3"})
	f.same("members after", must(f.db.GroupMembers(f.ctx, tenant, "g1", "u2", 10))(f), []string{"u3"})
	f.same("one member", must(f.db.GroupMembers(f.ctx, tenant, "g1", "", 1))(f), []string{"u2"})
}
