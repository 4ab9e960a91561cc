package directory

import "time"

// PersonRequest says whom to read, and how.
type PersonRequest struct {
	Ref    string // Okta user id or login
	Urgent bool   // access may have to be taken away: the read goes before all others
	// StatusOnly asks for the user alone, in one call that does not touch the scarcest rate
	// limit: enough to know that somebody is suspended, deactivated or deleted.
	StatusOnly bool
	// Links asks for linked objects too, by the names of their primary relationships, a call each.
	Links []string
}

// PersonSeen is what Okta said about one person at one moment.
type PersonSeen struct {
	ID string // Okta user id; empty only when a login was asked for that nobody has
	// At is the database's clock, read before the request was sent.
	At time.Time
	// Exists is false only after 404 E0000007 to a read by id.
	Exists     bool
	OktaStatus string // raw user status, empty when Exists is false
	// Assigned is false only when a read by id proved that the person is not
	// assigned to the app while the app itself exists and is active.
	Assigned bool
	// AssignmentScope is USER or GROUP, AssignmentStatus the raw app-user status.
	AssignmentScope  string
	AssignmentStatus string
	AssignedAt       time.Time      // when the app was assigned, by Okta's clock; zero where Okta does not say
	Profile          map[string]any // Okta user profile, as decoded
	AppProfile       map[string]any // profile of the app user
	AppUserName      string         // user name of the app user
	// Links are the Okta ids of those to whom the user is linked, by the name of the primary
	// relationship: those that were asked for, where the person is assigned and has one.
	Links map[string]string
	// Groups are all of the person's groups; GroupsRead is false when they were
	// not asked for, which says nothing about them.
	Groups     []GroupSeen
	GroupsRead bool
	// Partial is set where the assignment was not asked for. Such a sight says what the user's status
	// is and nothing else.
	Partial bool
}

// GroupSeen is what Okta said about one group at one moment.
type GroupSeen struct {
	ID          string
	At          time.Time
	Exists      bool // false only after 404 E0000007 to a read by id
	Name        string
	Description string
	Type        string
	// Assigned says that the group is assigned to the app: by a read of the group, or a list of all. A person's list of
	// groups does not tell, so that there the row's word stands.
	Assigned bool
}

// MemberPage is one page of one group's members, by Okta user id.
type MemberPage struct {
	GroupID string
	IDs     []string
	Last    bool // no page of this group follows
}

// Page is a piece of a pull. At most one of People, Deactivated, Groups and
// Members is set. The pieces of different kinds come in any order.
type Page struct {
	At          time.Time // database's clock before the request was sent
	People      []PersonSeen
	Deactivated []PersonSeen // people whom Okta lists as DEPROVISIONED, of whatever app
	Groups      []GroupSeen
	Members     *MemberPage
	Positions   []Position // where lists stand once this page is taken in
	Calls       int        // calls to Okta so far in this pull
	CallsLeft   int        // estimate, -1 when unknown
}

// Position says how far one list of a pull has been read. Its texts are the source's
// own: whoever keeps them hands them back as they are.
type Position struct {
	List string // which list, and of what
	Next string // where it goes on; empty once it was read to the end
}

// PullRequest asks for a stream of pages.
type PullRequest struct {
	// Scope is full, or one group.
	Scope Scope
	// Deactivated asks for the list of deactivated people too (full only).
	Deactivated bool
	// From holds the last position of each list of a reading that was interrupted
	// (full only): what was read is not asked for again. Empty: from the beginning.
	From []Position
	// Groups is the selection to read by, where it is not the one that the source was made with.
	Groups *GroupSelection
	// Links asks for linked objects of whoever is assigned, see PersonRequest.Links.
	Links []string
}
