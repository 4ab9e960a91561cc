package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/oktasync/oktasync/directory"
)

// letThrough applies those changes of a plan that waits which must not wait: people of whom Okta
// states, in a read by id or in the list, that they are deactivated or suspended. That
// somebody is missing, or not assigned any more, is no such statement. It returns how many there were.
//
// The plan stays whole: once approved, these changes count as superseded. Interrupted, the run reads anew, and
// finds them done.
func (x *execution) letThrough(ctx context.Context) (int, error) {
	e := x.engine
	room := 0
	switch e.rules.Limits.Safety {
	case directory.SafetyNone:
		return 0, nil
	case directory.SafetyAll:
		room = math.MaxInt
	default:
		room = e.rules.Limits.People.Absolute
	}
	total := 0
	for after := int64(0); total < room; {
		page, err := e.store.PlanOf(ctx, e.tenant, x.run.ID, []directory.ChangeType{directory.PersonDeactivated, directory.PersonDetached, directory.PersonSuspended}, after, pageSize)
		if err != nil {
			return 0, fmt.Errorf("read the plan of run %s: %w", x.run.ID, err)
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].Seq
		var safe []directory.PlannedChange
		for _, c := range page {
			stated, err := statedByOkta(c)
			if err != nil {
				return 0, err
			}
			if stated && total+len(safe) < room {
				safe = append(safe, c)
			}
		}
		done, err := x.applySome(ctx, safe, x.run.Progress.Applied)
		if err != nil {
			return 0, err
		}
		total += len(done.changes)
	}
	for more := total > 0; more; {
		var err error
		if more, err = x.settleManagers(ctx); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// statedByOkta says whether the change rests on one of the two statuses by which Okta says itself that
// access has ended. Others suspend people too, a status that Okta adds tomorrow among them.
func statedByOkta(c directory.PlannedChange) (bool, error) {
	var row directory.Person
	if err := json.Unmarshal(c.After, &row); err != nil {
		return false, fmt.Errorf("decode planned row of person %s: %w", c.PersonID, err)
	}
	// Whoever is suspended keeps their place: that they are detached rests on the assignment.
	return row.OktaStatus == "DEPROVISIONED" || row.OktaStatus == "SUSPENDED" && c.Type != directory.PersonDetached, nil
}
