package catchup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const (
	// Name is the chore of a Turn.
	Name = directory.Chore("catch-up")

	// pagesAtOnce is how many pages one turn reads; a worker's slot is not held longer.
	pagesAtOnce = 10
	// overlap is how far before the newest event the log is read again when Okta refuses
	// the place: events can come into the log out of order, and late.
	overlap = time.Hour
	// safeRetention is after how long without a reading events may be gone.
	safeRetention = directory.LogRetention - 24*time.Hour
)

// Log is the System Log of one tenant.
type Log interface {
	// LogSince returns the place from which Log reads what was published since, of
	// these event types.
	LogSince(since time.Time, types []string) string
	// Log reads one page from a place. One that Okta refuses is directory.ErrLogPlace.
	Log(ctx context.Context, place string) (directory.LogPage, error)
}

// Store keeps the inbox and the places.
type Store interface {
	// Now is the clock that all replicas share.
	Now(ctx context.Context) (time.Time, error)
	// LogCursor returns how far the log was read; false when it was not begun.
	LogCursor(ctx context.Context, tenant string) (directory.LogCursor, bool, error)
	// MoveLog writes the cursor down; directory.ErrConflict when the one that is there
	// does not stand at from, "" for none.
	MoveLog(ctx context.Context, tenant, from string, to directory.LogCursor) error
	// TakeLogPage adds a page's events to the inbox and moves the cursor in one commit, and
	// returns the uuids that were not there. Errors are those of MoveLog.
	TakeLogPage(ctx context.Context, tenant string, page directory.LogPage, from string, to directory.LogCursor) (map[string]bool, error)
	// FullSyncSince returns since when events are needed: the beginning of the last
	// full sync; false when there was none.
	FullSyncSince(ctx context.Context, tenant string) (time.Time, bool, error)
}

// Enqueuer asks for scopes to be reconciled soon.
type Enqueuer interface {
	Enqueue(ctx context.Context, hints []directory.ScopeHint) error
}

// Options are what a CatchUp needs.
type Options struct {
	Store    Store
	Enqueuer Enqueuer
	// FullSync asks for a full sync of the tenant that begins after the call.
	FullSync func(ctx context.Context, tenant string) error
	// Taken is told about each page: how many events it had, how many of them were new, and
	// how long after its publication the oldest of these came. It may be nil.
	Taken  func(tenant string, events, fresh int, lag time.Duration)
	Logger *slog.Logger
}

// CatchUp reads System Logs into the inbox. It is safe for concurrent use.
type CatchUp struct {
	store    Store
	enqueuer Enqueuer
	fullSync func(ctx context.Context, tenant string) error
	taken    func(tenant string, events, fresh int, lag time.Duration)
	log      *slog.Logger
}

// New returns a catch-up.
func New(o Options) *CatchUp {
	if o.Taken == nil {
		o.Taken = func(string, int, int, time.Duration) {}
	}
	return &CatchUp{store: o.Store, enqueuer: o.Enqueuer, fullSync: o.FullSync, taken: o.Taken, log: o.Logger}
}

// turn is one reading of one tenant's log.
type turn struct {
	*CatchUp
	tenant string
	okta   Log
	log    *slog.Logger
	cursor directory.LogCursor
	stored string // where the cursor in the database stands; empty: there is none
	tries  int    // places that Okta has refused in this turn
}

// Turn reads what is new in a tenant's log, at most ten pages; more says that there
// is more. It is the tenant's chore and has its errors.
func (c *CatchUp) Turn(ctx context.Context, tenant string, okta Log) (more bool, err error) {
	t := &turn{CatchUp: c, tenant: tenant, okta: okta, log: c.log.With("tenant", tenant)}
	more, err = t.read(ctx)
	if errors.Is(err, directory.ErrConflict) {
		return false, nil // a turn that was given up for dead went on; the other's counts
	}
	return more, err
}

// read finds the place to begin at, and reads some pages.
func (t *turn) read(ctx context.Context) (more bool, err error) {
	if err := t.begin(ctx); err != nil {
		return false, err
	}
	for range pagesAtOnce {
		if more, err = t.page(ctx); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// begin finds the place to read from.
func (t *turn) begin(ctx context.Context) error {
	now, err := t.store.Now(ctx)
	if err != nil {
		return err
	}
	cursor, found, err := t.store.LogCursor(ctx, t.tenant)
	if err != nil {
		return err
	}
	if !found {
		return t.first(ctx, now)
	}
	t.cursor, t.stored = cursor, cursor.Next
	read := cursor.Polled
	if read.Before(cursor.Since) {
		read = cursor.Since // nothing was read so far
	}
	if now.Sub(read) > safeRetention {
		t.log.Error("nobody has read the System Log for longer than Okta keeps it; a full sync makes up for it", "since", read)
		return t.anew(ctx, now)
	}
	if !cursor.Reads(directory.LogEvents()) {
		t.log.Info("this version reads other event types from the System Log; the last hour is read again")
		t.again(now)
	}
	return nil
}

// first begins a log that was never read: where the last full sync began, or now. The
// first full sync, should there have been none, begins later, and reads what is older.
func (t *turn) first(ctx context.Context, now time.Time) error {
	since, found, err := t.store.FullSyncSince(ctx, t.tenant)
	if err != nil {
		return err
	}
	switch {
	case !found:
		since = now
	case now.Sub(since) > safeRetention:
		t.log.Error("the last full sync is older than what Okta's System Log keeps; another one makes up for it", "since", since)
		return t.anew(ctx, now)
	}
	return t.move(ctx, since)
}

// anew gives up what lies between the last reading and now, for a full sync reads it all.
func (t *turn) anew(ctx context.Context, now time.Time) error {
	// In this order: now is before the full sync begins, and a cursor that is moved
	// without a full sync would be a gap.
	if err := t.fullSync(ctx, t.tenant); err != nil {
		return fmt.Errorf("ask for a full sync in place of the System Log of tenant %s: %w", t.tenant, err)
	}
	return t.move(ctx, now)
}

// move sets the place to what was published since, and writes it down: nothing was read yet.
func (t *turn) move(ctx context.Context, since time.Time) error {
	t.cursor = directory.LogCursor{Since: since, Published: since, Types: directory.LogEvents()}
	t.cursor.Next = t.okta.LogSince(since.Add(-directory.LogMargin), t.cursor.Types)
	if err := t.store.MoveLog(ctx, t.tenant, t.stored, t.cursor); err != nil {
		return err
	}
	t.stored = t.cursor.Next
	return nil
}

// again sets the place to some time before the newest event that was read. It is written
// down with the first page.
func (t *turn) again(now time.Time) {
	since := t.cursor.Published.Add(-overlap)
	if oldest := now.Add(-safeRetention); since.Before(oldest) {
		since = oldest
	}
	t.cursor.Types = directory.LogEvents()
	t.cursor.Next = t.okta.LogSince(since, t.cursor.Types)
}

// page reads one page and takes it in.
func (t *turn) page(ctx context.Context) (more bool, err error) {
	now, err := t.store.Now(ctx)
	if err != nil {
		return false, err
	}
	page, err := t.okta.Log(ctx, t.cursor.Next)
	if errors.Is(err, directory.ErrLogPlace) {
		return true, t.refused(ctx, now, err)
	}
	if err != nil {
		return false, fmt.Errorf("catch up with the System Log of tenant %s: %w", t.tenant, err)
	}
	asked, next := t.cursor.Next, t.cursor.After(page, now)
	fresh, err := t.store.TakeLogPage(ctx, t.tenant, page, t.stored, next)
	if err != nil {
		return false, err
	}
	t.cursor, t.stored = next, next.Next
	t.use(ctx, page, fresh, now)
	// A full page that leads to itself would be read for ever.
	return page.Full && page.Next != asked, nil
}

// refused finds another place after Okta has refused one.
func (t *turn) refused(ctx context.Context, now time.Time, cause error) error {
	if t.cursor.Polled.IsZero() {
		// Nothing was read since the log was begun, so a full sync has been asked for
		// already, or is not needed.
		return fmt.Errorf("catch up with the System Log of tenant %s: %w; events come by hook only, and with the nightly sync", t.tenant, cause)
	}
	if t.tries++; t.tries == 1 {
		t.again(now)
		t.log.Warn("Okta refuses the place in the System Log; an hour before the newest event is tried", "newest", t.cursor.Published, "error", cause)
		return nil
	}
	t.log.Error("Okta refuses the System Log since the newest event; a full sync makes up for it", "newest", t.cursor.Published, "error", cause)
	return t.anew(ctx, now)
}

// use has what is new worked off.
func (t *turn) use(ctx context.Context, page directory.LogPage, fresh map[string]bool, now time.Time) {
	var events []directory.Event
	var lag time.Duration
	for _, e := range page.Events {
		if fresh[e.UUID] {
			events = append(events, e)
			lag = max(lag, now.Sub(e.Published))
		}
	}
	t.taken(t.tenant, len(page.Events), len(events), lag)
	if page.Unreadable > 0 {
		t.log.Warn("the System Log has elements that are no events; they are left out", "unreadable", page.Unreadable)
	}
	hints := directory.HintsOf(t.tenant, events)
	if len(hints) == 0 {
		return
	}
	if err := t.enqueuer.Enqueue(ctx, hints); err != nil {
		// The inbox is the truth: the sweeper finds what was not enqueued.
		t.log.Warn("events of the System Log stored but not enqueued; the sweeper will do it", "error", err)
	}
	t.log.Info("the System Log brought events that no hook had brought", "events", len(events), "scopes", len(hints))
}
