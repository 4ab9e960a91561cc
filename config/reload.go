package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// WithTenantsOf returns the configuration with the tenants and presets of another one, and the keys of all other
// settings that differ, which count only after a restart. The tenants are checked anew, because they
// were made for those settings. The error holds everything that is wrong, see Problems.
func (c Config) WithTenantsOf(next Config) (Config, []string, error) {
	l := newLoader(Options{})
	merged := c
	merged.presets, merged.origins = next.presets, maps.Clone(c.origins)
	merged.Tenants = slices.Clone(next.Tenants)
	hosts := map[string]string{}
	for i := range merged.Tenants {
		t := &merged.Tenants[i]
		l.checkTenant(&merged, t, hosts)
		for _, s := range tenantSettings() {
			merged.origins[t.key(s.key)] = next.origins[t.key(s.key)]
		}
	}
	if len(l.problems.all) > 0 {
		return Config{}, nil, l.problems.err()
	}
	return merged, c.differing(next), nil
}

// differing lists the settings of the installation that differ, sorted. What may not be shown is
// told by its section.
func (c Config) differing(next Config) []string {
	var keys []string
	told := map[string]bool{} // sections
	for _, s := range settings() {
		if s.show(target{config: &c}) != s.show(target{config: &next}) {
			keys = append(keys, s.key)
			section, _, _ := strings.Cut(s.key, ".")
			told[section] = true
		}
	}
	before, after := reflect.ValueOf(c), reflect.ValueOf(next)
	for i := range before.NumField() {
		field := before.Type().Field(i)
		section := strings.ToLower(field.Name)
		if !field.IsExported() || field.Name == "Tenants" || told[section] {
			continue
		}
		if !reflect.DeepEqual(before.Field(i).Interface(), after.Field(i).Interface()) {
			keys = append(keys, section)
		}
	}
	slices.Sort(keys)
	return keys
}

// Difference is a setting that differs between two configurations.
type Difference struct{ Key, Before, After string }

// Differing lists the tenant's settings that differ in another configuration of it, in the order of the documentation.
// Secrets look alike here.
func (t Tenant) Differing(next Tenant) []Difference {
	var all []Difference
	for _, s := range tenantSettings() {
		before, after := s.show(target{tenant: &t}), s.show(target{tenant: &next})
		if before != after {
			all = append(all, Difference{Key: s.key, Before: printable(before), After: printable(after)})
		}
	}
	return all
}
