package sync_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/store"
)

// TestSecondLookCorrectsAStaleRead: Okta tells of changes and for a while answers as before them. The
// directory ends right without a full sync.
func TestSecondLookCorrectsAStaleRead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(r *realOrg, who, grants string) (emulator.Act, error)
		right  func(e entry) bool
	}{
		{"added to a group", func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.AddToGroup("Late", who) },
			func(e entry) bool { return slices.Contains(e.Groups, "Late") }},
		{"removed from a group", func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.RemoveFromGroup("Crew", who) },
			func(e entry) bool { return !slices.Contains(e.Groups, "Crew") }},
		{"lost the app", func(r *realOrg, who, grants string) (emulator.Act, error) { return r.org.RemoveFromGroup(grants, who) },
			func(e entry) bool { return e.Status == directory.StatusRemoved }},
		{"deleted", func(r *realOrg, who, _ string) (emulator.Act, error) { return r.org.Delete(who) },
			func(e entry) bool { return e.Status == directory.StatusRemoved }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			eachDatabase(t, func(t *testing.T, open func(testing.TB) *store.DB) {
				r, who, grants := leaverOrg(t, open(t))
				r.must(r.org.CreateGroup("Late", ""))
				r.follow()
				r.lookAgainLater(time.Microsecond)
				for _, endpoint := range []string{"/api/v1/users/**", "/api/v1/apps/**"} { // the log tells at once
					if _, err := r.org.AddFault(emulator.Fault{Kind: emulator.FaultStale, Endpoint: endpoint, Delay: emulator.Duration(time.Hour)}); err != nil {
						t.Fatal(err)
					}
				}
				r.must(r.org.Update(who, map[string]any{"title": "Seen Before"})) // so that there is something old to answer
				r.follow()
				before := r.entry(who)

				r.must(test.change(r, who, grants))
				for _, scope := range r.listen() {
					if _, err := r.engine.Scope(t.Context(), scope); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(before, r.entry(who)); diff != "" {
					t.Fatalf("the reads were not stale (-before +after):\n%s", diff)
				}
				r.org.ClearFaults() // Okta is consistent by now
				if n := r.lookAgain(); n == 0 {
					t.Fatal("nobody is looked at again")
				}
				if now := r.entry(who); !test.right(now) {
					t.Errorf("after the second look the person is %+v", now)
				}
				// It asks for no third one.
				if n := r.lookAgain(); n != 0 {
					t.Errorf("%d scopes are looked at once more", n)
				}
				changes, err := r.db.Changes(t.Context(), realTenant, directory.ChangeQuery{PersonID: who, Newest: true, Limit: 1})
				if err != nil || changes[0].Cause.Kind != directory.CauseSecondLook {
					t.Errorf("the history says %+v, %v; want the second look as the cause", changes, err)
				}
			})
		})
	}
}

// TestSecondLooksCoalesce: one look for a person, however much happened; none for what the user's own
// row tells; none when they are off.
func TestSecondLooksCoalesce(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	looks := func() int {
		t.Helper()
		due, err := f.db.DueSecondLooks(t.Context(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(due)
	}
	scope := directory.PersonScope("ada")
	f.event(scope, "application.user_membership.add")
	if n := looks(); n != 0 {
		t.Errorf("%d second looks although they are off", n)
	}
	f.lookAgainLater(time.Microsecond)
	f.event(scope, "user.account.update_profile", "user.lifecycle.suspend")
	if n := looks(); n != 0 {
		t.Errorf("%d second looks after events that need none", n)
	}
	for range 3 {
		f.event(scope, "application.user_membership.add", "group.user_membership.add", "group.user_membership.remove")
	}
	f.event(directory.GroupScope("g-eng"), "group.application_assignment.add")
	if n := looks(); n != 2 {
		t.Errorf("%d second looks, want one for the person and one for the group", n)
	}
	for _, s := range []directory.Scope{scope, directory.GroupScope("g-eng")} {
		if _, err := f.engine.Scope(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if n := looks(); n != 0 {
		t.Errorf("%d second looks at what was looked at twice", n)
	}
}
