package directory

import (
	"encoding/json"
	"time"
)

// RunState is where a run stands.
type RunState string

// The states of a run. A worker takes it from the first to the third; then it waits for
// an admin, or is over:
//
//	queued ─> reading ─┬─────────────────────────────> applying ─> succeeded
//	                   └─> held, planned ─┬─ approved ──┘
//	                                      ├─ rejected
//	                                      └─ outdated: it waited too long, or somebody read later
const (
	RunQueued    RunState = "queued"
	RunReading   RunState = "reading"  // pages come in from Okta, the plan grows
	RunApplying  RunState = "applying" // the plan is within the limits, or approved, and is being applied
	RunHeld      RunState = "held"     // the guard stopped the plan, which waits for an admin
	RunPlanned   RunState = "planned"  // the same of a dry run, whatever the guard says
	RunSucceeded RunState = "succeeded"
	RunFailed    RunState = "failed" // could not finish; nothing was applied unless Counts says so
	RunCancelled RunState = "cancelled"
	RunRejected  RunState = "rejected" // an admin said no
	RunOutdated  RunState = "outdated" // waited too long, or a newer run has read the same since
)

// RunAttempts is how many attempts at a run may fail, the last one included.
const RunAttempts = 5

// AnyClaim claims a run however often it was claimed before.
const AnyClaim int64 = -1

// Open says whether a worker has the run, or will.
func (s RunState) Open() bool { return s == RunQueued || s == RunReading || s == RunApplying }

// Waiting says whether the run waits for an admin's decision.
func (s RunState) Waiting() bool { return s == RunHeld || s == RunPlanned }

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
	// Resumed is how often the reading was interrupted and went on where it was.
	Resumed int `json:"resumed,omitempty"`
	// Note says of the last interruption what became of it, for an admin.
	Note string `json:"note,omitempty"`
	// Source names the org and the app that are read.
	Source string `json:"source,omitempty"`
	// Waits says why Okta asked the run to wait, while it does.
	Waits string `json:"waits,omitempty"`
	// Rules is the hash of the rules that the run plans by; empty where nobody keeps one.
	Rules string `json:"rules,omitempty"`
	// Adopted is when the run brought its rules into force, database's clock.
	Adopted *time.Time `json:"adopted,omitempty"`
	// ChangesBefore and ChangesAfter are the tenant's last change when the reading of a run of changed rules began, and
	// when these came into force: what was done in between was done by other rules.
	ChangesBefore int64 `json:"changes_before,omitempty"`
	ChangesAfter  int64 `json:"changes_after,omitempty"`
	// Everybody says that the plan is about the roles and licenses of everybody.
	Everybody bool `json:"everybody,omitempty"`
	// ListsRefuted says that reads by id have found groups, or members of groups, that Okta's lists lack.
	ListsRefuted bool `json:"lists_refuted,omitempty"`
}

// Sight is how much of Okta a full run saw.
type Sight struct {
	Run    string // its id
	People int    // listed as assigned to the app
	Groups int    // listed and selected by the rules
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
	// Rules is the hash of the rules that the run is to bring into force, or in a dry run to try; empty for
	// a run under those that are in force.
	Rules string `json:"rules,omitempty"`
	// Claims is how often the run was claimed. A task says which claim it was made for.
	Claims int64 `json:"claims,omitempty"`
	// Attempts is how many attempts have failed, of RunAttempts.
	Attempts int `json:"attempts,omitempty"`
	// RetryAt is when the run goes on, database's clock; at once when nil. An attempt has failed when
	// Error says why; otherwise Okta asked to wait.
	RetryAt *time.Time `json:"retry_at,omitempty"`
	// RetryIn sets RetryAt when the run is saved.
	RetryIn time.Duration `json:"-"`
	// Refused says that the run failed because Okta refused the credentials.
	Refused bool `json:"refused,omitempty"`
	// DryRun says that the run was to stop after the plan.
	DryRun bool `json:"dry_run,omitempty"`
	// PlannedAt is when the plan of a run that waits was complete. Without it reading
	// stopped early: there is nothing that could be approved.
	PlannedAt *time.Time `json:"planned_at,omitempty"`
	// WaitsUntil is when the plan gets too old to be approved.
	WaitsUntil *time.Time `json:"waits_until,omitempty"`
	Decision   *Decision  `json:"decision,omitempty"`
	// Plan sums up the plan of a run that waits, or waited.
	Plan *PlanSummary `json:"plan,omitempty"`
}

// PlanSummary says in figures what a plan would do.
type PlanSummary struct {
	Joiners   int                `json:"joiners"`
	Leavers   int                `json:"leavers"` // removed and deactivated
	Suspended int                `json:"suspended"`
	Returning int                `json:"returning"`
	Moves     int                `json:"moves"` // from one team to another
	Managers  ManagerEffect      `json:"managers"`
	Changes   map[ChangeType]int `json:"changes"`
	Teams     []PlanEffect       `json:"teams"`   // the largest, by people lost or gained
	Effects   []PlanEffect       `json:"effects"` // the largest of teams and groups together
}

// ManagerEffect is how many people a plan gives a manager, leaves without the one that they had, or gives another.
// Who leaves is in none of these.
type ManagerEffect struct {
	Gained  int `json:"gained"`
	Lost    int `json:"lost"`
	Changed int `json:"changed"`
}

// PlanEffect is what a plan does to one team or group.
type PlanEffect struct {
	Kind   SubjectKind `json:"kind"`
	ID     string      `json:"id"`
	Name   string      `json:"name,omitempty"` // empty for a group that the plan makes
	Gained int         `json:"gained"`
	Lost   int         `json:"lost"`
}

// Decision is what an admin decided about a plan that waited.
type Decision struct {
	Approved bool      `json:"approved"` // false: rejected
	By       string    `json:"by"`       // name of the admin token
	At       time.Time `json:"at"`       // database's clock
	Reason   string    `json:"reason"`   // in the admin's words
}

// Step is a piece of a run's reading: what was seen, what follows from it, and what is
// needed to go on after it. It is kept as a whole or not at all.
type Step struct {
	Pages   []Page
	Planned []PlannedChange
	Notes   json.RawMessage // the reader's own
}

// Reading is how far the reading of a run has come.
type Reading struct {
	Notes     json.RawMessage // of the last step
	Positions []Position      // of all steps, one for each list
	Planned   int64           // changes in the plan
	Age       time.Duration   // since the last step, by the database's clock
}

// PlanCounts is what the guard judges: how much a plan takes away, of how much.
type PlanCounts struct {
	ByType       map[ChangeType]int
	PeopleBefore int                 // active and suspended people before the plan, detached ones where they leave
	PeopleLeave  int                 // of these, who would be deactivated, removed or suspended
	GroupsBefore int                 // groups before the plan
	GroupsLeave  int                 // of these, which would be removed
	Groups       []GroupRemovalCount // groups that stay and lose members, by id

	RolesBefore    int // roles that people have
	RolesLeave     int // of these, which would be taken from people who stay, without another in their place
	LicensesBefore int // licenses that are held
	LicensesLeave  int // of these, which would be taken from people who stay
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
	Hook         HookHealth `json:"hook"`
}
