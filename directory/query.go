package directory

// PeopleQuery selects people of a tenant, in order of id. Zero values mean no restriction.
type PeopleQuery struct {
	Status Status
	TeamID string
	Unfit  bool   // only people of whom Okta has a value that does not fit
	After  string // id of the last person of the page before
	Limit  int
}

// ChangeQuery selects changes of a tenant.
type ChangeQuery struct {
	PersonID string       // only changes about this person
	Types    []ChangeType // only changes of these types; none: of all
	After    int64        // only changes after this sequence number
	Through  int64        // only changes up to this one; 0: no bound
	Limit    int
	Newest   bool // newest first
	States   bool // with the state of each subject
	Later    int  // with States: how many later changes of people one page may make it read, 50,000 when zero
}

// TeamSize is a team with the number of its present people.
type TeamSize struct {
	Team
	People int
}

// GroupSize is a group with the number of its present members.
type GroupSize struct {
	Group
	Members int
}
