package directory

import "time"

// Team is a unit in the product that the rules make of people's attributes or of an Okta group. It is
// made when first seen and kept when empty.
type Team struct {
	ID     string
	Source string // what it is made of: "department", "user.division/department", or SourceGroup
	Name   string
	// ParentID is the team above it, where it is made of a path.
	ParentID  string
	GroupID   string // the Okta group that it is made of; empty for all others
	ManagerID string // whom an admin set; empty: nobody
	// OktaName is what Okta calls it while Name is an admin's; empty otherwise.
	OktaName string
	// MergedInto is the team whose people its people are: an admin has merged the two, and this one is none
	// any more. Empty for all others.
	MergedInto string
	// Removed says that it ended: nobody is in it any more. The row stays, so that it comes back as it was.
	Removed bool
	// FirstPerson is who was in the team first, FirstAt since when, and FirstManagerID the manager of
	// that person for as long as they are in the team, then the last one. See ManagersFirstMember.
	FirstPerson    string
	FirstAt        time.Time
	FirstManagerID string
	CreatedAt      time.Time
}

// Group is an Okta group that the rules select, keyed by Okta id: a rename
// changes nothing else.
type Group struct {
	ID          string
	Name        string
	Description string
	Type        string // OKTA_GROUP, APP_GROUP or BUILT_IN
	Assigned    bool   // to the app; false as well where no rule asks for it
	Removed     bool   // deleted in Okta, or no longer selected; kept as a tombstone
	ObservedAt  time.Time
	// MembersObservedAt is when the list of its members was last read to the end; zero when
	// it never was. What somebody else saw of the members before that is old.
	MembersObservedAt time.Time
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// Membership says that a person is, or was, in a group.
type Membership struct {
	GroupID    string
	PersonID   string
	Present    bool // false: a tombstone, so that older sight cannot bring it back
	ObservedAt time.Time
}
