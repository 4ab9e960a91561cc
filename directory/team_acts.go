package directory

import "strings"

// EmptyTeams says what becomes of a team when nobody is in it any more.
type EmptyTeams string

// What becomes of empty teams. Empty means EmptyTeamsKeep.
const (
	EmptyTeamsKeep   EmptyTeams = "keep"
	EmptyTeamsRemove EmptyTeams = "remove" // it ends, and comes back with the next person
)

// TeamAliases are teams that were merged, each with the one that it was merged into.
type TeamAliases map[string]string

// Of returns the team that stands for a team: the one at the end of its merges, or itself.
func (a TeamAliases) Of(team string) string {
	for range a { // no loop is ever written; one would end here
		into, merged := a[team]
		if !merged {
			break
		}
		team = into
	}
	return team
}

// Called returns the team with an admin's name. An empty one takes an earlier one back, so that the team
// is called as in Okta again.
func (t Team) Called(name string) Team {
	name = strings.Join(strings.Fields(name), " ")
	switch {
	case name == "" && t.OktaName != "":
		t.Name, t.OktaName = t.OktaName, ""
	case name != "" && t.OktaName == "":
		t.Name, t.OktaName = name, t.Name
	case name != "":
		t.Name = name
	}
	return t
}

// CalledInOkta returns the team with the name that Okta gives it now. An admin's stays.
func (t Team) CalledInOkta(name string) Team {
	if t.OktaName != "" {
		t.OktaName = name
		return t
	}
	t.Name = name
	return t
}
