package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// TeamSource is one place where teams come from.
type TeamSource struct {
	// Path names what gives the teams, from the top: fields, custom ones as custom.<name>, and attributes as
	// user.<name> or app.<name>.
	Path   []string
	Groups *Groups // in place of a path: Okta groups that are teams
	Line   int     // in the file; zero when it comes from elsewhere
}

const (
	pathSeparator = "/"
	mostTeamRules = 50
	mostLevels    = 8
)

func teamSettings() []setting {
	return []setting{{
		key: "teams.from", def: "department",
		doc:   "Where teams come from, best first: the first that gives a person a team gives the primary one, all others are further teams. A field (department), a custom one (custom.squad), an attribute (user.costCenter), a path of these (user.division/department: teams below teams), or { groups: { ids, names, types, assigned, exclude } }: Okta groups that are teams, from the file only (docs/teams.md). none, or an empty list: nobody has a team.",
		field: teamsField(),
	}, {
		key: "teams.empty", def: EmptyTeamsKeep,
		doc:   "What becomes of a team when nobody is in it any more: keep, or remove it. It comes back with the next person, with the same id, and with what admins gave it.",
		field: choiceField(func(t target) *string { return &t.tenant.EmptyTeams }, EmptyTeamsKeep, EmptyTeamsRemove),
	}}
}

// What becomes of empty teams.
const (
	EmptyTeamsKeep   = "keep"
	EmptyTeamsRemove = "remove"
)

func teamsField() field {
	return field{
		kind:   "list of fields, attributes, paths and groups",
		object: true,
		list:   true,
		short:  true,
		set: func(t target, in input) error {
			var sources []TeamSource
			var all []error
			add := func(source TeamSource, err error, item *node) {
				if err == nil {
					err = alike(sources, source)
				}
				if err != nil {
					if item != nil {
						err = onLine(item, err)
					}
					all = append(all, err)
					return
				}
				sources = append(sources, source)
			}
			switch {
			case in.node == nil:
				for _, text := range in.values() {
					if text == none && len(in.values()) == 1 {
						continue
					}
					source, err := pathSource(text)
					add(source, err, nil)
				}
			default:
				for _, item := range in.node.items {
					source, err := teamSource(item)
					add(source, err, item)
				}
			}
			if len(all) == 0 && len(sources) > mostTeamRules {
				all = append(all, fmt.Errorf("there are %d sources, at most %d are allowed", len(sources), mostTeamRules))
			}
			t.tenant.Teams = sources
			return errors.Join(all...)
		},
		show: func(t target) string {
			if len(t.tenant.Teams) == 0 {
				return none
			}
			var shown []string
			for _, s := range t.tenant.Teams {
				shown = append(shown, s.String())
			}
			return showList(shown)
		},
	}
}

// none is the value of a list of sources that is empty on purpose.
const none = "none"

// String is the source as the file has it.
func (s TeamSource) String() string {
	if s.Groups == nil {
		return strings.Join(s.Path, pathSeparator)
	}
	var parts []string
	for _, list := range []struct {
		key    string
		values []string
	}{{"ids", s.Groups.IDs}, {"names", s.Groups.Names}, {"types", s.Groups.Types}, {"exclude", s.Groups.Exclude}} {
		if len(list.values) > 0 {
			parts = append(parts, list.key+": ["+strings.Join(list.values, ", ")+"]")
		}
	}
	if s.Groups.Assigned {
		parts = append(parts, "assigned: true")
	}
	return "groups {" + strings.Join(parts, ", ") + "}"
}

func teamSource(item *node) (TeamSource, error) {
	if item.kind == scalarNode {
		source, err := pathSource(item.text)
		source.Line = item.line
		return source, err
	}
	p, err := named(item, "groups")
	if err != nil {
		return TeamSource{}, err
	}
	if p["groups"] == nil {
		return TeamSource{}, errors.New("has no source; write a field, a path, or groups: { names: [...] }")
	}
	groups, err := named(p["groups"], "ids", "names", "types", "assigned", "exclude")
	if err != nil {
		return TeamSource{}, fmt.Errorf("groups: %w", err)
	}
	g := &Groups{}
	assigned := ""
	if err := groups.texts(map[string]*string{"assigned": &assigned}, map[string]*[]string{"ids": &g.IDs, "names": &g.Names, "types": &g.Types, "exclude": &g.Exclude}); err != nil {
		return TeamSource{}, fmt.Errorf("groups: %w", err)
	}
	if assigned != "" {
		if g.Assigned, err = strconv.ParseBool(assigned); err != nil {
			return TeamSource{}, fmt.Errorf("groups: assigned: %s is neither true nor false", quote(assigned))
		}
	}
	return TeamSource{Groups: g, Line: item.line}, g.checkTeams()
}

// checkTeams checks a selection of groups that are to be teams.
func (g *Groups) checkTeams() error {
	for _, id := range g.IDs {
		if err := checkGroupID(id); err != nil {
			return fmt.Errorf("groups: ids: %w", err)
		}
	}
	for _, pattern := range slices.Concat(g.Names, g.Exclude) {
		if err := checkPattern(pattern); err != nil {
			return fmt.Errorf("groups: %w", err)
		}
		if fitsAll(pattern) {
			return fmt.Errorf("groups: %s fits every group; name the groups that are teams, or give types", quote(pattern))
		}
	}
	for _, kind := range g.Types {
		if err := oneOf("OKTA_GROUP", "APP_GROUP", "BUILT_IN")(kind); err != nil {
			return fmt.Errorf("groups: types: %w", err)
		}
	}
	if len(g.IDs)+len(g.Names)+len(g.Types) == 0 && !g.Assigned {
		return errors.New("groups: names no groups; give ids, names, types, or assigned: true")
	}
	return nil
}

// pathSource reads one field or attribute, or several with a slash between.
func pathSource(text string) (TeamSource, error) {
	var source TeamSource
	for _, level := range strings.Split(text, pathSeparator) {
		level = strings.TrimSpace(level)
		if level == "" {
			return source, fmt.Errorf("%s has an empty part; give a field or an attribute on each side of a slash", quote(text))
		}
		if slices.Contains(source.Path, level) {
			return source, fmt.Errorf("%s has %s twice; a team cannot be below itself", quote(text), level)
		}
		if err := checkLevel(level); err != nil {
			return source, err
		}
		source.Path = append(source.Path, level)
	}
	if len(source.Path) > mostLevels {
		return source, fmt.Errorf("%s has %d levels, at most %d are allowed", quote(text), len(source.Path), mostLevels)
	}
	return source, nil
}

func checkLevel(level string) error {
	if strings.HasPrefix(level, "user.") || strings.HasPrefix(level, "app.") {
		return checkAttribute(level)
	}
	if custom, isCustom := strings.CutPrefix(level, "custom."); isCustom && customName.MatchString(custom) || slices.Contains(fields(), level) {
		return nil
	}
	return fmt.Errorf("%s is not known; give one of %s, or custom.<name>, or an attribute such as user.division%s",
		quote(level), strings.Join(fields(), ", "), didYouMean(level, fields()))
}

// alike refuses what another source says already.
func alike(sources []TeamSource, source TeamSource) error {
	for _, other := range sources {
		if other.String() == source.String() {
			return fmt.Errorf("%s is there twice; remove one", source)
		}
		if other.Groups == nil || source.Groups == nil {
			continue
		}
		for _, id := range source.Groups.IDs {
			if slices.Contains(other.Groups.IDs, id) {
				return fmt.Errorf("the group %s is in two sources; the first counts, so remove the other", id)
			}
		}
	}
	return nil
}

// checkTeams checks the sources of teams against the other settings of the tenant.
func (l *loader) checkTeams(t *Tenant) {
	if l.problems.has(t.key("teams"), t.key("groups")) {
		return
	}
	for _, source := range t.Teams {
		at := ""
		if source.Line > 0 {
			at = fmt.Sprintf("line %d: ", source.Line)
		}
		for _, level := range source.Path {
			custom, isCustom := strings.CutPrefix(level, "custom.")
			switch {
			case isCustom:
				l.checkDeclared(t, "teams.from", custom)
			case slices.Contains(fields(), level) && t.Mapping[level].isEmpty():
				l.add(t.key("teams.from"), "%s%s is mapped from nothing, so that nobody would have a team; set mapping.%s, or leave it out", at, level, level)
			}
		}
		if source.Groups == nil {
			continue
		}
		for _, id := range source.Groups.IDs {
			if slices.Contains(t.Groups.Exclude, id) {
				l.add(t.key("teams.from"), "%sthe group %s is left out by groups.exclude, so that it would never be a team", at, quote(id))
			}
		}
	}
}
