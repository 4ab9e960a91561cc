package sync

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// keepLast leaves a role that somebody has to have with one of those who would lose it, when nobody
// else has it who can use it: with who may sign in before who is suspended, with these before who left, and among them with who
// had it first. Whom the plan says to keep it keeps it: the others lose theirs in other batches.
func (s *settling) keepLast(ctx context.Context) error {
	keep := s.engine.grants.keepLast
	losing := map[string][]directory.RoleGrant{}
	for _, r := range s.diff.revoke {
		if keep[r.Role] && !s.people[r.PersonID].IsTombstone() && s.people[r.PersonID].Status != "" {
			losing[r.Role] = append(losing[r.Role], r)
		}
	}
	for _, role := range sortedKeys(losing) {
		rows := losing[role]
		first := slices.MinFunc(rows, func(a, b directory.RoleGrant) int {
			return cmp.Or(cmp.Compare(footing(s.people[b.PersonID]), footing(s.people[a.PersonID])),
				a.Since.Compare(b.Since), cmp.Compare(a.PersonID, b.PersonID), cmp.Compare(a.Team, b.Team))
		})
		if i := slices.IndexFunc(rows, s.saidToKeep); i >= 0 {
			first = rows[i]
		} else if others, err := s.others(ctx, role, first, rows); err != nil || others {
			if err != nil {
				return err
			}
			continue
		}
		if err := s.keep(ctx, first); err != nil {
			return err
		}
	}
	return nil
}

// rolesToKeep are the roles that somebody has to have, sorted.
func (r *grantRules) rolesToKeep() []string {
	return slices.DeleteFunc(sortedKeys(r.keepLast), func(role string) bool { return !r.keepLast[role] })
}

// mayUse is the footing of somebody who may sign in.
const mayUse = 2

// footing orders people by what they can do with a role.
func footing(p directory.Person) int {
	switch {
	case !p.Present():
		return 0
	case p.Status != directory.StatusActive:
		return 1
	default:
		return mayUse
	}
}

// saidToKeep says whether the plan is that the person keeps the role.
func (s *settling) saidToKeep(r directory.RoleGrant) bool {
	return slices.ContainsFunc(s.planned, func(c directory.PlannedChange) bool {
		return c.Type == grantsDue && c.SubjectID == r.Role && c.PersonID == r.PersonID
	})
}

// others says whether the role is left with somebody to whom it is of as much use as to the first of those who lose it.
func (s *settling) others(ctx context.Context, role string, first directory.RoleGrant, rows []directory.RoleGrant) (bool, error) {
	active := footing(s.people[first.PersonID]) == mayUse
	for _, r := range s.left() {
		if r.Role == role && r.Kept != directory.KeptLast && (!active || footing(s.people[r.PersonID]) == mayUse) {
			return true, nil
		}
	}
	var people []string
	for _, r := range rows {
		people = append(people, r.PersonID)
	}
	others, err := s.tx.RoleHeldBeside(ctx, role, people, active)
	if err != nil {
		return false, fmt.Errorf("look who else has the role %s: %w", role, err)
	}
	return others, nil
}

// left are the roles that these people have after this, in the directory or not.
func (s *settling) left() []directory.RoleGrant {
	same := func(a directory.RoleGrant) func(directory.RoleGrant) bool {
		return func(b directory.RoleGrant) bool {
			return a.PersonID == b.PersonID && a.Role == b.Role && a.Team == b.Team
		}
	}
	all := slices.Clone(s.diff.grant)
	for _, g := range s.had {
		for _, r := range g.roles {
			if !s.engine.grants.keepLast[r.Role] || slices.ContainsFunc(s.diff.revoke, same(r)) {
				continue
			}
			if i := slices.IndexFunc(s.diff.amend, same(r)); i >= 0 {
				r = s.diff.amend[i]
			}
			all = append(all, r)
		}
	}
	return all
}

func (s *settling) keep(ctx context.Context, r directory.RoleGrant) error {
	same := func(o directory.RoleGrant) bool {
		return o.PersonID == r.PersonID && o.Role == r.Role && o.Team == r.Team
	}
	s.diff.revoke = slices.DeleteFunc(s.diff.revoke, same)
	if r.Kept == directory.KeptLast {
		return nil // as it was, and told
	}
	r.Kept = directory.KeptLast
	s.diff.amend = append(s.diff.amend, r)
	if s.cause.RunID != "" {
		promised, err := s.tx.RoleToCome(ctx, s.cause.RunID, r.Role)
		if err != nil {
			return fmt.Errorf("look whether run %s gives the role %s further on: %w", s.cause.RunID, r.Role, err)
		}
		if promised { // told at the end of the run, if it did not come true
			s.soon[atOf(r)] = true
			return nil
		}
	}
	return s.engine.tellKept(ctx, s.tx, r, s.cause.RunID)
}

// tellKept alerts to a role that somebody keeps as the last one.
func (e *Engine) tellKept(ctx context.Context, tx Tx, r directory.RoleGrant, run string) error {
	err := tx.Alert(ctx, directory.Alert{
		ID: fmt.Sprintf("role_kept_%s_%s_%s_%d", e.tenant, r.Role, r.PersonID, tx.Now().UnixMicro()), Tenant: e.tenant, Kind: directory.AlertRoleKept, RunID: run,
		Sentence: fmt.Sprintf("person %s of tenant %s keeps the role %s although no rule gives it any more, because nobody else who may sign in has it and it is marked keep_last; "+
			"give it to somebody else in Okta, and it goes by itself", r.PersonID, e.tenant, r.Role),
		At: tx.Now(),
	})
	if err != nil {
		return fmt.Errorf("tell that the role %s was kept: %w", r.Role, err)
	}
	return nil
}

// tellUnmoved alerts to the roles that the run's plan gave to somebody, and that are left with who has them as the last one
// all the same. Until the end of the plan it was not known, and nobody was told.
func (x *execution) tellUnmoved(ctx context.Context, tx Tx) error {
	roles := x.engine.grants.rolesToKeep()
	if len(roles) == 0 || x.run.Progress.Applied == 0 {
		return nil
	}
	kept, err := tx.KeptThough(ctx, x.run.ID, roles)
	if err != nil {
		return fmt.Errorf("look which roles run %s did not move: %w", x.run.ID, err)
	}
	for _, r := range kept {
		if err := x.engine.tellKept(ctx, tx, r, x.run.ID); err != nil {
			return err
		}
	}
	return nil
}

// letGo settles those who kept a role only because nobody else had it, now that somebody has who may sign in.
func (s *settling) letGo(ctx context.Context) error {
	roles := map[string]bool{}
	for _, r := range s.left() {
		if s.engine.grants.keepLast[r.Role] && r.Kept != directory.KeptLast && s.people[r.PersonID].Present() {
			roles[r.Role] = true
		}
	}
	if len(roles) == 0 {
		return nil
	}
	kept, err := s.tx.KeptAsLast(ctx, sortedKeys(roles))
	if err != nil {
		return fmt.Errorf("look who kept a role that others have now: %w", err)
	}
	kept = slices.DeleteFunc(kept, func(id string) bool { _, done := s.people[id]; return done })
	more, err := s.engine.settleGrants(ctx, s.tx, kept, nil, s.cause)
	if err != nil {
		return err
	}
	s.out.gone, s.out.made = append(s.out.gone, more.gone...), append(s.out.made, more.made...)
	return nil
}

// keepLast amends the plan where it would take a role that somebody has to have from everybody: the one who keeps it when
// the plan is applied keeps it in the plan, too.
func (p *grantPlan) keepLast(ctx context.Context) error {
	x := p.run
	for _, role := range sortedKeys(p.losing) {
		var kept directory.PlannedChange
		err := p.look(ctx, func(ctx context.Context, tx Tx) error {
			var err error
			kept, err = tx.LastToLose(ctx, x.run.ID, role)
			return err
		})
		if err != nil {
			return err
		}
		if kept.PersonID == "" {
			continue
		}
		kept.Type, p.lost = grantsDue, max(0, p.lost-1)
		if err := x.engine.store.AmendPlan(ctx, x.engine.tenant, x.run.ID, x.owner, []directory.PlannedChange{kept}); err != nil {
			return err
		}
	}
	return nil
}
