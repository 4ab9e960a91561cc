package directory

// ManagerMode says whose word counts for somebody's manager where no admin has chosen one for the
// person.
type ManagerMode string

// The modes. Empty means ManagersOverride.
const (
	// ManagersOverride: the person's own Okta manager; where Okta names none, the manager that an
	// admin set on the primary team.
	ManagersOverride ManagerMode = "override"
	// ManagersIndividual: the person's own Okta manager and nothing else.
	ManagersIndividual ManagerMode = "individual"
	// ManagersFirstMember: the manager of the primary team, which is that of its first member until an
	// admin sets another; the person's own Okta manager where the team has none, or it would be the person.
	ManagersFirstMember ManagerMode = "first_member"
)

// ManagerRef is a way to find a manager: by what Okta's text may mean, or by a linked object.
type ManagerRef string

// The ways to find a manager.
const (
	ManagerByID     ManagerRef = "okta_id"
	ManagerByLogin  ManagerRef = "login"
	ManagerByEmail  ManagerRef = "email"
	ManagerByNumber ManagerRef = "employee_number"
	// ManagerByName is first and last name with a space between.
	ManagerByName ManagerRef = "display_name"
	// ManagerByLink is the Okta id in Profile.ManagerLink, which needs no text.
	ManagerByLink ManagerRef = "linked_object"
)

// DefaultManagerRefs is the order in which a manager text is looked up where the rules give none. A
// name is not among them: it says less than the others, and people share them.
func DefaultManagerRefs() []ManagerRef {
	return []ManagerRef{ManagerByID, ManagerByLogin, ManagerByEmail, ManagerByNumber}
}

// ManagerRules say how managers are found.
type ManagerRules struct {
	Mode ManagerMode
	// Resolve lists the ways to find the person whom Okta's text means, best first; the first that
	// finds anybody decides. Empty means DefaultManagerRefs.
	Resolve []ManagerRef
	// KeepLeft leaves people with a manager who has left. Otherwise they have none.
	KeepLeft bool
}

// ManagerSource says where somebody's manager, or what is wrong with it, comes from.
type ManagerSource string

// The sources. Empty means that nothing names a manager.
const (
	ManagerFromOkta  ManagerSource = "okta"
	ManagerFromTeam  ManagerSource = "team"         // an admin set it on the primary team
	ManagerFromFirst ManagerSource = "first_member" // that of the primary team's first member
	ManagerFromAdmin ManagerSource = "admin"        // an admin set it on the person
)

// Lead returns the manager that the team gives to its people in a mode, and where that comes from.
func (t Team) Lead(mode ManagerMode) (string, ManagerSource) {
	switch {
	case mode == ManagersIndividual:
		return "", ""
	case t.ManagerID != "":
		return t.ManagerID, ManagerFromTeam
	case mode == ManagersFirstMember && t.FirstManagerID != "":
		return t.FirstManagerID, ManagerFromFirst
	default:
		return "", ""
	}
}

// ManagerEdge is a person's place in the chart: what their profile says, what admins and the team say,
// whom that means, and who is stored.
type ManagerEdge struct {
	PersonID string
	Present  bool   // Person.Present
	IDText   string // raw managerId
	Text     string // raw manager
	Link     string // Okta id by a linked object
	Chosen   string // whom an admin set on the person
	Team     Team   // the primary team: its id and what it says about managers
	// Wanted is whom all that means; ManagerID is the same unless that would close a loop, or the
	// person has left and the rules do not keep such managers. Both are Okta ids, or empty.
	Wanted    string
	ManagerID string
	Source    ManagerSource
	Problem   ManagerProblem
}

// ManagerCase is somebody whose manager is not as somebody says it should be.
type ManagerCase struct {
	PersonID  string
	IDText    string
	Text      string
	Link      string
	ManagerID string // kept although they left; otherwise empty
	Wanted    string // whom the source means, where that is known
	Source    ManagerSource
	Problem   ManagerProblem
}
