package sync

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

const (
	// eraseAtOnce is how many people one commit erases. Each takes along whatever the history and the plans say
	// of them, and other work of the tenant waits meanwhile.
	eraseAtOnce = 20
	// eraseTurn is how many commits one call makes.
	eraseTurn = 25
)

// EraseDue erases people who left longer ago than the grace of the tenant's policy, if that is to
// erase them; more says that others are due. What remains of them is told in Erase.
func (e *Engine) EraseDue(ctx context.Context) (result Result, more bool, err error) {
	policy := e.rules.Deprovision
	if policy.Policy != directory.DeprovisionDelete {
		return Result{}, false, nil
	}
	// Nothing is known of returns while Okta refuses to be read.
	blocked, err := e.store.Blocked(ctx, e.tenant)
	if err != nil || blocked != "" {
		return Result{}, false, err
	}
	cause := directory.Cause{Kind: directory.CausePolicy}
	for range eraseTurn {
		ids, err := e.store.LeftFor(ctx, e.tenant, policy.Grace, eraseAtOnce)
		if err != nil || len(ids) == 0 {
			return result, false, err
		}
		var changes []directory.Change
		err = e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
			rows, err := tx.People(ctx, ids)
			if err != nil {
				return fmt.Errorf("load %d people: %w", len(ids), err)
			}
			var due []directory.Person
			for _, row := range rows {
				// Whoever came back since they were found is as before.
				if gone(row) && !row.LeftAt.Add(policy.Grace).After(tx.Now()) {
					due = append(due, row)
				}
			}
			changes, err = e.erase(ctx, tx, due, cause)
			return err
		})
		if err != nil {
			return result, false, fmt.Errorf("erase %d people who left: %w", len(ids), err)
		}
		result.countChanges(changes)
	}
	return result, true, nil
}

// gone says whether somebody left and lost their access, so that the policy may erase them.
func gone(row directory.Person) bool {
	return !row.Status.Present() && !row.LeftAt.IsZero() && !row.IsTombstone()
}

// Erase erases one person at an admin's request, whatever the policy says. The id stays, so that an
// older list cannot bring the person in, and the history without its values; everything else
// goes in one commit: the row, the values in changes and stored plans, the entry in the
// quarantine, and a team that nobody else was in. Somebody whose row is forgotten already may
// still stand in the history, so no row is no error.
//
// Whoever has not left is refused with directory.ErrConflict: Okta would bring their data
// back at once.
func (e *Engine) Erase(ctx context.Context, id string, act directory.Act) (Result, error) {
	var changes []directory.Change
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		rows, err := tx.People(ctx, []string{id})
		if err != nil {
			return fmt.Errorf("load person %s: %w", id, err)
		}
		row := directory.Person{ID: id, Status: directory.StatusRemoved, OktaStatus: directory.OktaDeleted, ObservedAt: tx.Now(), GroupsObservedAt: tx.Now()}
		if len(rows) == 1 {
			row = rows[0]
		}
		switch {
		case row.IsTombstone():
			return refuse("person %s is erased already; nothing was changed", id)
		case row.Present():
			return refuse("person %s has not left: Okta would bring the data back at once; deactivate or unassign the person in Okta first; nothing was changed", id)
		}
		act.Subject = directory.PersonScope(id).String()
		if err := tx.Record(ctx, act); err != nil {
			return err
		}
		changes, err = e.erase(ctx, tx, []directory.Person{row}, directory.Cause{Kind: directory.CauseManual, Actor: act.Actor})
		return err
	})
	result := Result{Scope: directory.PersonScope(id)}
	if err == nil {
		result.countChanges(changes)
	}
	return result, err
}

// erase turns rows into tombstones by the same path as any other change, then removes what else is
// kept of these people.
func (e *Engine) erase(ctx context.Context, tx Tx, rows []directory.Person, cause directory.Cause) ([]directory.Change, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	planned := make([]directory.PlannedChange, len(rows))
	for i, row := range rows {
		var err error
		if planned[i], err = e.erasure(row); err != nil {
			return nil, err
		}
	}
	done, err := e.applyBatch(ctx, tx, planned, cause)
	if err != nil {
		return nil, err
	}
	for i := range rows { // where attributes lead, also to teams that are merged into others
		for _, t := range e.mapper.teamsOf(&rows[i].Profile, nil, nil) {
			rows[i].FurtherTeams = append(rows[i].FurtherTeams, t.team.ID)
		}
	}
	teams, err := tx.Erase(ctx, rows)
	if err != nil {
		return nil, err
	}
	changes := done.changes
	for _, id := range teams {
		changes = append(changes, directory.Change{Type: directory.TeamRemoved, Subject: directory.SubjectTeam, SubjectID: id, Cause: cause})
	}
	managers, _, err := resolveManagers(ctx, tx, e.rules.Managers, cause)
	if err != nil {
		return nil, err
	}
	changes = append(changes, managers...)
	return changes, appendChanges(ctx, tx, changes)
}

// erasure plans to leave nothing of a person but the tombstone.
func (e *Engine) erasure(row directory.Person) (directory.PlannedChange, error) {
	none := row.Tombstone()
	none.Hash = e.mapper.personHash(none)
	after, err := json.Marshal(none)
	if err != nil {
		return directory.PlannedChange{}, fmt.Errorf("encode the tombstone of person %s: %w", row.ID, err)
	}
	return directory.PlannedChange{
		Type: directory.PersonErased, Subject: directory.SubjectPerson, SubjectID: row.ID, PersonID: row.ID,
		BeforeHash: row.Hash, ObservedAt: row.ObservedAt, After: after,
	}, nil
}
