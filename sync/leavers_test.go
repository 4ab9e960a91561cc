package sync_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/store"
)

// leaverOrg is an org in which one person has everything that can be lost: a department, a manager,
// a group, a custom attribute, and the app through a group.
func leaverOrg(t *testing.T, db *store.DB) (r *realOrg, who, grants string) {
	t.Helper()
	r = newRealOrg(t, db, emulator.Options{
		People: 12, Groups: 1, Departments: 3, Limits: emulator.Unlimited(), CustomAttributes: []emulator.Attribute{{Name: "badgeColor", Type: "string"}},
	}, func(rules *directory.Rules) {
		rules.Custom = []directory.CustomField{{Name: "badge", Type: directory.CustomText, Source: directory.Source{From: []string{"user.badgeColor"}}}}
	})
	grants = r.must(r.org.CreateGroup("Gate", "")).ID
	r.must(r.org.AssignGroup("", grants))
	team := r.must(r.org.CreateGroup("Crew", "")).ID
	boss := r.org.PersonIDs()[0]
	profile := map[string]any{"badgeColor": "blue"}
	who = r.must(r.org.Join(emulator.NewPerson{FirstName: "Lea", Title: "Engineer", Department: "Research", Manager: boss,
		Profile: profile, Groups: []string{grants, team}, Unassigned: true})).ID
	r.mustFull()
	r.follow()
	return r, who, grants
}

// TestWaysToLeaveAndBack: every way out of the product and every way back, by events, under each
// policy, against the org as the reader sees it. The nightly sync agrees each time.
func TestWaysToLeaveAndBack(t *testing.T) {
	t.Parallel()
	suspended := func(e entry) entry { e.Status = directory.StatusSuspended; return e }
	deactivated := func(e entry) entry { e.Status, e.Manager, e.Left = directory.StatusDeactivated, "", true; return e }
	removed := func(e entry) entry {
		e.Status, e.Manager, e.Groups, e.Left = directory.StatusRemoved, "", nil, true
		return e
	}
	same := func(e entry) entry { return e }
	ways := []wayOut{
		{
			name:  "suspended in Okta",
			leave: func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.Suspend(who) }, away: suspended,
			back: func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.Unsuspend(who) }, outcome: same,
		},
		{
			name:  "locked out",
			leave: func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.Lock(who) }, away: suspended,
			back: func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.Unlock(who) }, outcome: same,
		},
		{
			name:  "deactivated in Okta",
			leave: func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.Deactivate(who) }, away: deactivated,
			back: func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.Activate(who) }, outcome: same,
		},
		{
			name: "deactivated in Okta, assigned by name", direct: true,
			leave: func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.Deactivate(who) }, away: deactivated,
			back: func(r *realOrg, who, _ string) (emulator.Act, error) {
				if _, err := r.org.Activate(who); err != nil { // which brings no assignment back
					return emulator.Act{}, err
				}
				return r.org.Assign("", who)
			}, outcome: same,
		},
		{
			name: "deleted in Okta", once: true,
			leave: func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.Delete(who) }, away: removed,
			back: func(*realOrg, string, string) (emulator.Act, error) { return emulator.Act{}, errNoWay }, outcome: removed,
		},
		{
			name: "unassigned from the app", direct: true,
			leave: func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.Unassign("", who) }, away: removed,
			back: func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.Assign("", who) }, outcome: same,
		},
		{
			name:  "removed from the group that assigns the app",
			leave: func(r *realOrg, who, grants string) (emulator.Act, error) { return r.org.RemoveFromGroup(grants, who) }, away: removed,
			back: func(r *realOrg, who, grants string) (emulator.Act, error) { return r.org.AddToGroup(grants, who) }, outcome: same,
		},
		{
			name:  "the group is unassigned from the app",
			leave: func(r *realOrg, _, grants string) (emulator.Act, error) { return r.org.UnassignGroup("", grants) }, away: removed,
			back: func(r *realOrg, _, grants string) (emulator.Act, error) { return r.org.AssignGroup("", grants) }, outcome: same,
		},
		{
			name: "the group that assigns the app is deleted", once: true,
			leave: func(r *realOrg, _, grants string) (emulator.Act, error) { return r.org.DeleteGroup(grants) }, away: removed,
			back: func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.Assign("", who) },
			outcome: func(e entry) entry {
				e.Groups = slices.DeleteFunc(slices.Clone(e.Groups), func(g string) bool { return g == "Gate" })
				return e
			},
		},
		{
			// Nobody can use an inactive app, and its assignments mean nothing: nothing changes.
			name:  "the app is deactivated",
			leave: func(r *realOrg, _, _ string) (emulator.Act, error) { return r.org.SetAppActive("", false) }, away: same,
			back: func(r *realOrg, _, _ string) (emulator.Act, error) { return r.org.SetAppActive("", true) }, outcome: same,
		},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			eachDatabase(t, func(t *testing.T, open func(testing.TB) *store.DB) {
				policies := []directory.DeprovisionPolicy{directory.DeprovisionDeactivate, directory.DeprovisionFromTeam, directory.DeprovisionDelete}
				if !way.once {
					way.walk(t, open(t), policies...) // one after the other: each way back ends where it began
					return
				}
				for _, policy := range policies {
					t.Run(string(policy), func(t *testing.T) { way.walk(t, open(t), policy) })
				}
			})
		})
	}
}

// wayOut is a way to leave, and the way back.
type wayOut struct {
	name    string
	direct  bool // assigned by name, not through the group
	once    bool // the way back does not lead to the beginning
	leave   act
	away    func(entry) entry
	back    act
	outcome func(entry) entry
}

type act func(r *realOrg, who, grants string) (emulator.Act, error)

// walk goes the way and back under each of the policies, and looks each time whether the nightly sync agrees.
func (way wayOut) walk(t *testing.T, db *store.DB, policies ...directory.DeprovisionPolicy) {
	r, who, grants := leaverOrg(t, db)
	if way.direct {
		r.must(r.org.Assign("", who))
		r.must(r.org.RemoveFromGroup(grants, who))
		r.follow()
	}
	before := r.entry(who)
	if before.Status != directory.StatusActive || before.Title == "" || before.Team == "" || before.Manager == "" || before.Custom["badge"] != "blue" ||
		!slices.Contains(before.Groups, "Crew") {
		t.Fatalf("at the start the person is %+v, and should have all that can be lost", before)
	}
	for _, policy := range policies {
		check := func(when string, want entry) {
			t.Helper()
			if diff := cmp.Diff(want, r.entry(who)); diff != "" {
				t.Fatalf("%s, policy %s (-want +got):\n%s", when, policy, diff)
			}
			if policy != policies[0] && when == "back" || policy == directory.DeprovisionDelete && when == "away" {
				return // no other than the first policy's
			}
			run, err := r.full()
			if when != "back" && way.name == "the app is deactivated" {
				if err == nil {
					t.Errorf("a full sync of an inactive app %s", run.State)
				}
			} else if err != nil || len(run.Counts.Changes) > 0 {
				t.Errorf("%s, policy %s, the nightly sync would not agree: %v, %v", when, policy, run.Counts.Changes, err)
			}
			if diff := cmp.Diff(want, r.entry(who)); diff != "" {
				t.Fatalf("%s, policy %s, after a full sync (-want +got):\n%s", when, policy, diff)
			}
		}
		leave := func() { r.must(way.leave(r, who, grants)); r.follow() }
		back := func() bool {
			_, err := way.back(r, who, grants)
			if errors.Is(err, errNoWay) {
				return false
			}
			if err != nil {
				t.Fatal(err)
			}
			r.follow()
			check("back", way.outcome(before))
			return true
		}
		r.deprovision(policy, 24*time.Hour)
		away := way.away(before)
		if policy == directory.DeprovisionFromTeam && away.Left {
			// The account stays, without team, groups and manager.
			away = before
			away.Team, away.Manager, away.Groups, away.Left = "", "", nil, true
		}
		leave()
		check("away", away)
		if result, more, err := r.engine.EraseDue(t.Context()); len(result.Changes) > 0 || more || err != nil {
			t.Errorf("within the grace there were %v, %v", result.Changes, err)
		}
		if policy != directory.DeprovisionDelete {
			back()
			continue
		}
		if !way.once {
			back()
			leave()
		}
		r.deprovision(policy, 0)
		result, _, err := r.engine.EraseDue(t.Context())
		if erased := result.Changes[directory.PersonErased]; err != nil || (erased == 1) != away.Left || erased > 1 {
			t.Fatalf("after the grace %d people were erased, %v", erased, err)
		}
		if away.Left {
			away = entry{Status: directory.StatusRemoved}
		}
		check("after the grace", away)
		back()
	}
}

// eachDatabase runs a test on SQLite and on Postgres.
func eachDatabase(t *testing.T, test func(t *testing.T, open func(testing.TB) *store.DB)) {
	t.Run("SQLite", func(t *testing.T) { t.Parallel(); test(t, openDatabase) })
	t.Run("Postgres", func(t *testing.T) { t.Parallel(); test(t, openPostgres) })
}

// TestLeaversPassADrainedBudget: at Okta's real limits more profile updates wait than a minute has calls
// for. Whoever leaves does so now.
func TestLeaversPassADrainedBudget(t *testing.T) {
	t.Parallel()
	r := newRealOrg(t, openDatabase(t), emulator.Options{People: 60}, nil)
	r.mustFull()
	people := r.org.PersonIDs()
	for _, id := range people {
		r.must(r.org.Update(id, map[string]any{"title": "Somebody Else"}))
	}
	refused := 0
	for _, scope := range r.listen() {
		_, err := r.engine.Scope(t.Context(), scope)
		if errors.As(err, new(*directory.RetryAfterError)) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused < 20 {
		t.Fatalf("%d of %d updates have to wait; the budget is not drained", refused, len(people))
	}
	// The last ones: their updates wait too.
	ways := []struct {
		leave func(string) (emulator.Act, error)
		want  directory.Status
	}{
		{r.org.Suspend, directory.StatusSuspended},
		{r.org.Deactivate, directory.StatusDeactivated},
		{func(who string) (emulator.Act, error) { return r.org.Unassign("", who) }, directory.StatusRemoved},
		{r.org.Delete, directory.StatusRemoved},
	}
	for i, way := range ways {
		who := people[len(people)-1-i]
		r.must(way.leave(who))
		for _, scope := range r.listen() {
			// The update that waits for the same person may have to wait on.
			if _, err := r.engine.Scope(t.Context(), scope); err != nil && !errors.As(err, new(*directory.RetryAfterError)) {
				t.Errorf("leaver %d: %v", i+1, err)
			}
		}
		if got := r.entry(who); got.Status != way.want {
			t.Errorf("leaver %d is %s, want %s", i+1, got.Status, way.want)
		}
	}
	for _, c := range r.org.Calls() {
		if n := c.Statuses[http.StatusTooManyRequests]; n > 0 {
			t.Errorf("Okta refused %d calls of %s", n, c.Endpoint)
		}
	}
}
