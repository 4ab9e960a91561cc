package sync_test

import (
	"fmt"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// TestManyGroupsOfWhichFewAreWanted: of 10,000 groups the rules name three. Of a person who is in 500 the directory
// keeps what counts, and nothing that grows with the others.
func TestManyGroupsOfWhichFewAreWanted(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *store.DB) {
		wanted := []string{"g00007", "g05000", "g09999"}
		rules := roleBy("editor", wanted...)
		rules.Sets[0].Rules[0].TeamFrom = directory.TeamOfGroup
		f := newTenant(t, db, "acme", func(r *directory.Rules) {
			r.Grants = rules
			r.Groups = directory.GroupSelection{IDs: wanted}
		})
		for i := range 10_000 {
			f.groups[fmt.Sprintf("g%05d", i)] = fmt.Sprintf("Group %d", i)
		}
		h := f.join("ann", nil)
		for i := range 498 {
			h.groups[fmt.Sprintf("g%05d", 20*i+1)] = true
		}
		h.groups["g00007"], h.groups["g05000"] = true, true
		f.event(person1("ann"))
		f.mustHave(map[string]string{"ann": "editor@g00007, editor@g05000"})
		groups, err := f.db.ListGroups(t.Context(), f.tenant, "", 1000)
		if err != nil || len(groups) != 2 {
			t.Errorf("%d groups are kept, %v", len(groups), err)
		}
		members, err := f.db.ListMemberships(t.Context(), f.tenant, directory.Membership{}, 1000)
		if err != nil || len(members) != 2 {
			t.Errorf("%d memberships are kept, %v", len(members), err)
		}
	})
}
