package v1

import "time"

// SnapshotLine is one line of a snapshot. Kind says which of the other members it has.
type SnapshotLine struct {
	Kind       string              `json:"kind" enum:"start,team,group,person,membership,role,license,invite,end" doc:"The first line is start, the last is end; between them the kinds come in this order. There may be more kinds later: ignore those that you do not know"`
	Start      *SnapshotStart      `json:"start,omitempty"`
	Team       *Team               `json:"team,omitempty"`
	Group      *Group              `json:"group,omitempty"`
	Person     *Person             `json:"person,omitempty"`
	Membership *SnapshotMembership `json:"membership,omitempty"`
	Role       *SnapshotRole       `json:"role,omitempty"`
	License    *SnapshotLicense    `json:"license,omitempty"`
	Invite     *SnapshotInvite     `json:"invite,omitempty"`
	End        *SnapshotEnd        `json:"end,omitempty"`
}

// SnapshotStart is where to go on from.
type SnapshotStart struct {
	Tenant string `json:"tenant"`
	Cursor string `json:"cursor" doc:"Follow the changes after this cursor once the snapshot is taken over"`
}

// SnapshotMembership is a person in a group.
type SnapshotMembership struct {
	GroupID  string `json:"group_id"`
	PersonID string `json:"person_id"`
}

// SnapshotRole is a role that a person has.
type SnapshotRole struct {
	PersonID string `json:"person_id"`
	Role
}

// SnapshotLicense is a license that a person holds or waits for.
type SnapshotLicense struct {
	PersonID string `json:"person_id"`
	License
}

// SnapshotInvite is an invite of which more is known than that it is held. It stays when its person is erased.
type SnapshotInvite struct {
	PersonID  string     `json:"person_id"`
	State     string     `json:"state" enum:"held,due,sending,sent,accepted,failed,uncertain,revoked"`
	Since     time.Time  `json:"since" doc:"When the invite came into its state"`
	ReleaseAt *time.Time `json:"release_at,omitempty" doc:"When a held invite becomes due by itself"`
}

// SnapshotEnd counts the lines. A snapshot without it was cut off, and is good for nothing.
type SnapshotEnd struct {
	Teams       int `json:"teams"`
	Groups      int `json:"groups"`
	People      int `json:"people"`
	Memberships int `json:"memberships"`
	Roles       int `json:"roles"`
	Licenses    int `json:"licenses"`
	Invites     int `json:"invites"`
}
