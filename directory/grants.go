package directory

import (
	"slices"
	"time"
)

// GrantRules are a tenant's rules about roles and licenses.
type GrantRules struct {
	Sets      []RoleSet
	Pools     []LicensePool
	Protected []string // ids or logins of people from whom no rule takes anything while they are in the directory
}

// None says whether the tenant has no such rules.
func (g GrantRules) None() bool { return len(g.Sets) == 0 && len(g.Pools) == 0 }

// Attributes lists the attributes that the rules read, each "user.<name>" or "app.<name>", sorted.
func (g GrantRules) Attributes() []string {
	var names []string
	for rule := range g.rules {
		if rule.Attribute != "" {
			names = append(names, rule.Attribute)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// rules goes through all rules, of sets and of pools.
func (g GrantRules) rules(yield func(GrantRule) bool) {
	for _, s := range g.Sets {
		for _, r := range s.Rules {
			if !yield(r) {
				return
			}
		}
	}
	for _, p := range g.Pools {
		for _, r := range p.Rules {
			if !yield(r) {
				return
			}
		}
	}
}

// GroupsNamed lists the ids and name patterns of all groups that the rules name, sorted.
func (g GrantRules) GroupsNamed() (ids, patterns []string) {
	for rule := range g.rules {
		ids, patterns = append(ids, rule.Groups...), append(patterns, rule.GroupNames...)
	}
	slices.Sort(ids)
	slices.Sort(patterns)
	return slices.Compact(ids), slices.Compact(patterns)
}

// Combination says what becomes of several roles of one set.
type Combination string

// The combinations. Empty means CombineUnion.
const (
	CombineUnion   Combination = "union"   // all of them
	CombineHighest Combination = "highest" // that which stands last in RoleSet.Roles
	CombineSingle  Combination = "single"  // that of the first rule which applies
)

// RoleSet is a list of roles that belong together, with the rules that give them. They are combined
// for the tenant as a whole and within each team by itself.
type RoleSet struct {
	Name    string
	Combine Combination
	Roles   []RoleKind // from the least to the most; a name stands in one set only
	Rules   []GrantRule
}

// RoleKind is a role of the product.
type RoleKind struct {
	Name string
	// KeepLast says that somebody has to have the role: it is never taken from the last one.
	KeepLast bool
}

// LicensePool is a number of licenses of one kind.
type LicensePool struct {
	Name    string
	Cap     int // how many there are; negative: no end of them
	OnLower CapLowered
	Rules   []GrantRule // for CapKeepRanked, whoever has it by an earlier rule goes first
}

// CapLowered says who loses a license when there are fewer than are in use.
type CapLowered string

// The choices. Empty means CapKeepOldest.
const (
	CapKeepOldest CapLowered = "keep_oldest"  // who has been entitled for the shortest time
	CapKeepRanked CapLowered = "keep_by_rank" // who is entitled by the last rule, among them as CapKeepOldest
	CapStop       CapLowered = "stop"         // nobody; an alert tells of it
)

// GrantRule gives a role or a license to whom one of its sources fits.
type GrantRule struct {
	Name  string // unique within the tenant
	Place string `json:"-"` // where it was set, in words; empty when that is not known
	Role  string // what it gives; empty in a pool, and where Values say it

	Groups     []string // ids: members of any of these
	GroupNames []string // and of groups with such a name; patterns with * and ?
	Attribute  string   // "user.<name>" or "app.<name>", whose value has to be in Values
	// Values are the values that count, compared as Fold does, each with the role that it
	// gives. In a pool, and in a rule with a Role, that is empty.
	Values   map[string]string
	Everyone bool
	Default  bool // to everybody to whom no other rule of the list gives anything

	// Team is the team, or workspace, in which the role is given; empty: in all of the tenant.
	Team     string
	TeamFrom TeamSource
}

// TeamSource says where the team of a role comes from.
type TeamSource string

// The sources of teams, beside one that the rule names.
const (
	TeamOfPerson TeamSource = "primary_team" // the person's; without one the rule gives nothing
	TeamOfGroup  TeamSource = "group"        // the group that gave the role, by its id
)

// KeptBecause says why somebody has what no rule gives them any more.
type KeptBecause string

// The reasons. Empty: a rule gives it.
const (
	KeptLast      KeptBecause = "last"      // nobody else has the role, and it is one to keep
	KeptProtected KeptBecause = "protected" // the person is protected
)

// RoleGrant is a role that a person has.
type RoleGrant struct {
	PersonID string
	Set      string
	Role     string
	Team     string // empty: in all of the tenant
	Rule     string // which gives it, or gave it
	Via      string // what the rule found: "group <id>", "attribute <name>", "everyone" or "default"
	Kept     KeptBecause
	Since    time.Time // database's clock
}

// LicenseClaim is a person's claim to a license, which they hold or wait for.
type LicenseClaim struct {
	PersonID string
	Pool     string
	Held     bool
	Since    time.Time // entitled; the order in which they wait
	HeldAt   time.Time // zero while they wait
	Rank     int       // of the rule in the pool, from 0
	Rule     string
	Via      string
	Kept     KeptBecause
}

// GroupOfPerson is a group in which a person is.
type GroupOfPerson struct {
	PersonID string
	GroupID  string
	Name     string
	Type     string
	Assigned bool // to the app
}

// LicenseInLine is a claim with its place among those who wait, from 1; zero when it is held.
type LicenseInLine struct {
	LicenseClaim
	Place int
}

// RoleCount is how many people have a role.
type RoleCount struct {
	Set    string
	Role   string
	People int
	Kept   int // of these, although no rule gives it any more
}

// PoolCount is how many licenses of a pool are held, and how many people wait.
type PoolCount struct {
	Pool    string
	Held    int
	Waiting int
}
