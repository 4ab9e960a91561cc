package sync

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// makeTeams makes the teams that the writes need, those above them first, and notes who is the first in a team.
func (b *batch) makeTeams(ctx context.Context, writes []personWrite) error {
	needed := map[string]directory.Team{}
	level := map[string]int{}
	joining := map[string][]personWrite{}
	alive := map[string]bool{} // needed by somebody who is present
	for _, w := range writes {
		for _, t := range w.teams {
			if !isIn(&w.after, t.team.ID) {
				continue
			}
			for n, team := range append(slices.Clone(t.above), t.team) {
				team = standing(team, b.aliases)
				if w.after.Present() {
					alive[team.ID] = true
				}
				if team.Name != "" || needed[team.ID].ID == "" {
					needed[team.ID], level[team.ID] = team, n
				}
			}
		}
		if _, made := needed[w.after.TeamID]; made && w.after.Present() && !(w.before.Present() && w.before.TeamID == w.after.TeamID) {
			joining[w.after.TeamID] = append(joining[w.after.TeamID], w)
		}
	}
	ids := sortedKeys(needed)
	slices.SortStableFunc(ids, func(x, y string) int { return cmp.Compare(level[x], level[y]) })
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
		had := team
		switch {
		case !alive[id] && (exists || b.engine.rules.EmptyTeams == directory.EmptyTeamsRemove):
			continue // whoever has left brings no team
		case !exists:
			team = needed[id]
			b.teams = append(b.teams, b.teamMade(team))
		case team.Removed:
			team.Removed = false
			if team.Name == "" { // which went with somebody who was erased
				team.Name = needed[id].Name
			}
			b.teams = append(b.teams, b.teamMade(team))
		case team.Name == "" && needed[id].Name != "":
			team.Name = needed[id].Name
			b.teams = append(b.teams, directory.Change{
				Type: directory.TeamUpdated, Subject: directory.SubjectTeam, SubjectID: id, Cause: b.cause, Fields: textFields("name", "", team.Name),
			})
		}
		newer := team
		for _, w := range joining[id] {
			w.mayBeFirst(&newer)
		}
		if newer != had || !exists {
			put = append(put, newer)
		}
	}
	if err := b.tx.PutTeams(ctx, put); err != nil {
		return fmt.Errorf("write %d teams: %w", len(put), err)
	}
	return nil
}

func (b *batch) teamMade(team directory.Team) directory.Change {
	fields := textFields("name", "", team.Name, "source", "", team.Source, "parent", "", team.ParentID, "okta_group", "", team.GroupID,
		"okta_name", "", team.OktaName, "manager", "", team.ManagerID, "first_manager", "", team.FirstManagerID)
	return directory.Change{Type: directory.TeamCreated, Subject: directory.SubjectTeam, SubjectID: team.ID, Cause: b.cause, Fields: fields}
}

// mayBeFirst notes the person as the team's first one, if nobody was there before. Who is new to the
// directory joined when Okta assigned the app, whenever we came to hear of it: so the
// order in which events arrive says nothing. Who comes from another team joined when that was seen, and so did whom a merge
// brings: whether somebody came before the merge says nothing either.
func (w personWrite) mayBeFirst(team *directory.Team) {
	at := w.after.ObservedAt
	// Where groups make the teams, somebody new is created first and put into teams then.
	fresh := !w.merged && (w.change.Type == directory.PersonCreated || w.change.Subject == directory.SubjectTeam && w.before.TeamID == "")
	if fresh && !w.after.AssignedAt.IsZero() {
		at = w.after.AssignedAt
	}
	if !fresh && w.change.Subject == directory.SubjectTeam { // groups, or a merge, moved the person now
		at = w.change.ObservedAt
	}
	at = at.Truncate(time.Microsecond) // as the database keeps it
	if order := at.Compare(team.FirstAt); team.FirstPerson != "" && (order > 0 || order == 0 && w.after.ID >= team.FirstPerson) {
		return
	}
	team.FirstPerson, team.FirstAt = w.after.ID, at
}

// renameTeams gives the teams that are made of groups the names that these have now.
func (b *batch) renameTeams(ctx context.Context, groups []directory.Group) error {
	names := map[string]string{}
	for _, g := range groups {
		if !g.Removed {
			names[directory.TeamOfOktaGroup(g.ID, g.Name).ID] = g.Name
		}
	}
	if len(names) == 0 || !b.engine.mapper.teamsOfGroups() {
		return nil
	}
	rows, err := b.tx.Teams(ctx, sortedKeys(names))
	if err != nil {
		return fmt.Errorf("look up the teams of %d groups: %w", len(names), err)
	}
	var put []directory.Team
	for _, team := range rows {
		after := team.CalledInOkta(names[team.ID])
		fields := textFields("name", team.Name, after.Name, "okta_name", team.OktaName, after.OktaName)
		if fields == nil {
			continue
		}
		if !team.Removed { // of one that ended the name alone is kept up
			b.teams = append(b.teams, directory.Change{Type: directory.TeamUpdated, Subject: directory.SubjectTeam, SubjectID: team.ID, Cause: b.cause, Fields: fields})
		}
		put = append(put, after)
	}
	if err := b.tx.PutTeams(ctx, put); err != nil {
		return fmt.Errorf("rename %d teams: %w", len(put), err)
	}
	return nil
}

// teamsChange is the change of a person whose teams are others than in the row; nil when they are the same. A plan holds
// it for a person beside the change of the row, which has the hash that the rest is judged by: so its
// subject is the team. In the history it is a change of the person.
func teamsChange(before, after directory.Person, at time.Time) *directory.PlannedChange {
	fields := teamFields(before, after)
	if fields == nil {
		return nil
	}
	return &directory.PlannedChange{
		Type: directory.PersonUpdated, Subject: directory.SubjectTeam, SubjectID: after.ID, PersonID: after.ID, ObservedAt: at, Fields: fields,
	}
}

// placeTeams works out the teams of those whose turn it is, from their rows and memberships as they are now. Where
// no rule makes teams of groups they follow from the profile and were written with it, unless that was by other rules.
func (b *batch) placeTeams(ctx context.Context) error {
	due, planned := map[string]bool{}, map[string]bool{}
	for _, c := range b.of(directory.SubjectTeam) {
		if c.Type == directory.PersonUpdated {
			due[c.PersonID], planned[c.PersonID] = true, true
		}
	}
	if b.engine.mapper.teamsOfGroups() {
		for _, c := range append(b.of(directory.SubjectRole), b.of(directory.SubjectLicense)...) {
			due[c.PersonID] = true
		}
	}
	moved, err := b.settleTeams(ctx, sortedKeys(due))
	for _, id := range moved {
		delete(planned, id)
	}
	b.out.superseded += len(planned)
	return err
}

// settleTeams writes the teams of people and returns whose have changed. Who has left keeps the teams that the row has.
func (b *batch) settleTeams(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	e := b.engine
	if b.aliases == nil {
		var err error
		if b.aliases, err = b.tx.TeamAliases(ctx); err != nil {
			return nil, err
		}
	}
	rows, err := b.tx.People(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load %d people: %w", len(ids), err)
	}
	groups, err := b.tx.GroupsOfPeople(ctx, ids, nil, e.mapper.teamsOfGroups())
	if err != nil {
		return nil, fmt.Errorf("load the groups of %d people: %w", len(ids), err)
	}
	of := map[string][]directory.GroupOfPerson{}
	for _, g := range groups {
		of[g.PersonID] = append(of[g.PersonID], g)
	}
	fits := e.mapper.teamGroupsOf(groups, teamGroups{})
	var writes []personWrite
	var moved []string
	for _, row := range rows {
		if !inDirectory(row) {
			continue
		}
		w := personWrite{before: row, after: row}
		w.teams = e.mapper.teamsOf(&row.Profile, of[row.ID], fits)
		place(&w.after, w.teams)
		w.follow(b.aliases)
		change := teamsChange(w.before, w.after, b.tx.Now())
		if change == nil {
			continue
		}
		w.change = *change
		writes, moved = append(writes, w), append(moved, row.ID)
	}
	if len(writes) == 0 {
		return nil, nil
	}
	if err := b.makeTeams(ctx, writes); err != nil {
		return nil, err
	}
	return moved, b.writeTeams(ctx, writes)
}

func (b *batch) writeTeams(ctx context.Context, writes []personWrite) error {
	rows := make([]directory.Person, len(writes))
	dirty := map[string]bool{}
	for i, w := range writes {
		rows[i] = w.after
		b.people[w.after.ID] = w.after
		change := b.change(w.change)
		change.Subject, change.SubjectID = directory.SubjectPerson, w.after.ID
		b.moves = append(b.moves, change)
		w.noteManagers(dirty, map[string]bool{})
	}
	if err := b.tx.PutPeople(ctx, rows); err != nil {
		return fmt.Errorf("write the teams of %d people: %w", len(rows), err)
	}
	if err := b.tx.PutTeamMembers(ctx, rows); err != nil {
		return err
	}
	if err := b.noteLeft(ctx, writes); err != nil {
		return err
	}
	if len(dirty) == 0 {
		return nil
	}
	if err := b.tx.MarkManagersDirty(ctx, sortedKeys(dirty), nil); err != nil {
		return fmt.Errorf("queue managers: %w", err)
	}
	return nil
}
