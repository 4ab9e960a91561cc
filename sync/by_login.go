package sync

import (
	"context"
	"fmt"
	"maps"

	"github.com/oktasync/oktasync/directory"
)

// byLogin reconciles whom a login may mean: first those who are in the directory with it, by id, then
// whoever has it in Okta. Some events about the end of an assignment name a login and nothing else (Okta:
// AppUser targets), and by then nobody may have it any more, or somebody else. Who is gone is only found
// by the id that the directory knows.
func (e *Engine) byLogin(ctx context.Context, ticket directory.Ticket) (Result, error) {
	cause := causeOf(ticket)
	holders, err := e.holders(ctx, ticket.Scope.ID)
	if err != nil {
		return Result{}, err
	}
	all := Result{Scope: ticket.Scope}
	for _, id := range holders {
		// With the same events, for their kinds and their urgency; they are marked for the login below.
		known := ticket
		known.Scope = directory.PersonScope(id)
		result, err := e.person(ctx, known, cause, nil, "")
		all.add(result)
		if err != nil {
			return all, err
		}
	}
	if len(holders) > 0 {
		now, err := e.holders(ctx, ticket.Scope.ID)
		if err != nil {
			return all, err
		}
		if len(now) > 0 {
			// Logins are unique in Okta, and its holder has just been read.
			return all, e.markLogin(ctx, ticket)
		}
	}
	result, err := e.person(ctx, ticket, cause, nil, "")
	all.add(result)
	return all, err
}

// holders returns the ids of the present people whose login this is, in order.
func (e *Engine) holders(ctx context.Context, login string) ([]string, error) {
	var ids []string
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		ids = nil
		found, err := tx.Identify(ctx, []string{login})
		for _, f := range found {
			if directory.Fold(f.Login) == directory.Fold(login) {
				ids = append(ids, f.PersonID)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for the person with the login of an event: %w", err)
	}
	return ids, nil
}

func (e *Engine) markLogin(ctx context.Context, ticket directory.Ticket) error {
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error { return tx.Mark(ctx, ticket) })
	if err != nil {
		return fmt.Errorf("commit %s: %w", ticket.Scope.Public(), err)
	}
	return nil
}

// add counts what another look for the same events did.
func (r *Result) add(other Result) {
	changes := maps.Clone(other.Changes)
	for kind, n := range r.Changes {
		if changes == nil {
			changes = map[directory.ChangeType]int{}
		}
		changes[kind] += n
	}
	r.Changes = changes
	r.Superseded += other.Superseded
	r.Quarantined += other.Quarantined
	r.Events, r.Oldest = max(r.Events, other.Events), other.Oldest
	r.Ignored = append(r.Ignored, other.Ignored...)
}
