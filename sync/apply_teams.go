package sync

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// makeTeams makes the teams that the writes need, and notes who is the first in a team.
func (b *batch) makeTeams(ctx context.Context, writes []personWrite) error {
	needed := map[string]directory.Team{}
	joining := map[string][]personWrite{}
	for _, w := range writes {
		if team, ok := b.engine.mapper.team(w.after.Profile); ok && team.ID == w.after.TeamID {
			needed[team.ID] = team
			if w.after.Present() && !(w.before.Present() && w.before.TeamID == team.ID) {
				joining[team.ID] = append(joining[team.ID], w)
			}
		}
	}
	ids := sortedKeys(needed)
	if len(ids) == 0 {
		return nil
	}
	rows, err := b.tx.Teams(ctx, ids)
	if err != nil {
		return fmt.Errorf("look up %d teams: %w", len(ids), err)
	}
	known := byID(rows, func(t directory.Team) string { return t.ID })
	var put []directory.Team
	for _, id := range ids {
		team, exists := known[id]
		if !exists {
			team = needed[id]
			b.teams = append(b.teams, directory.Change{
				Type: directory.TeamCreated, Subject: directory.SubjectTeam, SubjectID: id, Cause: b.cause,
				Fields: []directory.FieldChange{{Field: "name", After: team.Name}, {Field: "source", After: team.Source}},
			})
		}
		newer := team
		for _, w := range joining[id] {
			w.mayBeFirst(&newer)
		}
		if newer != team || !exists {
			put = append(put, newer)
		}
	}
	if err := b.tx.PutTeams(ctx, put); err != nil {
		return fmt.Errorf("write %d teams: %w", len(put), err)
	}
	return nil
}

// mayBeFirst notes the person as the team's first one, if nobody was there before. Who is new to the
// directory joined when Okta assigned the app, whenever we came to hear of it: so the
// order in which events arrive says nothing. Who comes from another team joined when that was seen.
func (w personWrite) mayBeFirst(team *directory.Team) {
	at := w.after.ObservedAt
	if fresh := w.change.Type == directory.PersonCreated; fresh && !w.after.AssignedAt.IsZero() {
		at = w.after.AssignedAt
	}
	at = at.Truncate(time.Microsecond) // as the database keeps it
	if order := at.Compare(team.FirstAt); team.FirstPerson != "" && (order > 0 || order == 0 && w.after.ID >= team.FirstPerson) {
		return
	}
	team.FirstPerson, team.FirstAt = w.after.ID, at
}
