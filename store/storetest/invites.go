package storetest

import (
	"context"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// testInvites: u1 has none, u2 is due, u3 was sent one, u4 is due and suspended, u5 is due and gone.
func testInvites(f *fixture) {
	rows := people("u1", "u2", "u3", "u4", "u5")
	rows[3].Status, rows[3].TeamID = directory.StatusSuspended, "team2"
	rows[4].Status, rows[4].LeftAt = directory.StatusRemoved, f.now()
	f.putPeople(rows...)
	f.putMembers(member("g1", "u2"), member("g1", "u3"))
	now := f.now()
	due := func(id string, since time.Time) directory.Invite {
		return directory.Invite{PersonID: id, State: directory.InviteDue, Since: since, ReleasedBy: "ops"}
	}
	sent := directory.Invite{
		PersonID: "u3", State: directory.InviteSent, Since: at(1), ReleaseAt: at(2), ReleasedBy: "ops", Issue: "again", Attempt: "a1", AttemptedAt: now,
		LeaseUntil: at(3), RetryAt: at(4), Tries: 2, SentAt: at(5), AcceptedAt: at(6), Problem: "none",
	}
	all := []directory.Invite{due("u2", at(5)), sent, due("u4", at(1)), due("u5", at(0))}
	f.invites(all...)
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.same("rows", must(tx.Invites(ctx, []string{"u1", "u2", "u3", "u4", "u5", "u6"}))(f), all)
		next, found, err := tx.NextInvite(ctx)
		f.must(err)
		if !found {
			f.Error("nobody is next, want u2: u4 is suspended, and u5 gone")
		}
		f.same("next", next, all[0])
		f.same("nothing is to be turned", must(tx.TurnedInvites(ctx, directory.InvitesHold, 10))(f), nil)
		return nil
	})
	f.same("all rows", must(f.db.InviteRows(f.ctx, tenant, "", 10))(f), all)
	f.same("a page of rows", must(f.db.InviteRows(f.ctx, tenant, "u2", 2))(f), all[1:3])
	listed := func(sel directory.InviteSelection, after string, limit int) []string {
		f.Helper()
		var got []string
		for _, c := range must(f.db.ListInvites(f.ctx, tenant, sel, after, limit))(f) {
			got = append(got, c.PersonID+" "+string(c.State)+" "+string(c.Person.Status))
		}
		return got
	}
	held, others := []directory.InviteState{directory.InviteHeld}, []directory.InviteState{directory.InviteDue, directory.InviteSent}
	f.same("everybody's", listed(directory.InviteSelection{}, "", 10),
		[]string{"u1 held active", "u2 due active", "u3 sent active", "u4 due suspended", "u5 due removed"})
	f.same("a page", listed(directory.InviteSelection{}, "u1", 2), []string{"u2 due active", "u3 sent active"})
	f.same("held", listed(directory.InviteSelection{States: held}, "", 10), []string{"u1 held active"})
	f.same("not held", listed(directory.InviteSelection{States: others, Group: "g1"}, "", 10), []string{"u2 due active", "u3 sent active"})
	f.same("of a team", listed(directory.InviteSelection{Team: "team2"}, "", 10), []string{"u4 due suspended"})
	f.same("of some", listed(directory.InviteSelection{People: []string{"u1", "u3", "u9"}}, "", 10), []string{"u1 held active", "u3 sent active"})
	f.same("counts", must(f.db.InviteCounts(f.ctx, tenant))(f), map[directory.InviteState]int{directory.InviteHeld: 1, directory.InviteDue: 3, directory.InviteSent: 1})
	recent, ever, err := f.db.InvitesAttempted(f.ctx, tenant, time.Minute)
	f.must(err)
	f.same("attempts", []any{recent, ever}, []any{1, true})

	// What is over its time is turned, and what nobody released where the mode says that somebody has to.
	past := f.now().Add(-time.Hour)
	turned := []directory.Invite{
		{PersonID: "u1", State: directory.InviteHeld, Since: at(0), ReleaseAt: past},
		{PersonID: "u2", State: directory.InviteSending, Since: at(1), ReleasedBy: "ops", LeaseUntil: past},
		{PersonID: "u4", State: directory.InviteDue, Since: at(2)},
	}
	f.invites(append(turned, directory.Invite{PersonID: "u3", State: directory.InviteHeld, Since: at(0), ReleaseAt: f.now().Add(time.Hour)})...)
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.same("turned", must(tx.TurnedInvites(ctx, directory.InvitesHold, 10))(f), turned)
		f.same("turned, automatic", must(tx.TurnedInvites(ctx, directory.InvitesAutomatic, 10))(f), turned[:2])
		return nil
	})
	f.same("whether some are", must(f.db.InvitesTurned(f.ctx, tenant, directory.InvitesHold))(f), true)
	f.same("whether one waits", must(f.db.InviteWaits(f.ctx, tenant))(f), false)
}

func (f *fixture) invites(rows ...directory.Invite) {
	f.Helper()
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.PutInvites(ctx, rows) })
}
