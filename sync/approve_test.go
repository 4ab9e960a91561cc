package sync_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// crowd is an org of twenty in two groups, of which one run may take two people and two members.
func crowd(t testing.TB, db *store.DB) *fixture {
	t.Helper()
	f := newTenant(t, db, "acme", func(r *directory.Rules) {
		r.Limits.People = directory.Limit{Absolute: 100, Fraction: 0.1}
		r.Limits.Members = directory.Limit{Absolute: 100, Fraction: 0.1}
	})
	f.groups = map[string]string{"g-all": "All hands", "g-two": "Second"}
	for i := range 20 {
		h := f.join(fmt.Sprintf("p%02d", i), map[string]any{"department": "Works"})
		h.groups["g-all"], h.groups["g-two"] = true, true
	}
	f.mustFull()
	return f
}

// held runs a full sync that the guard has to stop with a whole plan.
func (f *fixture) held() directory.Run {
	f.t.Helper()
	run, err := f.full()
	var held *directory.HeldError
	if !errors.As(err, &held) || held.RunID != run.ID || run.State != directory.RunHeld || run.PlannedAt == nil || run.FinishedAt != nil {
		f.t.Fatalf("the run is %s, want it to wait with a plan: %v, %+v", run.State, err, run)
	}
	return run
}

func approval(who string) directory.Act {
	return directory.Act{Actor: who, Role: directory.RoleApprove, Kind: directory.ActApprove, Reason: "the site was closed"}
}

func (f *fixture) approve(id string) {
	f.t.Helper()
	run, err := f.engine.Approve(f.t.Context(), id, approval("ops"))
	if err != nil || run.State != directory.RunApplying {
		f.t.Fatalf("approved, the run is %q: %v", run.State, err)
	}
}

// carryOut approves a run and applies its plan.
func (f *fixture) carryOut(id string) directory.Run {
	f.t.Helper()
	f.approve(id)
	if _, err := f.engine.Run(f.t.Context(), id, directory.AnyClaim); err != nil {
		f.t.Fatal(err)
	}
	return f.stand(id)
}

func (f *fixture) stand(id string) directory.Run {
	f.t.Helper()
	run, err := f.db.Run(f.t.Context(), f.tenant, id)
	if err != nil {
		f.t.Fatal(err)
	}
	return run
}

// leave ends the assignment of some.
func (f *fixture) leave(from, to int) {
	for i := from; i < to; i++ {
		f.people[fmt.Sprintf("p%02d", i)].assigned = false
	}
}

func TestApprovedPlanIsApplied(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": openDatabase, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := crowd(t, open(t))
			before := f.stored()
			f.leave(0, 8)
			f.people["p10"].profile["title"] = "Chief"
			run := f.held()
			sameDirectory(t, f, before)
			alerts, err := f.db.DueAlerts(t.Context(), directory.AlertWebhook, time.Hour, time.Minute, 10)
			if err != nil || len(alerts) != 1 || alerts[0].RunID != run.ID || alerts[0].Kind != directory.AlertRunHeld || !strings.Contains(alerts[0].Sentence, "8 of 20 people") {
				t.Errorf("alerts %+v, %v; want one about the run", alerts, err)
			}
			if waiting, err := f.db.HeldRuns(t.Context()); err != nil || len(waiting) != 1 || waiting[0].ID != run.ID {
				t.Errorf("waiting are %+v, %v", waiting, err)
			}

			done := f.carryOut(run.ID)
			if done.State != directory.RunSucceeded || done.Counts.Changes[directory.PersonRemoved] != 8 || done.Counts.Superseded != 0 || done.Error != "" {
				t.Errorf("the run is %s with %+v: %s", done.State, done.Counts, done.Error)
			}
			f.compare(everyone(f))
			if f.checks.Load() != 1 {
				t.Errorf("Okta was asked %d times how it is, want once", f.checks.Load())
			}
			decision := &directory.Decision{Approved: true, By: "ops", At: done.Decision.At, Reason: "the site was closed"}
			if diff := cmp.Diff(decision, done.Decision); diff != "" || time.Since(done.Decision.At) > time.Minute {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			changes, err := f.db.Changes(t.Context(), f.tenant, directory.ChangeQuery{Newest: true, Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			cause := directory.Cause{Kind: directory.CauseManual, RunID: run.ID, Approval: decision}
			if diff := cmp.Diff(cause, changes[0].Cause); diff != "" {
				t.Errorf("cause of the last change (-want +got):\n%s", diff)
			}
			acts, err := f.db.Acts(t.Context(), f.tenant, directory.ActQuery{Limit: 10})
			if err != nil || len(acts) != 1 {
				t.Fatalf("acts %v, %v; want one", acts, err)
			}
			want := directory.Act{ID: acts[0].ID, Tenant: f.tenant, At: acts[0].At, Actor: "ops", Role: directory.RoleApprove, Kind: directory.ActApprove,
				Subject: "full", RunID: run.ID, Reason: "the site was closed"}
			if diff := cmp.Diff(want, acts[0]); diff != "" {
				t.Errorf("act (-want +got):\n%s", diff)
			}
			if last, found, err := f.db.LastFullSync(t.Context(), f.tenant); err != nil || !found || last.Before(done.Decision.At) {
				t.Errorf("the last full sync was at %s, %v", last, err)
			}
		})
	}
}

// TestApprovalLeavesWhatMovedOn: whatever events showed since the plan was made stays.
func TestApprovalLeavesWhatMovedOn(t *testing.T) {
	t.Parallel()
	f := crowd(t, openDatabase(t))
	f.leave(0, 8)
	for i := 10; i < 16; i++ { // they leave a group
		delete(f.people[fmt.Sprintf("p%02d", i)].groups, "g-two")
	}
	f.people["p16"].profile["title"] = "Chief"
	f.people["p17"].profile["title"] = "Chief"
	f.join("new", nil)
	f.groups["g-all"] = "Everybody"
	run := f.held()

	f.people["p00"].assigned = true // is back
	f.event(directory.PersonScope("p00"))
	f.people["p01"].status = "DEPROVISIONED" // left in another way
	f.event(directory.PersonScope("p01"))
	f.people["p10"].groups["g-two"] = true // is in the group again
	f.event(directory.PersonScope("p10"))
	f.people["p16"].profile["title"] = "Owner"
	f.event(directory.PersonScope("p16"))
	f.people["new"].profile["title"] = "Newcomer"
	f.event(directory.PersonScope("new"))
	f.people["p18"].profile["title"] = "Later" // not known to the plan
	f.event(directory.PersonScope("p18"))
	done := f.carryOut(run.ID)
	// p00, p01, p10 in g-two, p16, new, and the name of g-all, which these events brought along.
	if done.State != directory.RunSucceeded || done.Counts.Superseded != 6 || done.Counts.Changes[directory.PersonRemoved] != 6 {
		t.Errorf("the run is %s with %+v: %s", done.State, done.Counts, done.Error)
	}
	f.compare(everyone(f))
}

// TestApprovalLeavesGroupsThatWereReadSince: an event had a group read as a whole, found nothing to change,
// and the plan that waited knows less.
func TestApprovalLeavesGroupsThatWereReadSince(t *testing.T) {
	t.Parallel()
	f := crowd(t, openDatabase(t))
	f.leave(0, 8)
	for i := 10; i < 16; i++ {
		delete(f.people[fmt.Sprintf("p%02d", i)].groups, "g-two")
	}
	f.groups["g-two"], f.groups["g-all"] = "Renamed", "Everybody"
	run := f.held()

	for i := 10; i < 16; i++ {
		f.people[fmt.Sprintf("p%02d", i)].groups["g-two"] = true
	}
	f.groups["g-two"] = "Second"
	f.event(directory.GroupScope("g-two"))
	done := f.carryOut(run.ID)
	// Six memberships and the name.
	if done.State != directory.RunSucceeded || done.Counts.Superseded != 7 || done.Counts.Changes[directory.GroupUpdated] != 1 {
		t.Errorf("the run is %s with %+v: %s", done.State, done.Counts, done.Error)
	}
	f.compare(everyone(f))
}

// TestApprovalOfMendedRecords: who was in quarantine when the plan was made and is not any more.
func TestApprovalOfMendedRecords(t *testing.T) {
	t.Parallel()
	f := crowd(t, openDatabase(t))
	f.leave(0, 8)
	f.people["p10"].profile["email"] = ""
	f.join("new", map[string]any{"email": ""})
	run := f.held()
	f.people["p10"].profile["email"] = "ten@acme.example"
	f.event(directory.PersonScope("p10"))
	f.people["new"].profile["email"] = "new@acme.example"
	f.event(directory.PersonScope("new"))
	if done := f.carryOut(run.ID); done.Counts.Superseded != 2 || done.Counts.Quarantined != 0 {
		t.Errorf("counts %+v", done.Counts)
	}
	if list, err := f.db.Quarantine(t.Context(), f.tenant, "", 10); err != nil || len(list) != 0 {
		t.Errorf("in quarantine: %v, %v", list, err)
	}
	f.compare(everyone(f))
}

func TestDecisionsThatAreRefused(t *testing.T) {
	t.Parallel()
	type step func(f *fixture, id string)
	approved := func(f *fixture, id string) { f.approve(id) }
	for name, test := range map[string]struct {
		step   step
		refuse string // in the sentence
		kind   error
		reject string // in the sentence of a rejection; empty: it is possible
	}{
		"applied":  {func(f *fixture, id string) { f.carryOut(id) }, "was approved already, by ops at ", directory.ErrConflict, "was approved already"},
		"approved": {approved, "it is applying", directory.ErrConflict, "was approved already"},
		"rejected": {func(f *fixture, id string) { f.reject(id) }, "was rejected already, by ops at ", directory.ErrConflict, "was rejected already"},
		"outdated": {func(f *fixture, _ string) { f.held() }, "is outdated: run 00000000-", directory.ErrConflict, "is outdated"},
		"too old":  {func(f *fixture, id string) { f.age(id) }, "is too old: it was made at ", directory.ErrConflict, ""},
		"blocked":  {func(f *fixture, _ string) { f.block("the token is dead") }, "while the tenant rests: the token is dead", directory.ErrConflict, ""},
		"app gone": {func(f *fixture, _ string) {
			f.checkErr = &directory.TerminalError{Err: errors.New("the app is INACTIVE")}
		}, "Okta is not well: the app is INACTIVE", directory.ErrConflict, ""},
		"refused": {func(f *fixture, _ string) {
			f.checkErr = &directory.CredentialsError{Advice: "make a token", Err: errors.New("401")}
		}, "make a token", directory.ErrConflict, ""},
		"Okta busy": {func(f *fixture, _ string) {
			f.checkErr = &directory.RetryAfterError{Wait: time.Second, Err: errors.New("429")}
		}, "429", nil, ""},
		"another app": {func(f *fixture, _ string) { f.name = ", another one" }, "of another Okta org or app", directory.ErrConflict, ""},
		"no plan":     {func(f *fixture, id string) { f.unplan(id) }, "reading stopped before its plan was complete", directory.ErrConflict, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := crowd(t, openDatabase(t))
			f.leave(0, 8)
			run := f.held()
			test.step(f, run.ID)
			before := f.stored()
			_, err := f.engine.Approve(t.Context(), run.ID, approval("second"))
			if err == nil || !strings.Contains(err.Error(), test.refuse) || test.kind != nil && !errors.Is(err, test.kind) {
				t.Errorf("approved: %v, want %q", err, test.refuse)
			}
			var later *directory.RetryAfterError
			if test.kind == nil && !errors.As(err, &later) {
				t.Errorf("approved: %v, want it to be possible later", err)
			}
			sameDirectory(t, f, before)
			_, err = f.engine.Reject(t.Context(), run.ID, approval("second"))
			if (err == nil) != (test.reject == "") || err != nil && !strings.Contains(err.Error(), test.reject) {
				t.Errorf("rejected: %v, want %q", err, test.reject)
			}
			for _, act := range f.acts() {
				if act.Actor == "second" && test.reject != "" {
					t.Errorf("what was refused is among the acts: %+v", act)
				}
			}
		})
	}
	t.Run("of another tenant", func(t *testing.T) {
		t.Parallel()
		db := openDatabase(t)
		f := crowd(t, db)
		f.leave(0, 8)
		run := f.held()
		other := newTenant(t, db, "zenith", nil)
		for what, do := range map[string]func(context.Context, string, directory.Act) (directory.Run, error){"approve": other.engine.Approve, "reject": other.engine.Reject} {
			if _, err := do(t.Context(), run.ID, approval("stranger")); !errors.Is(err, directory.ErrNotFound) {
				t.Errorf("%s: %v, want not found", what, err)
			}
		}
		if now := f.stand(run.ID); now.State != directory.RunHeld {
			t.Errorf("the run is %s", now.State)
		}
	})
	t.Run("under way", func(t *testing.T) {
		t.Parallel()
		f := crowd(t, openDatabase(t))
		f.between = func() {
			f.between = nil
			runs, err := f.db.Runs(t.Context(), f.tenant, 1)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := f.engine.Approve(t.Context(), runs[0].ID, approval("ops")); err == nil || !strings.Contains(err.Error(), "is reading and has no plan yet") {
				t.Errorf("approved: %v", err)
			}
		}
		f.mustFull()
	})
}

func (f *fixture) reject(id string) {
	f.t.Helper()
	act := approval("ops")
	act.Kind = directory.ActReject
	if run, err := f.engine.Reject(f.t.Context(), id, act); err != nil || run.State != directory.RunRejected || run.FinishedAt == nil || run.Decision.Approved {
		f.t.Fatalf("rejected, the run is %+v, %v", run, err)
	}
}

func (f *fixture) acts() []directory.Act {
	f.t.Helper()
	acts, err := f.db.Acts(f.t.Context(), f.tenant, directory.ActQuery{Limit: 100})
	if err != nil {
		f.t.Fatal(err)
	}
	return acts
}

func (f *fixture) block(reason string) {
	f.t.Helper()
	if err := f.db.Block(f.t.Context(), f.tenant, reason); err != nil {
		f.t.Fatal(err)
	}
}

// again writes a run that waits anew, as another one would have left it.
func (f *fixture) again(id string, change func(*directory.Run)) {
	f.t.Helper()
	f.approve(id) // the only way to a run that somebody may write
	run, err := f.db.ClaimRun(f.t.Context(), f.tenant, id, "test", directory.AnyClaim, time.Minute)
	if err != nil {
		f.t.Fatal(err)
	}
	run.State = directory.RunHeld
	change(&run)
	if err := f.db.SaveRun(f.t.Context(), run, "test", 0); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) age(id string) {
	f.again(id, func(r *directory.Run) {
		planned, until := r.PlannedAt.Add(-25*time.Hour), r.WaitsUntil.Add(-25*time.Hour)
		r.PlannedAt, r.WaitsUntil = &planned, &until
	})
}

func (f *fixture) unplan(id string) { f.again(id, func(r *directory.Run) { r.PlannedAt = nil }) }

// TestTwoDecideAtOnce: exactly one wins, and the plan is applied or not accordingly.
func TestTwoDecideAtOnce(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": openDatabase, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := crowd(t, open(t))
			f.leave(0, 8)
			for round := range 5 {
				run := f.held()
				decide := []func(context.Context, string, directory.Act) (directory.Run, error){
					f.engine.Reject, f.engine.Reject, f.engine.Approve, f.engine.Approve, f.engine.Reject,
				}
				if round < 4 {
					decide = []func(context.Context, string, directory.Act) (directory.Run, error){f.engine.Reject, f.engine.Reject, f.engine.Reject}
				}
				refusals := make([]error, len(decide))
				var all sync.WaitGroup
				for i, do := range decide {
					all.Go(func() { _, refusals[i] = do(t.Context(), run.ID, approval(fmt.Sprint("admin", i))) })
				}
				all.Wait()
				winners := 0
				for i, err := range refusals {
					switch {
					case err == nil:
						winners++
						if by := f.stand(run.ID).Decision.By; by != fmt.Sprint("admin", i) {
							t.Errorf("admin%d won, and the run says %s", i, by)
						}
					case !errors.Is(err, directory.ErrConflict):
						t.Errorf("admin%d: %v, want a conflict", i, err)
					}
				}
				if winners != 1 || len(f.acts()) != round+1 {
					t.Errorf("%d won, %d acts in round %d; want one more", winners, len(f.acts()), round)
				}
			}
		})
	}
}

// TestApprovedPlanSurvivesAKill: the process dies between two batches, and another one goes on.
func TestApprovedPlanSurvivesAKill(t *testing.T) {
	t.Parallel()
	f := crowd(t, openDatabase(t))
	f.leave(0, 8)
	run := f.held()
	f.approve(run.ID)
	ctx, kill := context.WithCancel(t.Context())
	dying := dirsync.New(dirsync.Options{Tenant: f.tenant, Rules: f.rules, Source: f.world, Owner: "A", Now: time.Now, NewID: f.runID,
		Store: smallBatches{engineStore{f.db}, 3, func(after int64) {
			if after >= 6 {
				kill()
			}
		}}})
	if _, err := dying.Run(ctx, run.ID, directory.AnyClaim); err == nil {
		t.Fatal("the run ended before it was killed")
	}
	if half := f.stand(run.ID); half.State != directory.RunApplying || half.Progress.Applied != 6 {
		t.Fatalf("killed, the run is %s after %d", half.State, half.Progress.Applied)
	}
	// The nightly run of meanwhile has to wait, or it would take half of a plan for the truth.
	nightly := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-01-02"}
	if _, _, err := f.db.CreateRun(t.Context(), nightly); err != nil {
		t.Fatal(err)
	}
	if _, err := f.engine.Run(t.Context(), nightly.ID, directory.AnyClaim); !errors.Is(err, directory.ErrBusy) || !strings.Contains(err.Error(), "approved and is applied first") {
		t.Errorf("a nightly run beside the approved one: %v, want busy", err)
	}
	if _, err := f.db.Purge(t.Context(), store.Retention{Inbox: time.Microsecond, Runs: time.Microsecond}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); err != nil {
		t.Fatal(err)
	}
	done := f.stand(run.ID)
	if done.State != directory.RunSucceeded || done.Counts.Changes[directory.PersonRemoved] != 8 || done.Counts.Superseded != 0 {
		t.Errorf("the run is %s with %+v", done.State, done.Counts)
	}
	f.compare(everyone(f))
	if _, err := f.engine.Run(t.Context(), nightly.ID, directory.AnyClaim); err != nil {
		t.Error(err)
	}
	f.compare(everyone(f))
}

// smallBatches hands the plan out in small pieces and tells before each.
type smallBatches struct {
	engineStore
	size int
	tell func(after int64)
}

func (s smallBatches) Plan(ctx context.Context, tenant, run string, after int64, _ int) ([]directory.PlannedChange, error) {
	s.tell(after)
	return s.engineStore.Plan(ctx, tenant, run, after, s.size)
}

// TestNewerRunOutdatesThePlan: what a later reading saw may be the opposite.
func TestNewerRunOutdatesThePlan(t *testing.T) {
	t.Parallel()
	t.Run("while it waits", func(t *testing.T) {
		t.Parallel()
		f := crowd(t, openDatabase(t))
		f.leave(0, 8)
		first := f.held()
		second := f.held()
		if now := f.stand(first.ID); now.State != directory.RunOutdated || now.FinishedAt == nil || !strings.HasPrefix(now.Error, "run "+second.ID+" has read Okta since") {
			t.Errorf("the first run is %s: %s", now.State, now.Error)
		}
		for i := range 8 {
			f.people[fmt.Sprintf("p%02d", i)].assigned = true
		}
		f.mustFull()
		if now := f.stand(second.ID); now.State != directory.RunOutdated {
			t.Errorf("the second run is %s: %s", now.State, now.Error)
		}
		f.compare(everyone(f))
	})
	t.Run("after the approval, before its first change", func(t *testing.T) {
		t.Parallel()
		f := crowd(t, openDatabase(t))
		f.leave(0, 8)
		run := f.held()
		f.between = func() { // a newer run has begun when the admin approves
			f.between = nil
			f.approve(run.ID)
			if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); !errors.Is(err, directory.ErrBusy) {
				t.Errorf("applied beside a reading: %v, want busy", err)
			}
		}
		for i := range 8 {
			f.people[fmt.Sprintf("p%02d", i)].assigned = true
		}
		f.mustFull()
		if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); err != nil {
			t.Error(err)
		}
		if now := f.stand(run.ID); now.State != directory.RunOutdated || !strings.Contains(now.Error, "although ops had approved it") {
			t.Errorf("the run is %s: %s", now.State, now.Error)
		}
		f.compare(everyone(f))
	})
	t.Run("a group's own run leaves it alone", func(t *testing.T) {
		t.Parallel()
		f := crowd(t, openDatabase(t))
		f.leave(0, 8)
		run := f.held()
		f.event(directory.GroupScope("g-all"))
		if now := f.stand(run.ID); now.State != directory.RunHeld {
			t.Errorf("the run is %s: %s", now.State, now.Error)
		}
	})
}

// TestHeldGroupEvent: an event about a group that would lose too many members leads to a run that waits,
// once, and to a plan that may be approved.
func TestHeldGroupEvent(t *testing.T) {
	t.Parallel()
	f := crowd(t, openDatabase(t))
	for i := range 8 {
		delete(f.people[fmt.Sprintf("p%02d", i)].groups, "g-two")
	}
	f.hint(directory.GroupScope("g-two"), "group.user_membership.remove")
	_, err := f.engine.Scope(t.Context(), directory.GroupScope("g-two"))
	var held *directory.HeldError
	if !errors.As(err, &held) || held.RunID == "" {
		t.Fatalf("the event ended with %v, want a run that waits", err)
	}
	if again, err := f.engine.Scope(t.Context(), directory.GroupScope("g-two")); err != nil || again.RunID != "" {
		t.Errorf("the event starts another run: %+v, %v", again, err)
	}
	if done := f.carryOut(held.RunID); done.Counts.Changes[directory.MembershipRemoved] != 8 {
		t.Errorf("counts %+v", done.Counts)
	}
	f.compare(everyone(f))
}
