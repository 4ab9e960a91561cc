package sync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Options are what an Engine needs.
type Options struct {
	Tenant string
	Rules  directory.Rules
	// Ruleset is the hash of Rules, which are in force: once others are, nothing is written by these any more. Empty:
	// nobody keeps which are.
	Ruleset string
	Source  Source
	Store   Store
	Owner   string           // names this process in leases
	Now     func() time.Time // for the end and the estimates of runs, and the pause between them; never to compare what was seen
	NewID   func() string    // ids of the runs that group events start, and of executions
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
	ruleset     string
	grants      *grantRules
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
	o.Store = newRuledStore(o.Store, o.Ruleset, o.Rules)
	return &Engine{
		ruleset: o.Ruleset, tenant: o.Tenant, rules: o.Rules, mapper: newMapper(o.Rules), grants: newGrantRules(o.Rules.Grants), source: o.Source,
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

// tellEnd adds the end of a run to the history, in the commit that ends it.
func tellEnd(ctx context.Context, tx Tx, run directory.Run) error {
	if change, told := directory.RunEnded(run); told {
		return appendChanges(ctx, tx, []directory.Change{change})
	}
	return nil
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
