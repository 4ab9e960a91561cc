package sync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// resumeWithin is how long a reading may have rested and still go on where it was. Okta does
// not say how long a cursor lives (Okta: "Pagination"), and what was seen long ago is
// better seen again.
const resumeWithin = 30 * time.Minute

// notes are what a reading has to remember, so that another process can go on with it.
type notes struct {
	Basis   string // what the pages were compared by; under other rules they would say something else
	First   time.Time
	Gone    []directory.GroupSeen
	Ignored []string
	// Absences is what the proofs have said so far.
	Absences absences
}

// basis tells readings apart that would plan other changes from the same pages.
func (e *Engine) basis() (string, error) {
	rules, err := json.Marshal(e.rules)
	if err != nil {
		return "", fmt.Errorf("encode the rules: %w", err)
	}
	digest := sha256.Sum256(append(rules, e.version...))
	return hex.EncodeToString(digest[:]), nil
}

// begin prepares the reading: it goes on where an interrupted one was, or starts.
func (x *execution) begin(ctx context.Context) error {
	e := x.engine
	x.started = e.now()
	var err error
	if x.basis, err = e.basis(); err != nil {
		return err
	}
	if x.run.Scope.Kind == directory.ScopeFull || x.run.Scope.Kind == directory.ScopeRules { // one group is read in moments
		reading, found, err := e.store.Reading(ctx, e.tenant, x.run.ID, x.owner)
		if err != nil {
			return err
		}
		if found {
			return x.resume(ctx, reading)
		}
		if x.run.Progress.Pages > 0 {
			return x.startOver(ctx, "what it had read is gone: the database was restarted, or another full sync came first")
		}
	}
	return x.start(ctx)
}

// start begins the reading from nothing.
func (x *execution) start(ctx context.Context) error {
	e := x.engine
	before := x.run.Progress
	// By the clock that all share: it says which of two runs has seen more.
	began, seq, err := x.begins(ctx)
	if err != nil {
		return fmt.Errorf("begin run %s: %w", x.run.ID, err)
	}
	x.run.StartedAt = &began
	x.run.Progress = directory.Progress{
		CallsLeft: -1, Resumed: before.Resumed, Note: before.Note, Source: e.source.Name(), Rules: e.ruleset, ChangesBefore: seq,
	}
	x.run.State, x.run.Counts.Confirmed = directory.RunReading, 0
	x.first, x.gone, x.absences, x.ignored, x.from, x.callsBefore = time.Time{}, nil, absences{}, map[string]bool{}, nil, 0
	// Before Okta is asked: see Engine.Scope.
	ticket, err := e.store.Ticket(ctx, e.tenant, x.run.Scope)
	if err != nil {
		return fmt.Errorf("read waiting events of %s: %w", x.run.Scope.Public(), err)
	}
	x.ticket = ticket
	if len(ticket.Events) > 0 && !x.run.DryRun { // which leaves their work to be done
		events := causeOf(ticket)
		x.cause.Events, x.cause.EventTypes, x.cause.Published = events.Events, events.EventTypes, events.Published
		x.result.Events, x.result.Oldest = len(ticket.Events), *events.Published
	}
	if x.run.Scope.Kind == directory.ScopePerson {
		return nil // it is one read, and nothing is staged
	}
	if err := e.store.ResetRun(ctx, e.tenant, x.run.ID, x.owner); err != nil {
		return fmt.Errorf("reset run %s: %w", x.run.ID, err)
	}
	// Not before: what an earlier reading saw must not settle what it did not know of.
	if err := x.readForBurst(ctx); err != nil {
		return err
	}
	return x.save(ctx)
}

// begins returns the database's clock. Under other rules than those in force it is that of the tenant's lock, with the
// number of the last change: whatever was written before is there to be planned on, and what comes later is seen to have moved.
func (x *execution) begins(ctx context.Context) (now time.Time, seq int64, err error) {
	e := x.engine
	if x.run.Rules == "" {
		now, err = e.store.Now(ctx)
		return now, 0, err
	}
	err = e.store.Update(ctx, e.tenant, func(_ context.Context, tx Tx) error {
		now, seq = tx.Now(), tx.Seq()
		return nil
	})
	return now, seq, err
}

// startOver is start after pages were read in vain, and says so.
func (x *execution) startOver(ctx context.Context, why string) error {
	x.run.Progress.Note = fmt.Sprintf("the reading started over after %d pages: %s", x.run.Progress.Pages, why)
	x.engine.interrupted(x.run)
	return x.start(ctx)
}

// resume goes on where an interrupted reading was, if that can still be trusted.
func (x *execution) resume(ctx context.Context, reading directory.Reading) error {
	var had notes
	if err := json.Unmarshal(reading.Notes, &had); err != nil {
		return x.startOver(ctx, "what it had noted cannot be read")
	}
	if x.engine.foreign(x.run) {
		return x.startOver(ctx, "the tenant has another Okta org or app now")
	}
	if had.Basis != x.basis {
		return x.startOver(ctx, "the rules or the version have changed since it was interrupted")
	}
	if reading.Age > resumeWithin {
		return x.startOver(ctx, fmt.Sprintf("it had rested for %s, and Okta's cursors are trusted for %s",
			reading.Age.Round(time.Minute), resumeWithin))
	}
	// No ticket: events that came while the first pages were read may say more than these
	// pages show. They stay unmarked and are worked off by tasks of their own.
	x.first, x.gone, x.absences, x.from = had.First, had.Gone, had.Absences, reading.Positions
	for _, name := range had.Ignored {
		x.ignored[name] = true
	}
	p := &x.run.Progress
	p.Planned, x.callsBefore = reading.Planned, p.Calls
	if p.Waits != "" { // by itself, and said so
		p.Waits = ""
		return x.save(ctx)
	}
	p.Resumed++
	p.Note = fmt.Sprintf("the reading was interrupted after %d pages, and went on from there %s later", p.Pages, reading.Age.Round(time.Second))
	x.engine.interrupted(x.run)
	return x.save(ctx)
}

// aged looks whether the plan of a run whose applying was interrupted, by an outage or because the tenant was
// paused, is still worth anything: whom it removes may have come back since, and the events that say so may
// wait behind it. One that nobody had to approve is made anew; an approved one ends the run.
func (x *execution) aged(ctx context.Context) (over bool, err error) {
	e := x.engine
	now, err := e.store.Now(ctx)
	if err != nil {
		return false, fmt.Errorf("look how old the plan of run %s is: %w", x.run.ID, err)
	}
	p := &x.run.Progress
	old := ""
	switch {
	case e.foreign(x.run):
		old = "the tenant has another Okta org or app now than the plan was made of"
	case x.run.Rules == "" && e.otherRules(x.run):
		old = "the tenant's rules have changed since it was made"
	case x.run.WaitsUntil != nil && !now.Before(*x.run.WaitsUntil):
		old = fmt.Sprintf("the plan was good until %s (limits.plan_max_age)", stamp(*x.run.WaitsUntil))
	case x.run.Decision == nil && x.run.StartedAt != nil && !now.Before(x.run.StartedAt.Add(e.rules.Limits.PlanMaxAge)):
		old = fmt.Sprintf("the plan is older than %s (limits.plan_max_age)", e.rules.Limits.PlanMaxAge)
	default:
		return false, nil
	}
	if x.run.Decision != nil {
		x.run = e.finished(x.run, directory.RunOutdated)
		x.run.Error = fmt.Sprintf("%s, and was not applied to its end before; %d of its %d changes were applied and stay; run the sync again", old, p.Applied, p.Planned)
		return true, x.save(ctx)
	}
	if err := e.store.ResetRun(ctx, e.tenant, x.run.ID, x.owner); err != nil {
		return false, fmt.Errorf("reset run %s: %w", x.run.ID, err)
	}
	x.run.State, x.run.Progress = directory.RunReading, directory.Progress{CallsLeft: -1, Resumed: p.Resumed, Note: fmt.Sprintf(
		"the reading started over: applying was interrupted after %d of %d planned changes, and %s", p.Applied, p.Planned, old)}
	e.interrupted(x.run)
	return false, nil
}

// otherRules says whether the run has planned by other rules than the engine's.
func (e *Engine) otherRules(run directory.Run) bool {
	return run.Progress.Rules != "" && e.ruleset != "" && run.Progress.Rules != e.ruleset
}

// foreign says whether the run has read another org or app than the tenant's present one.
func (e *Engine) foreign(run directory.Run) bool {
	return run.Progress.Source != "" && run.Progress.Source != e.source.Name()
}

// step keeps what one page, or one read by id, showed and what follows from it, together with
// what is needed to go on after it.
func (x *execution) step(ctx context.Context, planned []directory.PlannedChange, pages ...directory.Page) error {
	text, err := json.Marshal(notes{Basis: x.basis, First: x.first, Gone: x.gone, Ignored: slices.Sorted(maps.Keys(x.ignored)), Absences: x.absences})
	if err != nil {
		return fmt.Errorf("encode how far run %s is: %w", x.run.ID, err)
	}
	run := x.run
	run.Progress.Planned += int64(len(planned))
	step := directory.Step{Pages: pages, Planned: planned, Notes: text}
	if err := x.engine.store.SaveStep(ctx, run, x.owner, x.engine.lease, step); err != nil {
		x.run = x.kept // or the run would count what nobody will know
		return fmt.Errorf("remember what was read: %w", err)
	}
	x.run, x.kept, x.steps = run, run, x.steps+1
	return nil
}

// forget lets the next attempt at the run start over.
func (x *execution) forget(ctx context.Context, run *directory.Run) error {
	if err := x.engine.store.ResetRun(ctx, x.engine.tenant, run.ID, x.owner); err != nil {
		return fmt.Errorf("reset run %s: %w", run.ID, err)
	}
	run.Progress = directory.Progress{CallsLeft: -1, Resumed: run.Progress.Resumed, Note: fmt.Sprintf(
		"the reading starts over with the next attempt: after %d pages it could not go on", run.Progress.Pages)}
	return nil
}
