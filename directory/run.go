package directory

import "time"

// RunState is where a run stands.
type RunState string

// The states of a run, in order; the last four are final.
const (
	RunQueued    RunState = "queued"
	RunReading   RunState = "reading"  // pages come in from Okta, the plan grows
	RunApplying  RunState = "applying" // the plan is within the limits and is being applied
	RunSucceeded RunState = "succeeded"
	RunHeld      RunState = "held"   // the guard refused the plan; nothing was applied
	RunFailed    RunState = "failed" // could not finish; nothing was applied unless Counts says so
	RunCancelled RunState = "cancelled"
)

// Final says whether the run is over.
func (s RunState) Final() bool {
	switch s {
	case RunSucceeded, RunHeld, RunFailed, RunCancelled:
		return true
	default:
		return false
	}
}

// Progress is how far a run has come.
type Progress struct {
	Pages     int        `json:"pages"`
	People    int        `json:"people"`
	Groups    int        `json:"groups"`
	Members   int        `json:"members"`
	Calls     int        `json:"calls"`
	CallsLeft int        `json:"calls_left"`    // -1 when unknown
	Planned   int64      `json:"planned"`       // changes in the plan
	Applied   int64      `json:"applied"`       // last plan position that was dealt with
	ETA       *time.Time `json:"eta,omitempty"` // estimated end of reading
}

// RunCounts sums up what a run did, by type of change.
type RunCounts struct {
	Changes     map[ChangeType]int `json:"changes,omitempty"`
	Superseded  int                `json:"superseded"`  // moved on since the plan was made, left alone
	Quarantined int                `json:"quarantined"` // records that could not be applied
	Confirmed   int                `json:"confirmed"`   // people and groups read by id to prove absence
}

// Run is one full or partial reconciliation that cron, an admin or a group event asked for.
type Run struct {
	ID     string    `json:"id"` // UUID version 7
	Tenant string    `json:"tenant"`
	Scope  Scope     `json:"scope"`
	Cause  CauseKind `json:"cause"`
	// Date is the scheduled day (YYYY-MM-DD, UTC) of a nightly run: at most one
	// run exists per tenant and date. Empty otherwise.
	Date       string     `json:"date,omitempty"`
	By         string     `json:"by,omitempty"` // name of the admin token
	State      RunState   `json:"state"`
	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	Progress   Progress   `json:"progress"`
	Counts     RunCounts  `json:"counts"`
	Error      string     `json:"error,omitempty"` // a sentence for an admin
}

// PlanCounts is what the guard judges: how much a plan takes away, of how much.
type PlanCounts struct {
	ByType       map[ChangeType]int
	PeopleBefore int                 // active and suspended people before the plan
	PeopleLeave  int                 // of these, who would be deactivated, removed or suspended
	GroupsBefore int                 // groups before the plan
	GroupsLeave  int                 // of these, which would be removed
	Groups       []GroupRemovalCount // groups that stay and lose members, by id
}

// GroupRemovalCount is how many members one group would lose.
type GroupRemovalCount struct {
	GroupID string
	Before  int
	Leave   int
}

// TenantState is what is known about a tenant's health, beside its configuration.
type TenantState struct {
	Tenant string `json:"tenant"`
	// Blocked is a sentence while Okta refuses our credentials: the tenant's
	// jobs rest, events are kept. Empty when all is well.
	Blocked      string     `json:"blocked,omitempty"`
	BlockedSince *time.Time `json:"blocked_since,omitempty"`
	LastFullSync *time.Time `json:"last_full_sync,omitempty"` // end of the last one that succeeded
	Waiting      int        `json:"waiting"`                  // event scopes not yet reconciled
	OldestWait   *time.Time `json:"oldest_waiting,omitempty"`
	Parked       int        `json:"parked"`
	People       int        `json:"people"` // active and suspended
	Quarantined  int        `json:"quarantined"`
}
