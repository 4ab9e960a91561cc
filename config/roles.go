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

var grantName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,62}$`)

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
