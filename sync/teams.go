package sync

import (
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// placed is a team in which somebody is by the rules.
type placed struct {
	team  directory.Team
	above []directory.Team // the teams above it, from the top
	rule  int              // the first one that gives it
}

// teamsOfGroups says whether any rule makes teams of groups. Then nobody's teams follow from their profile
// alone, and they are worked out when the memberships are known (placeTeams).
func (m *mapper) teamsOfGroups() bool {
	return slices.ContainsFunc(m.rules.Teams, func(r directory.TeamRule) bool { return r.Groups != nil })
}

// teamsOf says in which teams somebody is by the rules, and by which rule: those of the first rule come first, those of
// one rule in order of the attribute's values, or of the groups' ids. It is pure: the same facts give the
// same, in whatever order they came.
func (m *mapper) teamsOf(p *directory.Profile, groups []directory.GroupOfPerson, fits teamGroups) []placed {
	var all []placed
	add := func(rule int, line []directory.Team) {
		if len(line) == 0 {
			return
		}
		last := len(line) - 1
		if !slices.ContainsFunc(all, func(o placed) bool { return o.team.ID == line[last].ID }) {
			all = append(all, placed{team: line[last], above: line[:last], rule: rule})
		}
	}
	for i, rule := range m.rules.Teams {
		switch {
		case rule.Groups != nil:
			for _, g := range groups {
				if fits[g.GroupID][i] {
					add(i, []directory.Team{directory.TeamOfOktaGroup(g.GroupID, g.Name)})
				}
			}
		case len(rule.Path) == 1:
			for _, value := range levelOf(p, rule.Path[0]) {
				add(i, directory.TeamsFor(rule.Path, []string{value}))
			}
		default:
			values := make([]string, len(rule.Path))
			for n, level := range rule.Path {
				if texts := levelOf(p, level); len(texts) > 0 { // of several there is one place to be at
					values[n] = texts[0]
				}
			}
			add(i, directory.TeamsFor(rule.Path, values))
		}
	}
	return all
}

// levelOf returns the texts of a field or of an attribute.
func levelOf(p *directory.Profile, level string) []string {
	if isAttribute(level) {
		return p.Attributes[level]
	}
	value := valueIn(p, directory.Field(level))
	if items, isList := value.([]any); isList {
		return asList(items)
	}
	return asList([]any{value})
}

func isAttribute(level string) bool {
	return len(directory.TeamRule{Path: []string{level}}.Attributes()) > 0
}

// teamGroups says, by group, which rules make a team of it.
type teamGroups map[string]map[int]bool

// teamGroupsOf decides about groups once for all people who are in them. A rule that selects by name goes by the
// names that the groups have now.
func (m *mapper) teamGroupsOf(groups []directory.GroupOfPerson, fits teamGroups) teamGroups {
	for _, g := range groups {
		if fits[g.GroupID] != nil {
			continue
		}
		fits[g.GroupID] = map[int]bool{}
		for i, rule := range m.rules.Teams {
			if rule.Groups != nil && rule.Groups.Selects(directory.GroupSeen{ID: g.GroupID, Name: g.Name, Type: g.Type, Assigned: g.Assigned}) {
				fits[g.GroupID][i] = true
			}
		}
	}
	return fits
}

// place writes the teams into a row: the first is the primary one.
func place(row *directory.Person, teams []placed) {
	row.TeamID, row.FurtherTeams = "", nil
	for i, t := range teams {
		if i == 0 {
			row.TeamID = t.team.ID
			continue
		}
		row.FurtherTeams = append(row.FurtherTeams, t.team.ID)
	}
	slices.Sort(row.FurtherTeams)
}

// placeByProfile does that where the profile tells all; else the teams stay as they are for now.
func (m *mapper) placeByProfile(row *directory.Person) {
	if !m.teamsOfGroups() {
		place(row, m.teamsOf(&row.Profile, nil, nil))
	}
}

// isIn says whether the row has the team, as the primary or as a further one.
func isIn(row *directory.Person, team string) bool {
	return row.TeamID == team || slices.Contains(row.FurtherTeams, team)
}
