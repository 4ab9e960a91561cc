package directory

import (
	"encoding/json"
	"time"
)

// SubjectKind says what a change is about.
type SubjectKind string

// The subjects of changes. The order of the list is the order in which they are
// applied; removals go the other way.
const (
	SubjectTeam       SubjectKind = "team"
	SubjectGroup      SubjectKind = "group"
	SubjectPerson     SubjectKind = "person"
	SubjectMembership SubjectKind = "membership"
	SubjectRun        SubjectKind = "run" // changes nothing in the directory
	SubjectRole       SubjectKind = "role"
	SubjectLicense    SubjectKind = "license"
	SubjectInvite     SubjectKind = "invite"  // its id is the person's
	SubjectManager    SubjectKind = "manager" // of planned changes alone; its id is the person's
)

// ChangeType says what happened.
type ChangeType string

// The types of changes.
const (
	PersonCreated        ChangeType = "person.created"
	PersonUpdated        ChangeType = "person.updated"
	PersonSuspended      ChangeType = "person.suspended"
	PersonReactivated    ChangeType = "person.reactivated"
	PersonDeactivated    ChangeType = "person.deactivated"
	PersonRemoved        ChangeType = "person.removed"
	PersonDetached       ChangeType = "person.detached" // left; the account stays, without team and groups
	PersonErased         ChangeType = "person.erased"   // nothing is kept of them but the id
	PersonManagerChanged ChangeType = "person.manager_changed"
	TeamCreated          ChangeType = "team.created"
	TeamUpdated          ChangeType = "team.updated"
	TeamRemoved          ChangeType = "team.removed" // its last person was erased
	GroupCreated         ChangeType = "group.created"
	GroupUpdated         ChangeType = "group.updated"
	GroupRemoved         ChangeType = "group.removed"
	MembershipAdded      ChangeType = "membership.added"
	MembershipRemoved    ChangeType = "membership.removed"
	InviteIsHeld         ChangeType = "invite.held"
	InviteIsDue          ChangeType = "invite.due"
	InviteIsSent         ChangeType = "invite.sent"
	InviteIsAccepted     ChangeType = "invite.accepted"
	InviteIsFailed       ChangeType = "invite.failed"
	InviteIsUncertain    ChangeType = "invite.uncertain"
	InviteIsRevoked      ChangeType = "invite.revoked"

	SyncCompleted    ChangeType = "sync.completed" // a run ended, and did what it was to do
	SyncHeld         ChangeType = "sync.held"      // a run waits for an admin
	SyncFailed       ChangeType = "sync.failed"    // a run ended without
	RoleGranted      ChangeType = "role.granted"
	RoleRevoked      ChangeType = "role.revoked"
	LicenseGranted   ChangeType = "license.granted"
	LicenseWaiting   ChangeType = "license.waiting"   // entitled, and there was none left
	LicenseReleased  ChangeType = "license.released"  // no longer held
	LicenseWithdrawn ChangeType = "license.withdrawn" // no longer waited for
)

// FieldChange is one field's value before and after; nil means no value.
type FieldChange struct {
	Field  string `json:"field"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// CauseKind says what made a change happen.
type CauseKind string

// The causes that exist.
const (
	CauseHook    CauseKind = "hook"    // event hook
	CauseLog     CauseKind = "log"     // System Log
	CauseNightly CauseKind = "nightly" // scheduled full sync
	CauseManual  CauseKind = "manual"  // an admin asked
	CausePolicy  CauseKind = "policy"  // the tenant's deprovision policy
	CauseProduct CauseKind = "product" // the product wrote fields that it owns

	CauseSecondLook CauseKind = "second_look" // a look that confirms what an event led to
	CauseRules      CauseKind = "rule_change" // the tenant's rules have changed
	CauseBurst      CauseKind = "burst"       // a full sync in place of many reads that events asked for
	CauseInvites    CauseKind = "invites"     // an invite went out, or did not, or its time came
)

// Cause is why a change happened.
type Cause struct {
	Kind       CauseKind  `json:"kind"`
	RunID      string     `json:"run_id,omitempty"`
	Events     []string   `json:"events,omitempty"`      // Okta event uuids, oldest first
	EventTypes []string   `json:"event_types,omitempty"` // without repeats
	Actor      string     `json:"actor,omitempty"`       // name of the admin token
	Published  *time.Time `json:"published,omitempty"`   // of the oldest event
	Rules      string     `json:"rules,omitempty"`       // hash of the rules that a rule change brought into force
	Approval   *Decision  `json:"approval,omitempty"`    // where an admin had to approve the plan
}

// Change is one append-only fact of a tenant's history.
type Change struct {
	ID        string        `json:"id"` // EventID of feed, Seq and At
	Tenant    string        `json:"tenant"`
	Seq       int64         `json:"seq"`                  // per tenant, from 1, without gaps
	PersonSeq int64         `json:"person_seq,omitempty"` // per person, from 1, without gaps; 0: about nobody
	At        time.Time     `json:"at"`                   // when it was committed, database's clock
	Type      ChangeType    `json:"type"`
	Subject   SubjectKind   `json:"subject"`
	SubjectID string        `json:"subject_id"`          // person, team or group; the group of a membership; the role; the pool of a license
	PersonID  string        `json:"person_id,omitempty"` // the person, for all changes but those of teams and groups
	Fields    []FieldChange `json:"fields"`
	Cause     Cause         `json:"cause"`
	// State is the subject as it was right after the change, where that was asked for
	// (ChangeQuery.States) and is known.
	State *State `json:"-"`
}

// PlannedChange is a change that a run has decided on but not applied.
type PlannedChange struct {
	Seq       int64 // position in the plan, set by the store
	Type      ChangeType
	Subject   SubjectKind
	SubjectID string
	PersonID  string
	// BeforeHash is the row's content hash when the plan was made, empty when
	// there was no row. A row that has another hash by now has moved on.
	BeforeHash string
	ObservedAt time.Time
	Fields     []FieldChange
	// After is the whole row to write: a Person, Group or Membership as JSON.
	After json.RawMessage
	// StatusOnly is set where only the user's status was looked at, which tells nothing about
	// the rest of the record, and where the product wrote fields of its own. Stored plans have no such changes.
	StatusOnly bool
}

// Quarantined is a record that cannot be applied. It never stops the others.
type Quarantined struct {
	PersonID string    `json:"person_id"`
	Reason   string    `json:"reason"`           // a sentence for an admin, without profile values
	Fields   []Field   `json:"fields,omitempty"` // the fields at fault
	Since    time.Time `json:"since"`
	Seen     time.Time `json:"last_seen"`
	// Holder is the person who has a value that only one may have; empty: something else is wrong.
	Holder string `json:"holder,omitempty"`
}
