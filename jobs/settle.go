package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// settle decides what becomes of a task that failed. See Server for the table.
func (w *worker) settle(ctx context.Context, j *job, err error) error {
	// What is decided is also written, even when the attempt used up its time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()

	var (
		later       *postponed
		retryAfter  *directory.RetryAfterError
		credentials *directory.CredentialsError
		terminal    *directory.TerminalError
		held        *directory.HeldError
	)
	age := w.now().Sub(time.Unix(j.At, 0))
	switch {
	case errors.As(err, &later):
		return err
	case errors.As(err, new(*directory.StorageFullError)):
		return w.noRoom(j, err)
	case errors.As(err, &credentials):
		return w.block(ctx, j, err)
	case errors.As(err, &held):
		line := j.log
		if j.Run == "" {
			line = line.With("run", held.RunID)
		}
		line.Error("a run is held: its plan waits for an admin", "reasons", held.Reasons)
		return nil
	case j.Run != "":
		return w.settleRun(j, err)
	case errors.As(err, &terminal):
		return w.giveUp(ctx, j, err.Error())
	case j.Probe:
		// The next probe is the next attempt.
		j.log.Info("could not find out whether Okta accepts the credentials", "error", err)
		return nil
	case errors.As(err, &retryAfter):
		if age > ageLimit {
			return w.giveUp(ctx, j, fmt.Sprintf("asked to wait again and again for %s; the last time: %v", age.Round(time.Hour), err))
		}
		return &postponed{wait: min(max(retryAfter.Wait, 0), longestWait), err: err}
	case errors.Is(err, directory.ErrBusy):
		if age > ageLimit {
			return nil // the sweeper brings back what is still not over
		}
		return &postponed{wait: busyWait, err: err}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("did not end within %s: %w", j.timeout, err)
	}
	if j.retried >= len(j.delays) {
		return w.giveUp(ctx, j, fmt.Sprintf("failed %d times; the last time: %v", j.retried+1, err))
	}
	j.log.Warn("a task failed and will be tried again", "attempt", j.retried+1, "of", len(j.delays)+1, "error", err)
	return err
}

// noRoom puts work off while the database's disk is full: that is no fault of the scope, and lasts until
// somebody makes room. A run's row says when it goes on, if that could be written.
func (w *worker) noRoom(j *job, err error) error {
	if w.fullAt.tell(w.now()) {
		j.log.Error("the disk of the database is full; work waits until there is room", "error", err)
	}
	if j.Run != "" {
		return nil
	}
	return &postponed{wait: jitter(storeWait), err: err}
}

// settleRun ends the task of a run. What follows stands in the row, and the sweeper makes the task of the
// next attempt; only what nobody could write there comes back by itself.
func (w *worker) settleRun(j *job, err error) error {
	var attempt *directory.AttemptError
	switch {
	case errors.As(err, &attempt) && attempt.RetryIn > 0:
		j.log.Warn("an attempt at a run failed; there will be another one", "attempt", attempt.Attempt, "of", directory.RunAttempts,
			"in", attempt.RetryIn, "error", err)
	case errors.As(err, &attempt):
		j.log.Error("a run was given up; it waits for an admin", "attempt", attempt.Attempt, "reason", err)
	case errors.As(err, new(*directory.RetryAfterError)), errors.Is(err, directory.ErrBusy),
		errors.Is(err, directory.ErrConflict), errors.Is(err, directory.ErrNotFound):
		j.log.Debug("the run goes on later, elsewhere, or is over", "reason", err)
	default:
		j.log.Warn("a run could not be worked on; it is tried again", "in", storeWait, "error", err)
		return &postponed{wait: storeWait, err: err}
	}
	return nil
}

// giveUp parks the scope. The task ends: what is parked is in
// the database, where an admin finds it.
func (w *worker) giveUp(ctx context.Context, j *job, reason string) error {
	var err error
	switch {
	case j.taskType == typeSpread:
		// Nothing is wrong with the scopes, and they wait in the inbox.
		j.log.Warn("many scopes could not be enqueued; the sweeper will", "reason", reason)
		return nil
	default:
		err = w.ledger.Park(ctx, j.Tenant, j.scope, reason)
	}
	if err != nil {
		return &postponed{wait: storeWait, err: fmt.Errorf("note that a task of tenant %s was given up: %w", j.Tenant, err)}
	}
	j.log.Error("a task was given up; it waits for an admin", "id", j.ID, "reason", reason)
	return nil
}

// block notes that Okta refuses the tenant's credentials, and says so once.
func (w *worker) block(ctx context.Context, j *job, cause error) error {
	w.blocking.Lock()
	defer w.blocking.Unlock()
	before, err := w.ledger.Blocked(ctx, j.Tenant)
	if err == nil {
		err = w.ledger.Block(ctx, j.Tenant, cause.Error())
	}
	if err != nil {
		return &postponed{wait: storeWait, err: fmt.Errorf("block tenant %s: %w", j.Tenant, err)}
	}
	if before == "" {
		j.log.Error("Okta refuses the credentials; the tenant's jobs rest and its events are kept", "reason", cause.Error())
	}
	return nil
}

// seldom lets one in a minute speak.
type seldom struct{ last atomic.Int64 }

func (s *seldom) tell(now time.Time) bool {
	last := s.last.Load()
	return now.UnixNano()-last >= int64(time.Minute) && s.last.CompareAndSwap(last, now.UnixNano())
}
