package sync

import (
	"context"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// ChooseManager makes manager, an Okta user id, the manager of a person, whatever Okta, the team and
// the mode say; an empty one takes an earlier choice back. It is a commit of its own with
// the act, and a change with the cause manual where the manager, or its source, is another now.
//
// Errors: directory.ErrConflict with a sentence when one of the two is not present, or the manager would be
// the person or stand below them; directory.ErrNotFound.
func (e *Engine) ChooseManager(ctx context.Context, person, manager string, act directory.Act) (Result, error) {
	act.Subject = directory.PersonScope(person).String()
	return e.actOnManagers(ctx, act, func(ctx context.Context, tx Tx) ([]directory.Change, error) {
		rows, err := tx.People(ctx, []string{person})
		switch {
		case err != nil:
			return nil, fmt.Errorf("load person %s: %w", person, err)
		case len(rows) == 0 || rows[0].IsTombstone():
			return nil, directory.Refuse(directory.ErrNotFound, "person %s is not in the directory; nothing was changed", person)
		case manager != "" && !rows[0].Present():
			return nil, refuse("person %s has left and can have no manager; nothing was changed", person)
		case manager == person:
			return nil, refuse("person %s cannot be their own manager; nothing was changed", person)
		}
		if err := mayManage(ctx, tx, manager); err != nil {
			return nil, err
		}
		if err := above(ctx, tx, person, manager); err != nil {
			return nil, err
		}
		if err := tx.ChooseManager(ctx, person, manager); err != nil {
			return nil, err
		}
		return nil, tx.MarkManagersDirty(ctx, []string{person}, nil)
	})
}

// SetTeamManager makes manager, an Okta user id, the manager of a team, of which the mode says for whom
// that counts; an empty one takes it back. Otherwise it is as ChooseManager.
func (e *Engine) SetTeamManager(ctx context.Context, team, manager string, act directory.Act) (Result, error) {
	act.Subject = "team:" + team
	return e.actOnManagers(ctx, act, func(ctx context.Context, tx Tx) ([]directory.Change, error) {
		before, err := teamAlive(ctx, tx, team)
		if err != nil {
			return nil, err
		}
		if err := mayManage(ctx, tx, manager); err != nil {
			return nil, err
		}
		after := before
		after.ManagerID = manager
		if err := tx.PutTeams(ctx, []directory.Team{after}); err != nil {
			return nil, err
		}
		return teamLed(before, after, directory.Cause{Kind: directory.CauseManual, Actor: act.Actor}), tx.MarkTeamsDirty(ctx, []string{team})
	})
}

// actOnManagers commits an admin's act with the first batch of what follows from it; the rest, of a
// large team, comes in commits of its own.
func (e *Engine) actOnManagers(ctx context.Context, act directory.Act, do func(context.Context, Tx) ([]directory.Change, error)) (Result, error) {
	cause := directory.Cause{Kind: directory.CauseManual, Actor: act.Actor}
	var result Result
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		changes, err := do(ctx, tx)
		if err != nil {
			return err
		}
		if err := tx.Record(ctx, act); err != nil {
			return err
		}
		managers, more, err := resolveManagers(ctx, tx, e.rules.Managers, cause)
		if err != nil {
			return err
		}
		changes = append(changes, managers...)
		result.more = more
		result.countChanges(changes)
		return appendChanges(ctx, tx, changes)
	})
	if err != nil {
		return Result{}, err
	}
	for result.more {
		if err := e.settleSome(ctx, cause, &result); err != nil {
			return result, fmt.Errorf("the act is written down, the managers that follow from it come with the next event or sync: %w", err)
		}
	}
	return result, nil
}

// mayManage refuses whoever is not present as a manager.
func mayManage(ctx context.Context, tx Tx, manager string) error {
	if manager == "" {
		return nil
	}
	rows, err := tx.People(ctx, []string{manager})
	switch {
	case err != nil:
		return fmt.Errorf("load person %s: %w", manager, err)
	case len(rows) == 0 || !rows[0].Present():
		return refuse("person %s is not, or no longer, in the directory and can be nobody's manager; nothing was changed", manager)
	default:
		return nil
	}
}

// above refuses a manager who stands below the person.
func above(ctx context.Context, tx Tx, person, manager string) error {
	met := map[string]bool{}
	for at := manager; at != "" && !met[at]; {
		met[at] = true
		edges, err := tx.ManagerEdges(ctx, []string{at})
		if err != nil {
			return err
		}
		if len(edges) == 0 {
			return nil
		}
		if at = edges[0].ManagerID; at == person {
			return refuse("person %s stands below person %s already, so the two would manage each other; nothing was changed", manager, person)
		}
	}
	return nil
}
