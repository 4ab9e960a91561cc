package sync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// managersKind names the rules for managers among those that a tenant is settled by.
const managersKind = "managers"

// digestOf tells rules apart.
func digestOf(m directory.ManagerRules) string {
	if m.Mode == "" {
		m.Mode = directory.ManagersOverride
	}
	if len(m.Resolve) == 0 {
		m.Resolve = directory.DefaultManagerRefs()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []any{m.Mode, m.Resolve, m.KeepLeft}))
	return hex.EncodeToString(sum[:8])
}

// settleRules queues everybody for the manager pass when the rules for managers are others than those
// that the tenant was settled by. Until that is known, it is by the rules of a tenant that configures none:
// there were no others.
func (x *execution) settleRules(ctx context.Context) error {
	if x.run.Scope.Kind != directory.ScopeFull {
		return nil
	}
	e := x.engine
	digest := digestOf(e.rules.Managers)
	for after, done := "", false; !done; {
		err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
			have, err := tx.SettledBy(ctx, managersKind)
			if err != nil {
				return err
			}
			if have == "" {
				have = digestOf(directory.ManagerRules{})
			}
			if done = have == digest; done {
				return nil
			}
			if after, err = tx.MarkEverybodyDirty(ctx, after, managerBatch); err != nil {
				return err
			}
			if done = after == ""; !done {
				return tx.SaveRun(ctx, x.run, x.owner, e.lease)
			}
			return tx.SetSettledBy(ctx, managersKind, digest)
		})
		if err != nil {
			return fmt.Errorf("settle managers by the changed rules in run %s: %w", x.run.ID, err)
		}
	}
	return nil
}
