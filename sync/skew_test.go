package sync_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	dirsync "github.com/oktasync/oktasync/sync"
)

// TestApprovalBesideAWrongClock: a process whose clock is minutes behind reads everything after a
// plan was made. Which of the two is older is a matter of the database's clock, or the plan would be applied
// to people who have come back.
func TestApprovalBesideAWrongClock(t *testing.T) {
	t.Parallel()
	f := crowd(t, openDatabase(t))
	f.leave(0, 8)
	run := f.held()
	for i := range 8 {
		f.people[fmt.Sprintf("p%02d", i)].assigned = true
	}
	well := f.engine
	f.engine = dirsync.New(dirsync.Options{
		Tenant: f.tenant, Rules: f.rules, Source: f.world, Store: engineStore{f.db}, Owner: "slow", NewID: f.runID,
		Now: func() time.Time { return time.Now().Add(-5 * time.Minute) },
	})
	f.mustFull()
	f.engine = well
	if got := f.stand(run.ID); got.State != directory.RunOutdated {
		t.Errorf("the plan that the later run has overtaken is %s, want outdated", got.State)
	}
	if _, err := f.engine.Approve(t.Context(), run.ID, approval("ops")); !errors.Is(err, directory.ErrConflict) {
		t.Errorf("approved with %v", err)
	}
	if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); err != nil {
		t.Fatal(err)
	}
	f.compare(everyone(f))
}
