package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const (
	// longestPause caps what an answer of Okta can ask for.
	longestPause = time.Hour
	// fullPause is how often a run looks whether the database has room again.
	fullPause = 30 * time.Second
	// pausesAtMost ends a run that only ever asks to wait, and never gets any further.
	pausesAtMost = 24 * time.Hour
)

// attemptDelay is how long a run waits after so many failed attempts. They are few: a run begins anew or
// continues from its own progress, and a full one is due again the next night. The first is short, for a
// hiccup of Okta.
func attemptDelay(failed int) time.Duration {
	delays := [directory.RunAttempts - 1]time.Duration{15 * time.Second, time.Minute, 5 * time.Minute, 20 * time.Minute}
	return delays[min(max(failed, 1), len(delays))-1]
}

// fail decides what becomes of a run whose execution ended with an error, and writes it down, all in
// one place: the queue only follows the row.
//
//	the lease was lost             nothing: the run is another's
//	interrupted                    it goes on at once, elsewhere or after the restart
//	Okta asks to wait              it goes on then, and leaves its slot to others
//	the database's disk is full    it goes on when there is room
//	credentials, no use in trying  it has failed
//	any other                      another attempt after a growing delay; it has failed with the last
func (x *execution) fail(ctx context.Context, cause error) error {
	if lost := context.Cause(ctx); errors.Is(lost, directory.ErrBusy) {
		return lost
	}
	if errors.Is(cause, directory.ErrBusy) {
		return cause
	}
	// Okta's errors carry the cause of a cancellation, which need not be context.Canceled.
	stopped := errors.Is(ctx.Err(), context.Canceled) || errors.Is(cause, context.Canceled)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		cause = fmt.Errorf("it did not end in the time that one attempt has: %w", cause)
	}
	// The lease is given up even when the caller's context is the reason.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	var later *directory.RetryAfterError
	run, result := x.run, cause
	switch {
	case stopped:
		// As it is.
	case errors.As(cause, new(*directory.StorageFullError)):
		// Most likely this cannot be written either; then the lease runs out.
		run.RetryIn, run.Progress.Waits = fullPause, cause.Error()
		result = &directory.RetryAfterError{Wait: fullPause, Err: cause}
	case errors.As(cause, &later) && !x.waitsInVain():
		run.RetryIn = min(max(later.Wait, 0), longestPause)
		run.Progress.Waits = later.Err.Error()
	case x.retried && !lasting(cause):
		run.Attempts++
		if run.Attempts < directory.RunAttempts {
			run.Error, run.RetryIn = failure(run, cause), x.engine.delay(run.Attempts)
		} else {
			run = x.engine.finished(run, directory.RunFailed)
			run.Error = fmt.Sprintf("failed %d times; the last time: %s", run.Attempts, failure(run, cause))
		}
		result = &directory.AttemptError{Attempt: run.Attempts, RetryIn: run.RetryIn, Err: cause}
		if x.from != nil && x.steps == 0 && run.State == directory.RunReading {
			// It may never get beyond this place; from the beginning it may.
			if err := x.forget(ctx, &run); err != nil {
				return errors.Join(cause, err)
			}
		}
	default:
		run = x.engine.finished(run, directory.RunFailed)
		run.Error, run.Refused = failure(run, cause), refused(cause)
		if x.retried {
			run.Attempts++
			result = &directory.AttemptError{Attempt: run.Attempts, Err: cause}
		}
	}
	if err := x.saveEnd(ctx, run); err != nil {
		return errors.Join(cause, fmt.Errorf("save the end of run %s: %w", run.ID, err))
	}
	return result
}

// saveEnd writes how an attempt ended and, if the run ended with it, tells so in the history, and what else was left
// to its end.
func (x *execution) saveEnd(ctx context.Context, run directory.Run) error {
	if run.State.Open() {
		return x.engine.store.SaveRun(ctx, run, x.owner, 0)
	}
	return x.engine.store.Update(ctx, x.engine.tenant, func(ctx context.Context, tx Tx) error {
		if err := x.tellUnmoved(ctx, tx); err != nil {
			return err
		}
		if err := tellEnd(ctx, tx, run); err != nil {
			return err
		}
		return tx.SaveRun(ctx, run, x.owner, 0)
	})
}

// waitsInVain says that Okta has asked to wait for so long, and nothing was read in between, that
// waiting on makes no sense.
func (x *execution) waitsInVain() bool {
	return x.steps == 0 && x.engine.now().Sub(x.run.CreatedAt) > pausesAtMost
}

// lasting says that the same run will not fare better in a minute.
func lasting(err error) bool {
	var terminal *directory.TerminalError
	return errors.As(err, &terminal) || refused(err)
}

// refused says that Okta refused the credentials.
func refused(err error) bool {
	var credentials *directory.CredentialsError
	return errors.As(err, &credentials)
}

// unchanged is said once in a sentence: errors of reading mostly end with it.
const unchanged = "nothing was changed"

// failure is the sentence that an admin reads.
func failure(run directory.Run, cause error) string {
	switch text := cause.Error(); {
	case run.Progress.Applied > 0:
		return fmt.Sprintf("stopped after %d of %d planned changes: %s; what was applied is right and stays, "+
			"the next full sync does the rest", run.Progress.Applied, run.Progress.Planned, text)
	case strings.Contains(text, unchanged):
		return text
	default:
		return unchanged + ": " + text
	}
}
