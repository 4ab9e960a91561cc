package sync

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// keepLast leaves a role that somebody has to have with one of those who would lose it, when nobody
// else has it: with who is in the directory before who left, and among these with who had it first.
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
		if slices.ContainsFunc(s.diff.grant, func(r directory.RoleGrant) bool { return r.Role == role }) {
			continue
		}
		var people []string
		for _, r := range rows {
			people = append(people, r.PersonID)
		}
		others, err := s.tx.RoleHeldBeside(ctx, role, people)
		if err != nil {
			return fmt.Errorf("look who else has the role %s: %w", role, err)
		}
		if others || s.staysWithThem(role, people) {
			continue
		}
		first := slices.MinFunc(rows, func(a, b directory.RoleGrant) int {
			return cmp.Or(-compareBool(s.people[a.PersonID].Present(), s.people[b.PersonID].Present()),
				a.Since.Compare(b.Since), cmp.Compare(a.PersonID, b.PersonID), cmp.Compare(a.Team, b.Team))
		})
		if err := s.keep(ctx, first); err != nil {
			return err
		}
	}
	return nil
}

// staysWithThem says whether one of the people keeps the role elsewhere: in another team, say.
func (s *settling) staysWithThem(role string, people []string) bool {
	return slices.ContainsFunc(s.diff.amend, func(r directory.RoleGrant) bool {
		return r.Role == role && r.Kept != directory.KeptLast && slices.Contains(people, r.PersonID)
	})
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
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
	err := s.tx.Alert(ctx, directory.Alert{
		ID: fmt.Sprintf("role_kept_%s_%s_%s_%d", s.engine.tenant, r.Role, r.PersonID, s.tx.Now().UnixMicro()), Tenant: s.engine.tenant, Kind: directory.AlertRoleKept, RunID: s.cause.RunID,
		Sentence: fmt.Sprintf("person %s of tenant %s keeps the role %s although no rule gives it any more, because nobody else has it and it is marked keep_last; "+
			"give it to somebody else in Okta, and it goes by itself", r.PersonID, s.engine.tenant, r.Role),
		At: s.tx.Now(),
	})
	if err != nil {
		return fmt.Errorf("tell that the role %s was kept: %w", r.Role, err)
	}
	return nil
}

// letGo settles those who kept a role only because nobody else had it, now that somebody has.
func (s *settling) letGo(ctx context.Context) error {
	roles := map[string]bool{}
	for _, r := range s.diff.grant {
		if s.engine.grants.keepLast[r.Role] {
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
