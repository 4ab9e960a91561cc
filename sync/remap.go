package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// rulesAgainAfter is how long work waits that was begun under rules which are no longer in force.
const rulesAgainAfter = time.Second

// strangersAtMost is how many people in quarantine, who were never let in, are read by id when rules have changed. The
// next full sync settles the others.
const strangersAtMost = 1000

// remap plans what the run's rules would make of everybody as last seen, page by page. Okta is not asked.
func (x *execution) remap(ctx context.Context) error {
	e := x.engine
	if err := x.sets(ctx); err != nil {
		return err
	}
	after := ""
	for _, p := range x.from {
		after = p.Next
	}
	for {
		rows, err := e.store.SeenPeople(ctx, e.tenant, after, pageSize)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		var planned []directory.PlannedChange
		for i := range rows {
			_, changes, err := x.mapAgain(&rows[i])
			if err != nil {
				return err
			}
			planned = append(planned, changes...)
		}
		after = rows[len(rows)-1].ID
		x.run.Progress.Pages++
		x.run.Progress.People += len(rows)
		if err := x.step(ctx, planned, directory.Page{Positions: []directory.Position{{List: "people", Next: after}}}); err != nil {
			return err
		}
		if len(rows) < pageSize {
			return nil
		}
	}
}

// mapAgain compares a row with what the rules make of what was last seen. False says that this cannot be told: too
// little was seen, or nothing.
func (x *execution) mapAgain(row *directory.Person) (known bool, planned []directory.PlannedChange, err error) {
	seen, known, err := x.seenAgain(*row)
	if err != nil || !known {
		return false, nil, err
	}
	_, planned, err = x.engine.plannedPerson(row, seen)
	return true, planned, err
}

// seenAgain is the sight that the row was made of, as far as it is kept. Status and assignment are those of the row,
// which takes them from later and smaller looks, too.
func (x *execution) seenAgain(row directory.Person) (seen directory.PersonSeen, known bool, err error) {
	seen = directory.PersonSeen{
		ID: row.ID, At: row.ObservedAt, Exists: row.OktaStatus != directory.OktaDeleted, OktaStatus: row.OktaStatus,
		Assigned: row.Present(), AssignmentScope: row.Assignment, Profile: map[string]any{}, AppProfile: map[string]any{}, Links: map[string]string{},
	}
	if row.Status == directory.StatusSuspended && directory.StatusOf(row.OktaStatus) == directory.StatusActive {
		seen.AssignmentStatus = "SUSPENDED" // the app user was, not the user
	}
	if row.Detached() {
		if x.engine.rules.Deprovision.Policy == directory.DeprovisionFromTeam {
			return seen, false, nil // stays as it is
		}
		if row.OktaStatus != "DEPROVISIONED" {
			return seen, true, nil // goes as it is
		}
	}
	if len(row.Seen.Values) == 0 || !x.covered[row.Seen.Basis] {
		return seen, false, nil
	}
	values := map[string]any{}
	if err := json.Unmarshal(row.Seen.Values, &values); err != nil {
		return seen, false, fmt.Errorf("decode what was last seen of person %s: %w", row.ID, err)
	}
	for name, value := range values {
		switch a := attributeOf(name); {
		case name == "app.userName":
			seen.AppUserName, _ = value.(string)
		case a.kind == ofApp:
			seen.AppProfile[a.name] = value
		case a.kind == ofLink:
			seen.Links[a.name], _ = value.(string)
		default:
			seen.Profile[a.name] = value
		}
	}
	return seen, true, nil
}

// catchUp maps those again who moved between the beginning of the plan and the moment when its rules came into force:
// they were written by the old rules, and the plan does not know them, or no longer fits. Of whom too little was seen is
// read by id, and so is, where the rules select other groups, everybody whose groups were read by the old ones.
func (x *execution) catchUp(ctx context.Context) error {
	e := x.engine
	if err := x.sets(ctx); err != nil {
		return err
	}
	if err := x.queueMoved(ctx); err != nil {
		return err
	}
	if err := x.lookAtGroups(ctx); err != nil {
		return err
	}
	for after := ""; ; {
		ids, err := e.store.MovedPeople(ctx, e.tenant, *x.run.StartedAt, *x.run.Progress.Adopted, after, pageSize)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return nil
		}
		after = ids[len(ids)-1]
		var done applied
		run := x.run
		err = e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
			rows, err := tx.SeenPeople(ctx, ids)
			if err != nil {
				return err
			}
			var planned []directory.PlannedChange
			for i := range rows {
				known, changes, err := x.mapAgain(&rows[i])
				if err != nil {
					return err
				}
				planned = append(planned, changes...)
				if !known && rows[i].Present() || x.readByOthers(rows[i]) {
					if err := tx.AskSecondLook(ctx, directory.PersonScope(rows[i].ID), 0); err != nil {
						return err
					}
				}
			}
			if done, err = e.applyBatch(ctx, tx, planned, x.cause); err != nil {
				return err
			}
			if err := appendChanges(ctx, tx, done.changes); err != nil {
				return err
			}
			run = x.counted(done)
			return tx.SaveRun(ctx, run, x.owner, e.lease)
		})
		if err != nil {
			return fmt.Errorf("map %d people again who moved since run %s was planned: %w", len(ids), x.run.ID, err)
		}
		x.run = run
		x.result.count(done)
		if len(ids) < pageSize {
			return nil
		}
	}
}

// selects says whether the run may bring another selection of groups into force: then it has read Okta.
func (x *execution) selects() bool { return x.run.Scope.Kind == directory.ScopeFull }

// readByOthers says whether the person's groups were read while the run's rules, which may select others, were not yet in
// force. What that look showed is newer than the plan, and lacks the groups that the old rules leave out.
func (x *execution) readByOthers(p directory.Person) bool {
	return x.selects() && inDirectory(p) && !p.GroupsObservedAt.Before(*x.run.StartedAt)
}

// lookAtGroups has each group read again that was read by the old rules since the reading of this run began.
func (x *execution) lookAtGroups(ctx context.Context) error {
	if !x.selects() {
		return nil
	}
	err := x.engine.store.Update(ctx, x.engine.tenant, func(ctx context.Context, tx Tx) error {
		return tx.LookAtGroupsRead(ctx, *x.run.StartedAt)
	})
	if err != nil {
		return fmt.Errorf("look again at the groups that moved since run %s was planned: %w", x.run.ID, err)
	}
	return nil
}

// release lets those out of quarantine with whom the rules find no fault any more, though their rows stay as they are. A
// reading of Okta does that when it ends.
func (x *execution) release(ctx context.Context) error {
	e := x.engine
	if x.selects() {
		return nil
	}
	for after := ""; ; {
		page, err := e.store.Quarantine(ctx, e.tenant, after, pageSize)
		if err != nil || len(page) == 0 {
			return err
		}
		ids := make([]string, len(page))
		for i, q := range page {
			after, ids[i] = q.PersonID, q.PersonID
		}
		err = e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
			rows, err := tx.SeenPeople(ctx, ids)
			if err != nil {
				return err
			}
			var sound []string
			for i := range rows {
				known, changes, err := x.mapAgain(&rows[i])
				if err != nil {
					return err
				}
				if known && len(changes) == 0 {
					sound = append(sound, rows[i].ID)
				}
			}
			return tx.ReleaseQuarantined(ctx, sound)
		})
		if err != nil {
			return fmt.Errorf("release people from quarantine in run %s: %w", x.run.ID, err)
		}
	}
}

// changesAtOnce is how many changes are looked through in one transaction.
const changesAtOnce = 5000

// queueMoved queues the roles and licenses of those about whom something was written in between: a membership that came or
// went leaves the person's row as it is, and what it gave was given by the old rules.
func (x *execution) queueMoved(ctx context.Context) error {
	e := x.engine
	for after := x.run.Progress.ChangesBefore; after < x.run.Progress.ChangesAfter; after += changesAtOnce {
		to := min(after+changesAtOnce, x.run.Progress.ChangesAfter)
		err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
			if err := tx.MarkMovedGrants(ctx, after, to, len(e.grants.named) > 0); err != nil {
				return err
			}
			return tx.SaveRun(ctx, x.run, x.owner, e.lease)
		})
		if err != nil {
			return fmt.Errorf("look whose roles and licenses moved since run %s was planned: %w", x.run.ID, err)
		}
	}
	return nil
}

// sets notes which sets of attributes hold all that the run's rules read.
func (x *execution) sets(ctx context.Context) error {
	sets, err := x.engine.store.SeenSets(ctx, x.engine.tenant)
	if err != nil {
		return err
	}
	x.covered = map[string]bool{x.engine.mapper.basis: true}
	for _, set := range sets {
		x.covered[set.Basis] = set.Attributes != nil && lacking(set.Attributes, x.engine.mapper.named) == ""
	}
	return nil
}
