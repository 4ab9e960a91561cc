package sync

import (
	"context"
	"fmt"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

// teamValues are the person's teams, the primary one first, with the rule that gives each.
func (f *evidence) teamValues() []directory.Explained {
	p := f.person
	var all []directory.Explained
	given := f.teamsGiven()
	if p.TeamID != "" {
		all = append(all, directory.Explained{
			Topic: directory.TopicTeam, Name: "team", Value: p.TeamID, Called: f.teams[p.TeamID], Reason: f.becauseOf(given, p.TeamID),
			Origin: f.history.origin(ofField("team"), p.TeamID),
		})
	}
	for _, id := range p.FurtherTeams {
		all = append(all, directory.Explained{
			Topic: directory.TopicTeam, Name: id, Value: id, Called: f.teams[id], Reason: "a further team, by " + f.becauseOf(given, id),
			Origin: f.history.origin(ofFurtherTeam(id), true),
		})
	}
	return all
}

// readMerges reads which teams were merged.
func (f *evidence) readMerges(ctx context.Context, o ExplainOptions) error {
	f.merged = directory.TeamAliases{}
	for after := ""; ; {
		teams, err := o.Rows.MergedTeams(ctx, o.Tenant, after, pageSize)
		if err != nil {
			return err
		}
		for _, t := range teams {
			after, f.merged[t.ID] = t.ID, t.MergedInto
		}
		if len(teams) < pageSize {
			return nil
		}
	}
}

// teamsGiven are the teams that the rules give by the row and the groups.
func (f *evidence) teamsGiven() []placed {
	groups := make([]directory.GroupOfPerson, len(f.groups))
	for i, g := range f.groups {
		groups[i] = directory.GroupOfPerson{PersonID: f.id, GroupID: g.ID, Name: g.Name, Type: g.Type, Assigned: g.Assigned}
	}
	return f.mapper.teamsOf(&f.person.Profile, groups, f.mapper.teamGroupsOf(groups, teamGroups{}))
}

func (f *evidence) becauseOf(given []placed, team string) string {
	for _, t := range given {
		switch {
		case f.merged.Of(t.team.ID) != team:
		case t.team.ID == team:
			return f.mapper.teamRule(t)
		default:
			return fmt.Sprintf("%s; it gives the team %s, which an admin merged into this one", f.mapper.teamRule(t), t.team.ID)
		}
	}
	return "an earlier look at Okta or earlier rules; those in force do not give it for what is known now"
}

// teamRule tells which rule gave a team, and where that stands.
func (m *mapper) teamRule(t placed) string {
	rule := m.rules.Teams[t.rule]
	words := "teams.from: " + rule.Source()
	if rule.Groups != nil {
		words = "teams.from: groups, the group " + t.team.GroupID
	}
	if rule.Line > 0 {
		words += fmt.Sprintf(" (line %d of the configuration file)", rule.Line)
	}
	return words
}

// noTeam says why the person has no team.
func (f *evidence) noTeam() string {
	switch {
	case !f.person.LeftAt.IsZero():
		return "no team: the person left on " + day(f.person.LeftAt)
	case len(f.rules.Teams) == 0:
		return "no team: the rules take teams from nothing (teams.from)"
	case len(f.teamsGiven()) > 0:
		return "no team: the rules give one, and the next sync writes it"
	}
	var lacks []string
	for _, rule := range f.rules.Teams {
		if rule.Groups != nil {
			lacks = append(lacks, "the person is in none of the groups that are teams")
			continue
		}
		lacks = append(lacks, "Okta has no "+rule.Path[0])
	}
	return "no team: " + strings.Join(lacks, ", and ")
}
