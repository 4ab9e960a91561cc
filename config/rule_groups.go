package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// fittingSettings fit the rules about roles and licenses, which often come from a preset, to one org.
func fittingSettings() []setting {
	return []setting{
		{
			key:   "rule_groups",
			doc:   "The groups of rules in role_sets and license_pools: the name of a rule, and the ids or names (with * and ?) of the groups that count for it, in place of those that stand there. With it a preset is used without copying its rules.",
			field: ruleGroupsField(),
		},
		{
			key:   "license_caps",
			doc:   "The caps of license_pools: the name of a pool, and how many licenses there are, or none when there is no end of them, in place of what stands there.",
			field: licenseCapsField(),
		},
	}
}

func ruleGroupsField() field {
	return field{
		kind: "group of rules with their groups", object: true, pairs: true,
		set: func(t target, in input) error {
			groups := map[string][]string{}
			var all []error
			for _, e := range in.node.entries {
				given, err := scalars(e.value, true)
				switch {
				case err != nil:
				case groups[e.key] != nil:
					err = errors.New("is given twice; remove one")
				case len(given) == 0:
					err = errors.New("has no groups; give their ids, or names with * and ?")
				default:
					err = checkRuleGroups(given)
				}
				if err != nil {
					all = append(all, fmt.Errorf("%s: %w", quote(e.key), err))
					continue
				}
				groups[e.key] = given
			}
			t.tenant.RuleGroups = groups
			return errors.Join(all...)
		},
		show: func(t target) string {
			var shown []string
			for _, rule := range slices.Sorted(maps.Keys(t.tenant.RuleGroups)) {
				shown = append(shown, rule+": ["+strings.Join(t.tenant.RuleGroups[rule], ", ")+"]")
			}
			return shownPairs(shown)
		},
	}
}

// checkRuleGroups takes ids and patterns. A slip in an id must not make a name of it.
func checkRuleGroups(given []string) error {
	for _, group := range given {
		if strings.HasPrefix(group, "00g") && !strings.ContainsAny(group, "*? ") {
			if err := checkGroupID(group); err != nil {
				return err
			}
		}
	}
	return (&GrantRule{GroupNames: given}).checkSource()
}

func licenseCapsField() field {
	return field{
		kind: "group of pools with their caps", object: true, pairs: true,
		set: func(t target, in input) error {
			caps := map[string]int{}
			var all []error
			for _, e := range in.node.entries {
				given, err := scalars(e.value, false)
				most := 0
				if err == nil {
					most, err = licenseCap(first(given))
				}
				if _, twice := caps[e.key]; twice {
					err = errors.New("is given twice; remove one")
				}
				if err != nil {
					all = append(all, fmt.Errorf("%s: %w", quote(e.key), err))
					continue
				}
				caps[e.key] = most
			}
			t.tenant.LicenseCaps = caps
			return errors.Join(all...)
		},
		show: func(t target) string {
			var shown []string
			for _, pool := range slices.Sorted(maps.Keys(t.tenant.LicenseCaps)) {
				most := "none"
				if n := t.tenant.LicenseCaps[pool]; n >= 0 {
					most = strconv.Itoa(n)
				}
				shown = append(shown, pool+": "+most)
			}
			return shownPairs(shown)
		},
	}
}

func shownPairs(shown []string) string {
	if len(shown) == 0 {
		return ""
	}
	return "{" + strings.Join(shown, ", ") + "}"
}

// licenseCap reads a number of licenses; -1 is no end of them.
func licenseCap(text string) (int, error) {
	if text == "none" {
		return -1, nil
	}
	most, err := strconv.Atoi(text)
	if err != nil || most < 0 || most > 10_000_000 {
		return 0, fmt.Errorf("%s is not a number of licenses; give a whole number from 0 to 10000000, or none when there is no end of them", quote(text))
	}
	return most, nil
}

// fitGrants puts the tenant's own groups and caps into its rules.
func (l *loader) fitGrants(t *Tenant) {
	from := presetPrefix(t.Preset)
	if l.problems.has(t.key("preset"), t.key("role_sets"), t.key("license_pools"), from+"role_sets", from+"license_pools") {
		return
	}
	rules, pools := map[string]*GrantRule{}, map[string]*LicensePool{}
	for _, set := range t.RoleSets {
		for i := range set.Rules {
			rules[set.Rules[i].Name] = &set.Rules[i]
		}
	}
	for i := range t.LicensePools {
		pool := &t.LicensePools[i]
		pools[pool.Name] = pool
		for j := range pool.Rules {
			rules[pool.Rules[j].Name] = &pool.Rules[j]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.RuleGroups)) {
		rule := rules[name]
		if rule == nil {
			l.add(t.key("rule_groups"), "%s is not the name of a rule of the tenant%s", quote(name), known(name, rules))
			continue
		}
		if len(rule.Groups)+len(rule.GroupNames) == 0 {
			l.add(t.key("rule_groups"), "the rule %s does not go by groups, so that it can have none", name)
			continue
		}
		rule.Groups, rule.GroupNames = nil, nil
		for _, group := range t.RuleGroups[name] {
			if groupID.MatchString(group) {
				rule.Groups = append(rule.Groups, group)
			} else {
				rule.GroupNames = append(rule.GroupNames, group)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.LicenseCaps)) {
		pool := pools[name]
		if pool == nil {
			l.add(t.key("license_caps"), "%s is not the name of a license pool of the tenant%s", quote(name), known(name, pools))
			continue
		}
		pool.Cap = t.LicenseCaps[name]
	}
}

// known ends a sentence about a name that is not there: with the names that are.
func known[V any](name string, there map[string]V) string {
	if len(there) == 0 {
		return "; there are none"
	}
	names := slices.Sorted(maps.Keys(there))
	return ", which are " + strings.Join(names, ", ") + didYouMean(name, names)
}
