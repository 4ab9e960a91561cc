package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// RoleSet is a list of roles that belong together, and the rules that give them.
type RoleSet struct {
	Name     string
	Combine  string   // CombineUnion, CombineHighest or CombineSingle
	Roles    []string // from the least to the most
	KeepLast []string // of these, which are never taken from the last person who has them
	Rules    []GrantRule
}

// What becomes of several roles of one set.
const (
	CombineUnion   = "union"
	CombineHighest = "highest"
	CombineSingle  = "single"
)

// LicensePool is a number of licenses of one kind, and the rules that give them.
type LicensePool struct {
	Name          string
	Cap           int    // -1: no end of them
	OnCapDecrease string // CapKeepOldest, CapKeepByRank or CapStop
	Rules         []GrantRule
}

// Who loses a license when there are fewer than are in use.
const (
	CapKeepOldest = "keep_oldest"
	CapKeepByRank = "keep_by_rank"
	CapStop       = "stop"
)

// GrantRule gives a role, or a license, to whom its source fits.
type GrantRule struct {
	Name       string
	Line       int    // in the file; 0 elsewhere
	Role       string // empty in a pool, and where Values name it
	Groups     []string
	GroupNames []string
	Attribute  string
	Values     map[string]string // folded values, each with its role, or with nothing
	Everyone   bool
	Default    bool
	Team       string
	TeamFrom   string // TeamFromPrimary, TeamFromGroup or nothing
}

// Where the team of a role comes from.
const (
	TeamFromPrimary = "primary_team"
	TeamFromGroup   = "group"
)

// mostRules bounds the rules of one set or pool.
const mostRules = 1000

var grantName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,62}$`)

func checkGrantName(what, name string) error {
	if !grantName.MatchString(name) {
		return fmt.Errorf("%s: %s is not a name; give 1 to 63 letters, digits, dots, colons, hyphens or underscores", what, quote(name))
	}
	return nil
}

func rolesField() field {
	return field{
		kind:   "list of set, combine, roles, keep_last and rules",
		object: true,
		set: func(t target, in input) error {
			sets := []RoleSet{}
			for _, item := range in.node.items {
				set, err := newRoleSet(item)
				if err != nil {
					return onLine(item, err)
				}
				sets = append(sets, set)
			}
			if err := distinctRoles(sets); err != nil {
				return err
			}
			t.tenant.RoleSets = sets
			return nil
		},
		show: func(t target) string {
			var shown []string
			for _, s := range t.tenant.RoleSets {
				shown = append(shown, fmt.Sprintf("%s (%s of %s, %d rules)", s.Name, s.Combine, strings.Join(s.Roles, ", "), len(s.Rules)))
			}
			return "[" + strings.Join(shown, "; ") + "]"
		},
	}
}

func licensesField() field {
	return field{
		kind:   "list of pool, cap, on_cap_decrease and rules",
		object: true,
		set: func(t target, in input) error {
			pools := []LicensePool{}
			for _, item := range in.node.items {
				pool, err := newLicensePool(item)
				if err == nil && slices.ContainsFunc(pools, func(o LicensePool) bool { return o.Name == pool.Name }) {
					err = fmt.Errorf("the pool %s is there twice; remove one", quote(pool.Name))
				}
				if err != nil {
					return onLine(item, err)
				}
				pools = append(pools, pool)
			}
			t.tenant.LicensePools = pools
			return nil
		},
		show: func(t target) string {
			var shown []string
			for _, p := range t.tenant.LicensePools {
				most := "no cap"
				if p.Cap >= 0 {
					most = "cap " + strconv.Itoa(p.Cap)
				}
				shown = append(shown, fmt.Sprintf("%s (%s, %s, %d rules)", p.Name, most, p.OnCapDecrease, len(p.Rules)))
			}
			return "[" + strings.Join(shown, "; ") + "]"
		},
	}
}

// lineError says where in the file a rule is wrong. The innermost place is told.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }

func (e *lineError) Unwrap() error { return e.err }

func onLine(n *node, err error) error {
	var inner *lineError
	if err == nil || n.line == 0 || errors.As(err, &inner) {
		return err
	}
	return &lineError{line: n.line, err: err}
}

func newRoleSet(item *node) (RoleSet, error) {
	parts, err := named(item, "set", "combine", "roles", "keep_last", "rules")
	if err != nil {
		return RoleSet{}, err
	}
	set := RoleSet{Combine: CombineUnion}
	if err := parts.texts(map[string]*string{"set": &set.Name, "combine": &set.Combine}, map[string]*[]string{"roles": &set.Roles, "keep_last": &set.KeepLast}); err != nil {
		return set, err
	}
	if err := checkGrantName("set", set.Name); err != nil {
		return set, err
	}
	if err := oneOf(CombineUnion, CombineHighest, CombineSingle)(set.Combine); err != nil {
		return set, fmt.Errorf("combine: %w", err)
	}
	if len(set.Roles) == 0 {
		return set, errors.New("roles is missing; list the roles of the set, from the least to the most")
	}
	for _, role := range set.Roles {
		if err := checkGrantName("roles", role); err != nil {
			return set, err
		}
	}
	for _, role := range set.KeepLast {
		if !slices.Contains(set.Roles, role) {
			return set, fmt.Errorf("keep_last: %s is not one of the set's roles, which are %s%s", quote(role), strings.Join(set.Roles, ", "), didYouMean(role, set.Roles))
		}
	}
	set.Rules, err = parts.rules(set.Roles)
	if err != nil {
		return set, err
	}
	defaults := 0
	for _, rule := range set.Rules {
		if rule.Default {
			defaults++
		}
	}
	if defaults > 1 && set.Combine != CombineUnion {
		return set, fmt.Errorf("%d rules are a default, and with combine: %s a person can have one; keep one of them", defaults, set.Combine)
	}
	return set, nil
}

func newLicensePool(item *node) (LicensePool, error) {
	parts, err := named(item, "pool", "cap", "on_cap_decrease", "rules")
	if err != nil {
		return LicensePool{}, err
	}
	pool := LicensePool{Cap: -1, OnCapDecrease: CapKeepOldest}
	most := ""
	if err := parts.texts(map[string]*string{"pool": &pool.Name, "cap": &most, "on_cap_decrease": &pool.OnCapDecrease}, nil); err != nil {
		return pool, err
	}
	if err := checkGrantName("pool", pool.Name); err != nil {
		return pool, err
	}
	if most != "" {
		if pool.Cap, err = strconv.Atoi(most); err != nil || pool.Cap < 0 || pool.Cap > 10_000_000 {
			return pool, fmt.Errorf("cap: %s is not a number of licenses; give a whole number from 0 to 10000000, or leave it out when there is no end of them", quote(most))
		}
	}
	if err := oneOf(CapKeepOldest, CapKeepByRank, CapStop)(pool.OnCapDecrease); err != nil {
		return pool, fmt.Errorf("on_cap_decrease: %w", err)
	}
	pool.Rules, err = parts.rules(nil)
	return pool, err
}

// parts are the values of an object in the file, by key.
type parts map[string]*node

func named(item *node, known ...string) (parts, error) {
	if item.kind != mapNode {
		return nil, fmt.Errorf("is not of the form { %s: … }", strings.Join(known, ": …, "))
	}
	p := parts{}
	for _, e := range item.entries {
		if !slices.Contains(known, e.key) {
			return nil, onLine(e.name, fmt.Errorf("%s is not known here; allowed are %s%s", quote(e.key), strings.Join(known, ", "), didYouMean(e.key, known)))
		}
		if _, double := p[e.key]; double {
			return nil, onLine(e.name, fmt.Errorf("%s is given twice; remove one", e.key))
		}
		if e.value.kind != nullNode {
			p[e.key] = e.value
		}
	}
	return p, nil
}

// texts fills in single texts, and lists of texts.
func (p parts) texts(single map[string]*string, several map[string]*[]string) error {
	for key, to := range single {
		if n, given := p[key]; given {
			values, err := scalars(n, false)
			if err != nil {
				return onLine(n, fmt.Errorf("%s: %w", key, err))
			}
			*to = first(values)
		}
	}
	for key, to := range several {
		if n, given := p[key]; given {
			values, err := scalars(n, true)
			if err != nil {
				return onLine(n, fmt.Errorf("%s: %w", key, err))
			}
			*to = values
		}
	}
	return nil
}

// rules reads the rules of a set with these roles, or of a pool, which has none.
func (p parts) rules(roles []string) ([]GrantRule, error) {
	n, given := p["rules"]
	if !given {
		return nil, nil
	}
	if n.kind != listNode {
		return nil, onLine(n, errors.New("rules: is not a list; write each rule on a line that begins with a hyphen"))
	}
	if len(n.items) > mostRules {
		return nil, onLine(n, fmt.Errorf("rules: there are %d, at most %d are allowed", len(n.items), mostRules))
	}
	var rules []GrantRule
	for _, item := range n.items {
		rule, err := newGrantRule(item, roles)
		if err == nil && slices.ContainsFunc(rules, func(o GrantRule) bool { return o.Name == rule.Name }) {
			err = fmt.Errorf("the name %s is used by two rules; rename one", quote(rule.Name))
		}
		if err != nil {
			return nil, onLine(item, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func newGrantRule(item *node, roles []string) (GrantRule, error) {
	known := []string{"name", "groups", "group_names", "attribute", "equals", "everyone", "default"}
	if roles != nil {
		known = append(known, "role", "values", "team", "team_from")
	}
	p, err := named(item, known...)
	if err != nil {
		return GrantRule{}, err
	}
	rule := GrantRule{Line: item.line}
	var equals []string
	everyone, byDefault := "", ""
	err = p.texts(
		map[string]*string{"name": &rule.Name, "role": &rule.Role, "attribute": &rule.Attribute, "everyone": &everyone, "default": &byDefault, "team": &rule.Team, "team_from": &rule.TeamFrom},
		map[string]*[]string{"groups": &rule.Groups, "group_names": &rule.GroupNames, "equals": &equals})
	if err != nil {
		return rule, err
	}
	if err := checkGrantName("name", rule.Name); err != nil {
		return rule, err
	}
	for key, to := range map[string]*bool{"everyone": &rule.Everyone, "default": &rule.Default} {
		text := map[string]string{"everyone": everyone, "default": byDefault}[key]
		if text == "" {
			continue
		}
		if *to, err = strconv.ParseBool(text); err != nil {
			return rule, fmt.Errorf("%s: %s is neither true nor false", key, quote(text))
		}
	}
	if err := rule.readValues(p["values"], equals); err != nil {
		return rule, err
	}
	if err := rule.checkSource(); err != nil {
		return rule, err
	}
	if roles == nil {
		return rule, nil
	}
	return rule, rule.checkRole(roles)
}

// readValues reads the values of an attribute that count: a map of values to roles, or a list.
func (r *GrantRule) readValues(values *node, equals []string) error {
	if values == nil && equals == nil {
		return nil
	}
	r.Values = map[string]string{}
	add := func(value, role string) error {
		key := strings.ToLower(strings.TrimSpace(value)) // as logins and names are compared everywhere
		if key == "" {
			return errors.New("values: an empty value cannot be told from none; remove it")
		}
		if _, double := r.Values[key]; double {
			return fmt.Errorf("values: %s is there twice, for capital and small letters are the same; remove one", quote(value))
		}
		r.Values[key] = role
		return nil
	}
	for _, value := range equals {
		if err := add(value, ""); err != nil {
			return err
		}
	}
	if values == nil {
		return nil
	}
	if values.kind != mapNode || equals != nil || r.Role != "" {
		return errors.New("values: give values: { value: role }, or role and equals: [value]")
	}
	for _, e := range values.entries {
		if e.value.kind != scalarNode {
			return fmt.Errorf("values: %s has no single role", quote(e.key))
		}
		if err := add(e.key, e.value.text); err != nil {
			return err
		}
	}
	return nil
}

func (r *GrantRule) checkSource() error {
	sources := 0
	for _, has := range []bool{len(r.Groups)+len(r.GroupNames) > 0, r.Attribute != "", r.Everyone, r.Default} {
		if has {
			sources++
		}
	}
	if sources != 1 {
		return errors.New("has to have one source: groups or group_names, or attribute, or everyone: true, or default: true")
	}
	for _, id := range r.Groups {
		if err := checkGroupID(id); err != nil {
			return fmt.Errorf("groups: %w", err)
		}
	}
	for _, pattern := range r.GroupNames {
		if err := checkPattern(pattern); err != nil {
			return fmt.Errorf("group_names: %w", err)
		}
		if strings.Trim(pattern, "*? ") == "" {
			return fmt.Errorf("group_names: %s fits every group; write everyone: true if that is meant", quote(pattern))
		}
	}
	switch {
	case r.Attribute == "" && r.Values == nil:
		return nil
	case r.Attribute == "":
		return errors.New("values and equals belong to an attribute, which is missing")
	case len(r.Values) == 0:
		return errors.New("attribute: the values that count are missing; give equals or values")
	}
	if err := checkAttribute(r.Attribute); err != nil {
		return fmt.Errorf("attribute: %w", err)
	}
	return nil
}

func (r *GrantRule) checkRole(roles []string) error {
	var given []string
	if r.Role != "" {
		given = append(given, r.Role)
	}
	for _, role := range r.Values {
		if r.Role == "" {
			given = append(given, role)
		}
	}
	slices.Sort(given)
	if len(given) == 0 {
		return errors.New("role is missing; name the role that the rule gives")
	}
	for _, role := range given {
		if !slices.Contains(roles, role) {
			return fmt.Errorf("%s is not one of the set's roles, which are %s%s", quote(role), strings.Join(roles, ", "), didYouMean(role, roles))
		}
	}
	if r.Team != "" && r.TeamFrom != "" {
		return errors.New("team and team_from say both where the role is given; remove one")
	}
	if r.Team != "" {
		if err := cleanText(r.Team); err != nil {
			return fmt.Errorf("team: %w", err)
		}
	}
	if r.TeamFrom != "" {
		if err := oneOf(TeamFromPrimary, TeamFromGroup)(r.TeamFrom); err != nil {
			return fmt.Errorf("team_from: %w", err)
		}
	}
	if r.TeamFrom == TeamFromGroup && len(r.Groups)+len(r.GroupNames) == 0 {
		return errors.New("team_from: a group gives the team only where a group gives the role; use groups or group_names")
	}
	return nil
}

// distinctRoles: a role is known by its name alone in the history, so it stands in one set, once.
func distinctRoles(sets []RoleSet) error {
	of := map[string]string{}
	names := map[string]bool{}
	for _, set := range sets {
		if names[set.Name] {
			return fmt.Errorf("the set %s is there twice; remove one", quote(set.Name))
		}
		names[set.Name] = true
		for _, role := range set.Roles {
			if other, taken := of[role]; taken {
				return fmt.Errorf("the role %s stands in the sets %s and %s, or twice in one; a role stands in one set, once", quote(role), other, set.Name)
			}
			of[role] = set.Name
		}
	}
	return nil
}

// checkGrants checks the rules about roles and licenses against the other settings of the tenant.
func (l *loader) checkGrants(t *Tenant) {
	if l.problems.has(t.key("role_sets"), t.key("license_pools"), t.key("groups")) {
		return
	}
	seen := map[string]bool{}
	check := func(key string, rules []GrantRule) {
		for _, rule := range rules {
			if seen[rule.Name] {
				l.add(t.key(key), "the name %s is used by two rules; rename one, so that it can be told which of them gave something", quote(rule.Name))
			}
			seen[rule.Name] = true
			for _, id := range rule.Groups {
				if slices.Contains(t.Groups.Exclude, id) {
					l.add(t.key(key), "rule %s names the group %s, which groups.exclude leaves out, so that it would never fit", rule.Name, quote(id))
				}
			}
		}
	}
	for _, set := range t.RoleSets {
		check("role_sets", set.Rules)
	}
	for _, pool := range t.LicensePools {
		check("license_pools", pool.Rules)
	}
}

// grantRules lists the rules of all sets and pools.
func (t Tenant) grantRules() []GrantRule {
	var all []GrantRule
	for _, set := range t.RoleSets {
		all = append(all, set.Rules...)
	}
	for _, pool := range t.LicensePools {
		all = append(all, pool.Rules...)
	}
	return all
}

// GroupsNamed lists the ids and name patterns of the groups that rules about roles and licenses name.
func (t Tenant) GroupsNamed() (ids, patterns []string) {
	for _, rule := range t.grantRules() {
		ids, patterns = append(ids, rule.Groups...), append(patterns, rule.GroupNames...)
	}
	return ids, patterns
}

// grantSettings are the rules about roles and licenses.
func grantSettings() []setting {
	return []setting{
		{
			key:   "role_sets",
			doc:   "Roles of the product, and the rules that give them by group, attribute or default (docs/roles.md). From the file only.",
			field: rolesField(),
		},
		{
			key:   "license_pools",
			doc:   "Licenses of the product, with caps, and the rules that give them (docs/roles.md). From the file only.",
			field: licensesField(),
		},
		{
			key:   "protected",
			doc:   "Okta ids or logins of people from whom no rule takes a role or a license while they are in the directory.",
			field: listField(func(t target) *[]string { return &t.tenant.Protected }, 100, cleanText),
		},
	}
}
