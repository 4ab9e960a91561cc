package sync_test

import (
	"strings"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

// A role that sees less than before hides people and groups from lists. What is hidden stays as it is,
// and the run says what the reason may be.
func TestNarrowerRole(t *testing.T) {
	t.Parallel()
	const half = "of the API token's owner or of the service app was narrowed"
	tests := map[string]struct {
		faults []emulator.Fault
		before func(*realOrg)
		says   []string // nothing: the run succeeds
		silent string
	}{
		"sees as much": {silent: half},
		"sees half of the groups": {
			faults: []emulator.Fault{{Kind: emulator.FaultCutPage, Endpoint: "GET /api/v1/groups"}},
			says:   []string{"Okta's list lacks 7 of the 12 groups in the directory, over the limit of", "exists when it is read by id", half, "saw 60 and 12"},
		},
		"sees no groups": {
			faults: []emulator.Fault{{Kind: emulator.FaultEmptyList, Endpoint: "GET /api/v1/groups"}},
			says:   []string{"lacks 12 of the 12 groups", "showed 60 people and 0 groups"},
		},
		"sees half of the people": {
			faults: []emulator.Fault{{Kind: emulator.FaultCutPage, Endpoint: "GET /api/v1/apps/{appId}/users"}},
			says:   []string{"Okta's list lacks 30 of the 60 people", "25 are still assigned", half, "showed 30 people"},
		},
		"finds no groups, by id neither": {
			faults: []emulator.Fault{
				{Kind: emulator.FaultEmptyList, Endpoint: "GET /api/v1/groups"},
				{Kind: emulator.FaultNotFound, Endpoint: "GET /api/v1/groups/{groupId}"},
			},
			says: []string{"12 of 12 groups would be removed", half},
		},
		// An honest clean-up of a few is no reason to stop.
		"a few groups are gone": {
			before: func(r *realOrg) {
				r.must(r.org.DeleteGroup(r.org.Groups()[3].ID))
				r.must(r.org.DeleteGroup(r.org.Groups()[3].ID))
			},
			silent: half,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRealOrg(t, openDatabase(t), emulator.Options{People: 60, Groups: 12, Limits: emulator.Unlimited()}, func(rules *directory.Rules) {
				rules.Limits = directory.DefaultRules().Limits
			})
			r.mustFull()
			if test.before != nil {
				test.before(r)
			}
			for _, f := range test.faults {
				if _, err := r.org.AddFault(f); err != nil {
					t.Fatal(err)
				}
			}
			groups, err := r.db.ListGroups(t.Context(), realTenant, "", 100)
			if err != nil {
				t.Fatal(err)
			}
			run, _ := r.full()
			if want := len(test.says) > 0; (run.State == directory.RunHeld) != want {
				t.Fatalf("the run is %s: %s", run.State, run.Error)
			}
			for _, part := range test.says {
				if !strings.Contains(run.Error, part) {
					t.Errorf("the run says %q, not %q", run.Error, part)
				}
			}
			if test.silent != "" && strings.Contains(run.Error, test.silent) {
				t.Errorf("the run says %q", run.Error)
			}
			left, err := r.db.ListGroups(t.Context(), realTenant, "", 100)
			if err != nil || len(test.says) > 0 && len(left) != len(groups) {
				t.Errorf("%d of %d groups are left, %v", len(left), len(groups), err)
			}
		})
	}
}
