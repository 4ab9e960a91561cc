package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const (
	// choreTimeout is how long a turn may take: no longer than others may wait for
	// its slot. What has more to do says so and gets another turn.
	choreTimeout = time.Minute
	// choreLease is how long a turn is nobody else's, and how long one waits whose
	// worker died. It ends after the turn has.
	choreLease = choreTimeout + timeoutMargin
	// choreRetry is when a turn that failed is made again, or at its usual time if that
	// is sooner.
	choreRetry = time.Minute
)

// Chore is recurring work for a tenant. To add one, add it to the list that
// ServerOptions and UpkeepOptions share.
//
// A chore runs while the tenant is blocked, too: what it does may be what mends it.
// It has no retries of its own; a turn that fails is made again at the next.
type Chore struct {
	Name directory.Chore
	// Every tells how often a tenant wants it; zero: not at all.
	Every func(tenant string) time.Duration
	// Do makes one turn, within a minute; more asks for the next at once. Two
	// turns of one tenant never overlap unless a worker hangs. The error decides
	// what is noted:
	//
	//	*directory.RetryAfterError  nothing; the next turn comes after its Wait
	//	*directory.CredentialsError refused: an admin has to do something
	//	any other, panic, timeout   failed; again within a minute
	Do func(ctx context.Context, tenant string) (more bool, err error)
}

// chore makes one turn. The task always ends as done: what comes next is in the
// chore's row.
func (w *worker) chore(ctx context.Context, j *job) error {
	c, known := w.chores[j.Chore]
	if !known {
		j.log.Debug("this process does not know the chore; one that does will get it")
		return nil
	}
	hint := directory.ChoreHint{Tenant: j.Tenant, Chore: j.Chore}
	turn, ours, err := w.ledger.BeginChore(ctx, hint, choreLease)
	if err != nil {
		j.log.Warn("could not begin a chore; it stays due", "error", err)
		return nil
	}
	if !ours {
		return nil
	}
	more, err := w.turn(ctx, c, j)
	end := w.choreEnd(c, j.Tenant, more, err)
	// What is decided is also written, even when the turn used up its time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	before, endErr := w.ledger.EndChore(ctx, hint, turn, end)
	switch {
	case endErr != nil:
		j.log.Warn("could not note the end of a chore; it is made again", "in", choreLease, "error", errors.Join(endErr, err))
	case end.Result == before || end.Result == directory.ChorePutOff:
	case end.Result == directory.ChoreRefused:
		j.log.Error("Okta refuses what a chore needs; it is tried again and nothing more is said until that changes", "reason", end.Problem)
	case end.Result == directory.ChoreFailed:
		j.log.Warn("a chore fails; it is tried again and nothing more is said until that changes", "reason", end.Problem)
	case before != "":
		j.log.Info("a chore goes well again")
	}
	return nil
}

// turn calls the chore, and turns a panic into an error.
func (w *worker) turn(ctx context.Context, c Chore, j *job) (more bool, err error) {
	err = guarded(ctx, func(ctx context.Context) error {
		var err error
		more, err = c.Do(ctx, j.Tenant)
		return err
	})
	return more, err
}

// choreEnd decides what is noted about a turn.
func (w *worker) choreEnd(c Chore, tenant string, more bool, err error) directory.ChoreEnd {
	every := c.Every(tenant)
	again := min(every, choreRetry)
	var later *directory.RetryAfterError
	switch {
	case err == nil && more:
		return directory.ChoreEnd{Result: directory.ChoreDone}
	case err == nil:
		return directory.ChoreEnd{Result: directory.ChoreDone, Next: every}
	case w.base.Err() != nil:
		return directory.ChoreEnd{Result: directory.ChorePutOff}
	case errors.As(err, &later):
		return directory.ChoreEnd{Result: directory.ChorePutOff, Next: min(max(later.Wait, 0), longestWait)}
	case errors.As(err, new(*directory.CredentialsError)):
		return directory.ChoreEnd{Result: directory.ChoreRefused, Problem: err.Error(), Next: again}
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("did not end within %s: %w", choreTimeout, err)
	}
	return directory.ChoreEnd{Result: directory.ChoreFailed, Problem: err.Error(), Next: again}
}
