package sync

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// follow puts a person into the teams that stand for those of the rules, which may be merged into others: whatever is
// planned, and whatever the hash of a row is made of, knows of no merge, so that neither depends on when it was made.
func (w *personWrite) follow(aliases directory.TeamAliases) {
	for i, t := range w.teams {
		w.teams[i].team = standing(t.team, aliases)
	}
	ruled := w.after.TeamID
	follow(&w.after, aliases)
	w.merged = w.after.TeamID != ruled
	before := w.before
	if w.change.Type == directory.PersonCreated {
		before = directory.Person{} // the history has no word of a tombstone that was there
	}
	// A plan that waited shows the merges of then, of which some may have been taken back.
	var rest, told []directory.FieldChange
	for _, f := range w.change.Fields {
		if f.Field == "team" || f.Field == directory.FurtherTeamsField {
			told = append(told, f)
			continue
		}
		rest = append(rest, f)
	}
	if fields := teamFields(before, w.after); !reflect.DeepEqual(told, fields) {
		w.change.Fields = append(rest, fields...)
	}
}

// follow puts a row into the teams that stand for those that it is in.
func follow(row *directory.Person, aliases directory.TeamAliases) {
	if len(aliases) == 0 {
		return
	}
	row.TeamID = aliases.Of(row.TeamID)
	var further []string
	for _, id := range row.FurtherTeams {
		if id = aliases.Of(id); id != row.TeamID && !slices.Contains(further, id) {
			further = append(further, id)
		}
	}
	slices.Sort(further)
	row.FurtherTeams = further
}

// standing is the team that stands for one of the rules. Of another than itself only the id is known here.
func standing(team directory.Team, aliases directory.TeamAliases) directory.Team {
	if id := aliases.Of(team.ID); id != team.ID {
		return directory.Team{ID: id}
	}
	team.ParentID = aliases.Of(team.ParentID)
	return team
}

// noteLeft notes the teams that people have left with these writes, where a team ends with its last person.
func (b *batch) noteLeft(ctx context.Context, writes []personWrite) error {
	if b.engine.rules.EmptyTeams != directory.EmptyTeamsRemove {
		return nil
	}
	left := map[string]bool{}
	for _, w := range writes {
		if !w.before.Present() {
			continue
		}
		for _, team := range append(slices.Clone(w.before.FurtherTeams), w.before.TeamID) {
			if team != "" && !(w.after.Present() && isIn(&w.after, team)) {
				left[team] = true
			}
		}
	}
	if len(left) == 0 {
		return nil
	}
	return b.tx.MarkTeamsLeft(ctx, sortedKeys(left))
}

// endTeams ends the teams that are empty with this batch. A run does that when all of its plan is applied: who comes
// into a team may stand behind those who leave it.
func (b *batch) endTeams(ctx context.Context) ([]directory.Change, error) {
	if b.cause.RunID != "" || b.engine.rules.EmptyTeams != directory.EmptyTeamsRemove {
		return nil, nil
	}
	var all []directory.Change
	for more := true; more; {
		changes, again, err := b.engine.endTeams(ctx, b.tx, b.cause)
		if err != nil {
			return nil, err
		}
		all, more = append(all, changes...), again
	}
	return all, nil
}

// endTeams ends up to pageSize of the teams that somebody has left: those that nobody is in any more, if the rules say
// so, and those that are merged into another. The rows stay, with what admins did to them; more says that others may
// be left.
func (e *Engine) endTeams(ctx context.Context, tx Tx, cause directory.Cause) ([]directory.Change, bool, error) {
	left, err := tx.TakeTeamsLeft(ctx, pageSize)
	if err != nil || len(left) == 0 {
		return nil, false, err
	}
	rows, err := tx.EmptyTeams(ctx, left)
	if err != nil {
		return nil, false, err
	}
	var ended []directory.Team
	var changes []directory.Change
	above := map[string]bool{}
	for _, team := range rows {
		if team.MergedInto == "" && e.rules.EmptyTeams != directory.EmptyTeamsRemove {
			continue
		}
		team.Removed = true
		ended = append(ended, team)
		changes = append(changes, directory.Change{
			Type: directory.TeamRemoved, Subject: directory.SubjectTeam, SubjectID: team.ID, Cause: cause,
			Fields: textFields("merged_into", "", team.MergedInto),
		})
		if team.ParentID != "" {
			above[team.ParentID] = true
		}
	}
	if err := tx.PutTeams(ctx, ended); err != nil {
		return nil, false, fmt.Errorf("end %d teams: %w", len(ended), err)
	}
	if len(above) > 0 {
		if err := tx.MarkTeamsLeft(ctx, sortedKeys(above)); err != nil {
			return nil, false, err
		}
	}
	return changes, len(left) == pageSize || len(above) > 0, nil
}

// settlePlaces works out the teams of up to pageSize people who are queued, and what follows from that; when nobody is
// left it ends teams. more says that there is more to do.
func (e *Engine) settlePlaces(ctx context.Context, tx Tx, cause directory.Cause) ([]directory.Change, bool, error) {
	ids, err := tx.TakeTeamsDirty(ctx, pageSize)
	if err != nil {
		return nil, false, err
	}
	if len(ids) == 0 {
		return e.endTeams(ctx, tx, cause)
	}
	b := &batch{engine: e, tx: tx, cause: cause, people: map[string]directory.Person{}}
	moved, err := b.settleTeams(ctx, ids)
	if err != nil {
		return nil, false, err
	}
	var grants settled
	if !e.grants.rules.None() {
		if grants, err = e.settleGrants(ctx, tx, moved, nil, cause); err != nil {
			return nil, false, err
		}
	}
	return slices.Concat(grants.gone, b.teams, b.moves, grants.made), true, nil
}

// settleTeamEnds does that for a run, in commits of their own: for what an interrupted merge has left, and for teams
// that the run has emptied. When the rules say from now on that empty teams end, all are looked at once.
func (x *execution) settleTeamEnds(ctx context.Context) error {
	e := x.engine
	for more := true; more; {
		err := x.commitGrants(ctx, func(ctx context.Context, tx Tx) (bool, []directory.Change, error) {
			if x.run.Scope.Kind == directory.ScopeFull {
				if err := e.lookAtAllTeams(ctx, tx); err != nil {
					return false, nil, err
				}
			}
			changes, again, err := e.settlePlaces(ctx, tx, x.cause)
			more = again
			return true, changes, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// emptyTeamsKind names the rule about empty teams among those that a tenant is settled by.
const emptyTeamsKind = "empty_teams"

func (e *Engine) lookAtAllTeams(ctx context.Context, tx Tx) error {
	rule := directory.EmptyTeamsKeep
	if e.rules.EmptyTeams != "" {
		rule = e.rules.EmptyTeams
	}
	have, err := tx.SettledBy(ctx, emptyTeamsKind)
	if err != nil || have == string(rule) || have == "" && rule == directory.EmptyTeamsKeep {
		return err
	}
	if rule == directory.EmptyTeamsRemove {
		if err := tx.MarkTeamsLeft(ctx, nil); err != nil {
			return err
		}
	}
	return tx.SetSettledBy(ctx, emptyTeamsKind, string(rule))
}
