package store_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store/sqlite"
)

// TestHistoriesAreFoundByIndex: what a page of the feed reads of a team must not grow with all that happened since.
func TestHistoriesAreFoundByIndex(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "x.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	plans, err := db.PlansOfHistories(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for kind, index := range map[directory.SubjectKind]string{
		directory.SubjectPerson: "changes_person", directory.SubjectTeam: "changes_team", directory.SubjectGroup: "changes_group",
	} {
		if !slices.ContainsFunc(plans[kind], func(step string) bool { return strings.Contains(step, "changes USING INDEX "+index) }) {
			t.Errorf("the changes of a %s are not found by %s: %q", kind, index, plans[kind])
		}
	}
}
