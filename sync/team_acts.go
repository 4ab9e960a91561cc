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
