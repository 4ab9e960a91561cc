package storetest

import (
	"context"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// testLeft: u1 is here, u2 left long ago, u3 a moment ago, u4's account stayed, and of u5 nothing is kept.
func testLeft(f *fixture) {
	rows := people("u1", "u2", "u3", "u4", "u5")
	rows[1].Status, rows[1].LeftAt = directory.StatusRemoved, f.now().Add(-time.Hour)
	rows[2].Status, rows[2].LeftAt = directory.StatusDeactivated, f.now()
	rows[3].LeftAt = f.now().Add(-2 * time.Hour)
	rows[4] = directory.Person{ID: "u5", ObservedAt: at(0), GroupsObservedAt: at(0), LeftAt: f.now()}.Tombstone()
	f.putPeople(rows...)
	f.putMembers(member("g1", "u1"))
	stored := must(f.db.People(f.ctx, tenant, []string{"u1", "u4"}))(f)
	if !stored[0].LeftAt.IsZero() || !stored[1].LeftAt.Equal(rows[3].LeftAt) || !stored[1].Detached() {
		f.Errorf("left at %s and %s, want never and %s", stored[0].LeftAt, stored[1].LeftAt, rows[3].LeftAt)
	}
	f.same("left an hour ago", must(f.db.LeftFor(f.ctx, tenant, time.Hour, 10))(f), []string{"u2"})
	f.same("left just now", must(f.db.LeftFor(f.ctx, tenant, 0, 10))(f), []string{"u2", "u3"})
	f.same("one of them", must(f.db.LeftFor(f.ctx, tenant, 0, 1))(f), []string{"u2"})
	f.same("present", must(f.db.CountPeople(f.ctx, tenant, directory.StatusActive))(f), 1)

	f.run("r1", directory.FullScope())
	f.stage("r1", members(1, true, "g1", "u1", "u4"))
	f.same("unseen", must(f.db.UnseenPeople(f.ctx, tenant, "r1", directory.StatusActive, "", 10))(f), []string{"u1"})
	f.same("how many", must(f.db.CountUnseenPeople(f.ctx, tenant, "r1", directory.StatusActive))(f), 1)
	f.same("unseen and detached", must(f.db.UnseenDetached(f.ctx, tenant, "r1", "", 10))(f), []string{"u4"})
	f.same("after u4", must(f.db.UnseenDetached(f.ctx, tenant, "r1", "u4", 10))(f), nil)
	f.same("members that are missing", must(f.db.MissingMembers(f.ctx, tenant, "r1", directory.Membership{}, 10))(f), nil)
	f.plan("r1", ofPerson(directory.PersonDetached, "u1"), ofPerson(directory.PersonDetached, "u4"))
	counts := must(f.db.PlanCounts(f.ctx, tenant, "r1"))(f)
	if counts.PeopleLeave != 1 || counts.PeopleBefore != 1 {
		f.Errorf("%d of %d people leave, want 1 of 1", counts.PeopleLeave, counts.PeopleBefore)
	}
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.same("identified", must(tx.Identify(ctx, []string{"u1", "u4"}))(f), []directory.Identity{{
			PersonID: "u1", Login: rows[0].Profile.Login, Email: rows[0].Profile.Email, EmployeeNumber: rows[0].Profile.EmployeeNumber, Name: rows[0].Profile.Name(),
		}})
		return nil
	})
	// Whoever comes after a tombstone is new.
	made := must(f.db.People(f.ctx, tenant, []string{"u5"}))(f)[0].CreatedAt
	f.putPeople(person("u5"))
	if again := must(f.db.People(f.ctx, tenant, []string{"u5"}))(f)[0]; !again.CreatedAt.After(made) {
		f.Errorf("after a tombstone of %s the row was made at %s", made, again.CreatedAt)
	}
}
