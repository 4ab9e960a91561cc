package storetest

import (
	"context"
	"encoding/json"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// settle fills the neighbour with rows whose ids the tests use, and makes sure
// that it is unharmed when the test ends.
func (f *fixture) settle() {
	f.Helper()
	db, ctx := f.db, f.ctx
	their := func(p directory.Person) directory.Person {
		p.Profile.Title, p.Profile.Location, p.Hash = "Neighbour", "Next door", "theirs"
		p.Profile.ManagerIDText, p.Profile.ManagerText = "u1", "u1@login.example"
		return p
	}
	var rows []directory.Person
	for _, id := range []string{"u1", "u2", "u3", "u4", "u5", "u6", "u7", "zz"} {
		rows = append(rows, their(person(id)))
	}
	rows[5].Status, rows[6].Status = directory.StatusDeactivated, directory.StatusRemoved
	rows[6].ObservedAt = f.now().Add(24 * time.Hour) // too young to be purged
	run := directory.Run{Tenant: neighbour, ID: "r1", Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-03-01"}
	_, _, err := db.RequestRun(ctx, run, directory.Act{Tenant: neighbour, Actor: "theirs"})
	f.must(err)
	// Their full run is under way, which must not keep ours from starting.
	must(db.ClaimRun(ctx, neighbour, "r1", "w9", directory.AnyClaim, time.Hour))(f)
	f.must(db.Update(ctx, neighbour, func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutPeople(ctx, rows))
		f.must(tx.PutTeams(ctx, []directory.Team{{ID: "team1", Source: "department", Name: "Neighbours"}, {ID: "team9", Source: "x", Name: "y"}}))
		f.must(tx.PutGroups(ctx, []directory.Group{group("g1"), group("g2"), group("g9")}))
		f.must(tx.PutMemberships(ctx, []directory.Membership{member("g1", "u1"), member("g1", "u5"), member("g2", "u2"), member("g9", "zz")}))
		f.must(tx.PutManagers(ctx, []directory.ManagerEdge{{PersonID: "u2", Wanted: "u1", ManagerID: "u1"}}))
		f.must(tx.MarkManagersDirty(ctx, []string{"u1", "u2", "zz"}, nil))
		f.must(tx.ChooseManager(ctx, "u6", "00uBoss"))
		f.must(tx.SetSettledBy(ctx, "managers", "theirs"))
		f.must(tx.PutQuarantined(ctx, []directory.Quarantined{{PersonID: "u1", Reason: "theirs"}, {PersonID: "zz", Reason: "theirs"}}))
		_, err := tx.NoteIgnored(ctx, []string{"costCenter", "theirs"})
		f.must(err)
		_, err = tx.Append(ctx, []directory.Change{
			{Type: directory.PersonCreated, Subject: directory.SubjectPerson, SubjectID: "u1", PersonID: "u1"},
			{Type: directory.PersonUpdated, Subject: directory.SubjectPerson, SubjectID: "zz", PersonID: "zz"},
		})
		return err
	}))
	f.must(db.AddEvents(ctx, neighbour, []directory.Event{
		event("e1", directory.PersonScope("u1")), event("e2", directory.PersonScope("u1"), directory.GroupScope("g1")), event("theirs"),
	}))
	f.must(db.Park(ctx, neighbour, directory.GroupScope("g1"), "theirs"))
	f.must(db.ResetRun(ctx, neighbour, "r1", "w9"))
	run.State = directory.RunReading
	f.must(db.SaveStep(ctx, run, "w9", time.Hour, directory.Step{
		Pages: []directory.Page{
			{At: at(0), People: []directory.PersonSeen{{ID: "u2"}, {ID: "u3"}}, Positions: []directory.Position{{List: "people", Next: "theirs"}}},
			{At: at(0), Groups: []directory.GroupSeen{{ID: "g2"}}, Positions: []directory.Position{{List: "groups"}}},
			{At: at(0), Members: &directory.MemberPage{GroupID: "g1", IDs: []string{"u1", "u3"}, Last: true}},
		},
		Planned: []directory.PlannedChange{
			{Type: directory.PersonRemoved, Subject: directory.SubjectPerson, SubjectID: "u4", PersonID: "u4", ObservedAt: at(0)},
			{Type: directory.MembershipRemoved, Subject: directory.SubjectMembership, SubjectID: "g1", PersonID: "u1", ObservedAt: at(0)},
		},
		Notes: json.RawMessage(`"theirs"`),
	}))

	f.must(db.SaveHook(ctx, neighbour, directory.HookRecord{ID: "who9", Secret: "theirs"}))
	must(db.NoteHookCheck(ctx, neighbour, "theirs", "theirs"))(f)
	f.must(db.NoteHookUses(ctx, []directory.HookUse{{Tenant: neighbour, Secret: "aa", Uses: 7}, {Tenant: neighbour, Uses: 9}}))

	before := f.snapshot(neighbour)
	f.Cleanup(func() {
		f.ctx = context.WithoutCancel(f.ctx)
		if !f.Failed() {
			f.same("the neighbour after the test", f.snapshot(neighbour), before)
		}
	})
}

// snapshot reads a tenant through every method that reads.
func (f *fixture) snapshot(of string) map[string]any {
	f.Helper()
	db, ctx := f.db, f.ctx
	s := map[string]any{
		"people":          must(db.ListPeople(ctx, of, directory.PeopleQuery{Limit: 100}))(f),
		"teams":           must(db.ListTeams(ctx, of, "", 100))(f),
		"groups":          must(db.ListGroups(ctx, of, "", 100))(f),
		"members":         must(db.GroupMembers(ctx, of, "g1", "", 100))(f),
		"groups of u1":    must(db.GroupsOfPerson(ctx, of, "u1"))(f),
		"changes":         must(db.Changes(ctx, of, directory.ChangeQuery{Limit: 100}))(f),
		"acts":            must(db.Acts(ctx, of, directory.ActQuery{Limit: 100}))(f),
		"runs":            must(db.Runs(ctx, of, 100))(f),
		"hook":            must(db.Hook(ctx, of))(f),
		"hook uses":       must(db.HookUses(ctx, of))(f),
		"quarantine":      must(db.Quarantine(ctx, of, "", 100))(f),
		"ignored":         must(db.IgnoredAttributes(ctx, of))(f),
		"parked":          must(db.Parked(ctx, of, 100))(f),
		"state":           must(db.TenantState(ctx, of))(f),
		"ticket":          must(db.Ticket(ctx, of, directory.PersonScope("u1")))(f),
		"plan":            must(db.Plan(ctx, of, "r1", 0, 100))(f),
		"plan counts":     must(db.PlanCounts(ctx, of, "r1"))(f),
		"unseen people":   must(db.UnseenPeople(ctx, of, "r1", directory.StatusActive, "", 100))(f),
		"unseen count":    must(db.CountUnseenPeople(ctx, of, "r1", directory.StatusActive))(f),
		"unseen groups":   must(db.UnseenGroups(ctx, of, "r1"))(f),
		"waiting logins":  must(db.WaitingLogins(ctx, of))(f),
		"missing members": must(db.MissingMembers(ctx, of, "r1", directory.Membership{}, 100))(f),
		"unseen members":  must(db.UnseenMembers(ctx, of, "r1", directory.Membership{}, 100))(f),
	}
	undone := context.Canceled // any error: looking into the transaction must leave no trace
	err := db.Update(ctx, of, func(ctx context.Context, tx *store.Tx) error {
		s["memberships"] = must(tx.MembershipsOf(ctx, []string{"u1", "u2", "zz"}))(f)
		s["edges"] = must(tx.ManagerEdges(ctx, []string{"u1", "u2", "zz"}))(f)
		s["dirty"] = must(tx.TakeDirtyManagers(ctx, 100))(f)
		return undone
	})
	f.fails(err, undone)
	last, found, err := db.LastFullSync(ctx, of)
	f.must(err)
	s["last full sync"] = []any{last, found}
	date, found, err := db.LastNightly(ctx, of)
	f.must(err)
	s["last nightly"] = []any{date, found}
	s["u1"] = must(db.FindPerson(ctx, of, "u1"))(f)
	reading, resumable, err := db.Reading(ctx, of, "r1", "w9")
	f.must(err)
	reading.Age = 0 // it goes on
	s["reading"] = []any{reading, resumable}
	return s
}

// eventually polls until the condition holds.
func (f *fixture) eventually(what string, holds func() bool) {
	f.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			f.Fatalf("waited a minute for: %s", what)
		case <-tick.C:
		}
	}
}
