package v1

import "time"

// ResyncRequest asks for a resync.
type ResyncRequest struct {
	Scope string `json:"scope" enum:"full,person,group" doc:"Everything, one person, or one group with its members"`
	ID    string `json:"id,omitempty" maxLength:"320" doc:"Person: Okta id, login or e-mail. Group: Okta id or exact name. Full: leave out"`
}

// Run is one full or partial reconciliation.
type Run struct {
	ID         string     `json:"id"`
	Tenant     string     `json:"tenant"`
	Scope      string     `json:"scope" doc:"full, person:<id> or group:<id>" example:"full"`
	Cause      string     `json:"cause" enum:"hook,log,nightly,manual"`
	Date       string     `json:"date,omitempty" doc:"The scheduled day of a nightly run, UTC" example:"2026-08-20"`
	By         string     `json:"by,omitempty" doc:"Name of the admin token that asked for it"`
	State      string     `json:"state" enum:"queued,reading,applying,succeeded,held,failed,cancelled" doc:"The last four are final"`
	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	Progress   Progress   `json:"progress"`
	Counts     Counts     `json:"counts"`
	Error      string     `json:"error,omitempty" doc:"What went wrong, what was kept, and what to do"`
	// Joined is set by a request for a resync alone.
	Joined bool `json:"joined,omitempty" doc:"An equal run was waiting already, and this is it"`
}

// Final says whether the run is over.
func (r Run) Final() bool {
	switch r.State {
	case "succeeded", "held", "failed", "cancelled":
		return true
	default:
		return false
	}
}

// Progress is how far a run has come.
type Progress struct {
	Pages     int        `json:"pages" doc:"Pages read from Okta"`
	People    int        `json:"people" doc:"People read"`
	Groups    int        `json:"groups" doc:"Groups read"`
	Members   int        `json:"members" doc:"Memberships read"`
	Calls     int        `json:"calls" doc:"Calls to Okta so far"`
	CallsLeft int        `json:"calls_left" doc:"Estimated calls that remain; -1 when unknown"`
	Planned   int64      `json:"planned" doc:"Changes in the plan"`
	Applied   int64      `json:"applied" doc:"Changes of the plan dealt with"`
	ETA       *time.Time `json:"eta,omitempty" doc:"Estimated end of reading"`
}

// Counts sums up what a run did.
type Counts struct {
	Changes     map[string]int `json:"changes,omitempty" doc:"Number of changes by type"`
	Superseded  int            `json:"superseded" doc:"Planned changes left alone because the row had moved on"`
	Quarantined int            `json:"quarantined" doc:"Records that could not be applied"`
	Confirmed   int            `json:"confirmed" doc:"People and groups read by id to prove that they are gone"`
}

// Parked is a scope whose work failed for good.
type Parked struct {
	Scope    string    `json:"scope" doc:"person:<id>, group:<id> or full"`
	Events   int       `json:"events" doc:"Events that wait in it"`
	Reason   string    `json:"reason"`
	ParkedAt time.Time `json:"parked_at"`
}

// ArchiveRequest names a parked scope.
type ArchiveRequest struct {
	Scope string `json:"scope" minLength:"1" maxLength:"400" doc:"As the archive lists it: person:<id>, group:<id> or full" example:"person:00u1abcdEFGH2345x5d7"`
}

// ArchiveResult is what became of a parked scope.
type ArchiveResult struct {
	Scope  string `json:"scope"`
	Result string `json:"result" enum:"retried,discarded"`
}
