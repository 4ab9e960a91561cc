package config

import (
	"slices"
	"strings"
	"time"
)

// DefaultSlug is the slug of the tenant that is configured at the top level.
const DefaultSlug = "default"

// Tenant is one customer with one Okta org, and the rules for it.
type Tenant struct {
	Slug         string
	Preset       string // whose values it takes where it has none of its own; may be empty
	Okta         Okta
	Hook         Hook
	Nightly      Nightly
	Mapping      map[string]Source // one entry for each profile field
	CustomFields []CustomField
	Required     []string
	Unique       []string
	Owned        []string // fields that the product owns
	Teams        []TeamSource
	EmptyTeams   string // EmptyTeamsKeep or EmptyTeamsRemove
	Groups       Groups
	Limits       Limits
	Managers     Managers
	Deprovision  Deprovision
	RoleSets     []RoleSet
	LicensePools []LicensePool
	Protected    []string // ids or logins of people from whom no rule takes anything
	Invites      Invites

	RuleGroups  map[string][]string // by rule: ids and names of the groups that stand in RoleSets and LicensePools for it
	LicenseCaps map[string]int      // by pool: the cap that stands in LicensePools; -1: no end of them

	prefix string // what its keys begin with: "" or "tenants.<slug>."
	places map[string]place
}

// Okta says how the tenant's org is read.
type Okta struct {
	URL         string // https://host, without a trailing slash
	Token       Secret // either the token
	ClientID    string // or client id and private key
	PrivateKey  Secret // PEM
	KeyID       string
	Scopes      []string
	AppID       string
	RateShare   float64
	AllowHTTP   bool
	Concurrency int
	SecondLook  time.Duration // 0: off
	Burst       int           // 0: off
	Log         SystemLog
}

// SystemLog says how the org's System Log is read.
type SystemLog struct {
	Interval time.Duration // between readings; zero: never
}

// Hook says how the tenant's event hook is recognised.
type Hook struct {
	Header  string
	Secrets []Secret // one or two, either is accepted
	Hosts   []string // lower case; requests to these hosts are for this tenant
	// Check is what the service does when the hook in Okta is not as it should be: HookRepair,
	// HookAlarm or HookOff.
	Check      string
	CheckEvery time.Duration
}

// What to do about a hook that somebody changed in Okta.
const (
	HookRepair = "repair"
	HookAlarm  = "alarm"
	HookOff    = "off"
)

// Nightly says when the full sync runs.
type Nightly struct {
	At    string        // as configured: "03:00", a cron expression, or "never"
	Pause time.Duration // after the beginning of a full sync no event starts another
}

// Cron returns the five-field cron expression in UTC; ok is false for "never".
func (n Nightly) Cron() (expression string, ok bool) {
	if n.At == never {
		return "", false
	}
	if hour, minute, isTime := clockTime(n.At); isTime {
		return minute + " " + hour + " * * *", true
	}
	return n.At, true
}

// Groups says which Okta groups become groups of the directory.
type Groups struct {
	IDs      []string
	Names    []string
	Types    []string
	Exclude  []string
	Assigned bool // takes the groups that are assigned to the app
}

// Limits say how much one run may take away before it is stopped.
type Limits struct {
	People  Limit
	Members Limit
	Groups  Limit
	// Roles and Licenses are those of people who stay.
	Roles    Limit
	Licenses Limit
	Invites  int // people whom one run may create where they are invited with that

	PlanMaxAge time.Duration // how long a plan that is over them may wait for approval
	Safety     string        // SafetyUpToLimit, SafetyAll or SafetyNone
}

// What goes through while a plan waits: deactivations and suspensions that Okta states.
const (
	SafetyUpToLimit = "up_to_limit"
	SafetyAll       = "all"
	SafetyNone      = "none"
)

// Deprovision says what becomes of people who leave.
type Deprovision struct {
	Policy string        // DeprovisionDeactivate, DeprovisionFromTeam or DeprovisionDelete
	Grace  time.Duration // until the data of people who left is erased, for DeprovisionDelete
}

// What is kept of people who leave.
const (
	DeprovisionDeactivate = "deactivate"
	DeprovisionFromTeam   = "remove_from_team"
	DeprovisionDelete     = "delete"
)

// Limit is exceeded by more than Floor leavers that are also more than Absolute
// or more than the Fraction of what was there.
type Limit struct {
	Absolute int
	Fraction float64
	Floor    int
}

// Attributes lists the attributes that the rules read, each "user.<name>", "app.<name>" or "link.<name>", sorted.
func (t Tenant) Attributes() []string {
	var all []string
	for _, source := range t.Mapping {
		all = append(all, source.attributes()...)
	}
	for _, field := range t.CustomFields {
		all = append(all, field.attributes()...)
	}
	for _, source := range t.Teams {
		for _, level := range source.Path {
			if checkAttribute(level) == nil {
				all = append(all, level)
			}
		}
	}
	for _, rule := range t.grantRules() {
		if rule.Attribute != "" {
			all = append(all, rule.Attribute)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// fields lists the profile fields in the order of the documentation.
func fields() []string {
	return []string{
		"first_name", "last_name", "email", "login", "picture", "title", "language", "location",
		"department", "employee_number", "manager_id_text", "manager_text", "manager_link",
	}
}

// mapped returns the field's source through a setter, because a map's values
// can't be pointed to.
func (t *Tenant) mapped(field string, change func(*Source) error) error {
	if t.Mapping == nil {
		t.Mapping = map[string]Source{}
	}
	source := t.Mapping[field]
	err := change(&source)
	t.Mapping[field] = source
	return err
}

// key is the full key of one of the tenant's settings.
func (t *Tenant) key(name string) string { return t.prefix + name }

// environmentPart is the slug as it stands in the names of variables.
func environmentPart(slug string) string {
	return strings.ToUpper(strings.ReplaceAll(slug, "-", "_"))
}
