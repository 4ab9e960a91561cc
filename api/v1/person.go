package v1

import "time"

// Person is a person of the directory.
type Person struct {
	ID         string            `json:"id" doc:"Okta user id; it never changes" example:"00u1abcdEFGH2345x5d7"`
	Status     string            `json:"status" enum:"active,suspended,deactivated,removed" doc:"Only active people may sign in. Suspended: may not sign in, keeps everything. Deactivated: deactivated in Okta. Removed: no longer assigned to the app, or deleted in Okta"`
	OktaStatus string            `json:"okta_status" doc:"The user's status as Okta names it" example:"ACTIVE"`
	Assignment string            `json:"assignment" doc:"How the product's app is assigned in Okta: USER, GROUP, or empty"`
	Profile    Profile           `json:"profile"`
	Unfit      map[string]string `json:"unfit,omitempty" doc:"Fields of which Okta has a value that does not fit, with the reason: too_long, not_a_number, not_a_boolean, not_a_date, not_a_choice, not_https"`
	Emptied    []string          `json:"emptied,omitempty" doc:"Fields of the product's own that it has emptied: Okta does not fill them again"`
	Team       *Ref              `json:"team,omitempty" doc:"The primary team"`

	FurtherTeams []Ref `json:"further_teams,omitempty" doc:"All other teams that the person is in"`

	Manager    Manager    `json:"manager"`
	LeftAt     *time.Time `json:"left_at,omitempty" doc:"When the person was first seen to have left: deactivated or deleted in Okta, or no longer assigned. Absent for everybody else. Somebody who is active all the same left under the policy remove_from_team"`
	ObservedAt time.Time  `json:"observed_at" doc:"When Okta was asked for what is shown here"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
}

// Profile is what the mapping rules make of a person's Okta attributes.
type Profile struct {
	FirstName      string         `json:"first_name"`
	LastName       string         `json:"last_name"`
	Email          string         `json:"email"`
	Login          string         `json:"login"`
	Picture        string         `json:"picture" doc:"URL of a picture; it is never fetched"`
	Title          string         `json:"title"`
	Language       string         `json:"language"`
	Location       string         `json:"location"`
	Department     string         `json:"department"`
	EmployeeNumber string         `json:"employee_number"`
	Custom         map[string]any `json:"custom,omitempty" doc:"Declared custom attributes that have a value"`
}

// Manager is a person's manager, by whose word, and what Okta says about it.
type Manager struct {
	ID      string `json:"id,omitempty" doc:"Okta user id of the manager; absent when there is none"`
	Name    string `json:"name,omitempty" doc:"The manager's name; only where a single person is shown"`
	Source  string `json:"source,omitempty" enum:"okta,team,first_member,admin" doc:"Who names the manager: Okta, an admin for the primary team, the primary team's first member, or an admin for the person. It is there also where a problem is in the way"`
	Problem string `json:"problem,omitempty" doc:"Why the manager that is named is not set: unresolved, ambiguous, self, loop or left. With left the manager is set all the same under managers.when_manager_leaves: keep"`
	IDText  string `json:"id_text,omitempty" doc:"Okta's managerId as it stands there"`
	Text    string `json:"text,omitempty" doc:"Okta's manager as it stands there"`
	Link    string `json:"link,omitempty" doc:"Okta user id of the manager by a linked object, where mapping.manager_link reads one"`
}

// PersonDetail is one person with groups and recent history.
type PersonDetail struct {
	Person
	Owned    []string  `json:"owned,omitempty" doc:"Fields that the product owns and may write. All others are locked: Okta owns them"`
	Groups   []Ref     `json:"groups" nullable:"false" doc:"Groups that the person is in"`
	Roles    []Role    `json:"roles" nullable:"false" doc:"Roles that the person has"`
	Licenses []License `json:"licenses" nullable:"false" doc:"Licenses that the person holds or waits for"`
	Changes  []Change  `json:"changes" nullable:"false" doc:"The last 20 changes, newest first"`
}

// Ref names a team or group.
type Ref struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// Team is a unit that comes from attributes or from an Okta group.
type Team struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	OktaName  string    `json:"okta_name,omitempty" doc:"What Okta calls it, where name is an admin's"`
	Source    string    `json:"source" doc:"What it comes from: an attribute, attributes with a slash between, or group" example:"department"`
	ParentID  string    `json:"parent_id,omitempty" doc:"The team above it, where it comes from a path of attributes"`
	GroupID   string    `json:"group_id,omitempty" doc:"The Okta group that it comes from"`
	People    int       `json:"people" doc:"Active and suspended people in it, as their primary or a further team"`
	CreatedAt time.Time `json:"created_at"`

	ManagerID      string `json:"manager_id,omitempty" doc:"Whom an admin set as the team's manager"`
	FirstPerson    string `json:"first_person,omitempty" doc:"Who was in the team first"`
	FirstManagerID string `json:"first_manager_id,omitempty" doc:"That person's manager; it counts under managers.mode: first_member"`
}

// Group is an Okta group that the rules select.
type Group struct {
	ID          string    `json:"id" doc:"Okta group id; it never changes"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Type        string    `json:"type" doc:"OKTA_GROUP, APP_GROUP or BUILT_IN"`
	Assigned    bool      `json:"assigned,omitempty" doc:"It is assigned to the app; said only where a rule asks for it"`
	Members     int       `json:"members" doc:"Present members"`
	ObservedAt  time.Time `json:"observed_at"`
}

// Member is a person in a group.
type Member struct {
	PersonID string `json:"person_id"`
}

// Quarantined is a record that cannot be applied.
type Quarantined struct {
	PersonID string    `json:"person_id"`
	Reason   string    `json:"reason" doc:"What is wrong and what to do"`
	Fields   []string  `json:"fields" nullable:"false" doc:"The profile fields at fault"`
	Since    time.Time `json:"since"`
	LastSeen time.Time `json:"last_seen"`
}

// Erased says who was erased.
type Erased struct {
	PersonID string `json:"person_id" doc:"The Okta user id: all that is kept, beside the history without its values"`
}

// ManagerRequest names a manager.
type ManagerRequest struct {
	Manager string `json:"manager" minLength:"1" maxLength:"320" doc:"Okta user id, login or e-mail"`
	Reason  string `json:"reason,omitempty" maxLength:"1000" doc:"Why, if you like; it is kept in the list of acts, so name nobody in it"`
}

// TeamManager is a team with the manager that an admin set.
type TeamManager struct {
	TeamID    string `json:"team_id"`
	ManagerID string `json:"manager_id,omitempty" doc:"Okta user id; absent when none is set"`
}

// UndoRequest takes something back.
type UndoRequest struct {
	Reason string `json:"reason,omitempty" maxLength:"1000" doc:"Why, if you like; it is kept in the list of acts, so name nobody in it"`
}

// TeamNameRequest gives a team a name.
type TeamNameRequest struct {
	Name   string `json:"name" minLength:"1" maxLength:"200" pattern:"\\S" doc:"What the team is to be called, whatever Okta calls it"`
	Reason string `json:"reason,omitempty" maxLength:"1000" doc:"Why, if you like; it is kept in the list of acts, so name nobody in it"`
}

// TeamMergeRequest merges a team into another.
type TeamMergeRequest struct {
	Into   string `json:"into" minLength:"1" maxLength:"320" doc:"Id of the team whose people they become"`
	Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"Why; it is kept in the list of acts, so name nobody in it"`
	DryRun bool   `json:"dry_run,omitempty" doc:"Only say what would happen"`
}

// TeamMerge is what a merge does, or would do.
type TeamMerge struct {
	TeamID    string   `json:"team_id"`
	Into      string   `json:"into"`
	People    int      `json:"people" doc:"Active and suspended people in the team before that: so many move"`
	Endpoints []string `json:"endpoints" nullable:"false" doc:"Ids of the webhook endpoints that ask for this team by name. They do not follow: give them the other team where they are to have its people"`
	DryRun    bool     `json:"dry_run" doc:"Nothing was changed"`
}

// MergedTeam is a team that an admin merged into another.
type MergedTeam struct {
	ID     string `json:"id"`
	Name   string `json:"name" doc:"Empty when somebody who was in it was erased"`
	Source string `json:"source"`
	Into   string `json:"into" doc:"Id of the team that it was merged into, which may be merged itself"`
}

// ManagerCase is somebody whose manager is not as somebody says.
type ManagerCase struct {
	PersonID string  `json:"person_id" doc:"Whose manager it is"`
	Manager  Manager `json:"manager"`
	Left     string  `json:"left,omitempty" doc:"Okta user id of the manager who left"`
}
