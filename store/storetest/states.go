package storetest

import (
	"context"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// did appends changes, which write no rows.
func (f *fixture) did(changes ...directory.Change) {
	f.Helper()
	f.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Append(ctx, changes)
		return err
	})
}

func about(kind directory.ChangeType, id string, fields ...directory.FieldChange) directory.Change {
	return directory.Change{Type: kind, Subject: directory.SubjectPerson, SubjectID: id, PersonID: id, Fields: fields}
}

func field(name string, before, after any) directory.FieldChange {
	return directory.FieldChange{Field: name, Before: before, After: after}
}

// What subjects were like is their rows, with later changes taken back.
func testStates(f *fixture) {
	row := person("u1")
	row.Profile.Title, row.TeamID, row.Profile.Custom = "Boss", "t2", map[string]any{"floor": 3.0}
	f.putPeople(row, person("u2").Tombstone())
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutManagers(ctx, []directory.ManagerEdge{{PersonID: "u1", ManagerID: "u7", Wanted: "u7"}}))
		f.must(tx.PutTeams(ctx, []directory.Team{{ID: "t1", Source: "department", Name: "New name"}}))
		g := group("g1")
		g.Description = ""
		return tx.PutGroups(ctx, []directory.Group{g})
	})
	of := func(kind directory.ChangeType, subject directory.SubjectKind, id string, fields ...directory.FieldChange) directory.Change {
		return directory.Change{Type: kind, Subject: subject, SubjectID: id, Fields: fields}
	}
	f.did(about(directory.PersonCreated, "u1", field("status", nil, "active"), field("title", nil, "Clerk"), field("team", nil, "t1"), field("custom.cost", nil, 1.5)),
		of(directory.TeamCreated, directory.SubjectTeam, "t1", field("name", nil, "Old name"), field("source", nil, "department")),
		directory.Change{Type: directory.MembershipAdded, Subject: directory.SubjectMembership, SubjectID: "g1", PersonID: "u1"})
	f.did(about(directory.PersonManagerChanged, "u1", field("manager", nil, "u7")),
		of(directory.GroupUpdated, directory.SubjectGroup, "g1", field("description", "about g1", nil)),
		of("team.renamed", directory.SubjectTeam, "t1", field("name", "Old name", "New name")))
	f.did(about(directory.PersonSuspended, "u1", field("status", "active", "suspended")),
		about(directory.PersonReactivated, "u1", field("status", "suspended", "active"), field("title", "Clerk", "Boss"), field("team", "t1", "t2"),
			field("custom.cost", 1.5, nil), field("custom.floor", nil, 3.0)),
		of(directory.SyncCompleted, directory.SubjectRun, "r1", field("state", nil, "succeeded"), field("error", nil, nil)))

	page := must(f.db.Feed(f.ctx, tenant, directory.ChangeQuery{Limit: 50, States: true}))(f)
	now := directory.Person{ID: "u1", Status: directory.StatusActive, OktaStatus: "ACTIVE", Assignment: "USER", Profile: row.Profile, TeamID: "t2", ManagerID: "u7"}
	clerk := now
	clerk.Profile.Title, clerk.TeamID, clerk.Profile.Custom = "Clerk", "t1", map[string]any{"cost": 1.5}
	off, alone := clerk, clerk
	off.Status, alone.ManagerID = directory.StatusSuspended, ""
	old, renamed := directory.Team{ID: "t1", Source: "department", Name: "Old name"}, directory.Team{ID: "t1", Source: "department", Name: "New name"}
	want := []directory.State{
		{Person: &alone}, {Team: &old}, {Membership: &directory.Membership{GroupID: "g1", PersonID: "u1", Present: true}},
		{Person: &clerk}, {Group: &directory.Group{ID: "g1", Name: "Group g1", Type: "OKTA_GROUP"}}, {Team: &renamed},
		{Person: &off}, {Person: &now}, {Values: map[string]any{"state": "succeeded"}},
	}
	for i, c := range page.Changes {
		f.same("after "+string(c.Type), *c.State, want[i])
	}
	for _, q := range []directory.ChangeQuery{{After: 3, Limit: 1}, {PersonID: "u1", Limit: 2}, {Newest: true, Limit: 2}, {Types: []directory.ChangeType{directory.PersonSuspended}, Limit: 1}} {
		q.States = true
		for _, c := range must(f.db.Feed(f.ctx, tenant, q))(f).Changes {
			f.same("in another page, after "+string(c.Type), *c.State, want[c.Seq-1])
		}
	}
	plain := must(f.db.Feed(f.ctx, tenant, directory.ChangeQuery{Limit: 1}))(f)
	f.same("nobody asked", plain.Changes[0].State == nil, true)

	// Lives that ended: of who was erased nothing is known any more; it is of whom only the row is gone.
	f.did(about(directory.PersonCreated, "u2", field("status", nil, "active"), field("title", nil, nil)),
		about(directory.PersonErased, "u2"),
		about(directory.PersonCreated, "u3", field("status", nil, "active"), field("title", nil, "Cook")),
		about(directory.PersonRemoved, "u3", field("status", "active", "removed")),
		about(directory.PersonUpdated, "u4", field("title", "Cook", "Chef")))
	page = must(f.db.Feed(f.ctx, tenant, directory.ChangeQuery{After: 9, Limit: 50, States: true}))(f)
	cook := directory.Person{ID: "u3", Status: directory.StatusActive, Profile: directory.Profile{Title: "Cook"}}
	gone := cook
	gone.Status = directory.StatusRemoved
	for i, want := range []*directory.State{nil, {Person: &directory.Person{ID: "u2", Status: directory.StatusRemoved}}, {Person: &cook}, {Person: &gone}, nil} {
		if got := page.Changes[i].State; (got == nil) != (want == nil) {
			f.Errorf("the state after change %d is %+v, want %+v", page.Changes[i].Seq, got, want)
		} else if want != nil {
			f.same("of an earlier life", *got, *want)
		}
	}
}

// testLongHistories: a page ends before the person who makes it read too much, but for the first, and nothing is left out.
func testLongHistories(f *fixture) {
	f.happen("u1", "u2", "u2", "u1", "u3", "u2", "u1", "u3")
	read := func(later int) (pages [][]int64) {
		for after := int64(0); ; {
			page := must(f.db.Feed(f.ctx, tenant, directory.ChangeQuery{After: after, Limit: 6, States: true, Later: later}))(f)
			if len(page.Changes) == 0 {
				return pages
			}
			var seqs []int64
			for _, c := range page.Changes {
				seqs = append(seqs, c.Seq)
			}
			after = seqs[len(seqs)-1]
			pages = append(pages, seqs)
			f.same("cut", page.Cut, len(seqs) < 6 && after < 8)
		}
	}
	f.same("all may be read", read(0), [][]int64{{1, 2, 3, 4, 5, 6}, {7, 8}})
	f.same("one person's", read(2), [][]int64{{1}, {2, 3}, {4, 5, 6, 7, 8}})
	f.same("none, and yet it goes on", read(1), [][]int64{{1}, {2, 3}, {4}, {5, 6, 7, 8}})
}
