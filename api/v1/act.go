package v1

import "time"

// Act is something that an admin did.
type Act struct {
	ID      int64     `json:"id" doc:"Grows with time; other tenants' acts leave gaps"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor" doc:"Name of the admin token"`
	Role    string    `json:"role" enum:"read,operate,approve" doc:"The token's role at that time"`
	Act     string    `json:"act" example:"resync" doc:"What was done: resync, dry_run, run.approve, run.reject, archive.retry, archive.discard, person.erase, invite.release and other acts about invites. More may come"`
	Subject string    `json:"subject,omitempty" example:"full" doc:"What it was about: person:<id>, group:<id>, full, or a selection of invites"`
	RunID   string    `json:"run_id,omitempty" doc:"The run that was asked for or decided about"`
	Reason  string    `json:"reason,omitempty" doc:"In the admin's words"`
}
