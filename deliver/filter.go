package deliver

import (
	"context"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// filtered returns the changes that an endpoint asked for by team. A change is a team's when the person is in it
// now, or when it is the change that brings the person there or takes the person away. Of people who left, and
// of whom nobody can tell any more in which team they were, everybody hears that they did: nobody must keep
// an account because of a filter.
func (t *turn) filtered(ctx context.Context, changes []directory.Change) ([]directory.Change, error) {
	if len(t.lane.Teams) == 0 || len(changes) == 0 {
		return changes, nil
	}
	var people []string
	for _, c := range changes {
		if c.PersonID != "" {
			people = append(people, c.PersonID)
		}
	}
	teams, err := t.o.Box.TeamsOf(ctx, t.lane.Tenant, people)
	if err != nil {
		return nil, err
	}
	var wanted []directory.Change
	for _, c := range changes {
		if ofTeams(c, teams[c.PersonID], t.lane.Teams) {
			wanted = append(wanted, c)
		}
	}
	return wanted, nil
}

// wanted returns the changes that an endpoint asked for by type and team, by number.
func (t *turn) wanted(ctx context.Context, changes []directory.Change) (map[int64]directory.Change, error) {
	var typed []directory.Change
	for _, c := range changes {
		if len(t.types) == 0 || slices.Contains(t.types, c.Type) {
			typed = append(typed, c)
		}
	}
	typed, err := t.filtered(ctx, typed)
	return bySeq(typed), err
}

func bySeq(changes []directory.Change) map[int64]directory.Change {
	found := make(map[int64]directory.Change, len(changes))
	for _, c := range changes {
		found[c.Seq] = c
	}
	return found
}

// ofTeams says whether a change is about one of the teams; now are the teams of its person.
func ofTeams(c directory.Change, now, teams []string) bool {
	switch {
	case c.Subject == directory.SubjectTeam:
		return slices.Contains(teams, c.SubjectID)
	case c.PersonID == "":
		return false
	}
	moved, told := movedBetween(c)
	if slices.ContainsFunc(slices.Concat(now, moved), func(team string) bool { return slices.Contains(teams, team) }) {
		return true
	}
	return len(now) == 0 && !told && slices.Contains([]directory.ChangeType{
		directory.PersonRemoved, directory.PersonDeactivated, directory.PersonDetached, directory.PersonErased,
	}, c.Type)
}

// movedBetween returns the teams that a change takes its person out of and into, and whether it is such a change.
func movedBetween(c directory.Change) (teams []string, moved bool) {
	for _, f := range c.Fields {
		if f.Field != "team" && f.Field != directory.FurtherTeamsField {
			continue
		}
		moved = true
		for _, value := range []any{f.Before, f.After} {
			ids, isList := value.([]any)
			if !isList {
				ids = []any{value}
			}
			for _, item := range ids {
				if id, isText := item.(string); isText {
					teams = append(teams, id)
				}
			}
		}
	}
	return teams, moved
}
