package emulator_test

import (
	"context"
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

// everyChange makes each kind of change once.
func everyChange(t *testing.T, org *emulator.Org) {
	t.Helper()
	do := must(t)
	ada := do(org.Join(emulator.NewPerson{FirstName: "Ada", Status: emulator.Staged})).ID
	do(org.Activate(ada))
	do(org.SignIn(ada))
	do(org.Move(ada, "Research", org.PersonIDs()[0]))
	do(org.Suspend(ada))
	do(org.Unsuspend(ada))
	do(org.Lock(ada))
	do(org.Unlock(ada))
	do(org.ExpirePassword(ada))
	do(org.ResetPassword(ada))
	do(org.SignIn(ada))
	g := do(org.CreateGroup("Mathematicians", "")).ID
	do(org.RenameGroup(g, "Analysts"))
	do(org.AddToGroup(g, ada))
	app := do(org.CreateApp("Engine")).ID
	do(org.AssignGroup(app, g))
	do(org.Assign(app, ada))
	do(org.Unassign(app, ada))
	do(org.SetAppActive(app, false))
	do(org.SetAppActive(app, true))
	do(org.UnassignGroup(app, g))
	do(org.RemoveFromGroup(g, ada))
	do(org.DeleteGroup(g))
	do(org.DeleteApp(app))
	do(org.Deactivate(ada))
	do(org.Delete(ada))
}
