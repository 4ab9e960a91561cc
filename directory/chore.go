package directory

import "time"

// Chore names recurring work that each tenant needs, whether or not anything happens in Okta.
type Chore string

// ChoreErase erases people who left, once the grace of the tenant's policy is over.
const ChoreErase Chore = "erase"

// ChorePlan says how often a tenant wants a chore.
type ChorePlan struct {
	Tenant string
	Chore  Chore
	Every  time.Duration // above zero
}

// ChoreHint says that a chore of a tenant is due.
type ChoreHint struct {
	Tenant string
	Chore  Chore
}

// ChoreResult is how a turn of a chore ended.
type ChoreResult string

// The results of a turn. The empty one is that of a chore which had no turn yet.
const (
	ChoreDone    ChoreResult = "done"
	ChoreFailed  ChoreResult = "failed"  // it is tried again, and may pass by itself
	ChoreRefused ChoreResult = "refused" // Okta refuses: an admin has to do something
	// ChorePutOff is no turn at all, because of a rate limit or of a service that
	// stops. It says nothing about the chore, so the result before stays.
	ChorePutOff ChoreResult = "put off"
)

// ChoreEnd is what is noted at the end of a turn.
type ChoreEnd struct {
	Result  ChoreResult
	Problem string        // a sentence for an admin, where it failed or was refused
	Next    time.Duration // until the next turn
}

// ChoreState is how a chore of a tenant goes.
type ChoreState struct {
	Chore   Chore       `json:"chore"`
	Due     time.Time   `json:"due"`
	Done    *time.Time  `json:"done,omitempty"` // end of the last turn that went well
	Result  ChoreResult `json:"result"`
	Problem string      `json:"problem,omitempty"`
	Since   *time.Time  `json:"since,omitempty"` // of the problem
}

// ChoreProblem says that a chore of a tenant does not go well.
type ChoreProblem struct {
	Tenant  string
	Chore   Chore
	Problem string
	Since   time.Time
}
