package sync_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// variant is one of some rules that a tenant goes to and fro between.
func variant(n int) directory.GrantRules {
	rules := access()
	rules.Sets[0].Rules[1].Groups, rules.Sets[0].Rules[2].Groups = []string{"g0"}, []string{"g1"}
	rules.Sets[0].Roles[2].KeepLast = n%2 == 0
	rules.Pools = seats([]int{1, 2, -1, 1}[n], []directory.CapLowered{directory.CapKeepOldest, directory.CapKeepRanked, "", directory.CapKeepRanked}[n]).Pools
	rules.Pools[0].Rules[0].Groups, rules.Pools[0].Rules[1].Groups = []string{"g0"}, []string{"g1", "g2"}
	if n == 3 {
		rules.Sets[0].Rules[0].Name, rules.Sets[0].Rules[1].Groups = "basic", []string{"g2"}
		slices.Reverse(rules.Pools[0].Rules)
		rules.Protected = []string{"p1"}
	}
	return rules
}

// grantRows are all rows, each as "role person team" or "license person pool held|waiting", with the ones that are kept
// although no rule gives them marked.
func (f *fixture) grantRows() (rows map[string]bool, kept map[string]directory.KeptBecause) {
	f.t.Helper()
	rows, kept = map[string]bool{}, map[string]directory.KeptBecause{}
	roles, err := f.db.ListRoleGrants(f.t.Context(), f.tenant, directory.RoleGrant{}, 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, r := range roles {
		key := fmt.Sprintf("role %s %s in %q", r.PersonID, r.Role, r.Team)
		rows[key] = true
		if r.Kept != "" {
			kept[key] = r.Kept
		}
	}
	claims, err := f.db.ListLicenseClaims(f.t.Context(), f.tenant, directory.LicenseClaim{}, 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, c := range claims {
		key := fmt.Sprintf("license %s %s %s", c.PersonID, c.Pool, map[bool]string{true: "held", false: "waiting"}[c.Held])
		rows[key] = true
		if c.Kept != "" {
			kept[key] = c.Kept
		}
	}
	return rows, kept
}

// made are the same rows as the history makes them: each change has to fit what was before.
func (f *fixture) made() map[string]bool {
	f.t.Helper()
	changes, err := f.db.Changes(f.t.Context(), f.tenant, directory.ChangeQuery{Limit: 100_000})
	if err != nil {
		f.t.Fatal(err)
	}
	rows := map[string]bool{}
	turn := func(c directory.Change, key string, there bool) {
		if rows[key] == there {
			f.t.Errorf("change %d, %s: %s was so already", c.Seq, c.Type, key)
		}
		if rows[key] = there; !there {
			delete(rows, key)
		}
	}
	for _, c := range changes {
		switch c.Subject {
		case directory.SubjectRole:
			team := ""
			for _, v := range c.Fields {
				if text, isText := cmpOr(v.After, v.Before).(string); v.Field == "team" && isText {
					team = text
				}
			}
			turn(c, fmt.Sprintf("role %s %s in %q", c.PersonID, c.SubjectID, team), c.Type == directory.RoleGranted)
		case directory.SubjectLicense:
			for _, v := range c.Fields {
				if v.Field != "license" {
					continue
				}
				if v.Before != nil {
					turn(c, fmt.Sprintf("license %s %s %s", c.PersonID, c.SubjectID, v.Before), false)
				}
				if v.After != nil {
					turn(c, fmt.Sprintf("license %s %s %s", c.PersonID, c.SubjectID, v.After), true)
				}
			}
		}
	}
	return rows
}

func cmpOr(a, b any) any {
	if a != nil {
		return a
	}
	return b
}

// given is what the rules give by the world alone, worked out by other means than the engine's: roles, and who is entitled
// to a license.
func (f *fixture) given() (roles, entitled map[string]bool) {
	roles, entitled = map[string]bool{}, map[string]bool{}
	set, pool := f.rules.Grants.Sets[0], f.rules.Grants.Pools[0]
	for id, h := range f.people {
		if !h.assigned || h.status == "" || h.status == "DEPROVISIONED" {
			continue
		}
		in := func(rule directory.GrantRule) bool {
			return slices.ContainsFunc(rule.Groups, func(g string) bool { return h.groups[g] && f.groups[g] != "" })
		}
		role := "reader"
		for _, rule := range set.Rules[1:] { // from the lower role to the higher
			if in(rule) {
				role = rule.Role
			}
		}
		roles[fmt.Sprintf("role %s %s in %q", id, role, "")] = true
		if slices.ContainsFunc(pool.Rules, in) {
			entitled[id] = true
		}
	}
	return roles, entitled
}

// checkGrants checks what has to be true at any moment.
func (f *fixture) checkGrants(heldBefore int) (held int) {
	f.t.Helper()
	rows, _ := f.grantRows()
	if diff := cmp.Diff(f.made(), rows); diff != "" {
		f.t.Errorf("roles and licenses (-made of the changes +rows):\n%s", diff)
	}
	err := f.db.Update(f.t.Context(), f.tenant, func(ctx context.Context, tx *store.Tx) error {
		var err error
		if held, err = tx.LicensesHeld(ctx, "seat"); err != nil {
			return err
		}
		waiting, err := tx.LicensesWaiting(ctx, "seat")
		most := f.rules.Grants.Pools[0].Cap
		if most >= 0 && held > most && held > heldBefore {
			f.t.Errorf("%d licenses are held of %d, before it were %d", held, most, heldBefore)
		}
		if waiting > 0 && (most < 0 || held < most) {
			f.t.Errorf("%d wait although %d of %d are held", waiting, held, most)
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return held
}

// TestRandomGrants: random histories under rules that go to and fro, with plans that wait while events come. The history
// makes the rows at any moment, no license is given twice or lost, and in the end everybody has what the rules give.
func TestRandomGrants(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *store.DB) {
		tenants := 0
		rapid.Check(t, func(rt *rapid.T) {
			tenants++
			f := newTenant(quiet{t, rt}, db, fmt.Sprintf("t%d", tenants), granting(variant(0)))
			f.join("anchor", nil)
			f.groups = map[string]string{"g0": "Group g0", "g1": "Group g1", "g2": "Group g2"}
			f.propose(f.rules, false)
			f.useRules()
			held := 0
			for range rapid.IntRange(1, 15).Draw(rt, "steps") {
				scope, eventType := f.mutate(rt)
				then := rapid.SampledFrom([]string{"event", "event", "event", "lost", "full", "rules", "meanwhile"}).Draw(rt, "then")
				switch then {
				case "event":
					f.eventOrDoubt(scope, eventType)
				case "full":
					f.mustFull()
				case "rules", "meanwhile":
					done := f.propose(f.edited(granting(variant(rapid.IntRange(0, 3).Draw(rt, "variant")))), true)
					if done.Run.ID == "" {
						continue
					}
					old := f.engine
					f.engine = f.engineOf(dirsync.Options{Ruleset: f.inForce(), Store: meanwhileStore{engineStore: engineStore{f.db}, do: func() {
						if then == "meanwhile" { // decided by the old rules
							f.engine = old
							scope, eventType := f.mutate(rt)
							f.eventOrDoubt(scope, eventType)
							held = f.checkGrants(held)
						}
					}}})
					if run := f.work(done.Run.ID); run.State != directory.RunSucceeded {
						rt.Errorf("the run of changed rules: %+v", run)
					}
					f.useRules()
				case "lost":
				}
				held = f.checkGrants(held)
			}
			f.mustFull()
			f.mustFull() // which takes what is beyond the cap
			f.checkGrants(held)
			f.endGrants()
			if again := f.mustFull(); len(again.Counts.Changes) != 0 {
				rt.Errorf("a full sync right after a full sync changed %v", again.Counts.Changes)
			}
		})
	})
}

// meanwhileStore does something once the plan is complete, before anything of it is applied.
type meanwhileStore struct {
	engineStore
	do func()
}

func (s meanwhileStore) PlanCounts(ctx context.Context, tenant, run string) (directory.PlanCounts, error) {
	s.do()
	return s.engineStore.PlanCounts(ctx, tenant, run)
}

// inForce is the hash of the rules in force.
func (f *fixture) inForce() string {
	f.t.Helper()
	state, err := f.db.RulesState(f.t.Context(), f.tenant)
	if err != nil {
		f.t.Fatal(err)
	}
	return state.InForce
}

// endGrants checks that everybody has what the rules give, and beside it only what is kept.
func (f *fixture) endGrants() {
	f.t.Helper()
	rows, kept := f.grantRows()
	roles, entitled := f.given()
	claims := map[string]bool{}
	for id := range entitled {
		state := "waiting"
		if key := "license " + id + " seat held"; rows[key] {
			state = "held"
		}
		claims["license "+id+" seat "+state] = true
	}
	last := 0
	for key, why := range kept {
		delete(rows, key)
		if why == directory.KeptLast {
			last++
		}
	}
	maps.Copy(roles, claims)
	if diff := cmp.Diff(roles, rows); diff != "" {
		f.t.Errorf("roles and licenses (-given +rows):\n%s", diff)
	}
	if last > 1 {
		f.t.Errorf("%d people keep the role as the last one", last)
	}
}
