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

// Options are what an Engine needs.
type Options struct {
	Tenant string
	Rules  directory.Rules
	Source Source
	Store  Store
	Owner  string           // names this process in leases
	Now    func() time.Time // for the end and the estimates of runs, and the pause between them; never to compare what was seen
	NewID  func() string    // ids of the runs that group events start, and of executions
	// SecondLook is how long after a membership or assignment event its scope is read once more;
	// zero: not at all.
	SecondLook time.Duration
	// Version is that of the program: a reading that another one began starts over.
	Version string
	// Interrupted is told what became of a reading that was interrupted; nil: nobody is.
	Interrupted func(run directory.Run)
	// Hold keeps the lease of a run with owner until stop is called, and returns a context that
	// ends with the lease: its cause is a directory.ErrBusy then. nil: nothing does.
	Hold func(ctx context.Context, run, owner string) (held context.Context, stop func())
	// Delay is how long a run waits after so many failed attempts; nil: see attemptDelay.
	Delay func(failed int) time.Duration
	// Lease is how long a run stays with a process that has gone silent, 30 s when zero.
	Lease time.Duration
	// FullPause is how long after the beginning of a full sync events may not start another.
	FullPause time.Duration
	// Burst is from how many people on, whose events wait, a full sync may read in place of a read of each;
	// zero: never. Nor with a SecondLook of over a minute.
	Burst int
	// ListAsked is told that a full sync was asked for in place of reads of the waiting people, in an app
	// of as many as are known; nil: nobody is.
	ListAsked func(waiting, known int)
}

// Engine brings one tenant's directory into line. It keeps no state between calls and is safe for
// concurrent use.
type Engine struct {
	tenant      string
	rules       directory.Rules
	mapper      *mapper
	source      Source
	store       Store
	owner       string
	now         func() time.Time
	newID       func() string
	version     string
	again       time.Duration
	interrupted func(run directory.Run)
	hold        func(ctx context.Context, run, owner string) (held context.Context, stop func())
	lease       time.Duration
	delay       func(failed int) time.Duration
	pause       time.Duration
	burst       int
	listAsked   func(waiting, known int)
}

// New returns an engine.
func New(o Options) *Engine {
	if o.Interrupted == nil {
		o.Interrupted = func(directory.Run) {}
	}
	if o.Lease <= 0 {
		o.Lease = runLease
	}
	if o.Delay == nil {
		o.Delay = attemptDelay
	}
	if o.ListAsked == nil {
		o.ListAsked = func(int, int) {}
	}
	if o.SecondLook > settledAtMost {
		o.Burst = 0 // a list would settle events before Okta is taken to show them
	}
	return &Engine{
		tenant: o.Tenant, rules: o.Rules, mapper: newMapper(o.Rules), source: o.Source,
		store: o.Store, owner: o.Owner, now: o.Now, newID: o.NewID, again: o.SecondLook, version: o.Version, interrupted: o.Interrupted, hold: o.Hold, lease: o.Lease, delay: o.Delay, pause: o.FullPause,
		burst: o.Burst, listAsked: o.ListAsked,
	}
}

// Result is what a reconciliation did, for logs and metrics.
type Result struct {
	Scope       directory.Scope
	RunID       string
	Changes     map[directory.ChangeType]int
	Superseded  int
	Quarantined int
	Events      int       // inbox events that are done now
	Oldest      time.Time // when the oldest of them was published; zero without events
	Ignored     []string  // attributes that no rule reads, first met now
	Asked       bool      // Okta was asked, and answered

	more bool // managers are left to settle
}

func (r *Result) count(a applied) {
	r.Superseded += a.superseded
	r.Quarantined += a.quarantined
	r.countChanges(a.changes)
}

func (r *Result) countChanges(changes []directory.Change) {
	if r.Changes == nil {
		r.Changes = map[directory.ChangeType]int{}
	}
	for _, c := range changes {
		r.Changes[c.Type]++
	}
}

// Scope reconciles a scope because of the events that wait for it. Without any it
// returns at once, so that repeated and late tasks cost next to nothing.
func (e *Engine) Scope(ctx context.Context, scope directory.Scope) (Result, error) {
	// The events are read before Okta is asked: one that arrives in between is
	// not marked by this commit and has a task of its own.
	ticket, err := e.store.Ticket(ctx, e.tenant, scope)
	if err != nil {
		return Result{}, fmt.Errorf("read waiting events of %s: %w", scope.Public(), err)
	}
	if ticket.Idle() {
		return Result{Scope: scope}, nil
	}
	switch scope.Kind {
	case directory.ScopePerson:
		if err := e.leaveToList(ctx, ticket); err != nil {
			return Result{}, err
		}
		if scope.ByLogin() {
			return e.byLogin(ctx, ticket)
		}
		return e.person(ctx, ticket, causeOf(ticket), nil, "")
	case directory.ScopeFull:
		if done, err := e.mayPullAll(ctx, ticket); done || err != nil {
			return Result{Scope: scope}, err
		}
	}
	run, _, err := e.store.CreateRun(ctx, directory.Run{
		ID: e.newID(), Tenant: e.tenant, Scope: scope, Cause: causeOf(ticket).Kind, State: directory.RunQueued,
	})
	if err != nil {
		return Result{}, fmt.Errorf("start a run for %s: %w", scope.Public(), err)
	}
	return e.carryOut(ctx, run.ID, run.Claims, false)
}

// Check asks Okta whether it takes the credentials, the app is there and active, and what a full sync reads may
// be seen.
func (e *Engine) Check(ctx context.Context) error { return e.source.Check(ctx) }

// mayPullAll says whether an event may start a full sync now. Imports come by the
// dozen in some orgs, and each full sync marks all the events that came before it: one that is
// under way may do so soon, and one that waits for an admin would be outdated by another. A burst waits
// for no pause: its list takes fewer calls than it saves. Is it over already, the ticket is done.
func (e *Engine) mayPullAll(ctx context.Context, ticket directory.Ticket) (done bool, err error) {
	last, found, err := e.store.LastFullRun(ctx, e.tenant)
	if err != nil {
		return false, fmt.Errorf("look for the last full sync: %w", err)
	}
	if found && last.State.Open() {
		return false, fmt.Errorf("full sync %s is under way: %w", last.ID, directory.ErrBusy)
	}
	if found && last.State.Waiting() {
		return false, &directory.RetryAfterError{Wait: e.pause, Err: fmt.Errorf("full sync %s waits for an admin; another one would outdate it", last.ID)}
	}
	if !ticket.SecondLook.IsZero() {
		_, _, worth, err := e.worthList(ctx)
		if err != nil || worth {
			return false, err
		}
		if len(ticket.Events) == 0 {
			return true, e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error { return tx.Mark(ctx, ticket) })
		}
	}
	if !found {
		return false, nil
	}
	began := last.CreatedAt
	if last.StartedAt != nil {
		began = *last.StartedAt
	}
	if wait := began.Add(e.pause).Sub(e.now()); wait > 0 {
		return false, &directory.RetryAfterError{Wait: min(wait, e.pause), Err: fmt.Errorf("full sync %s began a short while ago", last.ID)}
	}
	return false, nil
}

// maxCauseEvents bounds the event ids kept with a change.
const maxCauseEvents = 20

// causeOf names the events of a ticket, oldest first.
func causeOf(ticket directory.Ticket) directory.Cause {
	events := slices.Clone(ticket.Events)
	slices.SortStableFunc(events, func(a, b directory.Waiting) int { return a.Published.Compare(b.Published) })
	cause := directory.Cause{Kind: directory.CauseLog}
	if len(events) == 0 {
		cause.Kind = directory.CauseSecondLook
		if ticket.Scope.Kind == directory.ScopeFull {
			cause.Kind = directory.CauseBurst
		}
	}
	for i, event := range events {
		if event.Via == directory.ViaHook {
			cause.Kind = directory.CauseHook
		}
		if i < maxCauseEvents {
			cause.Events = append(cause.Events, event.UUID)
		}
		if !slices.Contains(cause.EventTypes, event.Type) {
			cause.EventTypes = append(cause.EventTypes, event.Type)
		}
	}
	if len(events) > 0 {
		cause.Published = &events[0].Published
	}
	return cause
}

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
		seen, err := e.source.Person(ctx, directory.PersonRequest{Ref: ticket.Scope.ID, Urgent: urgent})
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
		err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
			managers, more, err := resolveManagers(ctx, tx, cause)
			if err != nil {
				return err
			}
			result.more = more
			result.countChanges(managers)
			return appendChanges(ctx, tx, managers)
		})
		if err != nil {
			return fmt.Errorf("settle managers after %s: %w", result.Scope.Public(), err)
		}
	}
	return nil
}

// decidePerson compares, applies and records one sighting inside a transaction.
func (e *Engine) decidePerson(ctx context.Context, tx Tx, seen directory.PersonSeen, cause directory.Cause, result *Result) error {
	have, decided, planned, err := e.compare(ctx, tx, seen)
	if err != nil {
		return err
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
		none.Hash = personHash(none)
		if err := tx.PutPeople(ctx, []directory.Person{none}); err != nil {
			return fmt.Errorf("note the absence of person %s: %w", seen.ID, err)
		}
	}
	result.count(done)
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
	managers, more, err := resolveManagers(ctx, tx, cause)
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

// planGroups compares the selected ones of the person's groups with their rows.
func (e *Engine) planGroups(ctx context.Context, tx Tx, seen directory.PersonSeen) ([]directory.PlannedChange, error) {
	var selected []directory.GroupSeen
	for _, g := range seen.Groups {
		if e.rules.Groups.Selects(g) {
			g.Exists, g.At = true, seen.At
			selected = append(selected, g)
		}
	}
	return diffGroups(ctx, tx.Groups, selected, e.rules)
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

func noteIgnored(ctx context.Context, tx Tx, names map[string]bool) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	fresh, err := tx.NoteIgnored(ctx, sortedKeys(names))
	if err != nil {
		return nil, fmt.Errorf("note ignored attributes: %w", err)
	}
	return fresh, nil
}

func appendChanges(ctx context.Context, tx Tx, changes []directory.Change) error {
	if len(changes) == 0 {
		return nil
	}
	if _, err := tx.Append(ctx, changes); err != nil {
		return fmt.Errorf("append %d changes to the history: %w", len(changes), err)
	}
	return nil
}
