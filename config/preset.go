package config

import (
	"fmt"
	"slices"
	"strings"
)

// presetSettings lists the settings that a preset may hold: all of a tenant but those by which
// one org is told from another, and the secrets.
func presetSettings() []setting {
	return slices.DeleteFunc(tenantSettings(), func(s setting) bool {
		switch s.key {
		case "preset", "okta.url", "okta.client_id", "okta.key_id", "okta.app_id", "okta.allow_http", "hook.hosts":
			return true
		default:
			return s.secret
		}
	})
}

func checkPresetName(name string) error {
	if !slugPattern.MatchString(name) {
		return fmt.Errorf("%s is not the name of a preset: it has 1 to 63 small letters, digits and hyphens", quote(name))
	}
	return nil
}

func presetPrefix(name string) string { return "presets." + name + "." }

// fillPresets checks each value of each preset by itself and returns them.
func (l *loader) fillPresets(c *Config) map[string]map[string]value {
	all := map[string]map[string]value{}
	for _, name := range l.presets {
		all[name] = map[string]value{}
		scratch := Tenant{Slug: name}
		for _, s := range presetSettings() {
			key := presetPrefix(name) + s.key
			v, set := l.values[key]
			if !set {
				continue
			}
			if err := s.set(target{config: c, tenant: &scratch}, v.in); err != nil {
				l.refused(key, v.where, err)
			}
			all[name][s.key] = v
		}
	}
	return all
}

// fromPreset is the value that the preset of the tenant with the prefix has for a key.
func (l *loader) fromPreset(prefix, key string) (value, bool) {
	chosen, set := l.values[prefix+"preset"]
	if !set {
		return value{}, false
	}
	v, found := l.values[presetPrefix(chosen.in.text)+key]
	if found {
		v.origin = "preset " + chosen.in.text + ", " + v.origin
	}
	return v, found
}

func (l *loader) checkPreset(t *Tenant) {
	if t.Preset == "" || slices.Contains(l.presets, t.Preset) || l.problems.has(t.key("preset")) {
		return
	}
	if len(l.presets) == 0 {
		l.add(t.key("preset"), "%s is not there: there are no presets", quote(t.Preset))
		return
	}
	l.add(t.key("preset"), "%s is not one of the presets, which are %s%s",
		quote(t.Preset), strings.Join(slices.Sorted(slices.Values(l.presets)), ", "), didYouMean(t.Preset, l.presets))
}
