package sync

import (
	"context"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// RenameTeam calls a team by an admin's name, whatever Okta calls it; an empty one takes that back. Who is in it,
// and what leads to it, stays. It is a commit of its own with the act, and a change with the cause manual where the
// name is another now.
//
// Errors: directory.ErrNotFound; directory.ErrConflict for a team that is merged into another.
func (e *Engine) RenameTeam(ctx context.Context, team, name string, act directory.Act) (Result, error) {
	act.Subject = "team:" + team
	cause := directory.Cause{Kind: directory.CauseManual, Actor: act.Actor}
	var result Result
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		before, err := teamAlive(ctx, tx, team)
		if err != nil {
			return err
		}
		after := before.Called(name)
		if err := tx.Record(ctx, act); err != nil {
			return err
		}
		fields := textFields("name", before.Name, after.Name, "okta_name", before.OktaName, after.OktaName)
		if fields == nil {
			return nil
		}
		if err := tx.PutTeams(ctx, []directory.Team{after}); err != nil {
			return err
		}
		changes := []directory.Change{{Type: directory.TeamUpdated, Subject: directory.SubjectTeam, SubjectID: team, Fields: fields, Cause: cause}}
		result.countChanges(changes)
		return appendChanges(ctx, tx, changes)
	})
	return result, err
}

// teamAlive returns a team that is not merged into another.
func teamAlive(ctx context.Context, tx Tx, team string) (directory.Team, error) {
	rows, err := tx.Teams(ctx, []string{team})
	switch {
	case err != nil:
		return directory.Team{}, fmt.Errorf("load team %s: %w", team, err)
	case len(rows) == 0:
		return directory.Team{}, directory.Refuse(directory.ErrNotFound, "there is no team %s; nothing was changed", team)
	case rows[0].MergedInto != "":
		return directory.Team{}, refuse("team %s is merged into team %s; undo that first, or name the other team; nothing was changed", team, rows[0].MergedInto)
	default:
		return rows[0], nil
	}
}

// MergeTeam makes one team of two: whoever is in the first, or comes to be, is in the other, and the first ends.
// Manager and name of the other count; those of the first, and its first member, come back when that is undone. The act,
// the merge and the first people are one commit; the rest of a large team comes in commits of its own,
// and with the next run where these were interrupted.
//
// Errors: directory.ErrNotFound; directory.ErrConflict with a sentence when the two are one, one of them is merged already, or
// there are teams below the first.
func (e *Engine) MergeTeam(ctx context.Context, team, into string, act directory.Act) (Result, error) {
	act.Subject = "team:" + team
	return e.actOnTeams(ctx, act, func(ctx context.Context, tx Tx, _ directory.Cause) ([]directory.Change, error) {
		from, err := teamAlive(ctx, tx, team)
		if err != nil {
			return nil, err
		}
		if _, err := teamAlive(ctx, tx, into); err != nil {
			return nil, err
		}
		if team == into {
			return nil, refuse("team %s cannot be merged into itself; nothing was changed", team)
		}
		below, err := tx.TeamsBelow(ctx, team)
		if err != nil {
			return nil, err
		}
		if below {
			return nil, refuse("there are teams below team %s, which would be below none then; merge these first; nothing was changed", team)
		}
		from.MergedInto = into
		if err := tx.PutTeams(ctx, []directory.Team{from}); err != nil {
			return nil, err
		}
		if err := tx.MarkTeamsLeft(ctx, []string{team}); err != nil {
			return nil, err
		}
		return nil, tx.MarkTeamMembers(ctx, []string{team})
	})
}

// UnmergeTeam takes a merge back: whoever is in the team by the rules is in it again, and it has the manager and the name
// that it had. Otherwise it is as MergeTeam.
func (e *Engine) UnmergeTeam(ctx context.Context, team string, act directory.Act) (Result, error) {
	act.Subject = "team:" + team
	return e.actOnTeams(ctx, act, func(ctx context.Context, tx Tx, cause directory.Cause) ([]directory.Change, error) {
		rows, err := tx.Teams(ctx, []string{team})
		switch {
		case err != nil:
			return nil, fmt.Errorf("load team %s: %w", team, err)
		case len(rows) == 0:
			return nil, directory.Refuse(directory.ErrNotFound, "there is no team %s; nothing was changed", team)
		case rows[0].MergedInto == "":
			return nil, refuse("team %s is not merged into another; nothing was changed", team)
		}
		aliases, err := tx.TeamAliases(ctx)
		if err != nil {
			return nil, err
		}
		row := rows[0]
		row.MergedInto = ""
		var changes []directory.Change
		if row.Removed && e.rules.EmptyTeams != directory.EmptyTeamsRemove { // otherwise it comes back with somebody
			row.Removed = false
			b := &batch{cause: cause}
			changes = append(changes, b.teamMade(row))
		}
		if err := tx.PutTeams(ctx, []directory.Team{row}); err != nil {
			return nil, err
		}
		return changes, tx.MarkTeamMembers(ctx, []string{team, aliases.Of(team)})
	})
}

// actOnTeams commits an admin's act with the first people whom it moves, then the rest.
func (e *Engine) actOnTeams(ctx context.Context, act directory.Act, do func(context.Context, Tx, directory.Cause) ([]directory.Change, error)) (Result, error) {
	cause := directory.Cause{Kind: directory.CauseManual, Actor: act.Actor}
	var result Result
	for first, more := true, true; more; first = false {
		var changes []directory.Change
		err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
			changes = nil
			if first {
				var err error
				if changes, err = do(ctx, tx, cause); err != nil {
					return err
				}
				if err := tx.Record(ctx, act); err != nil {
					return err
				}
			}
			// A team that fits into one commit moves, and ends, in it.
			for n := 0; n < 2; n++ {
				moved, again, err := e.settlePlaces(ctx, tx, cause)
				if err != nil {
					return err
				}
				changes = append(changes, moved...)
				if more = again; !more {
					break
				}
			}
			managers, again, err := resolveManagers(ctx, tx, e.rules.Managers, cause)
			if err != nil {
				return err
			}
			more = more || again
			return appendChanges(ctx, tx, append(changes, managers...))
		})
		switch {
		case err != nil && first:
			return Result{}, err
		case err != nil:
			return result, fmt.Errorf("the act is written down, and the rest of the people follow with the next sync: %w", err)
		}
		result.countChanges(changes)
	}
	return result, nil
}
