package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func (f *fixture) stage(run string, pages ...directory.Page) {
	f.Helper()
	for _, p := range pages {
		f.must(f.tryStage(run, p))
	}
}

func (f *fixture) tryStage(run string, page directory.Page) error {
	return f.db.SaveStep(f.ctx, directory.Run{Tenant: tenant, ID: run, State: directory.RunReading}, "w1", time.Minute,
		directory.Step{Pages: []directory.Page{page}, Notes: json.RawMessage(`{}`)})
}

func (f *fixture) plan(run string, changes ...directory.PlannedChange) {
	f.Helper()
	f.must(f.db.AppendPlan(f.ctx, tenant, run, "w1", changes))
}

func seen(people ...string) directory.Page {
	page := directory.Page{At: at(1)}
	for _, id := range people {
		page.People = append(page.People, directory.PersonSeen{ID: id, Exists: true})
	}
	return page
}

func members(seconds int, last bool, groupID string, people ...string) directory.Page {
	return directory.Page{At: at(seconds), Members: &directory.MemberPage{GroupID: groupID, IDs: people, Last: last}}
}

func ofPerson(change directory.ChangeType, id string) directory.PlannedChange {
	return directory.PlannedChange{Type: change, Subject: directory.SubjectPerson, SubjectID: id, PersonID: id, ObservedAt: at(3)}
}

func testUnseenPeople(f *fixture) {
	all := ids("p", 25)
	rows := people(all...)
	for i := range rows {
		switch {
		case i >= 20:
			rows[i].Status = directory.StatusDeactivated
		case i >= 15:
			rows[i].Status = directory.StatusSuspended
		}
	}
	f.putPeople(append(rows, func() directory.Person {
		p := person("removed")
		p.Status = directory.StatusRemoved
		return p
	}())...)
	f.run("r1", directory.FullScope())
	f.run("r2", directory.GroupScope("g1")) // sees everybody: must not count for r1
	f.stage("r2", seen(all...))

	unseen := func(status directory.Status, limit int) (found []string) {
		f.Helper()
		for {
			after := ""
			if len(found) > 0 {
				after = found[len(found)-1]
			}
			page := must(f.db.UnseenPeople(f.ctx, tenant, "r1", status, after, limit))(f)
			if len(page) > limit {
				f.Fatalf("%d people on a page of %d", len(page), limit)
			}
			if len(page) == 0 {
				f.same("count", must(f.db.CountUnseenPeople(f.ctx, tenant, "r1", status))(f), len(found))
				return found
			}
			found = append(found, page...)
		}
	}
	f.same("nobody was seen", unseen(directory.StatusActive, 4), all[:15])
	f.stage("r1", seen(all[3], all[5]), seen(all[5], "", "new", all[16]), directory.Page{At: at(1)})
	f.stage("r1", directory.Page{At: at(1), Deactivated: []directory.PersonSeen{{ID: all[21]}, {ID: all[0]}, {ID: all[22]}}})
	f.stage("r1", directory.Page{At: at(1), Deactivated: []directory.PersonSeen{{ID: all[21]}}}, seen(all[23]))
	active := slices.Clone(all[:15])
	active = slices.DeleteFunc(active, func(id string) bool { return id == all[3] || id == all[5] })
	f.same("active, also one that is listed as deactivated", unseen(directory.StatusActive, 4), active)
	f.same("active, in one page", unseen(directory.StatusActive, 100), active)
	f.same("suspended", unseen(directory.StatusSuspended, 2), []string{all[15], all[17], all[18], all[19]})
	f.same("deactivated", unseen(directory.StatusDeactivated, 1), []string{all[20], all[24]})
	f.same("removed", unseen(directory.StatusRemoved, 10), []string{"removed"})
}

func testUnseenGroups(f *fixture) {
	rows := []directory.Group{group("g1"), group("g2"), group("g3"), group("G4")}
	rows[2].Removed = true
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.PutGroups(ctx, rows) })
	f.run("r1", directory.FullScope())
	f.same("none was seen", must(f.db.UnseenGroups(f.ctx, tenant, "r1"))(f), []string{"G4", "g1", "g2"})
	f.stage("r1", directory.Page{At: at(1), Groups: []directory.GroupSeen{{ID: "g1"}, {ID: "new"}}})
	f.stage("r1", members(1, true, "g2", "u1")) // members alone do not show the group
	f.same("one was seen", must(f.db.UnseenGroups(f.ctx, tenant, "r1"))(f), []string{"G4", "g2"})
}

// pages reads a paged list of memberships and checks that the limit does not matter.
func (f *fixture) pages(read func(after directory.Membership, limit int) ([]directory.Membership, error)) []directory.Membership {
	f.Helper()
	var whole []directory.Membership
	for _, limit := range []int{1000, 3, 1} {
		var found []directory.Membership
		var after directory.Membership
		for {
			page := must(read(after, limit))(f)
			if len(page) > limit {
				f.Fatalf("%d memberships on a page of %d", len(page), limit)
			}
			if len(page) == 0 {
				break
			}
			found = append(found, page...)
			after = page[len(page)-1]
		}
		if limit == 1000 {
			whole = found
		}
		f.same(fmt.Sprintf("pages of %d", limit), found, whole)
	}
	return whole
}

func (f *fixture) missing(run string) []directory.Membership {
	f.Helper()
	return f.pages(func(after directory.Membership, limit int) ([]directory.Membership, error) {
		return f.db.MissingMembers(f.ctx, tenant, run, after, limit)
	})
}

func (f *fixture) unseen(run string) []directory.Membership {
	f.Helper()
	return f.pages(func(after directory.Membership, limit int) ([]directory.Membership, error) {
		return f.db.UnseenMembers(f.ctx, tenant, run, after, limit)
	})
}

func testMissingMembers(f *fixture) {
	rows := people("u1", "u2", "u3", "u4", "u5", "u6", "u7")
	rows[1].Status = directory.StatusSuspended
	rows[2].Status = directory.StatusDeactivated
	for i := 3; i < 7; i++ {
		rows[i].Status = directory.StatusRemoved
	}
	f.putPeople(rows...)
	gone := member("g1", "u2")
	gone.Present = false
	f.putMembers(member("g1", "u1"), gone)
	f.run("r1", directory.FullScope())
	f.stage("r1",
		members(4, false, "g1", "u1", "u2", "u3"),
		members(5, true, "g1", "u3", "u4", "u5", "u6", "u7", "joiner", "stranger"),
		members(6, true, "g0", "u1", "joiner"),
		members(7, true, "empty"),
	)
	f.plan("r1",
		ofPerson(directory.PersonCreated, "joiner"),
		ofPerson(directory.PersonReactivated, "u4"),
		ofPerson("person.quarantined", "u5"), // says nothing about the row
		ofPerson(directory.PersonRemoved, "u6"),
		ofPerson(directory.PersonManagerChanged, "u7"),
		directory.PlannedChange{Type: directory.GroupCreated, Subject: directory.SubjectGroup, SubjectID: "stranger", ObservedAt: at(3)},
	)
	at := func(seconds int, groupID, personID string) directory.Membership {
		return directory.Membership{GroupID: groupID, PersonID: personID, Present: true, ObservedAt: at(seconds)}
	}
	want := []directory.Membership{
		at(6, "g0", "joiner"), at(6, "g0", "u1"),
		at(5, "g1", "joiner"), at(4, "g1", "u2"), at(4, "g1", "u3"), at(5, "g1", "u4"),
	}
	f.same("missing", f.missing("r1"), want)
	f.stage("r1", members(9, true, "g1", "u2", "joiner")) // again
	f.same("seen twice", f.missing("r1"), want)
}

func testUnseenMembers(f *fixture) {
	f.putPeople(people("u1", "u2", "u3", "u4", "u5")...)
	gone := member("g1", "u4")
	gone.Present = false
	f.putMembers(
		member("g1", "u1"), member("g1", "u2"), member("g1", "u3"), gone, member("g1", "u5"),
		member("g2", "u1"), member("g2", "u2"), // not read to the end
		member("g3", "u1"), member("g3", "u2"), // not read at all
		member("g4", "u1"), // not read, though the plan removes it
		member("g5", "u1"), // read, and empty now
	)
	f.run("r1", directory.FullScope())
	f.stage("r1",
		members(7, false, "g1", "u1"), members(5, true, "g1", "u1", "new"),
		members(6, false, "g2", "u1"),
		members(8, true, "g5"),
	)
	f.plan("r1",
		ofPerson(directory.PersonRemoved, "u3"),     // takes its memberships along
		ofPerson(directory.PersonDeactivated, "u5"), // does not
		directory.PlannedChange{Type: directory.GroupRemoved, Subject: directory.SubjectGroup, SubjectID: "g4", ObservedAt: at(3)},
	)
	at := func(seconds int, groupID, personID string) directory.Membership {
		return directory.Membership{GroupID: groupID, PersonID: personID, Present: true, ObservedAt: at(seconds)}
	}
	want := []directory.Membership{at(5, "g1", "u2"), at(5, "g1", "u5"), at(8, "g5", "u1")}
	f.same("unseen", f.unseen("r1"), want)
	f.stage("r1", members(6, true, "g2", "u1"))
	f.same("another group is complete", f.unseen("r1"), slices.Insert(want, 2, at(6, "g2", "u2")))
}

// testUnseenMembersPaging has more groups than one question covers.
func testUnseenMembersPaging(f *fixture) {
	var have, want []directory.Membership
	groups := ids("g", 150)
	f.run("r1", directory.FullScope())
	for i, g := range groups {
		have = append(have, member(g, "u1"), member(g, "u2"))
		f.stage("r1", members(i, true, g, "u1"))
		if i%40 == 7 { // most groups have nothing to tell
			want = append(want, directory.Membership{GroupID: g, PersonID: "u2", Present: true, ObservedAt: at(i)})
			continue
		}
		f.stage("r1", members(i, true, g, "u2"))
	}
	f.putMembers(have...)
	f.same("unseen", f.unseen("r1"), want)
}

func testReset(f *fixture) {
	f.putPeople(people("u1", "u2")...)
	f.putMembers(member("g1", "u2"))
	f.run("r1", directory.FullScope())
	f.run("r2", directory.GroupScope("g1"))
	for _, run := range []string{"r1", "r2"} {
		f.stage(run, seen("u1"), members(1, true, "g1", "u1"), directory.Page{At: at(1), Groups: []directory.GroupSeen{{ID: "g1"}}})
		f.plan(run, ofPerson(directory.PersonUpdated, "u1"))
	}
	state := func(run string) []any {
		return []any{
			must(f.db.UnseenPeople(f.ctx, tenant, run, directory.StatusActive, "", 10))(f), f.missing(run), f.unseen(run),
			must(f.db.Plan(f.ctx, tenant, run, 0, 10))(f),
		}
	}
	other := state("r2")
	f.must(f.db.ResetRun(f.ctx, tenant, "r1", "w1"))
	f.must(f.db.ResetRun(f.ctx, tenant, "r1", "w1"))
	f.same("forgotten", state("r1"), []any{[]string{"u1", "u2"}, []directory.Membership(nil), []directory.Membership(nil), []directory.PlannedChange(nil)})
	f.same("the other run", state("r2"), other)
	f.stage("r1", seen("u2"))
	f.plan("r1", ofPerson(directory.PersonUpdated, "u2"))
	f.same("it starts over", must(f.db.UnseenPeople(f.ctx, tenant, "r1", directory.StatusActive, "", 10))(f), []string{"u1"})
	f.same("positions start over", must(f.db.Plan(f.ctx, tenant, "r1", 0, 10))(f)[0].Seq, int64(1))
	f.fails(f.db.ResetRun(f.ctx, tenant, "r9", "w1"), directory.ErrNotFound)

	// A run that nobody knows has seen nothing, which must not pass for an answer.
	f.fails(f.tryStage("r9", seen("u1")), directory.ErrNotFound)
	if _, err := f.db.UnseenPeople(f.ctx, tenant, "r9", directory.StatusActive, "", 10); err == nil {
		f.Error("an unknown run has unseen people")
	}
}
