package emulator

import (
	"slices"
	"strings"
)

// Status is a user's status (Okta: user lifecycle).
type Status string

// The statuses of a user. Each is explained in Okta's user lifecycle guide.
const (
	Staged          Status = "STAGED"           // created, never activated
	Provisioned     Status = "PROVISIONED"      // activated, has yet to act
	Active          Status = "ACTIVE"           // normal
	Recovery        Status = "RECOVERY"         // password reset under way
	PasswordExpired Status = "PASSWORD_EXPIRED" // must choose a new password
	LockedOut       Status = "LOCKED_OUT"       // too many failed sign-ins
	Suspended       Status = "SUSPENDED"        // sign-in blocked, everything kept
	Deprovisioned   Status = "DEPROVISIONED"    // deactivated
)

// person is one user. A million of them must fit in memory: the profile is one
// JSON text (see profile.go), and login is a part of it.
type person struct {
	id      string
	profile string
	login   string
	status  Status

	created, activated, statusChanged millis
	lastLogin, lastUpdated            millis
	passwordChanged                   millis

	// groups are sorted by id; Everyone is implied and not among them.
	groups []*group
	// grants are the person's rows in apps, in the order of app ids.
	grants []*appUser
}

// group is one group. Everyone has no member list: it holds all people.
type group struct {
	id                string
	name, description string
	noDescription     bool
	kind              string // OKTA_GROUP, APP_GROUP or BUILT_IN
	created, updated  millis
	membersUpdated    millis
	members           []*person // sorted by id
	apps              []*appGroup
	everyone          bool
}

// app is one app instance.
type app struct {
	id, label, name  string
	active           bool
	created, updated millis
	users            []*appUser  // sorted by the id of the person
	groups           []*appGroup // sorted by the id of the group
}

// appUser is the assignment of a person to an app.
type appUser struct {
	person           *person
	app              *app
	number           uint64 // makes the 0ua id
	direct           bool   // assigned to the person; otherwise by groups only
	created, updated millis
}

// appGroup is the assignment of a group to an app.
type appGroup struct {
	app      *app
	group    *group
	id       string
	priority int
	updated  millis
}

const (
	kindOktaGroup = "OKTA_GROUP"
	kindAppGroup  = "APP_GROUP"
	kindBuiltIn   = "BUILT_IN"
)

// inGroup tells whether p is a member of g.
func (p *person) inGroup(g *group) bool {
	if g.everyone {
		return true
	}
	_, found := slices.BinarySearchFunc(p.groups, g.id, func(x *group, id string) int {
		return strings.Compare(x.id, id)
	})
	return found
}

// grantOf gives p's row in the app, or nil.
func (p *person) grantOf(a *app) *appUser {
	for _, g := range p.grants {
		if g.app == a {
			return g
		}
	}
	return nil
}

// via gives the group through which the row is derived: the assigned group
// with the best priority that the person is in, or nil.
func (u *appUser) via() *appGroup {
	var best *appGroup
	for _, ag := range u.app.groups {
		if !u.person.inGroup(ag.group) {
			continue
		}
		if best == nil || ag.priority < best.priority {
			best = ag
		}
	}
	return best
}

func (u *appUser) scope() string {
	if u.direct {
		return "USER"
	}
	return "GROUP"
}

// displayName is the name of a person in System Log events.
func (p *person) displayName() string {
	first, _ := profileText(p.profile, "firstName")
	last, _ := profileText(p.profile, "lastName")
	if first == "" && last == "" {
		return p.login
	}
	return strings.TrimSpace(first + " " + last)
}

// The lists below are all sorted by id; these helpers keep them so.

func findPerson(list []*person, id string) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(p *person, id string) int { return strings.Compare(p.id, id) })
}

func findGroup(list []*group, id string) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(g *group, id string) int { return strings.Compare(g.id, id) })
}

func findApp(list []*app, id string) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(a *app, id string) int { return strings.Compare(a.id, id) })
}

func findAppUser(list []*appUser, id string) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(u *appUser, id string) int { return strings.Compare(u.person.id, id) })
}

func findAppGroup(list []*appGroup, id string) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(g *appGroup, id string) int { return strings.Compare(g.group.id, id) })
}
