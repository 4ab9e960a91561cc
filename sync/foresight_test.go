package sync_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

// plannedManagers are the changes of managers in a run's plan: "adam -> zoe", by person.
func (f *fixture) plannedManagers(run string) map[string]string {
	f.t.Helper()
	planned, err := f.db.PlanOf(f.t.Context(), f.tenant, run, []directory.ChangeType{directory.PersonManagerChanged}, 0, 10000)
	if err != nil {
		f.t.Fatal(err)
	}
	told := map[string]string{}
	for _, c := range planned {
		if told[c.PersonID] != "" || c.Subject != directory.SubjectManager {
			f.t.Errorf("planned for %s: %s, then %+v", c.PersonID, told[c.PersonID], c)
		}
		told[c.PersonID] = managerTold(c.Fields)
	}
	return told
}

func managerTold(fields []directory.FieldChange) (told string) {
	for _, field := range fields {
		told += fmt.Sprintf("%s %v -> %v;", field.Field, field.Before, field.After)
	}
	return told
}

// wantForeseen applies a plan and compares what it says of managers with what came of it.
func (f *fixture) wantForeseen(planned directory.Run) {
	f.t.Helper()
	foreseen, seq := f.plannedManagers(planned.ID), f.history()
	if done := f.carryOut(planned.ID); done.State != directory.RunSucceeded || done.Counts.Superseded != 0 {
		f.t.Fatalf("the plan is %s with %+v: %s", done.State, done.Counts, done.Error)
	}
	changes, err := f.db.Changes(f.t.Context(), f.tenant, directory.ChangeQuery{After: seq, Limit: 10000})
	if err != nil {
		f.t.Fatal(err)
	}
	// Of whoever is resolved in several steps the history tells each.
	before, after := map[string]map[string]any{}, map[string]map[string]any{}
	for _, c := range changes {
		if c.Type != directory.PersonManagerChanged || !f.row(c.PersonID).Present() {
			continue
		}
		if before[c.PersonID] == nil {
			before[c.PersonID], after[c.PersonID] = map[string]any{}, map[string]any{}
		}
		for _, field := range c.Fields {
			if _, told := before[c.PersonID][field.Field]; !told {
				before[c.PersonID][field.Field] = field.Before
			}
			after[c.PersonID][field.Field] = field.After
		}
	}
	became := map[string]string{}
	for id := range before {
		var fields []directory.FieldChange
		for _, name := range []string{"manager", "manager_source", "manager_problem"} {
			if before[id][name] != after[id][name] {
				fields = append(fields, directory.FieldChange{Field: name, Before: before[id][name], After: after[id][name]})
			}
		}
		if fields != nil {
			became[id] = managerTold(fields)
		}
	}
	if diff := cmp.Diff(became, foreseen); diff != "" {
		f.t.Errorf("the plan foresaw other managers (-became +foreseen):\n%s", diff)
	}
}

func TestPlanShowsManagers(t *testing.T) {
	t.Parallel()
	f := led(t, directory.ManagersOverride)
	for _, id := range []string{"ivo", "ann", "bob"} {
		f.arrive(id, map[string]any{"managerId": "adam"})
	}
	f.arrive("lone", nil)
	f.people["adam"].assigned = false                 // eve and ivo lose theirs
	f.people["ann"].profile["managerId"] = "zoe"      // gets another
	f.people["bob"].profile["managerId"] = "new boss" // who comes with this plan
	f.people["lone"].profile["managerId"] = "zoe"
	f.join("boss", map[string]any{"login": "new boss", "managerId": "zoe"})
	plan := f.dry(directory.FullScope())
	want := map[string]string{
		"eve":  "manager adam -> <nil>;manager_problem <nil> -> left;",
		"ivo":  "manager adam -> <nil>;manager_problem <nil> -> left;",
		"ann":  "manager adam -> zoe;",
		"bob":  "manager adam -> boss;",
		"boss": "manager <nil> -> zoe;manager_source <nil> -> okta;",
		"lone": "manager <nil> -> zoe;manager_source <nil> -> okta;",
	}
	if diff := cmp.Diff(want, f.plannedManagers(plan.ID)); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(directory.ManagerEffect{Gained: 2, Lost: 2, Changed: 2}, plan.Plan.Managers); diff != "" {
		t.Errorf("the summary (-want +got):\n%s", diff)
	}
	f.wantForeseen(plan)
}

// TestPlansForeseeManagers: whatever a full sync changes, the plan of a dry run says whose manager it makes another, and
// whom that person has then.
func TestPlansForeseeManagers(t *testing.T) {
	t.Parallel()
	for _, mode := range []directory.ManagerMode{directory.ManagersOverride, directory.ManagersIndividual, directory.ManagersFirstMember} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprint(mode, " ", seed), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(seed, 7))
				f := newFixture(t, func(r *directory.Rules) {
					r.Managers.Mode, r.Managers.KeepLeft = mode, seed%2 == 0
				})
				some := func(texts ...string) string { return texts[random.IntN(len(texts))] }
				who := func() string { return fmt.Sprintf("p%02d", random.IntN(16)) }
				change := func(n int) {
					for range n {
						id := who()
						p := f.people[id]
						if p == nil {
							f.join(id, map[string]any{"department": some("", "Sales", "Field"), "managerId": who()})
							continue
						}
						switch random.IntN(6) {
						case 0:
							p.assigned = !p.assigned
						case 1:
							p.profile["department"] = some("", "Sales", "Field", "Lab")
						case 2:
							p.profile["login"] = some(id+"@example.com", "name "+id)
						case 3:
							p.profile["managerId"] = some("", "name "+who(), who())
						default:
							p.profile["managerId"] = who()
						}
					}
				}
				f.arrive("p00", map[string]any{"department": "Sales"})
				f.arrive("p01", map[string]any{"department": "Field", "managerId": "p00"})
				f.arrive("p02", map[string]any{"department": "Sales", "managerId": "p01"})
				f.lead("Field", "p02")
				f.choose("p02", "p00")
				change(20)
				f.mustFull()
				for round := range 3 {
					if round == 1 && seed%3 == 0 {
						f.merge("Field", "Sales")
					}
					change(8)
					for n := range 2 {
						f.join(fmt.Sprintf("n%d%d", len(f.people), n), map[string]any{"department": some("", "Sales", "New"), "managerId": who()})
					}
					f.wantForeseen(f.dry(directory.FullScope()))
				}
			})
		}
	}
}

// TestPlanFollowsMerges: a plan shows the teams that applying it leads to, and moves nobody back into a merged one.
func TestPlanFollowsMerges(t *testing.T) {
	t.Parallel()
	f := led(t, directory.ManagersOverride)
	f.arrive("ivo", map[string]any{"department": "Field"})
	f.arrive("ann", map[string]any{"department": "Support"})
	f.merge("Field", "Sales")
	f.people["ivo"].profile["title"] = "Boss"            // stays
	f.people["eve"].profile["department"] = "Field"      // stays, by another way
	f.people["ann"].profile["department"] = "Field"      // moves
	f.join("new", map[string]any{"department": "Field"}) // joins
	plan := f.dry(directory.FullScope())
	planned, err := f.db.Plan(t.Context(), f.tenant, plan.ID, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	teams := map[string]string{}
	for _, c := range planned {
		for _, field := range c.Fields {
			if field.Field == "team" {
				teams[c.PersonID] = fmt.Sprint(field.Before, " -> ", field.After)
			}
		}
	}
	want := map[string]string{"ann": idOf("Support") + " -> " + idOf("Sales"), "new": "<nil> -> " + idOf("Sales")}
	if diff := cmp.Diff(want, teams); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
	if plan.Plan.Moves != 1 || len(plan.Plan.Teams) != 2 {
		t.Errorf("the summary says %+v", plan.Plan)
	}
	// Taken back in between, applying leads where the rules do, and the history says so.
	f.unmerge("Field")
	if done := f.carryOut(plan.ID); done.State != directory.RunSucceeded {
		t.Errorf("the plan is %s: %s", done.State, done.Error)
	}
	f.wantPlaces("applied", map[string]string{"eve": "Field", "ivo": "Field", "ann": "Field", "new": "Field", "team Sales": "0", "team Field": "4", "team Support": "0"})
}
