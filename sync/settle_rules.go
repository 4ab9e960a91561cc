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

// unsettledRules stands in place of the digest while a tenant is being settled by other rules: if those from before come
// back in the middle, they count as other ones, too.
const unsettledRules = "unsettled"

// settledBy is the digest of the rules for managers that the tenant was settled by. Until that is known, it is
// that of the rules of a tenant that configures none: there were no others.
func settledBy(ctx context.Context, tx Tx) (string, error) {
	have, err := tx.SettledBy(ctx, managersKind)
	if err == nil && have == "" {
		have = digestOf(directory.ManagerRules{})
	}
	return have, err
}

// unsettle notes, before anything is decided by the engine's rules, that managers, roles and licenses are not yet as these
// make them.
func (e *Engine) unsettle(ctx context.Context, tx Tx) error {
	have, err := settledBy(ctx, tx)
	if err != nil {
		return err
	}
	if have != digestOf(e.rules.Managers) {
		if err := tx.SetSettledBy(ctx, managersKind, unsettledRules); err != nil {
			return err
		}
	}
	basis, err := e.settledBasis()
	if err != nil {
		return err
	}
	return tx.UnsettleGrants(ctx, basis)
}

// settleRules queues everybody for the manager pass when the rules for managers are others than those
// that the tenant was settled by.
func (x *execution) settleRules(ctx context.Context) error {
	if x.run.Scope.Kind != directory.ScopeFull && x.run.Scope.Kind != directory.ScopeRules {
		return nil
	}
	e := x.engine
	digest := digestOf(e.rules.Managers)
	for after, done := "", false; !done; {
		err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
			have, err := settledBy(ctx, tx)
			if err != nil {
				return err
			}
			if done = have == digest; done {
				return nil
			}
			if err := tx.SetSettledBy(ctx, managersKind, unsettledRules); err != nil {
				return err
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
