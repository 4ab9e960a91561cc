package config

import (
	"net/url"
	"slices"
	"strings"
)

// checkRules checks what belongs together among a tenant's rules.
func (l *loader) checkRules(t *Tenant) {
	if l.problems.has(t.key("mapping"), t.key("custom_fields"), t.key("required"), t.key("owned"), t.key("preset"), "presets."+t.Preset) {
		return
	}
	for _, field := range fields() {
		for _, err := range checkSource(t.Mapping[field], l.isSet(t, "mapping."+field+".with")) {
			l.add(t.key("mapping."+field), "%s", err.Error())
		}
	}
	if picture := t.Mapping["picture"].Default; picture != "" {
		if u, err := url.Parse(picture); err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
			l.add(t.key("mapping.picture.default"), "%s is not an https address", quote(picture))
		}
	}
	unmapped := func(field string) bool { return t.Mapping[field].isEmpty() }
	for _, field := range t.Required {
		if name, isCustom := strings.CutPrefix(field, "custom."); isCustom {
			l.checkDeclared(t, "required", name)
			continue
		}
		if unmapped(field) {
			l.add(t.key("required"), "%s is required but mapped from nothing, so that everybody would be in quarantine; set mapping.%s", field, field)
		}
	}
	for _, field := range t.Owned {
		if name, isCustom := strings.CutPrefix(field, "custom."); isCustom {
			l.checkDeclared(t, "owned", name)
		}
	}
	for i, c := range t.CustomFields {
		if len(c.attributes()) == 0 && !slices.Contains(t.Owned, "custom."+c.Name) {
			l.add(t.key("custom_fields"), "entry %d: from is missing; name the attribute that holds %s, such as user.%s, or list custom.%s under owned", i+1, c.Name, c.Name, c.Name)
		}
	}
	for _, field := range t.Unique {
		if name, isCustom := strings.CutPrefix(field, "custom."); isCustom {
			l.checkDeclared(t, "unique", name)
			l.checkUniqueCustom(t, name)
			continue
		}
		if t.Mapping[field].Default != "" {
			l.add(t.key("unique"), "%s must be unique but has a default, which two people could share; remove mapping.%s.default", field, field)
		}
	}
	l.checkManagerLink(t)
	l.checkTeams(t)
}

// checkUniqueCustom: a custom field that is unique has one value, of which there are many.
func (l *loader) checkUniqueCustom(t *Tenant, name string) {
	at := slices.IndexFunc(t.CustomFields, func(c CustomField) bool { return c.Name == name })
	if at < 0 {
		return
	}
	switch c := t.CustomFields[at]; {
	case c.Type == "list" || c.Type == "boolean":
		l.add(t.key("unique"), "custom.%s is of the type %s, which cannot be unique; take it off the list", name, c.Type)
	case c.Default != "":
		l.add(t.key("unique"), "custom.%s must be unique but has a default, which two people could share; remove it from custom_fields", name)
	}
}

// isSet says whether a setting of the tenant has a value of its own or of its preset.
func (l *loader) isSet(t *Tenant, name string) bool {
	_, set := l.values[t.key(name)]
	if !set {
		_, set = l.fromPreset(t.prefix, name)
	}
	return set
}

// checkDeclared: a setting may name only custom fields that there are.
func (l *loader) checkDeclared(t *Tenant, key, name string) {
	var names []string
	for _, c := range t.CustomFields {
		names = append(names, c.Name)
	}
	if !slices.Contains(names, name) {
		l.add(t.key(key), "custom.%s is not declared; add it to custom_fields, or take it off the list%s", name, didYouMean(name, names))
	}
}
