package sync_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// TestDetachedPeopleAndTheGuard: under remove_from_team the guard counts who would leave like any other leaver,
// the summary lists them, and what goes through while the plan waits is what Okta itself states.
func TestDetachedPeopleAndTheGuard(t *testing.T) {
	t.Parallel()
	f := crowd(t, openDatabase(t))
	f.rules.Deprovision.Policy = directory.DeprovisionFromTeam
	f.lookAgainLater(0)
	f.leave(0, 5)
	for _, id := range []string{"p05", "p06", "p07"} {
		f.people[id].status, f.people[id].assigned = "DEPROVISIONED", false
	}
	f.people["p00"].status = "SUSPENDED" // and not assigned, which Okta's list alone shows
	run := f.held()
	if !strings.Contains(run.Error, "8 of 20 people would lose access") || run.Plan.Leavers != 8 {
		t.Errorf("the run says %q and counts %+v", run.Error, run.Plan)
	}
	for _, effect := range run.Plan.Effects {
		want := 8
		if effect.Kind == directory.SubjectGroup {
			want = 5 // three have gone through already
		}
		if effect.Lost != want {
			t.Errorf("the plan takes %d out of %s %s", effect.Lost, effect.Kind, effect.Name)
		}
	}
	detached := func() (ids []string) {
		rows, err := f.db.ListPeople(t.Context(), f.tenant, directory.PeopleQuery{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range rows {
			if p.Detached() {
				ids = append(ids, p.ID)
			}
		}
		return ids
	}
	if got := fmt.Sprint(detached()); got != "[p05 p06 p07]" {
		t.Errorf("while the plan waits, detached are %s", got)
	}
	if done := f.carryOut(run.ID); done.State != directory.RunSucceeded || done.Counts.Superseded != 3 {
		t.Errorf("approved, the run is %s: %+v", done.State, done.Counts)
	}
	if got := fmt.Sprint(detached()); got != "[p00 p01 p02 p03 p04 p05 p06 p07]" {
		t.Errorf("in the end detached are %s", got)
	}
	rows, err := f.db.People(t.Context(), f.tenant, []string{"p00", "p01"})
	if err != nil || rows[0].Status != directory.StatusSuspended || rows[1].Status != directory.StatusActive {
		t.Errorf("the accounts are %v, %v", rows, err)
	}
	if edges := f.stored(); edges["p01"].Groups != nil || edges["p01"].Team != "" || edges["p08"].Groups == nil {
		t.Errorf("p01 is %+v, p08 %+v", edges["p01"], edges["p08"])
	}
	before := f.reads
	if run := f.mustFull(); len(run.Counts.Changes) > 0 || f.reads != before {
		t.Errorf("a night later %v changed and %d were read by id", run.Counts.Changes, f.reads-before)
	}
	// Who stayed under a policy that is no more, does not stay: and that is for the guard, too.
	f.rules.Deprovision.Policy = directory.DeprovisionDelete
	f.lookAgainLater(0)
	run = f.held()
	if !strings.Contains(run.Error, "8 of 20 people would lose access") {
		t.Errorf("under another policy the run says %q", run.Error)
	}
	f.carryOut(run.ID)
	if got := detached(); got != nil {
		t.Errorf("under another policy detached are %v", got)
	}
	f.described(directory.PersonDetached, directory.SyncHeld)
}

// TestEraseOnRequest: an admin may have somebody erased who left, under any policy, once.
func TestEraseOnRequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(r *directory.Rules) { r.Deprovision.Policy = directory.DeprovisionFromTeam })
	f.join("ada", map[string]any{"department": "Works"})
	f.join("bob", map[string]any{"department": "Works"})
	f.mustFull()
	act := directory.Act{Tenant: f.tenant, Actor: "ops", Role: directory.RoleApprove, Kind: directory.ActErase, Reason: "they asked"}
	refused := func(when, id, why string) {
		t.Helper()
		_, err := f.engine.Erase(t.Context(), id, act)
		if !errors.Is(err, directory.ErrConflict) || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", when, err)
		}
	}
	refused("assigned", "ada", "has not left")
	came := f.row("ada").CreatedAt
	f.people["ada"].assigned = false
	f.event(directory.PersonScope("ada"))
	if !f.row("ada").Detached() {
		t.Fatalf("the account did not stay: %+v", f.row("ada"))
	}
	result, err := f.engine.Erase(t.Context(), "ada", act)
	if err != nil || result.Changes[directory.PersonErased] != 1 || result.Changes[directory.TeamRemoved] != 0 {
		t.Fatalf("erasing led to %v, %v", result.Changes, err)
	}
	if row := f.row("ada"); !row.IsTombstone() || row.Profile.Email != "" || row.TeamID != "" {
		t.Errorf("what is left is %+v", row)
	}
	refused("erased", "ada", "is erased already")
	acts, err := f.db.Acts(t.Context(), f.tenant, directory.ActQuery{Limit: 10})
	if err != nil || len(acts) != 1 || acts[0].Kind != directory.ActErase || acts[0].Subject != "person:ada" || acts[0].Reason != "they asked" {
		t.Errorf("the acts are %+v, %v", acts, err)
	}

	// A list that was read before brings nobody in, who is assigned again comes as a new person.
	f.people["ada"].assigned = true
	if result := f.event(directory.PersonScope("ada")); result.Changes[directory.PersonCreated] != 1 {
		t.Errorf("assigned again, the person led to %v", result.Changes)
	}
	if row := f.row("ada"); !row.Present() || !row.CreatedAt.After(came) {
		t.Errorf("assigned again, the person is %+v", row)
	}
	f.described(directory.PersonErased, directory.PersonDetached, directory.TeamCreated)
}

// TestOlderListAfterErasure: a full sync that began before somebody left does not bring them back once they are erased.
func TestOlderListAfterErasure(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(r *directory.Rules) { r.Deprovision = directory.Deprovision{Policy: directory.DeprovisionDelete} })
	f.join("ada", nil)
	f.join("bob", nil)
	f.mustFull()
	f.between = func() {
		f.between = nil
		f.people["ada"].assigned = false
		f.event(directory.PersonScope("ada"))
		if result, _, err := f.engine.EraseDue(t.Context()); err != nil || result.Changes[directory.PersonErased] != 1 {
			t.Errorf("erasing led to %v, %v", result.Changes, err)
		}
	}
	if run := f.mustFull(); run.Counts.Changes[directory.PersonCreated] > 0 {
		t.Errorf("the older list led to %v", run.Counts.Changes)
	}
	if row := f.row("ada"); !row.IsTombstone() {
		t.Errorf("after the older list the person is %+v", row)
	}
}

// TestGraceEndsWithTheReturn: only who is away for all of the grace is erased.
func TestGraceEndsWithTheReturn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(r *directory.Rules) {
		r.Deprovision = directory.Deprovision{Policy: directory.DeprovisionDelete, Grace: time.Hour}
	})
	f.join("ada", nil)
	f.mustFull()
	f.people["ada"].status = "DEPROVISIONED"
	f.event(directory.PersonScope("ada"))
	left := f.row("ada").LeftAt
	f.people["ada"].status = ""
	f.event(directory.PersonScope("ada"))
	if row := f.row("ada"); row.Status != directory.StatusRemoved || !row.LeftAt.Equal(left) {
		t.Errorf("deleted after the deactivation, the person is %+v; the grace began at %s", row, left)
	}
	f.people["ada"].status = "ACTIVE"
	f.event(directory.PersonScope("ada"))
	if row := f.row("ada"); !row.LeftAt.IsZero() || row.Status != directory.StatusActive {
		t.Errorf("back again, the person is %+v", row)
	}
}

// TestWhoMayBeBackIsNotErased: the grace may end between somebody's return and the moment when it is worked off.
func TestWhoMayBeBackIsNotErased(t *testing.T) {
	t.Parallel()
	ada := directory.PersonScope("ada")
	for name, back := range map[string]func(f *fixture) (settle func()){
		"an event waits": func(f *fixture) func() {
			f.hint(ada, "application.user_membership.add")
			return func() { f.event(ada) }
		},
		"Okta refuses to be read": func(f *fixture) func() {
			if err := f.db.Block(f.t.Context(), f.tenant, "the token is revoked"); err != nil {
				f.t.Fatal(err)
			}
			return func() {
				if err := f.db.Unblock(f.t.Context(), f.tenant); err != nil {
					f.t.Fatal(err)
				}
				f.event(ada)
			}
		},
		"quarantined": func(f *fixture) func() {
			f.people["ada"].profile["email"] = ""
			f.event(ada)
			return func() {
				f.people["ada"].profile["email"] = "ada@acme.example"
				f.event(ada)
			}
		},
		"a plan waits": func(f *fixture) func() {
			f.people["bob"].assigned, f.people["cyd"].assigned = false, false
			run := f.held()
			return func() { f.carryOut(run.ID) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(r *directory.Rules) {
				r.Deprovision = directory.Deprovision{Policy: directory.DeprovisionDelete}
				r.Required = []directory.Field{directory.FieldEmail}
				r.Limits.People = directory.Limit{Absolute: 1, Fraction: 0.1, Floor: 1}
			})
			for _, id := range []string{"ada", "bob", "cyd", "dan"} {
				f.join(id, nil)
			}
			f.mustFull()
			f.people["ada"].assigned = false
			f.event(ada)
			came := f.row("ada").CreatedAt
			f.people["ada"].assigned = true
			settle := back(f)
			if result, more, err := f.engine.EraseDue(t.Context()); err != nil || more || len(result.Changes) > 0 {
				t.Errorf("erasing led to %v, %t, %v", result.Changes, more, err)
			}
			settle()
			if row := f.row("ada"); !row.Present() || !row.CreatedAt.Equal(came) {
				t.Errorf("back again, the person is %+v", row)
			}
			// Away again, and nothing waits.
			f.people["ada"].assigned = false
			f.event(ada)
			if result, _, err := f.engine.EraseDue(t.Context()); err != nil || result.Changes[directory.PersonErased] == 0 {
				t.Errorf("away again, erasing led to %v, %v", result.Changes, err)
			}
		})
	}
}

func (f *fixture) row(id string) directory.Person {
	f.t.Helper()
	rows, err := f.db.People(f.t.Context(), f.tenant, []string{id})
	if err != nil || len(rows) != 1 {
		f.t.Fatalf("person %s has %d rows, %v", id, len(rows), err)
	}
	return rows[0]
}
