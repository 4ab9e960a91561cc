package v1

// SnapshotLine is one line of a snapshot. Kind says which of the other members it has.
type SnapshotLine struct {
	Kind       string              `json:"kind" enum:"start,team,group,person,membership,end" doc:"The first line is start, the last is end; teams and groups come before people, and those before memberships"`
	Start      *SnapshotStart      `json:"start,omitempty"`
	Team       *Team               `json:"team,omitempty"`
	Group      *Group              `json:"group,omitempty"`
	Person     *Person             `json:"person,omitempty"`
	Membership *SnapshotMembership `json:"membership,omitempty"`
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

// SnapshotEnd counts the lines. A snapshot without it was cut off, and is good for nothing.
type SnapshotEnd struct {
	Teams       int `json:"teams"`
	Groups      int `json:"groups"`
	People      int `json:"people"`
	Memberships int `json:"memberships"`
}
