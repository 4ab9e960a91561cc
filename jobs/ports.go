package jobs

import (
	"context"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Reconciler does the work of a task. One call is one task. Both calls must end
// soon after their context does, and may run twice at once for the same scope
// (a task is delivered at least once), so their writes must be safe to repeat.
//
// Errors decide what becomes of the task, see Server.
type Reconciler interface {
	// ReconcileScope works off the waiting events of a scope. It returns ErrIdle at
	// once when there are none.
	ReconcileScope(ctx context.Context, tenant string, scope directory.Scope) error
	// ReconcileRun carries a run to its end, or to the end of this attempt: its row says whether and
	// when there is another one. It fails with directory.ErrBusy while another worker is
	// at it, or has claimed it more often than claims, and with directory.ErrConflict when it is over.
	ReconcileRun(ctx context.Context, tenant, runID string, claims int64) error
	// Check asks Okta once whether it lets the tenant in.
	Check(ctx context.Context, tenant string) error
}

// Ledger is what workers note about tenants, scopes and runs.
type Ledger interface {
	// Park sets the waiting events of the scope aside until an admin retries or
	// discards them. reason is shown to that admin.
	Park(ctx context.Context, tenant string, scope directory.Scope, reason string) error
	// Block notes that Okta refuses the tenant's credentials; reason is shown.
	Block(ctx context.Context, tenant, reason string) error
	// Unblock takes that back.
	Unblock(ctx context.Context, tenant string) error
	// NightlyRefused says whether the newest full run of the tenant is one of the calendar, and failed
	// because Okta refused the credentials. One that was made in its place is none.
	NightlyRefused(ctx context.Context, tenant string) (bool, error)
	// CreateRun adds a queued run, or returns the queued one that will see the same, and false.
	CreateRun(ctx context.Context, run directory.Run) (directory.Run, bool, error)
	// Blocked returns the reason, or nothing.
	Blocked(ctx context.Context, tenant string) (string, error)
	// WaitingLogins returns the ids of person scopes that have unmarked events
	// and are not Okta ids but logins: all but those that have 20 characters and
	// begin with 00.
	WaitingLogins(ctx context.Context, tenant string) ([]string, error)
	// BeginChore gives the next turn of a chore to the caller until lease has passed, and
	// returns its number; false when it is not due, or another worker is at it.
	BeginChore(ctx context.Context, hint directory.ChoreHint, lease time.Duration) (turn int64, ours bool, err error)
	// EndChore notes how a turn ended and when the next is due, and returns the
	// result of the turn before. A turn that was lost is left alone.
	EndChore(ctx context.Context, hint directory.ChoreHint, turn int64, end directory.ChoreEnd) (before directory.ChoreResult, err error)
}

// Backlog is where the sweeper finds work that the queue may have lost.
type Backlog interface {
	// StaleScopes returns scopes with unmarked events that are neither parked nor
	// received or swept within olderThan, and notes that they are swept now. Of
	// a blocked tenant it returns at most one.
	StaleScopes(ctx context.Context, urgent bool, olderThan time.Duration, limit int) ([]directory.ScopeHint, error)
	// BlockedIdle returns the tenants that are blocked and of which no event waits.
	BlockedIdle(ctx context.Context) ([]string, error)
	// DueSecondLooks returns scopes that are to be looked at once more now and were not swept
	// within olderThan, and notes that they are swept now.
	DueSecondLooks(ctx context.Context, olderThan time.Duration, limit int) ([]directory.ScopeHint, error)
	// StaleRuns returns runs that are not over, that nobody works on, whose next attempt is due, and that were
	// not swept within olderThan, and notes that they are swept now.
	StaleRuns(ctx context.Context, olderThan time.Duration) ([]directory.Run, error)
	// Blocked returns why the tenant is blocked, or nothing.
	Blocked(ctx context.Context, tenant string) (string, error)
}

// Calendar is where the schedule notes nightly runs.
type Calendar interface {
	// CreateRun adds a queued run. It returns the one that exists, and false,
	// when there is one of that tenant and date already.
	CreateRun(ctx context.Context, run directory.Run) (directory.Run, bool, error)
	// LastNightly returns the date (YYYY-MM-DD) of the newest nightly run.
	LastNightly(ctx context.Context, tenant string) (date string, found bool, err error)
	// LastFullSync returns when the newest successful full run ended.
	LastFullSync(ctx context.Context, tenant string) (at time.Time, found bool, err error)
}

// ChoreCalendar is where it stands when which chore is due.
type ChoreCalendar interface {
	// EnsureChores makes the rows that are missing, due at once. One that is
	// there becomes due no later than its Every from now.
	EnsureChores(ctx context.Context, plans []directory.ChorePlan) error
	// DueChores returns the chores that are due, that no worker holds and that were not swept
	// within grace, and notes that they are swept now.
	DueChores(ctx context.Context, grace time.Duration) ([]directory.ChoreHint, error)
}
