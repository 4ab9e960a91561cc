package sync

import (
	"context"
	"fmt"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// assignedField is the field of a group that says whether it is assigned to the app.
const assignedField = "assigned"

// withAssigned completes a person's groups by what their rows say: the list of them does not tell which are assigned to the
// app, and a call for each of 500 groups would. Of one without a row the group's own event tells, or the next full sync.
// The row of a removed group counts too: a run notes what it saw there before it makes the group.
func (e *Engine) withAssigned(ctx context.Context, tx Tx, seen []directory.GroupSeen) ([]directory.GroupSeen, error) {
	if !e.rules.Groups.Assigned || len(seen) == 0 {
		return seen, nil
	}
	ids := make([]string, len(seen))
	for i, g := range seen {
		ids[i] = g.ID
	}
	rows, err := tx.Groups(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load %d groups: %w", len(ids), err)
	}
	known := byID(rows, func(g directory.Group) string { return g.ID })
	seen = slices.Clone(seen)
	for i := range seen {
		seen[i].Assigned = known[seen[i].ID].Assigned
	}
	return seen, nil
}

// provenAssigned reads those groups by id whose row says that they are assigned to the app while a full sync's list of such
// groups lacks them: a list alone ends nothing.
func (x *execution) provenAssigned(ctx context.Context, seen []directory.GroupSeen) ([]directory.GroupSeen, error) {
	if !x.engine.rules.Groups.Assigned || x.run.Scope.Kind != directory.ScopeFull {
		return seen, nil
	}
	var lacking []string
	for _, g := range seen {
		if g.Exists && !g.Assigned {
			lacking = append(lacking, g.ID)
		}
	}
	rows, err := x.groups(ctx, lacking)
	if err != nil {
		return nil, fmt.Errorf("load %d groups: %w", len(lacking), err)
	}
	proven := slices.Clone(seen)
	for _, row := range rows {
		if row.Removed || !row.Assigned {
			continue
		}
		again, err := x.engine.source.Group(ctx, row.ID, true)
		if err != nil {
			return nil, fmt.Errorf("confirm that group %s is no longer assigned to the app: %w", row.ID, err)
		}
		x.run.Counts.Confirmed++
		i := slices.IndexFunc(seen, func(g directory.GroupSeen) bool { return g.ID == row.ID })
		if again.Exists {
			proven[i] = again
		} else { // its members, who are read next, tell that
			proven[i].Assigned = true
		}
	}
	return proven, nil
}
