package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// looksAtMost is how often a person is read again because somebody who looked later was faster.
const looksAtMost = 5

// errOvertaken says that the row was written after a later look than ours. What we saw is old, and
// the later look may have been a partial one, so nothing is marked and Okta is asked again.
var errOvertaken = errors.New("somebody who looked later was faster")

// person reads one person back and commits what follows. finish, where given,
// is the run, held by owner, to complete in the same commit.
func (e *Engine) person(ctx context.Context, ticket directory.Ticket, cause directory.Cause, finish *directory.Run, owner string) (Result, error) {
	first := Result{Scope: ticket.Scope, RunID: cause.RunID}
	urgent := ticket.Urgent()
	if finish == nil {
		settled, taken, err := e.leaver(ctx, ticket, cause, &first)
		if err != nil || settled {
			return first, err
		}
		urgent = urgent && !taken
	}
	var doubted *directory.PersonSeen
	for range looksAtMost {
		seen, err := e.source.Person(ctx, directory.PersonRequest{Ref: ticket.Scope.ID, Urgent: urgent, Links: e.mapper.links})
		if err != nil {
			return first, fmt.Errorf("read %s from Okta: %w", ticket.Scope.Public(), err)
		}
		first.Asked = true
		result := first
		result.Changes = maps.Clone(first.Changes)
		err = e.commitPerson(ctx, ticket, seen, doubted, cause, finish, owner, &result)
		switch {
		case errors.Is(err, errDoubted):
			doubted = &seen
		case err == nil:
			err = e.settleRest(ctx, cause, &result)
			return result, err
		case !errors.Is(err, errOvertaken):
			return first, err
		}
	}
	return first, &directory.RetryAfterError{Wait: time.Second, Err: fmt.Errorf("commit %s: %w", ticket.Scope.Public(), errOvertaken)}
}

// commitPerson decides on what was seen and marks the ticket's events, in one transaction. doubted is the look
// before, where that lacked groups.
func (e *Engine) commitPerson(ctx context.Context, ticket directory.Ticket, seen directory.PersonSeen, doubted *directory.PersonSeen, cause directory.Cause,
	finish *directory.Run, owner string, result *Result,
) error {
	doubtful := false
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		lacks, err := e.lacks(ctx, tx, ticket, &seen, doubted)
		if err != nil {
			return err
		}
		if doubtful = lacks && young(ticket, tx.Now()); lacks && !doubtful && doubted == nil {
			return errDoubted
		}
		if doubtful {
			seen.Groups, seen.GroupsRead = nil, false
		}
		if seen.ID != "" {
			if err := e.decidePerson(ctx, tx, seen, cause, result); err != nil {
				return err
			}
		}
		if finish != nil && !doubtful {
			done := e.finished(*finish, directory.RunSucceeded)
			done.Counts = directory.RunCounts{Changes: result.Changes, Superseded: result.Superseded, Quarantined: result.Quarantined}
			if err := tx.SaveRun(ctx, done, owner, e.lease); err != nil {
				return fmt.Errorf("finish run %s: %w", finish.ID, err)
			}
			if err := tellEnd(ctx, tx, done); err != nil {
				return err
			}
		}
		if doubtful {
			return nil // the events wait for another look
		}
		if ticket.AsksSecondLook() && e.again > 0 && seen.ID != "" {
			if err := tx.AskSecondLook(ctx, directory.PersonScope(seen.ID), e.again); err != nil {
				return err
			}
		}
		return tx.Mark(ctx, ticket)
	})
	if err != nil {
		return fmt.Errorf("commit %s: %w", ticket.Scope.Public(), err)
	}
	if doubtful {
		return &directory.RetryAfterError{Wait: lookAgainAfter, Err: fmt.Errorf("%s: okta's list lacks groups of the person that no event "+
			"took away; the memberships are kept and okta is asked again", ticket.Scope.Public())}
	}
	result.Events = len(ticket.Events)
	if cause.Published != nil && result.Events > 0 {
		result.Oldest = *cause.Published
	}
	return nil
}

// settleAtMost is how many batches of managers one event settles beside its own: a first
// sync that is under way, or was cut short, leaves everybody's, and settles them itself.
const settleAtMost = 10

// settleRest goes on with the managers, each batch in a transaction of its own so
// that nobody waits long for the lock. What is left is settled with the next event or run.
func (e *Engine) settleRest(ctx context.Context, cause directory.Cause, result *Result) error {
	for n := 0; result.more && n < settleAtMost; n++ {
		if err := e.settleSome(ctx, cause, result); err != nil {
			return fmt.Errorf("settle managers after %s: %w", result.Scope.Public(), err)
		}
	}
	return nil
}

// settleSome settles one batch.
func (e *Engine) settleSome(ctx context.Context, cause directory.Cause, result *Result) error {
	var managers []directory.Change
	var more bool
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		var err error
		if managers, more, err = resolveManagers(ctx, tx, e.rules.Managers, cause); err != nil {
			return err
		}
		return appendChanges(ctx, tx, managers)
	})
	if err != nil {
		return err
	}
	result.more = more
	result.countChanges(managers)
	return nil
}

// decidePerson compares, applies and records one sighting inside a transaction.
func (e *Engine) decidePerson(ctx context.Context, tx Tx, seen directory.PersonSeen, cause directory.Cause, result *Result) error {
	have, decided, planned, err := e.compare(ctx, tx, seen)
	if err != nil {
		return err
	}
	if e.settles() && (have != nil || len(planned) > 0) {
		planned = append(planned, grantsDueFor(seen.ID, seen.At))
	}
	done, err := e.applyBatch(ctx, tx, planned, cause)
	if err != nil {
		return err
	}
	status, _ := statusOf(seen)
	if have == nil && !status.Present() {
		// A tombstone, without a word in the history: a pull that began earlier may have
		// listed this person, and must not bring them in. It has no Okta status.
		none := directory.Person{ID: seen.ID, ObservedAt: seen.At, GroupsObservedAt: seen.At}.Tombstone()
		none.Hash = e.mapper.personHash(none)
		if err := tx.PutPeople(ctx, []directory.Person{none}); err != nil {
			return fmt.Errorf("note the absence of person %s: %w", seen.ID, err)
		}
	}
	result.count(done)
	if have != nil && decided.change == nil && decided.seen.Hash != have.Seen.Hash && decided.seen.Hash != "" {
		if err := tx.NoteSeen(ctx, map[string]directory.LastSeen{seen.ID: decided.seen}, seen.At); err != nil {
			return fmt.Errorf("note what was seen of person %s: %w", seen.ID, err)
		}
	}
	// The row is right now, and known to be right as of seen.At: a reading that
	// began earlier may not undo it, nor the memberships where those were seen too.
	var groupsAt time.Time
	if seen.GroupsRead || status == directory.StatusRemoved {
		groupsAt = seen.At
	}
	if err := tx.Touch(ctx, seen.ID, seen.At, groupsAt); err != nil {
		return fmt.Errorf("touch person %s: %w", seen.ID, err)
	}
	if decided.change == nil && decided.quarantined == nil && !seen.Partial {
		if err := tx.ReleaseQuarantined(ctx, []string{seen.ID}); err != nil {
			return fmt.Errorf("release person %s from quarantine: %w", seen.ID, err)
		}
	}
	ignored := map[string]bool{}
	e.mapper.ignored(seen, ignored)
	if result.Ignored, err = noteIgnored(ctx, tx, ignored); err != nil {
		return err
	}
	managers, more, err := resolveManagers(ctx, tx, e.rules.Managers, cause)
	if err != nil {
		return err
	}
	result.more = more
	result.countChanges(managers)
	return appendChanges(ctx, tx, append(done.changes, managers...))
}

// compare decides what follows from one sighting, and writes nothing.
func (e *Engine) compare(ctx context.Context, tx Tx, seen directory.PersonSeen) (*directory.Person, outcome, []directory.PlannedChange, error) {
	rows, err := tx.People(ctx, []string{seen.ID})
	if err != nil {
		return nil, outcome{}, nil, fmt.Errorf("load person %s: %w", seen.ID, err)
	}
	var have *directory.Person
	if len(rows) == 1 {
		have = &rows[0]
	}
	decided, err := e.mapper.diffPerson(have, seen)
	if err != nil {
		return nil, outcome{}, nil, err
	}
	if decided.stale {
		return nil, outcome{}, nil, errOvertaken
	}
	planned, err := e.planPerson(ctx, tx, have, decided, seen)
	return have, decided, planned, err
}

// planPerson turns a decision about one person into planned changes, groups and memberships included.
func (e *Engine) planPerson(ctx context.Context, tx Tx, have *directory.Person, decided outcome, seen directory.PersonSeen) ([]directory.PlannedChange, error) {
	var planned []directory.PlannedChange
	if decided.quarantined != nil {
		c, err := quarantineChange(*decided.quarantined, seen)
		if err != nil {
			return nil, err
		}
		planned = append(planned, c)
	}
	if (have == nil || !inDirectory(*have)) && decided.change == nil {
		return planned, nil // not in the directory, and not to be
	}
	if seen.GroupsRead {
		var err error
		if seen.Groups, err = e.withAssigned(ctx, tx, seen.Groups); err != nil {
			return nil, err
		}
		groups, err := e.planGroups(ctx, tx, seen)
		if err != nil {
			return nil, err
		}
		planned = append(planned, groups...)
	}
	if decided.change != nil {
		planned = append(planned, *decided.change)
	}
	if !seen.GroupsRead || decided.out {
		return planned, nil // who is removed or detached loses all memberships with the row
	}
	rows, err := tx.MembershipsOf(ctx, []string{seen.ID})
	if err != nil {
		return nil, fmt.Errorf("load memberships of person %s: %w", seen.ID, err)
	}
	return append(planned, diffMemberships(seen.ID, rows, seen, e.rules)...), nil
}

// planGroups compares the selected ones of the person's groups with their rows. One whose row says, by
// a later look, that it is not there may only be noted by a run that is about to make it: what is seen
// of the person then counts for nothing, or they would miss the group.
func (e *Engine) planGroups(ctx context.Context, tx Tx, seen directory.PersonSeen) ([]directory.PlannedChange, error) {
	var selected []directory.GroupSeen
	for _, g := range seen.Groups {
		if e.rules.Groups.Selects(g) {
			g.Exists, g.At = true, seen.At
			selected = append(selected, g)
		}
	}
	notGoneSince := func(ctx context.Context, ids []string) ([]directory.Group, error) {
		rows, err := tx.Groups(ctx, ids)
		if slices.ContainsFunc(rows, func(g directory.Group) bool { return g.Removed && g.ObservedAt.After(seen.At) }) {
			return nil, errOvertaken
		}
		return rows, err
	}
	return diffGroups(ctx, notGoneSince, selected, e.rules)
}

// groupReader reads rows of groups: Tx.Groups or Store.Groups.
type groupReader func(ctx context.Context, ids []string) ([]directory.Group, error)

func diffGroups(ctx context.Context, read groupReader, seen []directory.GroupSeen, rules directory.Rules) ([]directory.PlannedChange, error) {
	ids := make([]string, len(seen))
	for i, g := range seen {
		ids[i] = g.ID
	}
	rows, err := read(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load %d groups: %w", len(ids), err)
	}
	have := byID(rows, func(g directory.Group) string { return g.ID })
	var planned []directory.PlannedChange
	for _, g := range seen {
		var row *directory.Group
		if h, exists := have[g.ID]; exists {
			row = &h
		}
		change, err := diffGroup(row, g, rules)
		if err != nil {
			return nil, err
		}
		if change != nil {
			planned = append(planned, *change)
		}
	}
	return planned, nil
}
