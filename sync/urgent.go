package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

// leaver takes access away as soon as one read proves that it has ended, before the others
// are made. It says whether that read settled all of the ticket and, if not, whether nothing that is
// left may take access away: then the other reads are no longer urgent, and leave the calls that are
// kept for leavers to those who need them.
//
//	Okta says          the commit               the ticket
//	gone (404 by id)   person.removed           settled
//	DEPROVISIONED      person.deactivated       settled, unless a group event waits
//	SUSPENDED, other   person.suspended         settled, if all events are about the status
//	able to sign in    none                     the other reads follow
//	a status, of somebody who is not in the     the other reads follow
//	directory
//
// An unassignment shows in the app only: without an event about the status there is nothing to gain
// here. The read is about the user alone, so it costs nothing of the bucket of the apps.
func (e *Engine) leaver(ctx context.Context, ticket directory.Ticket, cause directory.Cause, result *Result) (settled, taken bool, err error) {
	if !slices.ContainsFunc(ticket.Events, func(w directory.Waiting) bool { return directory.StatusEvent(w.Type) }) {
		return false, false, nil
	}
	scope := ticket.Scope
	seen, err := e.source.Person(ctx, directory.PersonRequest{Ref: scope.ID, Urgent: true, StatusOnly: true})
	if err != nil {
		return false, false, fmt.Errorf("read the status of %s from Okta: %w", scope.Public(), err)
	}
	result.Asked = true
	if seen.ID == "" || seen.Partial && directory.StatusOf(seen.OktaStatus) == directory.StatusActive {
		return false, false, nil
	}
	if seen.Partial {
		// Of somebody who is not in the directory this sight leaves no trace, and a pull that
		// began earlier would bring them in with the status that they had: the other reads follow.
		rows, err := e.store.People(ctx, e.tenant, []string{seen.ID})
		if err != nil {
			return false, false, fmt.Errorf("load %s: %w", scope.Public(), err)
		}
		if len(rows) == 0 || !inDirectory(rows[0]) {
			return false, false, nil
		}
	}
	settled = statusSettles(ticket, seen)
	taken = !slices.ContainsFunc(ticket.Events, func(w directory.Waiting) bool { return w.Urgent && !directory.StatusEvent(w.Type) })
	if !settled {
		ticket.Events = nil // the full look marks them
	}
	err = e.commitPerson(ctx, ticket, seen, nil, cause, nil, "", result)
	switch {
	case errors.Is(err, errOvertaken):
		return false, false, nil
	case err != nil:
		return false, false, err
	case !settled:
		return false, taken, nil
	}
	return true, true, e.settleRest(ctx, cause, result)
}

// statusSettles says whether a read of the user alone answers all that the ticket's events may be about.
func statusSettles(ticket directory.Ticket, seen directory.PersonSeen) bool {
	if !seen.Exists {
		return true
	}
	return !slices.ContainsFunc(ticket.Events, func(w directory.Waiting) bool {
		// Okta ends the assignments of people whom it deactivates by itself.
		moot := !seen.Partial && strings.HasPrefix(w.Type, "application.user_membership.")
		return !directory.StatusEvent(w.Type) && !moot
	})
}
