package v1

import "time"

// Invite is the one invite of a person.
type Invite struct {
	PersonID   string     `json:"person_id"`
	Name       string     `json:"name,omitempty"`
	Email      string     `json:"email,omitempty"`
	Status     string     `json:"status" doc:"The person's"`
	State      string     `json:"state" enum:"held,due,sending,sent,accepted,failed,uncertain,revoked"`
	Since      time.Time  `json:"since" doc:"When the invite came into its state"`
	ReleaseAt  *time.Time `json:"release_at,omitempty" doc:"When a held invite becomes due by itself"`
	ReleasedBy string     `json:"released_by,omitempty" doc:"Name of the admin token that let it go"`
	RetryAt    *time.Time `json:"retry_at,omitempty" doc:"When an invite that is due is tried again"`
	Tries      int        `json:"tries" doc:"How often the mail server refused it for this person"`
	SentAt     *time.Time `json:"sent_at,omitempty"`
	AcceptedAt *time.Time `json:"accepted_at,omitempty"`
	Problem    string     `json:"problem,omitempty" doc:"What is the matter, in a sentence without addresses"`
}

// InviteCounts counts a tenant's invites.
type InviteCounts struct {
	Mode    string         `json:"mode" enum:"off,hold,automatic"`
	SendBy  string         `json:"send_by" enum:"mail,product"`
	Missing string         `json:"missing,omitempty" doc:"Why no invite can go out, in a sentence"`
	States  map[string]int `json:"states" doc:"How many invites are in each state"`
}

// InviteSelection says whose invites are meant. Everything that is given has to be true of a person.
type InviteSelection struct {
	Everybody bool     `json:"everybody,omitempty" doc:"Needed where nothing else restricts the selection, so that it cannot happen by a slip"`
	People    []string `json:"people,omitempty" maxItems:"1000" doc:"Okta user ids"`
	Team      string   `json:"team,omitempty" maxLength:"320" doc:"Id of the primary team"`
	Group     string   `json:"group,omitempty" maxLength:"320" doc:"Id of a group"`
	States    []string `json:"states,omitempty" doc:"Only invites in these states" enum:"held,due,sending,sent,accepted,failed,uncertain,revoked"`
	Percent   int      `json:"percent,omitempty" minimum:"1" maximum:"100" doc:"Only this share of them, always the same people for the same number"`
}

// InviteRequest moves invites.
type InviteRequest struct {
	InviteSelection
	PerHour int    `json:"per_hour,omitempty" minimum:"1" maximum:"1000000" doc:"For a release: so many become due at once, as many an hour later, and so on"`
	Reason  string `json:"reason,omitempty" maxLength:"300" doc:"Why, for those who look at the list of acts later; name nobody in it"`
}

// InviteTally is what became of a request.
type InviteTally struct {
	Moved   int            `json:"moved" doc:"Invites that were moved"`
	Later   int            `json:"later" doc:"Of these, how many become due later, by invites.not_before or per_hour"`
	Skipped map[string]int `json:"skipped" doc:"How many stayed as they were, by the reason"`
}

// InvitePreview is somebody who would be invited by a release.
type InvitePreview struct {
	Invite
	Language string     `json:"language,omitempty"`
	GoesAt   *time.Time `json:"goes_at,omitempty" doc:"Not before, by invites.not_before; absent: at once"`
	Stays    string     `json:"stays,omitempty" doc:"Why the invite would stay as it is"`
}

// InviteLink is what somebody who accepts has brought along.
type InviteLink struct {
	Token string `json:"token" minLength:"1" maxLength:"1000" doc:"The parameter invite of the address that was opened"`
}

// InviteAccepted says who accepted.
type InviteAccepted struct {
	PersonID string `json:"person_id"`
	Already  bool   `json:"already,omitempty" doc:"The invite had been accepted before"`
}

// InviteRecovery says what became of the database when the ledger of invites is lost.
type InviteRecovery struct {
	Database string `json:"database" enum:"current,restored" doc:"current: nothing was lost from it, invites go on. restored: it is an older copy, so whatever has not gone out becomes uncertain"`
	Reason   string `json:"reason" minLength:"1" maxLength:"300" doc:"Why, for those who look at the list of acts later"`
}
