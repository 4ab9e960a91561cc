package v1

import "time"

// Explanation says why a person is as they are.
type Explanation struct {
	PersonID    string      `json:"person_id"`
	InDirectory bool        `json:"in_directory" doc:"False: there is no record of the person, and 'missing' says why"`
	Values      []Explained `json:"values" nullable:"false" doc:"What the person has"`
	Missing     []Explained `json:"missing" nullable:"false" doc:"What the person does not have, and why"`
	Ignored     []string    `json:"ignored_attributes" nullable:"false" doc:"Attributes that Okta sends for people of this tenant and no rule reads"`
	// KeptSince is a pointer for it is absent when nothing was purged.
	KeptSince *time.Time `json:"history_kept_since,omitempty" doc:"Older changes are no longer kept: what has no origin is as it is since before that time. Absent when all are kept"`
}

// Explained is a value of a person, or one that is not there.
type Explained struct {
	Topic  string  `json:"topic" enum:"status,field,team,manager,group,role,license,invite"`
	Name   string  `json:"name" doc:"The field, set of roles, pool, or the id of the group" example:"title"`
	Value  any     `json:"value,omitempty" doc:"Absent under 'missing'; of a team, a manager and a group the id"`
	Called string  `json:"called,omitempty" doc:"The name of the team, manager or group"`
	Reason string  `json:"reason,omitempty" doc:"By which rule it is there, or why it is not"`
	Origin *Origin `json:"origin,omitempty" doc:"The change since which it is so. Absent when the history does not tell"`
}

// Origin is the change since which something is as it is.
type Origin struct {
	Since  time.Time `json:"since"`
	Change int64     `json:"change" doc:"The change's number in the history"`
	Type   string    `json:"type" example:"person.updated"`
	Before any       `json:"before,omitempty" doc:"What it was until then; absent: nothing"`
	Cause  Cause     `json:"cause"`
}
