package v1

import "time"

// ResyncRequest asks for a resync.
type ResyncRequest struct {
	Scope string `json:"scope" enum:"full,person,group" doc:"Everything, one person, or one group with its members"`
	ID    string `json:"id,omitempty" maxLength:"320" doc:"Person: Okta id, login or e-mail. Group: Okta id or exact name. Full: leave out"`
	// DryRun asks for the plan alone.
	DryRun bool `json:"dry_run,omitempty" doc:"Read and plan, and change nothing: the run ends planned, and may be approved"`
}

// Run is one full or partial reconciliation.
type Run struct {
	ID         string     `json:"id"`
	Tenant     string     `json:"tenant"`
	Scope      string     `json:"scope" doc:"full, person:<id>, group:<id>, or rules:<hash> for everybody as last seen, under changed rules" example:"full"`
	Cause      string     `json:"cause" enum:"hook,log,nightly,manual,second_look,burst,rule_change"`
	Rules      string     `json:"rules,omitempty" doc:"Hash of the rules that the run is to bring into force, or in a dry run to try"`
	Date       string     `json:"date,omitempty" doc:"The scheduled day of a nightly run, UTC" example:"2026-08-20"`
	By         string     `json:"by,omitempty" doc:"Name of the admin token that asked for it"`
	State      string     `json:"state" enum:"queued,reading,applying,held,planned,succeeded,failed,cancelled,rejected,outdated" doc:"The first three are under way. held, and planned of a dry run, wait for an admin. The others are final"`
	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	Progress   Progress   `json:"progress"`
	Counts     Counts     `json:"counts"`
	Error      string     `json:"error,omitempty" doc:"What went wrong, what was kept, and what to do"`
	// RetryAt, WaitsFor and AttemptsLeft tell of a run that is under way and rests.
	RetryAt      *time.Time `json:"retry_at,omitempty" doc:"When a run that rests goes on; it may be a few seconds later"`
	WaitsFor     string     `json:"waits_for,omitempty" doc:"What a run that rests waits for, and why"`
	AttemptsLeft int        `json:"attempts_left,omitempty" doc:"How many attempts a run that rests has left"`
	DryRun       bool       `json:"dry_run,omitempty" doc:"The run was to stop after its plan"`
	// PlannedAt, ApproveUntil and Plan tell of a run that waits.
	PlannedAt    *time.Time `json:"planned_at,omitempty" doc:"When the plan of a run that waited was complete; absent when reading stopped before that"`
	ApproveUntil *time.Time `json:"approve_until,omitempty" doc:"Until when the run may be approved; absent when it may not"`
	Decision     *Decision  `json:"decision,omitempty" doc:"What an admin decided about the plan"`
	Plan         *Plan      `json:"plan,omitempty" doc:"What the plan of a run that waits, or waited, would do; its changes are at …/plan"`
	// Joined is set by a request for a resync alone.
	Joined bool `json:"joined,omitempty" doc:"An equal run was waiting already, and this is it"`
}

// Final says that nothing more happens to the run by itself: it is over, or waits for an admin.
func (r Run) Final() bool {
	switch r.State {
	case "queued", "reading", "applying":
		return false
	default:
		return true
	}
}

// Plan sums up what a plan would do.
type Plan struct {
	Joiners   int            `json:"joiners" doc:"People who would come"`
	Leavers   int            `json:"leavers" doc:"People who would be removed or deactivated"`
	Suspended int            `json:"suspended"`
	Returning int            `json:"returning" doc:"People who would be active again"`
	Moves     int            `json:"moves" doc:"People who would be in another team"`
	Managers  ManagerEffect  `json:"managers" doc:"People whose manager would be another, without those who leave"`
	Changes   map[string]int `json:"changes" doc:"Number of planned changes by type"`
	Teams     []Effect       `json:"teams" nullable:"false" doc:"The teams that would gain or lose most, at most 20"`
	Effects   []Effect       `json:"effects" nullable:"false" doc:"The ten largest effects on teams and groups"`
}

// ManagerEffect counts people by what a plan does about their manager.
type ManagerEffect struct {
	Gained  int `json:"gained" doc:"Had none and would have one"`
	Lost    int `json:"lost" doc:"Had one and would have none"`
	Changed int `json:"changed" doc:"Would have another"`
}

// Effect is what a plan would do to one team or group.
type Effect struct {
	Kind   string `json:"kind" enum:"team,group"`
	ID     string `json:"id"`
	Name   string `json:"name,omitempty" doc:"Absent for a group that the plan makes"`
	Gained int    `json:"gained"`
	Lost   int    `json:"lost"`
}

// PlannedChange is one change of a plan.
type PlannedChange struct {
	Seq        int64         `json:"seq" doc:"Position in the plan, from 1"`
	Type       string        `json:"type" example:"person.removed" doc:"A type of the history, or person.quarantined: the record could not be applied, or grants.due: the same roles and licenses are given by other rules"`
	Subject    string        `json:"subject" enum:"team,group,person,membership,role,license,manager"`
	SubjectID  string        `json:"subject_id" doc:"Id of the person or group; of a membership the group's"`
	PersonID   string        `json:"person_id,omitempty"`
	Name       string        `json:"name,omitempty" doc:"Whom it is about: the person's name and login, or the group's name"`
	ObservedAt time.Time     `json:"observed_at" doc:"When Okta was asked for what this rests on"`
	Fields     []FieldChange `json:"fields" nullable:"false" doc:"Before and after"`
}

// Decision is what an admin decided about a plan that waited.
type Decision struct {
	Verdict string    `json:"verdict" enum:"approved,rejected"`
	By      string    `json:"by" doc:"Name of the admin token"`
	At      time.Time `json:"at"`
	Reason  string    `json:"reason" doc:"In the admin's words"`
}

// DecisionRequest decides about a plan that waits, or has somebody erased.
type DecisionRequest struct {
	Reason string `json:"reason" minLength:"1" maxLength:"300" doc:"Why, for those who look at the history later"`
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
	Resumed   int        `json:"resumed,omitempty" doc:"How often the reading was interrupted and went on where it was"`
	Note      string     `json:"note,omitempty" doc:"What became of the last interruption"`
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
