package directory

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// SourceGroup is the source of teams that are made of Okta groups.
const SourceGroup = "group"

// PathSeparator stands between the levels of a path in the name of a source. No attribute has one in its
// name; values may, for they are never joined.
const PathSeparator = "/"

// TeamRule is one place where teams come from: attributes, or groups.
type TeamRule struct {
	// Path names what gives the teams, from the top: one attribute, or several of which each makes teams
	// below the one before. Each is a field ("department", "custom.squad") or an attribute ("user.costCenter",
	// "app.unit").
	Path []string `json:",omitempty"`
	// Groups makes teams of Okta groups that are taken over.
	Groups *GroupSelection `json:",omitempty"`
	Line   int             `json:"-"` // in the configuration file; zero when it does not stand there
}

// Source is the Team.Source of the teams in which people are by the rule.
func (r TeamRule) Source() string {
	if r.Groups != nil {
		return SourceGroup
	}
	return strings.Join(r.Path, PathSeparator)
}

// Attributes lists those of the path that are attributes and not fields.
func (r TeamRule) Attributes() []string {
	var names []string
	for _, level := range r.Path {
		if strings.HasPrefix(level, "user.") || strings.HasPrefix(level, "app.") {
			names = append(names, level)
		}
	}
	return names
}

// TeamsFor returns the team for the values of a path, with those above it, from the top. The same values
// always give the same ids, so that the order in which people arrive does not matter, and a team above
// is the same one that a shorter path makes. The path ends at the first blank value: who has
// a division and no department is in the team of the division. Nil when the first one is blank.
func TeamsFor(path, values []string) []Team {
	var teams []Team
	above, key := "", ""
	for i, value := range values {
		name := strings.Join(strings.Fields(value), " ")
		if name == "" {
			break
		}
		source := strings.Join(path[:i+1], PathSeparator)
		key += "\x00" + name
		teams = append(teams, Team{ID: teamID(source + key), Source: source, Name: name, ParentID: above})
		above = teams[i].ID
	}
	return teams
}

// TeamFor is TeamsFor for a path of one. The second result is false when the value is blank.
func TeamFor(source, value string) (Team, bool) {
	teams := TeamsFor([]string{source}, []string{value})
	if teams == nil {
		return Team{}, false
	}
	return teams[0], true
}

// TeamOfOktaGroup returns the team that is made of a group: its id follows from the group's, its name is the
// group's.
func TeamOfOktaGroup(id, name string) Team {
	return Team{ID: teamID(SourceGroup + "\x00" + id), Source: SourceGroup, Name: name, GroupID: id}
}

func teamID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return teamPrefix + hex.EncodeToString(sum[:10])
}

const teamPrefix = "team_"

// IsTeamID says whether a text may be the id of a team, whether or not there is one yet. A name is none.
func IsTeamID(text string) bool { return strings.HasPrefix(text, teamPrefix) }
