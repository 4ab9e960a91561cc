package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// A burst is many events about people at once: a group is assigned to the app, an attribute of
// everybody is edited. A read of each person takes a call of the scarcest rate limit, that of the
// apps; one list of the app shows 500 people for the same. So when many wait, a full sync reads
// for all of them:
//
//	waiting people, or people assigned within a minute
//	  fewer than okta.burst               each is read by id, at once
//	  as many, and events still           assignments wait until no event has come for a while, at
//	  come                                most for gatherAtMost
//	  then, if a list is cheaper          a full sync is asked for, and they wait for it
//	  then, if it is not                  each is read by id
//
// The full sync notes the events before it asks Okta, and marks those of the people whom it has
// shown. Whom the list does not show is read by id, and so is whoever may be losing access: these events
// wait for nothing, and a list proves no absence. No event waits for a list that does not
// come: not while the last full sync has failed, waits for an admin, or was asked for too long ago.
const (
	burstWindow  = time.Minute
	gatherAtMost = 2 * time.Minute
	// A list settles only what happened so long ago that it needs no second look: as long as
	// second looks wait, a minute at most. quietAtLeast is for how long none may have come without them.
	settledAtMost = time.Minute
	quietAtLeast  = 10 * time.Second
	// listSoon is when somebody who waits for a list looks again.
	listSoon = 15 * time.Second
	// listPatience is how long a list may be asked for without beginning.
	listPatience = 10 * time.Minute
	// listCallsPerPerson is how many calls of the scarcest rate limit a read by id takes, and
	// listPage how many people a call of it lists. Okta: Apps API, "limit".
	listCallsPerPerson = 1
	listPage           = 500
	// listGain is how many times cheaper a list has to be: whom it does not show is read by id all
	// the same, and it takes calls of other limits for the groups.
	listGain = 2
	// peoplePerLink is how many people a call answers for that reads a linked object for a list: two calls for a
	// manager and all whose manager they are.
	peoplePerLink = 3
)

// listIsCheaper says whether the list of an app that had known people takes so much fewer calls
// of the scarcest rate limit than reading the waiting people by id, at perPerson calls
// each, that it should be read instead. Both read so many linked objects of each, which the list does for everybody.
func listIsCheaper(waiting, known, perPerson, pageSize, links int) bool {
	list := max(1, (known+waiting+pageSize-1)/pageSize) + links*(known+waiting)/peoplePerLink
	return waiting*(perPerson+links) >= listGain*list
}

// leaveToList returns a *directory.RetryAfterError when a list is about to answer the ticket, and
// nil when the person is to be read by id now.
func (e *Engine) leaveToList(ctx context.Context, ticket directory.Ticket) error {
	if e.burst == 0 || len(ticket.Events) == 0 || ticket.Urgent() {
		return nil
	}
	if i := slices.IndexFunc(ticket.Events, func(w directory.Waiting) bool { return w.ReadBy != "" }); i >= 0 {
		return e.awaitRun(ctx, ticket.Events[i].ReadBy)
	}
	assigned := slices.ContainsFunc(ticket.Events, func(w directory.Waiting) bool { return strings.HasPrefix(w.Type, "application.user_membership.") })
	crowd, err := e.crowd(ctx, assigned)
	if err != nil || !crowd {
		return err
	}
	if may, err := e.mayList(ctx); err != nil || !may {
		return err
	}
	newest, now, err := e.store.NewestEvent(ctx, e.tenant, e.quiet())
	if err != nil {
		return err
	}
	asked, err := e.store.Ticket(ctx, e.tenant, directory.FullScope())
	if err != nil {
		return err
	}
	if since := asked.SecondLook; !since.IsZero() {
		if now.Sub(since) > listPatience {
			return nil
		}
		return errListAsked()
	}
	if wait := e.gather(ticket, newest, now); wait > 0 {
		if !assigned {
			return nil
		}
		return &directory.RetryAfterError{Wait: wait, Err: errors.New("many people are being assigned; one list may answer for all of them")}
	}
	waiting, known, worth, err := e.worthList(ctx)
	if err != nil || !worth {
		return err
	}
	err = e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error { return tx.AskSecondLook(ctx, directory.FullScope(), 0) })
	if err != nil {
		return fmt.Errorf("ask for a list in place of many reads: %w", err)
	}
	e.listAsked(waiting, known)
	return errListAsked()
}

// crowd says whether so many people wait, or were assigned a moment ago, that a list may be due. It is
// all that an event costs which comes alone.
func (e *Engine) crowd(ctx context.Context, assigned bool) (bool, error) {
	waiting, err := e.store.WaitingPeople(ctx, e.tenant, e.burst)
	if err != nil || waiting >= e.burst || !assigned {
		return waiting >= e.burst, err
	}
	// Where Okta allows many calls nobody waits, and the calls add up all the same.
	recent, err := e.store.RecentAssignments(ctx, e.tenant, burstWindow, e.burst)
	return recent >= e.burst, err
}

// awaitRun waits for a full run that reads for the ticket while it is under way. One of which an attempt has
// failed may not come to an end for long, and an approved plan is older than what waits.
func (e *Engine) awaitRun(ctx context.Context, id string) error {
	run, err := e.store.Run(ctx, e.tenant, id)
	switch {
	case errors.Is(err, directory.ErrNotFound), err == nil && (!run.State.Open() || run.Attempts > 0 || run.Decision != nil):
		return nil // and it did not show the person, or will not soon
	case err != nil:
		return err
	default:
		return &directory.RetryAfterError{Wait: listSoon, Err: fmt.Errorf("full sync %s reads a list that may answer it", id)}
	}
}

func errListAsked() error {
	return &directory.RetryAfterError{Wait: listSoon, Err: errors.New("a full sync was asked for whose list may answer it")}
}

// mayList says whether a full sync that is asked for now would come.
func (e *Engine) mayList(ctx context.Context) (bool, error) {
	last, found, err := e.store.LastFullRun(ctx, e.tenant)
	if err != nil {
		return false, fmt.Errorf("look for the last full sync: %w", err)
	}
	if !found {
		return true, nil
	}
	failed := last.State == directory.RunFailed && last.FinishedAt != nil && e.now().Sub(*last.FinishedAt) < e.pause
	return !last.State.Waiting() && !failed, nil
}

// gather returns for how long events are still to be gathered before the list is read.
func (e *Engine) gather(ticket directory.Ticket, newest, now time.Time) time.Duration {
	oldest := now
	for _, w := range ticket.Events {
		if w.Received.Before(oldest) {
			oldest = w.Received
		}
	}
	return min(e.quiet()-now.Sub(newest), gatherAtMost-now.Sub(oldest))
}

// quiet is how long nothing has to come before events have been gathered.
func (e *Engine) quiet() time.Duration {
	if settled := e.settled(); settled > 0 {
		return settled
	}
	return quietAtLeast
}

// settled is how old an event has to be before a list settles it.
func (e *Engine) settled() time.Duration { return min(e.again, settledAtMost) }

// worthList says whether a list is cheaper now, and of what.
func (e *Engine) worthList(ctx context.Context) (waiting, known int, worth bool, err error) {
	sight, _, err := e.store.LastSight(ctx, e.tenant)
	if err != nil {
		return 0, 0, false, err
	}
	// Beyond this many the answer stays the same.
	links := len(e.mapper.links)
	enough := 2*listGain*(sight.People/listPage+1) + listGain*links*sight.People + e.burst
	waiting, err = e.store.WaitingPeople(ctx, e.tenant, enough)
	worth = e.burst > 0 && waiting >= e.burst && listIsCheaper(waiting, sight.People, listCallsPerPerson, listPage, links)
	return waiting, sight.People, worth, err
}

// readForBurst notes the events for which the run reads, when they are so many that its list is the
// cheapest answer. A few are better read by id than by a run that may take an hour.
func (x *execution) readForBurst(ctx context.Context) error {
	e := x.engine
	if e.burst == 0 || x.run.Scope.Kind != directory.ScopeFull || x.run.DryRun {
		return nil
	}
	if _, _, worth, err := e.worthList(ctx); err != nil || !worth {
		return err
	}
	return e.store.ReadFor(ctx, e.tenant, x.run.ID, x.owner, e.settled())
}

// markListed marks the events that the run's lists settle, once its plan is applied.
func (x *execution) markListed(ctx context.Context) error {
	e := x.engine
	switch {
	case x.run.Scope.Kind != directory.ScopeFull, x.run.Decision != nil: // an approved plan is older than what waits
		return nil
	case x.run.Progress.ListsRefuted: // what a list of groups lacks is not known
		return nil
	}
	for marked := pageSize * 10; marked == pageSize*10; {
		err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
			var err error
			if marked, err = tx.MarkListed(ctx, x.run.ID, pageSize*10); err != nil || marked == 0 {
				return err
			}
			return tx.SaveRun(ctx, x.run, x.owner, e.lease)
		})
		if err != nil {
			return fmt.Errorf("finish run %s: %w", x.run.ID, err)
		}
		x.result.Events += marked
	}
	return nil
}
