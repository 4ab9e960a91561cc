package sync_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// ruled is a company whose rules are kept, so that they change by runs.
func ruled(t *testing.T, db *store.DB) *fixture {
	t.Helper()
	f := companyIn(t, db, nil)
	if done := f.propose(f.rules, false); done.Verdict != directory.RulesAdopted {
		t.Fatalf("the first rules: %+v", done)
	}
	f.useRules()
	f.mustFull()
	return f
}

// edited are the fixture's rules with a change.
func (f *fixture) edited(change func(*directory.Rules)) directory.Rules {
	f.t.Helper()
	set, err := dirsync.NewRuleset(f.rules)
	if err != nil {
		f.t.Fatal(err)
	}
	rules, err := dirsync.ReadRuleset(set) // maps of its own
	if err != nil {
		f.t.Fatal(err)
	}
	change(&rules)
	return rules
}

func (f *fixture) propose(rules directory.Rules, again bool) dirsync.Proposed {
	f.t.Helper()
	done, err := dirsync.Propose(f.t.Context(), engineStore{f.db}, dirsync.Proposal{Tenant: f.tenant, Rules: rules, Again: again, NewID: f.runID})
	if err != nil {
		f.t.Fatal(err)
	}
	return done
}

// useRules makes the engine anew, of the rules in force.
func (f *fixture) useRules() {
	f.t.Helper()
	sets, err := f.db.RulesInForce(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	if f.rules, err = dirsync.ReadRuleset(sets[f.tenant]); err != nil {
		f.t.Fatal(err)
	}
	f.engine = f.engineOf(dirsync.Options{Ruleset: sets[f.tenant].Hash})
}

// work carries a run out, which may end by waiting.
func (f *fixture) work(id string) directory.Run {
	f.t.Helper()
	var held *directory.HeldError
	if _, err := f.engine.Run(f.t.Context(), id, directory.AnyClaim); err != nil && !errors.As(err, &held) {
		f.t.Fatal(err)
	}
	return f.stand(id)
}

func titles(from ...string) func(*directory.Rules) {
	return func(r *directory.Rules) {
		r.Mapping[directory.FieldTitle] = directory.Source{From: from, Default: "none"}
	}
}

func (f *fixture) titleOf(id string) string { return f.row(id).Profile.Title }

// bothDatabases runs a test on each of the two.
func bothDatabases(t *testing.T, test func(*testing.T, *store.DB)) {
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": openDatabase, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// TestChangedRulesAskNothingOfOkta: rules that read what was read before are planned and applied on what was last seen,
// by one run with its own cause, and give what a full sync under them would give.
func TestChangedRulesAskNothingOfOkta(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, db *store.DB) {
		f := ruled(t, db)
		f.people["cyd"].status = "DEPROVISIONED"
		f.event(directory.PersonScope("cyd"))
		reads, served := f.reads, f.served
		changed := f.edited(func(r *directory.Rules) {
			titles("user.department")(r)
			r.Teams = []directory.TeamRule{{Path: []string{"title"}}}
			r.Mapping[directory.FieldDepartment] = directory.Source{}
		})
		done := f.propose(changed, false)
		if done.Verdict != directory.RulesNext || done.Run.Scope != directory.RulesScope(done.Hash) {
			t.Fatalf("changed rules: %+v", done)
		}
		if twice := f.propose(changed, false); twice.Run.ID != "" {
			t.Fatalf("handed in by a second process, they got another run: %+v", twice.Run)
		}
		run := f.work(done.Run.ID)
		if run.State != directory.RunSucceeded || run.Cause != directory.CauseRules {
			t.Fatalf("the run: %+v", run)
		}
		if f.reads != reads || f.served != served || f.checks.Load() != 0 {
			t.Errorf("Okta was asked: %d reads, %d pages, %d checks", f.reads-reads, f.served-served, f.checks.Load())
		}
		if got := f.titleOf("ada"); got != "R&D" {
			t.Errorf("title of ada = %q", got)
		}
		if got := f.titleOf("cyd"); got != "Sales" {
			t.Errorf("title of cyd, who is deactivated = %q", got)
		}
		f.useRules()
		if second := f.mustFull(); second.Progress.Planned != 0 {
			t.Errorf("a full sync under the same rules plans %d changes more", second.Progress.Planned)
		}
		if same := f.propose(changed, false); same.Verdict != directory.RulesInForce {
			t.Errorf("the same rules once more: %+v", same)
		}
		changes, err := f.db.Changes(t.Context(), f.tenant, directory.ChangeQuery{PersonID: "ada", Limit: 100})
		if err != nil || len(changes) == 0 {
			t.Fatal(changes, err)
		}
		caused := false
		for _, c := range changes {
			caused = caused || c.Cause.Kind == directory.CauseRules && c.Cause.Rules == done.Hash && c.Cause.RunID == run.ID
		}
		if !caused {
			t.Errorf("no change of ada has the rules as its cause: %+v", changes)
		}
	})
}

// TestRulesThatNeedMoreReadOkta: an attribute that was never read, or another selection of groups, makes it a full sync.
func TestRulesThatNeedMoreReadOkta(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*directory.Rules){
		"an attribute": titles("user.nickName"),
		"groups":       func(r *directory.Rules) { r.Groups.Exclude = []string{"Eng*"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := ruled(t, openDatabase(t))
			f.people["ada"].profile["nickName"] = "Countess"
			done := f.propose(f.edited(edit), false)
			if done.Run.Scope != directory.FullScope() || done.Run.Progress.Note == "" {
				t.Fatalf("the run: %+v", done.Run)
			}
			if run := f.work(done.Run.ID); run.State != directory.RunSucceeded {
				t.Fatalf("the run: %+v", run)
			}
			f.useRules()
			if name == "an attribute" && f.titleOf("ada") != "Countess" {
				t.Errorf("title of ada = %q", f.titleOf("ada"))
			}
			if second := f.mustFull(); second.Progress.Planned != 0 {
				t.Errorf("a full sync under the same rules plans %d changes more", second.Progress.Planned)
			}
		})
	}
}

// TestHeldRulesAreNotInForce: until the plan is approved events are decided by the old rules. The approved plan is applied,
// and with it whoever moved in between.
func TestHeldRulesAreNotInForce(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, db *store.DB) {
		f := companyIn(t, db, func(r *directory.Rules) {
			r.Limits.People = directory.Limit{}
			r.Deprovision.Policy = directory.DeprovisionFromTeam
		})
		f.propose(f.rules, false)
		f.useRules()
		f.mustFull()
		f.people["dan"].assigned = false
		f.event(directory.PersonScope("dan")) // detached: the account stays
		strict := f.edited(func(r *directory.Rules) {
			titles("user.department")(r)
			r.Deprovision.Policy = directory.DeprovisionDeactivate
			r.Limits.People = directory.Limit{Absolute: 1000, Fraction: 1, Floor: 1000} // a file does not wave itself through
		})
		done := f.propose(strict, false)
		run := f.work(done.Run.ID)
		if run.State != directory.RunHeld {
			t.Fatalf("the run: %+v", run)
		}
		f.people["ada"].profile["department"] = "Lab"
		f.event(directory.PersonScope("ada"))
		f.join("eve", map[string]any{"department": "Sales"})
		f.event(directory.PersonScope("eve"))
		if got := f.titleOf("ada") + f.titleOf("eve"); got != "" {
			t.Errorf("titles under the old rules: %q", got)
		}
		f.mustFull() // the nightly one goes on under the old rules and leaves the plan alone
		f.approve(run.ID)
		if run = f.work(run.ID); run.State != directory.RunSucceeded {
			t.Fatalf("the approved run: %+v", run)
		}
		for id, want := range map[string]string{"ada": "Lab", "eve": "Sales", "bob": "R&D", "boss": "Office"} {
			if got := f.titleOf(id); got != want {
				t.Errorf("title of %s = %q, want %q", id, got, want)
			}
		}
		if got := f.row("dan").Status; got != directory.StatusRemoved {
			t.Errorf("dan is %s", got)
		}
	})
}

// TestRulesThatFindNoFaultAnyMore: who was quarantined by rules that were in force for a while is let go by the run that takes
// them back.
func TestRulesThatFindNoFaultAnyMore(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, db *store.DB) {
		f := ruled(t, db)
		f.people["bob"].profile["title"] = "Cook"
		f.event(directory.PersonScope("bob"))
		quarantined := func() (ids []string) {
			entries, err := f.db.Quarantine(t.Context(), f.tenant, "", 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range entries {
				ids = append(ids, q.PersonID)
			}
			return ids
		}
		was := f.rules
		strict := f.edited(func(r *directory.Rules) { r.Required = append(r.Required, directory.FieldTitle) })
		if run := f.work(f.propose(strict, false).Run.ID); run.State != directory.RunSucceeded {
			t.Fatalf("the run: %+v", run)
		}
		f.useRules()
		if got := quarantined(); len(got) == 0 || slices.Contains(got, "bob") {
			t.Fatalf("without a title are %q", got)
		}
		f.work(f.propose(was, false).Run.ID)
		if got := quarantined(); len(got) > 0 {
			t.Errorf("still in quarantine: %q", got)
		}
	})
}

// TestOldRulesWriteNothingMore: an engine that was made of the old rules, in this process or another, writes nothing once
// others are in force; a plan that it had made is made anew.
func TestOldRulesWriteNothingMore(t *testing.T) {
	t.Parallel()
	f := ruled(t, openDatabase(t))
	old := f.engine
	interrupted := f.queued()
	f.onPage = func(i int, _ directory.Page) {
		if i == 1 { // in the middle of a reading
			f.onPage = nil
			done := f.propose(f.edited(titles("user.department")), false)
			f.work(done.Run.ID)
		}
	}
	f.people["bob"].profile["firstName"] = "Robert"
	var later *directory.RetryAfterError
	var moved *directory.RulesMoved
	_, err := old.Run(t.Context(), interrupted, directory.AnyClaim)
	if !errors.As(err, &later) || !errors.As(err, &moved) {
		t.Fatalf("the run of the old rules: %v", err)
	}
	f.hint(directory.PersonScope("ada"))
	if _, err := old.Scope(t.Context(), directory.PersonScope("ada")); !errors.As(err, &moved) {
		t.Fatalf("an event under the old rules: %v", err)
	}
	f.useRules()
	_, err = f.engine.Run(t.Context(), interrupted, directory.AnyClaim)
	for deadline := time.Now().Add(time.Minute); errors.Is(err, directory.ErrBusy) && time.Now().Before(deadline); { // it rests for a second
		time.Sleep(50 * time.Millisecond)
		_, err = f.engine.Run(t.Context(), interrupted, directory.AnyClaim)
	}
	if err != nil {
		t.Fatal(err)
	}
	if run := f.stand(interrupted); run.State != directory.RunSucceeded {
		t.Fatalf("the same run under the new rules: %+v", run)
	}
	if got := f.titleOf("bob"); got != "R&D" || f.row("bob").Profile.FirstName != "Robert" {
		t.Errorf("bob: %+v", f.row("bob").Profile)
	}
}

// TestRejectedRulesStayOut: what an admin rejected comes back only when somebody asks for it, and rules that are as they
// were end what was next.
func TestRejectedRulesStayOut(t *testing.T) {
	t.Parallel()
	f := ruled(t, openDatabase(t))
	none := f.edited(func(r *directory.Rules) {
		r.Deprovision.Policy = directory.DeprovisionFromTeam
		r.Groups.Exclude = []string{"*"}
	})
	f.rules.Limits.Groups = directory.Limit{}
	f.propose(f.rules, false)
	inForce := f.rules
	f.work(f.lastRun())
	f.useRules()
	done := f.propose(none, false)
	if run := f.work(done.Run.ID); run.State != directory.RunHeld {
		t.Fatalf("the run: %+v", run)
	}
	f.reject(done.Run.ID)
	if got := f.propose(none, false); got.Verdict != directory.RulesRefused {
		t.Errorf("after a restart: %+v", got)
	}
	again := f.propose(none, true)
	if again.Verdict != directory.RulesNext || again.Run.ID == "" {
		t.Errorf("asked for anew: %+v", again)
	}
	if got := f.propose(inForce, false); got.Verdict != directory.RulesInForce {
		t.Errorf("as they were: %+v", got)
	}
	if run := f.work(again.Run.ID); run.State == directory.RunSucceeded || len(run.Counts.Changes) > 0 {
		t.Errorf("the run of rules that were taken back: %+v", run)
	}
}

// TestTryingRulesChangesNothing: a dry run of rules plans, and can't be approved.
func TestTryingRulesChangesNothing(t *testing.T) {
	t.Parallel()
	f := ruled(t, openDatabase(t))
	before := f.history()
	tried := f.try(f.edited(titles("user.department")))
	if tried.State != directory.RunPlanned || tried.Plan == nil || tried.Plan.Changes[directory.PersonUpdated] != 5 {
		t.Fatalf("the dry run: %+v", tried)
	}
	if now := f.history(); now != before || f.titleOf("ada") != "" {
		t.Errorf("%d changes, there were %d; title of ada %q", now, before, f.titleOf("ada"))
	}
	_, err := f.engine.Approve(t.Context(), tried.ID, directory.Act{Kind: directory.ActApprove, Actor: "admin"})
	if err == nil || !strings.Contains(err.Error(), "reload") {
		t.Errorf("approved: %v", err)
	}
}

// TestInterruptedRemapGoesOn: a plan whose maker died goes on behind its last page, and the run ends as if nothing had been.
func TestInterruptedRemapGoesOn(t *testing.T) {
	t.Parallel()
	f := ruled(t, openDatabase(t))
	done := f.propose(f.edited(titles("user.department")), false)
	ctx, stop := context.WithCancel(t.Context())
	dying := f.engineOf(dirsync.Options{Ruleset: done.Hash, Store: dyingStore{engineStore{f.db}, stop}})
	if _, err := dying.Run(ctx, done.Run.ID, directory.AnyClaim); err == nil {
		t.Fatal("the first owner did not die")
	}
	run := f.work(done.Run.ID)
	if run.State != directory.RunSucceeded || run.Progress.Resumed != 1 {
		t.Fatalf("the run: %+v", run)
	}
	if got := f.titleOf("ada"); got != "R&D" {
		t.Errorf("title of ada = %q", got)
	}
}

// dyingStore ends its owner after the first step.
type dyingStore struct {
	engineStore
	die context.CancelFunc
}

func (s dyingStore) PlanCounts(ctx context.Context, tenant, run string) (directory.PlanCounts, error) {
	s.die()
	return s.engineStore.PlanCounts(ctx, tenant, run)
}

// lastRun is the id of the newest run.
func (f *fixture) lastRun() string {
	f.t.Helper()
	runs, err := f.db.Runs(f.t.Context(), f.tenant, 1)
	if err != nil || len(runs) != 1 {
		f.t.Fatal(runs, err)
	}
	return runs[0].ID
}
