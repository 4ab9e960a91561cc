package directory

import (
	"encoding/json"
	"strings"
	"time"
)

// Status is what a person may do in the product.
type Status string

// The four statuses. Only StatusActive may sign in.
const (
	StatusActive      Status = "active"
	StatusSuspended   Status = "suspended"   // may not sign in, keeps everything
	StatusDeactivated Status = "deactivated" // deactivated in Okta: left the company
	StatusRemoved     Status = "removed"     // unassigned from the app, or deleted in Okta
)

// OktaDeleted is the raw status that we record for a person whom Okta no
// longer knows. Okta has no word for it: it answers 404 E0000007.
const OktaDeleted = "DELETED"

// Present says whether the status is that of somebody who may be active.
func (s Status) Present() bool { return s == StatusActive || s == StatusSuspended }

// Leaving says whether moving from s to next takes access away.
func (s Status) Leaving(next Status) bool {
	return (s == StatusActive && next != StatusActive) || (s == StatusSuspended && !next.Present())
}

// StatusOf maps Okta's user status to ours. Okta: "User status", Users API.
// PROVISIONED, RECOVERY and PASSWORD_EXPIRED people are on their way to sign in
// and stay active. STAGED (never activated), LOCKED_OUT and SUSPENDED cannot sign in
// for now but lose nothing. A status that Okta adds later is treated like that
// too: not active, keep.
func StatusOf(oktaStatus string) Status {
	switch oktaStatus {
	case "ACTIVE", "PROVISIONED", "RECOVERY", "PASSWORD_EXPIRED":
		return StatusActive
	case "DEPROVISIONED":
		return StatusDeactivated
	case OktaDeleted:
		return StatusRemoved
	default:
		return StatusSuspended
	}
}

// Field names a profile field of a person.
type Field string

// The profile fields of a person.
const (
	FieldFirstName      Field = "first_name"
	FieldLastName       Field = "last_name"
	FieldEmail          Field = "email"
	FieldLogin          Field = "login"
	FieldPicture        Field = "picture"
	FieldTitle          Field = "title"
	FieldLanguage       Field = "language"
	FieldLocation       Field = "location"
	FieldDepartment     Field = "department"
	FieldEmployeeNumber Field = "employee_number"
	FieldManagerID      Field = "manager_id_text" // raw text of Okta's managerId
	FieldManagerName    Field = "manager_text"    // raw text of Okta's manager
	FieldManagerLink    Field = "manager_link"    // Okta id of the manager, by a linked object
)

// Fields lists every profile field in the order in which they are compared,
// hashed and shown.
func Fields() []Field {
	return []Field{
		FieldFirstName, FieldLastName, FieldEmail, FieldLogin, FieldPicture, FieldTitle, FieldLanguage,
		FieldLocation, FieldDepartment, FieldEmployeeNumber, FieldManagerID, FieldManagerName, FieldManagerLink,
	}
}

// NamesManager says whether the field is one by which Okta says who the manager is.
func (f Field) NamesManager() bool {
	return f == FieldManagerID || f == FieldManagerName || f == FieldManagerLink
}

// Profile is what the mapping rules make of a person's Okta attributes.
// An empty string means that Okta has no value.
type Profile struct {
	FirstName      string         `json:"first_name"`
	LastName       string         `json:"last_name"`
	Email          string         `json:"email"`
	Login          string         `json:"login"`
	Picture        string         `json:"picture"` // URL, never fetched
	Title          string         `json:"title"`
	Language       string         `json:"language"`
	Location       string         `json:"location"`
	Department     string         `json:"department"`
	EmployeeNumber string         `json:"employee_number"`
	ManagerIDText  string         `json:"manager_id_text"`
	ManagerText    string         `json:"manager_text"`
	ManagerLink    string         `json:"manager_link,omitempty"`
	Custom         map[string]any `json:"custom,omitempty"` // declared custom attributes that have a value
	// Unfit says of which fields Okta has a value that does not fit, and why.
	Unfit map[Field]Unfit `json:"unfit,omitempty"`
	// Emptied lists fields of the product's own that it has emptied, sorted: Okta does not fill them again.
	Emptied []Field `json:"emptied,omitempty"`
	// Attributes are the values that rules about roles and licenses read, by attribute. Without them an
	// event about a group would have to ask Okta for each member's profile.
	Attributes map[string][]string `json:"attributes,omitempty"`
}

// Name is first and last name as people write them.
func (p Profile) Name() string { return strings.TrimSpace(p.FirstName + " " + p.LastName) }

// Field returns a pointer to the named field, nil when there is no such field.
func (p *Profile) Field(f Field) *string {
	switch f {
	case FieldFirstName:
		return &p.FirstName
	case FieldLastName:
		return &p.LastName
	case FieldEmail:
		return &p.Email
	case FieldLogin:
		return &p.Login
	case FieldPicture:
		return &p.Picture
	case FieldTitle:
		return &p.Title
	case FieldLanguage:
		return &p.Language
	case FieldLocation:
		return &p.Location
	case FieldDepartment:
		return &p.Department
	case FieldEmployeeNumber:
		return &p.EmployeeNumber
	case FieldManagerID:
		return &p.ManagerIDText
	case FieldManagerName:
		return &p.ManagerText
	case FieldManagerLink:
		return &p.ManagerLink
	default:
		return nil
	}
}

// Has says whether the field, custom ones as CustomOf names them, has a value.
func (p *Profile) Has(f Field) bool {
	if name, isCustom := f.Custom(); isCustom {
		_, has := p.Custom[name]
		return has
	}
	at := p.Field(f)
	return at != nil && *at != ""
}

// ManagerProblem says why a person for whom a manager is named has none.
type ManagerProblem string

// The reasons for a missing manager. Empty means that nothing is wrong.
const (
	ManagerUnresolved ManagerProblem = "unresolved" // nobody in the directory matches the text
	ManagerAmbiguous  ManagerProblem = "ambiguous"  // more than one person matches
	ManagerSelf       ManagerProblem = "self"       // the person is named as their own manager
	ManagerLoop       ManagerProblem = "loop"       // following the managers leads back to the person
	ManagerLeft       ManagerProblem = "left"       // the manager has left; ManagerRules.KeepLeft keeps them all the same
)

// Person is a row of the directory, keyed by the immutable Okta user id.
type Person struct {
	ID         string
	Status     Status
	OktaStatus string // raw Okta status, or OktaDeleted
	Assignment string // how the app was assigned: USER, GROUP, or empty
	Profile    Profile
	TeamID     string // primary team, or empty
	// FurtherTeams are the ids of the others, sorted.
	FurtherTeams []string

	// The manager is resolved in a second pass and written apart from the rest.
	ManagerID      string
	ManagerWanted  string
	ManagerSource  ManagerSource
	ManagerProblem ManagerProblem

	// Hash is the content hash of all above but the manager, with the teams that the attributes give in place
	// of those that the person is in: two rows with the same hash need no comparison.
	Hash       string
	ObservedAt time.Time // database clock before the request that showed this
	// GroupsObservedAt is the same for the last reading of this person's own
	// list of groups; zero when only the groups' lists were read.
	GroupsObservedAt time.Time
	// LeftAt is when the person was first seen to have left: deactivated in Okta, deleted there, or
	// no longer assigned to the app; zero for everybody else.
	LeftAt time.Time
	// AssignedAt is when Okta assigned the app to the person, by Okta's clock; zero where that is not known.
	AssignedAt time.Time
	// Seen comes with the row as its hashes alone. It is written where it has values, and else
	// stays as it is.
	Seen      LastSeen
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Present says whether the person belongs to the directory with a way to be active: such people
// hold unique values, and can have a manager and be one.
func (p Person) Present() bool { return p.Status.Present() && p.LeftAt.IsZero() }

// Detached says whether the person left and the account stayed: DeprovisionFromTeam.
func (p Person) Detached() bool { return p.Status.Present() && !p.LeftAt.IsZero() }

// Tombstone returns all that is kept of somebody who was erased, or who was never here: the id, and
// when Okta was looked at, so that an older list cannot bring them in.
func (p Person) Tombstone() Person {
	return Person{ID: p.ID, Status: StatusRemoved, ObservedAt: p.ObservedAt, GroupsObservedAt: p.GroupsObservedAt}
}

// IsTombstone says whether the row is such a one.
func (p Person) IsTombstone() bool { return p.Status == StatusRemoved && p.OktaStatus == "" }

// Identity holds what a present person can be found by.
type Identity struct {
	PersonID       string
	Login          string
	Email          string
	EmployeeNumber string
	Name           string // Profile.Name
}

// UniqueValue is a value of a custom field that only one person may have, and who has it.
type UniqueValue struct {
	PersonID string
	Field    Field  // custom
	Value    string // as FoldValue
}

// FoldValue is the form in which values of unique fields are compared: of texts that of Fold, of others JSON. It is empty where
// there is nothing to compare: no value, or several.
func FoldValue(value any) string {
	switch v := value.(type) {
	case string:
		return Fold(v)
	case float64, bool:
		text, err := json.Marshal(v)
		if err != nil { // neither infinite nor no number, for the field would not have taken it
			return ""
		}
		return string(text)
	default:
		return ""
	}
}

// Fold is the form in which logins, e-mails, employee numbers and manager texts
// are compared: without surrounding space and regardless of case. Okta compares logins so
// as well (Users API, "login").
func Fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
