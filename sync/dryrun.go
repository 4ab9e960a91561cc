package sync

import (
	"context"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// planOne plans what a sync of one person would do, by the same comparison, and writes nothing else.
func (x *execution) planOne(ctx context.Context) error {
	e := x.engine
	if err := e.store.ResetRun(ctx, e.tenant, x.run.ID, x.owner); err != nil {
		return fmt.Errorf("reset run %s: %w", x.run.ID, err)
	}
	seen, err := e.source.Person(ctx, directory.PersonRequest{Ref: x.run.Scope.ID, Links: e.mapper.links})
	if err != nil {
		return fmt.Errorf("read %s from Okta: %w", x.run.Scope.Public(), err)
	}
	x.result.Asked = true
	if seen.ID == "" {
		return nil // nobody has this login
	}
	var planned []directory.PlannedChange
	err = e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		lacks, err := e.lacks(ctx, tx, x.ticket, &seen, nil)
		if err != nil {
			return err
		}
		if lacks && young(x.ticket, tx.Now()) {
			seen.Groups, seen.GroupsRead = nil, false
		}
		_, _, planned, err = e.compare(ctx, tx, seen)
		return err
	})
	if err != nil {
		return fmt.Errorf("plan %s: %w", x.run.Scope.Public(), err)
	}
	if err := x.plan(ctx, planned); err != nil {
		return err
	}
	return x.planGrants(ctx)
}
