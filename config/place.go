package config

import (
	"fmt"
	"strings"
)

// place is where a tenant's rule was set, for whoever has to answer for it. The zero value is a default, or a tenant that
// stands in no file.
type place struct {
	source string // path of the file, or the variable's name
	line   int    // in the file; 0 for a variable
}

// readyPath is what ready presets have in place of a path.
const readyPath = "ready preset "

func (p place) String() string {
	switch preset, ready := strings.CutPrefix(p.source, readyPath); {
	case p.source == "":
		return ""
	case p.line == 0:
		return "the variable " + p.source
	case ready:
		return fmt.Sprintf("line %d of the preset %s", p.line, preset)
	default:
		return fmt.Sprintf("line %d of the configuration file", p.line)
	}
}

// notePlaces remembers where the rules stand that a setting brings in. Of a field it is the first step that is set.
func (t *Tenant) notePlaces(key string, v value) {
	if v.where == "" {
		return
	}
	at := place{source: v.where}
	if v.line > 0 {
		at = place{source: strings.SplitN(v.where, ":", 2)[0], line: v.line}
	}
	put := func(rule string, at place) {
		if t.places == nil {
			t.places = map[string]place{}
		}
		t.places[rule] = at
	}
	field, isMapping := strings.CutPrefix(key, "mapping.")
	switch {
	case isMapping:
		field, _, _ = strings.Cut(field, ".")
		if had := t.places[field]; had.source == "" || at.source == had.source && at.line < had.line {
			put(field, at)
		}
	case key == "custom_fields" && v.in.node != nil:
		for i, item := range v.in.node.items {
			if i < len(t.CustomFields) {
				put("custom."+t.CustomFields[i].Name, place{source: at.source, line: item.line})
			}
		}
	case key == "role_sets", key == "license_pools":
		put(key, at)
	}
}

// FieldPlace says where the rule of a field, custom ones as custom.<name>, was set: "line 7 of the configuration file". It is empty
// for a rule that is a default, and for tenants that stand in no file.
func (t Tenant) FieldPlace(field string) string { return t.places[field].String() }

// GrantPlace is FieldPlace for a rule of role_sets or license_pools.
func (t Tenant) GrantPlace(setting string, r GrantRule) string {
	at := t.places[setting]
	at.line = r.Line
	return at.String()
}
