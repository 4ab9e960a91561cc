package sync_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// crowdIn adds so many people, in ids between those of others, that a plan which says something of each of their roles and
// licenses is applied in several batches.
func (f *fixture) crowdIn(group string) {
	for i := range 510 {
		f.join(fmt.Sprintf("m%03d", i), nil).groups[group] = true
	}
}

// grantsOf are the changes of the history about one person's roles and licenses, as "type subject".
func (f *fixture) grantsOf(id string) []string {
	f.t.Helper()
	changes, err := f.db.Changes(f.t.Context(), f.tenant, directory.ChangeQuery{PersonID: id, Limit: 100})
	if err != nil {
		f.t.Fatal(err)
	}
	var all []string
	for _, c := range changes {
		if c.Subject == directory.SubjectRole || c.Subject == directory.SubjectLicense {
			all = append(all, fmt.Sprintf("%s %s", c.Type, c.SubjectID))
		}
	}
	return all
}

// keptAlerts are the people about whom an alert says that they keep a role.
func (f *fixture) keptAlerts() (people []string) {
	f.t.Helper()
	alerts, err := f.db.DueAlerts(f.t.Context(), directory.AlertMail, time.Hour, time.Minute, 10)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, a := range alerts {
		if a.Kind == directory.AlertRoleKept {
			people = append(people, strings.Fields(a.Sentence)[1])
		}
	}
	return people
}

// TestLastRoleMovesAcrossBatches: a role that somebody has to have goes from one person to another whose turn comes batches
// later. It is never with nobody, and nobody is told that it stays where it does not.
func TestLastRoleMovesAcrossBatches(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		leave    func(*human)
		meantime func(f *fixture) // once the plan is made
		have     map[string]string
		alerts   []string
		of       []string // changes of who had it
	}{
		"taken": {
			leave: func(h *human) { h.groups = map[string]bool{} },
			have:  map[string]string{"a": "reader", "z": "admin"},
			of:    []string{"role.granted admin", "role.granted reader", "role.revoked admin"},
		},
		"left": {
			leave: func(h *human) { h.status = "DEPROVISIONED" },
			have:  map[string]string{"z": "admin"},
			of:    []string{"role.granted admin", "role.revoked admin"},
		},
		"and does not come": {
			leave: func(h *human) { h.groups = map[string]bool{} },
			meantime: func(f *fixture) {
				delete(f.people["z"].groups, "g-admin")
				f.event(person1("z"), "group.user_membership.remove")
			},
			have:   map[string]string{"a": "admin kept last, reader", "z": "reader"},
			alerts: []string{"a"},
			of:     []string{"role.granted admin", "role.granted reader"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := access()
			rules.Sets[0].Roles[2].KeepLast = true
			f := newFixture(t, granting(rules))
			f.groups["g-edit"], f.groups["g-admin"] = "Editors", "Admins"
			f.join("a", nil).groups["g-admin"] = true
			f.join("z", nil)
			f.crowdIn("g-none")
			f.mustFull()
			test.leave(f.people["a"])
			f.people["z"].groups["g-admin"] = true
			for id, h := range f.people {
				if strings.HasPrefix(id, "m") {
					h.groups["g-edit"] = true
				}
			}
			old := f.engine
			f.engine = f.engineOf(dirsync.Options{Store: meanwhileStore{engineStore: engineStore{f.db}, do: func() {
				if test.meantime != nil {
					f.engine = old
					test.meantime(f)
				}
			}}})
			run := f.mustFull()
			have := f.has()
			for id := range have {
				if strings.HasPrefix(id, "m") {
					delete(have, id)
				}
			}
			if diff := cmp.Diff(test.have, have); diff != "" {
				t.Errorf("what people have (-want +got):\n%s", diff)
			}
			if got := f.keptAlerts(); !slices.Equal(got, test.alerts) {
				t.Errorf("told to keep it are %q, want %q", got, test.alerts)
			}
			if got := f.grantsOf("a"); !sameInAnyOrder(got, test.of) {
				t.Errorf("the history of a: %q", got)
			}
			if test.meantime == nil && run.Counts.Superseded != 0 {
				t.Errorf("%d changes of the plan count as superseded", run.Counts.Superseded)
			}
		})
	}
}

func sameInAnyOrder(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// TestLicensesFreedBatchesLater: who is given a license that the same run frees batches later is told so once, and not
// before that to wait for it. So it is with two who change places.
func TestLicensesFreedBatchesLater(t *testing.T) {
	t.Parallel()
	bothDatabases(t, func(t *testing.T, db *store.DB) {
		pool := func(name string, most int, groups ...string) directory.LicensePool {
			return directory.LicensePool{Name: name, Cap: most, Rules: []directory.GrantRule{{Name: name, Groups: groups}}}
		}
		f := newTenant(t, db, "acme", func(r *directory.Rules) {
			r.Grants = directory.GrantRules{Pools: []directory.LicensePool{pool("seat", 2, "g1"), pool("desk", 1, "g2")}}
			r.Limits.Licenses = directory.Limit{Absolute: 10_000, Fraction: 1}
		})
		f.groups["g1"], f.groups["g2"], f.groups["g3"] = "One", "Two", "Three"
		f.join("a", nil).groups["g2"] = true // has a desk
		f.join("y", nil).groups["g1"] = true // have seats
		f.join("z", nil).groups["g1"] = true
		f.crowdIn("g3")
		f.mustFull()
		f.people["a"].groups, f.people["z"].groups = map[string]bool{"g1": true}, map[string]bool{"g2": true}
		for id, h := range f.people {
			if strings.HasPrefix(id, "m") {
				h.groups["g1"] = true
			}
		}
		f.people["y"].groups = map[string]bool{}
		run := f.mustFull()
		if run.Counts.Superseded != 0 {
			t.Errorf("%d changes of the plan count as superseded", run.Counts.Superseded)
		}
		for id, want := range map[string][]string{
			"a":    {"license.granted desk", "license.released desk", "license.granted seat"},
			"z":    {"license.granted seat", "license.released seat", "license.granted desk"},
			"y":    {"license.granted seat", "license.released seat"},
			"m000": {"license.granted seat"},
			"m001": {"license.waiting seat"},
			"m509": {"license.waiting seat"},
		} {
			if diff := cmp.Diff(want, f.grantsOf(id)); diff != "" {
				t.Errorf("the history of %s (-want +got):\n%s", id, diff)
			}
		}
		plan := f.planOf(run.ID)
		for _, want := range []string{"license.granted seat a", "license.granted desk z", "license.granted seat m000", "license.waiting seat m001"} {
			if !slices.Contains(plan, want) {
				t.Errorf("the plan lacks %q", want)
			}
		}
	})
}
