package v1

// State is what the subject of a change was like right after it: the one member that fits the subject.
type State struct {
	Person     *PersonState     `json:"person,omitempty"`
	Team       *TeamState       `json:"team,omitempty"`
	Group      *GroupState      `json:"group,omitempty"`
	Membership *MembershipState `json:"membership,omitempty"`
	Values     map[string]any   `json:"values,omitempty" doc:"Of any other subject: the fields that have a value"`
}

// PersonState is a person as a change left them. The members are those of Person.
type PersonState struct {
	ID         string  `json:"id"`
	Status     string  `json:"status" enum:"active,suspended,deactivated,removed"`
	OktaStatus string  `json:"okta_status"`
	Assignment string  `json:"assignment"`
	Profile    Profile `json:"profile"`
	Team       *Ref    `json:"team,omitempty" doc:"The primary team, by id; its name is in the changes of the team"`

	FurtherTeams []Ref `json:"further_teams,omitempty" doc:"All other teams that the person is in, by id"`

	Manager Manager `json:"manager"`
}

// TeamState is a team as a change left it. Of one that was removed only the id is known.
type TeamState struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Source string `json:"source"`

	OktaName       string `json:"okta_name,omitempty" doc:"What Okta calls it, where name is an admin's"`
	ParentID       string `json:"parent_id,omitempty" doc:"The team above it"`
	GroupID        string `json:"group_id,omitempty" doc:"The Okta group that it comes from"`
	ManagerID      string `json:"manager_id,omitempty" doc:"Whom an admin set as the team's manager"`
	FirstManagerID string `json:"first_manager_id,omitempty" doc:"The manager of the team's first member"`
}

// GroupState is a group as a change left it. One that was removed is as it was before.
type GroupState struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Type        string `json:"type"`
	Assigned    bool   `json:"assigned,omitempty"`
}

// MembershipState says whether the person is in the group.
type MembershipState struct {
	GroupID  string `json:"group_id"`
	PersonID string `json:"person_id"`
	Present  bool   `json:"present"`
}
