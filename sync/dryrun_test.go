package sync_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

// dry asks for a dry run of the scope and carries it out.
func (f *fixture) dry(scope directory.Scope) directory.Run {
	f.t.Helper()
	run := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: scope, Cause: directory.CauseManual, DryRun: true}
	if _, _, err := f.db.CreateRun(f.t.Context(), run); err != nil {
		f.t.Fatal(err)
	}
	result, err := f.engine.Run(f.t.Context(), run.ID, directory.AnyClaim)
	if err != nil || len(result.Changes) > 0 {
		f.t.Fatalf("the dry run ended with %+v, %v", result, err)
	}
	return f.stand(run.ID)
}

// history is the number of the last change of the directory: that a run has ended is none.
func (f *fixture) history() int64 {
	f.t.Helper()
	changes, err := f.db.Changes(f.t.Context(), f.tenant, directory.ChangeQuery{Newest: true, Limit: 20})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, c := range changes {
		if !strings.HasPrefix(string(c.Type), "sync.") {
			return c.Seq
		}
	}
	f.t.Fatal("the last 20 changes are ends of runs")
	return 0
}

// TestDryRunPlansWhatARunDoes: a real run does exactly what the dry run has shown, whatever it covers.
func TestDryRunPlansWhatARunDoes(t *testing.T) {
	t.Parallel()
	change := func(f *fixture) {
		f.people["ada"].assigned = false
		f.people["bob"].status = "SUSPENDED"
		f.people["cyd"].profile["department"] = "R&D"
		f.people["dan"].status = "DEPROVISIONED"
		f.people["boss"].profile["email"] = ""
		f.join("eve", map[string]any{"department": "Sales", "managerId": "boss"}).groups["g-eng"] = true
		delete(f.people["cyd"].groups, "g-all")
		f.groups["g-all"] = "Everybody"
	}
	for _, scope := range []directory.Scope{
		directory.FullScope(), directory.GroupScope("g-all"), directory.PersonScope("ada"), directory.PersonScope("bob"),
		directory.PersonScope("cyd"), directory.PersonScope("eve"), directory.PersonScope("boss"),
	} {
		t.Run(scope.String(), func(t *testing.T) {
			t.Parallel()
			f, other := company(t, nil), company(t, nil)
			for _, g := range []*fixture{f, other} {
				g.mustFull()
				change(g)
				g.hint(scope, "group.user_membership.remove")
			}
			before, seq := f.stored(), f.history()
			run := f.dry(scope)
			if run.State != directory.RunPlanned || run.PlannedAt == nil || run.Error != "" || run.Progress.Planned == 0 {
				t.Errorf("the dry run is %s with %d changes: %s", run.State, run.Progress.Planned, run.Error)
			}
			if diff := cmp.Diff(before, f.stored()); diff != "" || f.history() != seq {
				t.Errorf("the dry run changed the directory (-before +after):\n%s", diff)
			}
			if ticket, err := f.db.Ticket(t.Context(), f.tenant, scope); err != nil || len(ticket.Events) != 1 {
				t.Errorf("after the dry run %d events wait, %v; want the one", len(ticket.Events), err)
			}
			if list, err := f.db.Quarantine(t.Context(), f.tenant, "", 10); err != nil || len(list) > 0 {
				t.Errorf("the dry run put %v into quarantine, %v", list, err)
			}
			done := f.carryOut(run.ID)
			if done.State != directory.RunSucceeded || done.Counts.Superseded != 0 {
				t.Errorf("approved, the run is %s with %+v: %s", done.State, done.Counts, done.Error)
			}

			real := directory.Run{ID: other.runID(), Tenant: other.tenant, Scope: scope, Cause: directory.CauseManual}
			if _, _, err := other.db.CreateRun(t.Context(), real); err != nil {
				t.Fatal(err)
			}
			if _, err := other.engine.Run(t.Context(), real.ID, directory.AnyClaim); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(other.stored(), f.stored()); diff != "" {
				t.Errorf("the approved plan did other things than a run (-run +plan):\n%s", diff)
			}
			if diff := cmp.Diff(other.stand(real.ID).Counts.Changes, done.Counts.Changes); diff != "" {
				t.Errorf("changes (-run +plan):\n%s", diff)
			}
		})
	}
}

func TestDryRunsBesideOthers(t *testing.T) {
	t.Parallel()
	f := crowd(t, openDatabase(t))
	f.leave(0, 8)
	first := f.dry(directory.FullScope())
	if first.State != directory.RunPlanned || !strings.HasPrefix(first.Error, "a sync would be held now: the plan was held back and nothing was applied; 8 of 20 people") {
		t.Errorf("the dry run is %s: %s", first.State, first.Error)
	}
	if alerts, err := f.db.DueAlerts(t.Context(), directory.AlertWebhook, time.Hour, time.Minute, 10); err != nil || len(alerts) != 0 {
		t.Errorf("the dry run led to alerts %+v, %v", alerts, err)
	}
	held := f.held() // a real one outdates it
	if now := f.stand(first.ID); now.State != directory.RunOutdated {
		t.Errorf("the dry run is %s beside a newer real one", now.State)
	}
	second, third := f.dry(directory.FullScope()), f.dry(directory.GroupScope("g-two"))
	if now := f.stand(held.ID); now.State != directory.RunHeld {
		t.Errorf("the real run is %s because of a dry one", now.State)
	}
	fourth := f.dry(directory.FullScope())
	for id, want := range map[string]directory.RunState{second.ID: directory.RunOutdated, third.ID: directory.RunPlanned, fourth.ID: directory.RunPlanned} {
		if now := f.stand(id); now.State != want {
			t.Errorf("run %s is %s, want %s", id, now.State, want)
		}
	}
	// In the queue neither stands for the other.
	ids := map[string]bool{}
	for _, dry := range []bool{true, false, true, false} {
		run, _, err := f.db.CreateRun(t.Context(), directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.FullScope(), DryRun: dry})
		if err != nil || run.DryRun != dry {
			t.Errorf("asked for a run with dry %t: %+v, %v", dry, run, err)
		}
		ids[run.ID] = true
	}
	if len(ids) != 2 {
		t.Errorf("%d runs wait in the queue, want a dry and a real one", len(ids))
	}
	f.carryOut(held.ID)
	f.compare(everyone(f))
}

func TestSummaryOfAPlan(t *testing.T) {
	t.Parallel()
	f := crowd(t, openDatabase(t))
	f.leave(0, 6)
	f.people["p06"].status = "DEPROVISIONED"
	f.people["p07"].status = "SUSPENDED"
	for i := 8; i < 11; i++ {
		f.people[fmt.Sprintf("p%02d", i)].profile["department"] = "Office"
	}
	delete(f.people["p12"].groups, "g-two")
	f.people["p13"].profile["email"] = ""
	f.join("new", map[string]any{"department": "Office"}).groups["g-two"] = true
	run := f.dry(directory.FullScope())
	works, _ := directory.TeamFor("department", "Works")
	office, _ := directory.TeamFor("department", "Office")
	teams := []directory.PlanEffect{
		{Kind: directory.SubjectTeam, ID: works.ID, Name: "Works", Lost: 10},
		{Kind: directory.SubjectTeam, ID: office.ID, Name: "Office", Gained: 4},
	}
	want := &directory.PlanSummary{
		Joiners: 1, Leavers: 7, Suspended: 1, Moves: 3,
		Changes: map[directory.ChangeType]int{
			directory.PersonCreated: 1, directory.PersonRemoved: 6, directory.PersonDeactivated: 1, directory.PersonSuspended: 1,
			directory.PersonUpdated: 3, directory.MembershipAdded: 1, directory.MembershipRemoved: 1, "person.quarantined": 1,
		},
		Teams: teams,
		Effects: []directory.PlanEffect{
			teams[0], {Kind: directory.SubjectGroup, ID: "g-two", Name: "Second", Gained: 1, Lost: 7},
			{Kind: directory.SubjectGroup, ID: "g-all", Name: "All hands", Lost: 6}, teams[1],
		},
	}
	if diff := cmp.Diff(want, run.Plan); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

// TestSafetyGoesThrough: what Okta states itself does not wait for an admin, what follows from absence does.
func TestSafetyGoesThrough(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		safety   directory.Safety
		absolute int
		want     int
	}{{directory.SafetyUpToLimit, 100, 4}, {"", 100, 4}, {directory.SafetyUpToLimit, 3, 3}, {directory.SafetyUpToLimit, 0, 0}, {directory.SafetyAll, 1, 4}, {directory.SafetyNone, 100, 0}} {
		t.Run(fmt.Sprint(tt.safety, " ", tt.absolute), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(r *directory.Rules) {
				r.Limits.People, r.Limits.Safety = directory.Limit{Absolute: tt.absolute, Fraction: 0.1}, tt.safety
			})
			f.groups = map[string]string{"g": "G"}
			for i := range 20 {
				f.join(fmt.Sprintf("p%02d", i), map[string]any{"managerId": "p00"}).groups["g"] = true
			}
			f.mustFull()
			f.leave(10, 13)
			f.people["p00"].status, f.people["p01"].status = "DEPROVISIONED", "DEPROVISIONED" // read by id
			f.people["p02"].status, f.people["p03"].status = "SUSPENDED", "SUSPENDED"         // listed so
			f.people["p04"].status, f.people["p05"].status = "LOCKED_OUT", "SOMETHING_NEW"    // no such statements
			f.people["p14"].profile["title"] = "Chief"
			run, err := f.full()
			var held *directory.HeldError
			if !errors.As(err, &held) || held.Safe != tt.want || run.State != directory.RunHeld || run.PlannedAt == nil {
				t.Fatalf("the run is %s with %+v: %v", run.State, held, err)
			}
			if went := run.Counts.Changes[directory.PersonDeactivated] + run.Counts.Changes[directory.PersonSuspended]; went != tt.want {
				t.Errorf("counts %v, want %d who went", run.Counts.Changes, tt.want)
			}
			if tt.want > 0 && !strings.HasPrefix(run.Error, fmt.Sprintf("the plan was held back; of it only %d deactivations and suspensions were applied", tt.want)) {
				t.Errorf("it says %s", run.Error)
			}
			now := f.stored()
			out := 0
			for i := range 4 {
				if now[fmt.Sprintf("p%02d", i)].Status != directory.StatusActive {
					out++
				}
			}
			for _, id := range []string{"p04", "p05", "p10", "p11", "p12"} {
				if now[id].Status != directory.StatusActive {
					t.Errorf("%s is %s, and has to wait", id, now[id].Status)
				}
			}
			if out != tt.want {
				t.Errorf("%d lost access, want %d", out, tt.want)
			}
			if tt.want == 4 && (now["p05"].Manager != "" || now["p05"].Problem != directory.ManagerUnresolved) {
				t.Errorf("the manager who left is still there: %+v", now["p05"])
			}
			done := f.carryOut(run.ID)
			if done.Counts.Superseded != tt.want {
				t.Errorf("%d superseded, want the %d who went before", done.Counts.Superseded, tt.want)
			}
			f.compare(everyone(f))
		})
	}
}
