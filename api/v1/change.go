package v1

import "time"

// ChangePage is a piece of the history.
type ChangePage struct {
	Items  []Change `json:"items" nullable:"false" doc:"Changes in order of sequence"`
	Cursor string   `json:"cursor" doc:"Where this page ends. Pass it as 'after' to read on, also after a page without items. It stays good for as long as the changes after it are kept, and only for this tenant"`
	Next   string   `json:"next,omitempty" doc:"The same as 'cursor', when there is more already; absent at the end of the history"`
}

// Change is one fact of the history, and the body of a webhook: with type and timestamp at its top, and the rest beside
// them (Standard Webhooks: "Payload structure").
type Change struct {
	ID        string        `json:"id" doc:"The event's id, which never changes: whoever gets an event twice tells by it" example:"evt_2054_9f3ac1d2e4b5a697"`
	Tenant    string        `json:"tenant"`
	Seq       int64         `json:"seq" doc:"Position in the tenant's history, from 1, without gaps"`
	PersonSeq int64         `json:"person_seq,omitempty" doc:"Position in the person's own history, from 1, without gaps; absent where there is no person_id"`
	At        time.Time     `json:"timestamp" doc:"When it was committed"`
	Type      string        `json:"type" example:"person.updated" doc:"New types are added over time; pass over those that you don't know"`
	Subject   string        `json:"subject" doc:"What it is about: person, team, group, membership, invite, run, and what is added later" example:"person"`
	SubjectID string        `json:"subject_id" doc:"Id of the person, team, group or run; of a membership the group's, of an invite the person's"`
	PersonID  string        `json:"person_id,omitempty" doc:"The person, where it is about one"`
	Fields    []FieldChange `json:"fields" nullable:"false" doc:"What changed"`
	State     *State        `json:"state,omitempty" doc:"What the subject was like right after the change. Absent where it is not shown, and of people who were erased later"`
	Cause     Cause         `json:"cause"`
	Replay    bool          `json:"replay" doc:"The event is sent once more because somebody asked for that"`
}

// FieldChange is a field's value before and after.
type FieldChange struct {
	Field  string `json:"field"`
	Before any    `json:"before" doc:"null when there was none"`
	After  any    `json:"after" doc:"null when there is none"`
}

// Cause is why a change happened.
type Cause struct {
	Kind       string     `json:"kind" enum:"hook,log,nightly,manual,second_look,burst,policy,rule_change,invites" doc:"Event hook, System Log, scheduled full sync, an admin, the look that confirms an event, a full sync in place of many reads, the policy for people who left, changed rules, or the sending of invites"`
	RunID      string     `json:"run_id,omitempty"`
	Events     []string   `json:"events,omitempty" doc:"uuids of the Okta events, oldest first"`
	EventTypes []string   `json:"event_types,omitempty"`
	Actor      string     `json:"actor,omitempty" doc:"Name of the admin token"`
	Rules      string     `json:"rules,omitempty" doc:"Hash of the rules that a rule change brought into force"`
	Published  *time.Time `json:"published,omitempty" doc:"When the oldest event happened in Okta"`
	Approval   *Decision  `json:"approval,omitempty" doc:"Who approved the plan that this change was part of, if it needed that"`
}
