package directory

import (
	"path"
	"slices"
	"strings"
	"time"
)

// GroupSelection says which Okta groups become groups of the directory. A group is
// selected when it matches any of the lists and none of the exclusions.
type GroupSelection struct {
	IDs     []string
	Names   []string // patterns with * and ?, case sensitive
	Types   []string // OKTA_GROUP, APP_GROUP, BUILT_IN
	Exclude []string // ids or name patterns
	// Assigned selects the groups that are assigned to the app. Only with it is Okta asked which these are.
	Assigned bool `json:",omitempty"`
}

// Empty says whether nothing is selected.
func (s GroupSelection) Empty() bool { return len(s.IDs)+len(s.Names)+len(s.Types) == 0 && !s.Assigned }

// Selects says whether the group is selected.
func (s GroupSelection) Selects(g GroupSeen) bool {
	// path.Match lets * stop at a slash, which means nothing in a group's name.
	flat := strings.NewReplacer("/", "\x00")
	named := func(pattern string) bool {
		matched, err := path.Match(flat.Replace(pattern), flat.Replace(g.Name))
		return err == nil && matched
	}
	excluded := func(e string) bool { return e == g.ID || named(e) }
	if slices.ContainsFunc(s.Exclude, excluded) {
		return false
	}
	return s.Assigned && g.Assigned || slices.Contains(s.IDs, g.ID) || slices.Contains(s.Types, g.Type) || slices.ContainsFunc(s.Names, named)
}

// Limit is how much one plan may take away. A plan is over the limit when it
// takes more than Floor and also more than Absolute or more than Fraction of
// what is there.
type Limit struct {
	Absolute int
	Fraction float64 // 0 to 1
	Floor    int     // up to this many always pass, so that a small team is not blocked by one leaver
}

// Exceeded says whether taking leave out of before is over the limit.
func (l Limit) Exceeded(leave, before int) bool {
	if leave <= l.Floor {
		return false
	}
	return leave > l.Absolute || float64(leave) > l.Fraction*float64(before)
}

// Limits are the guard's limits, and what becomes of a plan that is over them.
type Limits struct {
	People  Limit // people deactivated, removed or suspended by one run
	Members Limit // members removed from one group by one run, unless the group itself is gone
	Groups  Limit // groups removed by one run
	Roles   Limit // roles taken by one run from people who stay
	// Licenses is the same for licenses.
	Licenses Limit
	// Invites is how many people one run may make due for an invite. Zero: any number.
	Invites int
	// PlanMaxAge is how long a plan may wait for approval.
	PlanMaxAge time.Duration
	// Safety says which deactivations and suspensions go through while a plan waits.
	Safety Safety
}

// Safety says what of a plan that waits is applied all the same: deactivations and
// suspensions that Okta states, never what follows from somebody's absence.
type Safety string

// The choices. Empty means SafetyUpToLimit.
const (
	SafetyUpToLimit Safety = "up_to_limit" // as many as Limits.People.Absolute
	SafetyAll       Safety = "all"
	SafetyNone      Safety = "none"
)

// Rules are what a tenant's configuration says about turning Okta's facts into
// the directory.
type Rules struct {
	Mapping  map[Field]Source
	Custom   []CustomField
	Required []Field // people without one of these are quarantined; custom ones as CustomOf names them
	Unique   []Field // e-mail, login, employee number or custom fields whose value only one present person may hold
	Owned    []Field // by the product: Okta gives the first value, and never another
	// Teams says where teams come from. The first rule that gives somebody one gives the primary team, and all
	// others are further ones.
	Teams []TeamRule
	// EmptyTeams says what becomes of a team that nobody is in any more.
	EmptyTeams EmptyTeams `json:",omitempty"`
	Groups     GroupSelection
	Limits     Limits
	Grants     GrantRules
	Managers   ManagerRules

	Deprovision Deprovision
	Invites     InviteRules
}

// UniqueCustom lists the custom fields among Unique.
func (r Rules) UniqueCustom() []Field {
	var custom []Field
	for _, f := range r.Unique {
		if _, is := f.Custom(); is {
			custom = append(custom, f)
		}
	}
	return custom
}

// Deprovision says what becomes of people who leave. Okta has four ways for that: the user is
// deactivated, deleted, no longer assigned to the app, or no longer in a group that assigns it.
// A suspension is none of them: it keeps everything under every policy.
type Deprovision struct {
	Policy DeprovisionPolicy
	// Grace is how long after they left the data of people is erased. For DeprovisionDelete alone.
	Grace time.Duration
}

// DeprovisionPolicy says what is kept of people who leave.
type DeprovisionPolicy string

// The policies. Empty means DeprovisionDeactivate.
const (
	// DeprovisionDeactivate takes access away: the status becomes StatusDeactivated or StatusRemoved.
	DeprovisionDeactivate DeprovisionPolicy = "deactivate"
	// DeprovisionFromTeam takes team, groups and manager away. The account stays as it is.
	DeprovisionFromTeam DeprovisionPolicy = "remove_from_team"
	// DeprovisionDelete is DeprovisionDeactivate, and after the grace the person's data is erased.
	DeprovisionDelete DeprovisionPolicy = "delete"
)

// DefaultRules are the rules of a tenant that configures none.
func DefaultRules() Rules {
	user := func(names ...string) Source {
		s := Source{}
		for _, n := range names {
			s.From = append(s.From, "user."+n)
		}
		return s
	}
	return Rules{
		Mapping: map[Field]Source{
			FieldFirstName:      user("firstName"),
			FieldLastName:       user("lastName"),
			FieldEmail:          user("email"),
			FieldLogin:          user("login"),
			FieldPicture:        user("profileUrl"),
			FieldTitle:          user("title"),
			FieldLanguage:       user("preferredLanguage", "locale"),
			FieldLocation:       user("city"),
			FieldDepartment:     user("department"),
			FieldEmployeeNumber: user("employeeNumber"),
			FieldManagerID:      user("managerId"),
			FieldManagerName:    user("manager"),
		},
		Required: []Field{FieldFirstName, FieldLastName, FieldEmail},
		Teams:    []TeamRule{{Path: []string{string(FieldDepartment)}}},
		Groups:   GroupSelection{Types: []string{"OKTA_GROUP"}},
		Limits: Limits{
			People:  Limit{Absolute: 500, Fraction: 0.1, Floor: 5},
			Members: Limit{Absolute: 1000, Fraction: 0.5, Floor: 10},
			Groups:  Limit{Absolute: 50, Fraction: 0.2, Floor: 3},
			Roles:   Limit{Absolute: 500, Fraction: 0.1, Floor: 10},

			Licenses: Limit{Absolute: 500, Fraction: 0.1, Floor: 10},

			PlanMaxAge: 24 * time.Hour,
			Safety:     SafetyUpToLimit,
		},
		Deprovision: Deprovision{Policy: DeprovisionDeactivate, Grace: 30 * 24 * time.Hour},
		Invites:     InviteRules{Mode: InvitesHold, SendBy: InviteByMail},
	}
}
