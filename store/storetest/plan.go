package storetest

import (
	"encoding/json"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

func testPlan(f *fixture) {
	f.run("r1", directory.FullScope())
	after, err := json.Marshal(person("u1"))
	f.must(err)
	changes := []directory.PlannedChange{
		{
			Seq:  77, // set by the store
			Type: directory.PersonUpdated, Subject: directory.SubjectPerson, SubjectID: "u1", PersonID: "u1", BeforeHash: "abc", ObservedAt: at(1),
			Fields: []directory.FieldChange{{Field: "title", Before: nil, After: "A \" \\ 日本"}, {Field: "tags", Before: []any{"a"}, After: true}},
			After:  after,
		},
		{Type: directory.TeamCreated, Subject: directory.SubjectTeam, SubjectID: "team1", ObservedAt: at(2)},
		{Type: directory.MembershipRemoved, Subject: directory.SubjectMembership, SubjectID: "g1", PersonID: "u1", ObservedAt: at(3), After: json.RawMessage(`{"Present":false}`)},
	}
	f.plan("r1")
	f.plan("r1", changes[:2]...)
	f.plan("r1", changes[2])
	for i := range changes {
		changes[i].Seq = int64(i + 1)
	}
	f.same("all", must(f.db.Plan(f.ctx, tenant, "r1", 0, 10))(f), changes)
	f.same("a page", must(f.db.Plan(f.ctx, tenant, "r1", 1, 1))(f), changes[1:2])
	f.same("the end", must(f.db.Plan(f.ctx, tenant, "r1", 3, 10))(f), nil)
	f.same("another run", must(f.db.Plan(f.ctx, tenant, "r9", 0, 10))(f), nil)
	f.fails(f.db.AppendPlan(f.ctx, tenant, "r9", "w1", changes), directory.ErrNotFound)

	amended := changes[1]
	amended.Type, amended.Fields = directory.TeamRemoved, []directory.FieldChange{{Field: "name", Before: "Sales"}}
	f.must(f.db.AmendPlan(f.ctx, tenant, "r1", "w1", []directory.PlannedChange{amended}))
	f.same("amended", must(f.db.Plan(f.ctx, tenant, "r1", 0, 10))(f), []directory.PlannedChange{changes[0], amended, changes[2]})
	f.must(f.db.AmendPlan(f.ctx, tenant, "r1", "w1", changes[1:2]))
	f.fails(f.db.AmendPlan(f.ctx, tenant, "r1", "w9", changes[:1]), directory.ErrBusy)
	f.must(f.db.AmendPlan(f.ctx, tenant, "r1", "w9", nil))

	f.same("of some types", must(f.db.PlanOf(f.ctx, tenant, "r1", []directory.ChangeType{directory.TeamCreated, directory.MembershipRemoved}, 0, 1))(f), changes[1:2])
	f.same("of some types, the next page", must(f.db.PlanOf(f.ctx, tenant, "r1", []directory.ChangeType{directory.TeamCreated, directory.MembershipRemoved}, 2, 10))(f), changes[2:])
	f.same("of none", must(f.db.PlanOf(f.ctx, tenant, "r1", nil, 0, 10))(f), nil)
	left := member("g2", "u2")
	left.Present = false
	f.putMembers(member("g1", "u1"), member("g1", "u2"), member("g2", "u1"), member("g2", "u3"), left)
	f.same("groups of people", must(f.db.GroupsOfPeople(f.ctx, tenant, []string{"u1", "u2", "u9"}))(f), map[string]int{"g1": 2, "g2": 1})
	f.same("groups of nobody", len(must(f.db.GroupsOfPeople(f.ctx, tenant, nil))(f)), 0)

	var back directory.Person
	f.must(json.Unmarshal(must(f.db.Plan(f.ctx, tenant, "r1", 0, 1))(f)[0].After, &back))
	f.same("the row comes back", back, person("u1"))

	// More than one batch, in order.
	f.run("r2", directory.GroupScope("g1"))
	for i := range 3 {
		var batch []directory.PlannedChange
		for j := range 500 {
			batch = append(batch, ofPerson(directory.PersonCreated, fmt.Sprintf("p%d-%03d", i, j)))
		}
		f.plan("r2", batch...)
	}
	next := int64(0)
	for {
		page := must(f.db.Plan(f.ctx, tenant, "r2", next, 400))(f)
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			next++
			f.same("position and person", []any{c.Seq, c.PersonID}, []any{next, fmt.Sprintf("p%d-%03d", (next-1)/500, (next-1)%500)})
		}
	}
	f.same("changes", next, int64(1500))
}

func testPlanCounts(f *fixture) {
	rows := people("u1", "u2", "u3", "u4", "u5")
	rows[1].Status = directory.StatusSuspended
	rows[3].Status, rows[4].Status = directory.StatusDeactivated, directory.StatusRemoved
	f.putPeople(rows...)
	left := member("g1", "u5")
	left.Present = false
	f.putMembers(member("g1", "u1"), member("g1", "u2"), left, member("g2", "u1"), member("g3", "u1"))
	f.run("r1", directory.FullScope())
	f.same("an empty plan", must(f.db.PlanCounts(f.ctx, tenant, "r1"))(f), directory.PlanCounts{PeopleBefore: 3})

	ofMember := func(change directory.ChangeType, groupID, personID string) directory.PlannedChange {
		return directory.PlannedChange{Type: change, Subject: directory.SubjectMembership, SubjectID: groupID, PersonID: personID, ObservedAt: at(1)}
	}
	f.plan("r1",
		ofPerson(directory.PersonDeactivated, "u1"), ofPerson(directory.PersonRemoved, "u2"), ofPerson(directory.PersonUpdated, "u3"),
		ofPerson(directory.PersonRemoved, "u4"), // was deactivated: nobody loses access
		ofMember(directory.MembershipRemoved, "g2", "u1"), ofMember(directory.MembershipRemoved, "g1", "u1"),
		ofMember(directory.MembershipRemoved, "g1", "u2"), ofMember(directory.MembershipAdded, "g3", "u2"),
	)
	f.same("counts", must(f.db.PlanCounts(f.ctx, tenant, "r1"))(f), directory.PlanCounts{
		ByType: map[directory.ChangeType]int{
			directory.PersonDeactivated: 1, directory.PersonRemoved: 2, directory.PersonUpdated: 1,
			directory.MembershipRemoved: 3, directory.MembershipAdded: 1,
		},
		PeopleBefore: 3, PeopleLeave: 2,
		Groups: []directory.GroupRemovalCount{{GroupID: "g1", Before: 2, Leave: 2}, {GroupID: "g2", Before: 1, Leave: 1}},
	})
}
