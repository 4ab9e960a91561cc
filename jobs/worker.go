package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/directory"
)

// worker carries out tasks and decides what becomes of them.
type worker struct {
	redis      redis.UniversalClient
	reconciler Reconciler
	ledger     Ledger
	chores     map[directory.Chore]Chore
	base       context.Context // ends when the service stops
	now        func() time.Time
	log        *slog.Logger

	blocking sync.Mutex // so that a block is announced once
}

// job is one attempt at a task.
type job struct {
	payload
	rule
	taskType string
	scope    directory.Scope
	retried  int    // attempts that failed before
	blocked  string // why the tenant is blocked, if it is
	log      *slog.Logger
}

// in is the asynq handler of a lane. A tenant that holds its share of the lane's slots gets no
// more: its task goes to the backlog, or comes back in a moment, at no attempt.
func (w *worker) in(c *seats) asynq.Handler {
	if c == nil {
		return asynq.HandlerFunc(w.process)
	}
	return asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		p, err := decodePayload(task.Payload())
		if err != nil {
			return w.process(ctx, task)
		}
		who := allowed{p.Tenant, p.Urgent}
		if c.enter(ctx, who) {
			defer c.leave(who)
			return w.process(ctx, task)
		}
		retried, _ := asynq.GetRetryCount(ctx)
		if p.Backlog {
			return &postponed{wait: jitter(backlogWait), err: errShare}
		}
		if p.Kind != directory.ScopePerson || p.Run != "" || p.Probe || retried > 0 {
			return &postponed{wait: jitter(seatWait), err: errShare}
		}
		p.Backlog = true
		o, err := newOrder(task.Type(), p)
		if err == nil {
			err = enqueueAll(ctx, w.redis, []order{o})
		}
		if err != nil {
			return &postponed{wait: seatWait, err: err}
		}
		return nil
	})
}

// process carries out a task.
func (w *worker) process(ctx context.Context, task *asynq.Task) error {
	p, err := decodePayload(task.Payload())
	if err != nil {
		w.log.Error("dropped a task that cannot be read", "type", task.Type(), "error", err)
		return nil
	}
	r, err := p.rule(task.Type())
	if err != nil {
		// A newer version may have made it, and may be running beside this one.
		return w.unknown(ctx, task, p, err)
	}
	j := &job{payload: p, rule: r, taskType: task.Type(), scope: directory.Scope{Kind: p.Kind, ID: p.ID}}
	j.retried, _ = asynq.GetRetryCount(ctx)
	id, _ := asynq.GetTaskID(ctx)
	j.log = w.log.With("tenant", p.Tenant, "task", id, "queue", r.queue, "kind", p.Kind)
	if p.Run != "" {
		j.log = j.log.With("run", p.Run)
	}
	if p.Chore != "" {
		j.log = j.log.With("chore", p.Chore)
	}

	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	limited, stop := context.WithCancelCause(limited)
	defer stop(nil)
	defer context.AfterFunc(w.base, func() { stop(errStopping) })()

	if j.taskType == typeChore {
		return w.chore(limited, j)
	}
	err = j.withoutLogin(w.attempt(limited, j))
	switch {
	case err == nil:
		return nil
	case w.base.Err() != nil:
		return &postponed{err: fmt.Errorf("%w: %w", errStopping, err)}
	case ctx.Err() != nil:
		// asynq has taken the task away already: the lease ran out because Redis
		// was unreachable, or somebody cancelled it.
		return err
	}
	end := w.settle(limited, j, err)
	if w.letGo(ctx, j, end) {
		return nil
	}
	return end
}

// withoutLogin keeps the login of a person who is known by nothing else out of
// the error's text: that goes to the log, and asynq writes it to Redis.
func (j *job) withoutLogin(err error) error {
	if err == nil || j.Login == "" || j.scope.ID == "" {
		return err
	}
	return &masked{err: err, login: j.scope.ID}
}

// masked is an error whose text does not show a login.
type masked struct {
	err   error
	login string
}

func (m *masked) Error() string {
	return strings.NewReplacer(
		m.login, "(a login)", url.PathEscape(m.login), "(a login)", url.QueryEscape(m.login), "(a login)",
	).Replace(m.err.Error())
}

func (m *masked) Unwrap() error { return m.err }

func (w *worker) unknown(ctx context.Context, task *asynq.Task, p payload, err error) error {
	if w.now().Sub(time.Unix(p.At, 0)) < ageLimit {
		return &postponed{wait: time.Minute, err: err}
	}
	w.log.ErrorContext(ctx, "dropped a task that no version here understands", "type", task.Type(), "tenant", p.Tenant, "error", err)
	return nil
}

// attempt does the work, and turns a panic into an error.
func (w *worker) attempt(ctx context.Context, j *job) (err error) {
	defer func() {
		if r := recover(); r != nil {
			j.log.Error("a task panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = fmt.Errorf("a defect in the program (panic): %v", r)
		}
	}()
	if gone, err := w.resolve(ctx, j); gone || err != nil {
		return err
	}
	if j.Run == "" && j.retried > len(j.delays) {
		// Only a task that asynq itself took back gets here: its worker died, or
		// hung, each time. Once more would end the same way.
		return &directory.TerminalError{Err: fmt.Errorf("%d workers died or hung while they were at it", j.retried)}
	}
	j.blocked, err = w.ledger.Blocked(ctx, j.Tenant)
	if err != nil {
		return &postponed{wait: storeWait, err: fmt.Errorf("read whether tenant %s is blocked: %w", j.Tenant, err)}
	}
	switch {
	case j.Run != "":
		// A run is asked for by an admin or the calendar, rarely, so it may ask Okta
		// even while the tenant is blocked: its success ends the block.
		err = w.reconciler.ReconcileRun(ctx, j.Tenant, j.Run, j.Claims)
	case j.blocked != "" && !j.Probe:
		return nil // the events stay, and the sweeper brings them back
	case j.taskType == typeSpread:
		return w.spread(ctx, j)
	default:
		err = w.reconciler.ReconcileScope(ctx, j.Tenant, j.scope)
	}
	if errors.Is(err, ErrIdle) {
		return nil // nobody asked Okta, so a block stays
	}
	if err != nil || j.blocked == "" {
		return err
	}
	if err := w.ledger.Unblock(ctx, j.Tenant); err != nil {
		return &postponed{wait: storeWait, err: fmt.Errorf("unblock tenant %s: %w", j.Tenant, err)}
	}
	j.log.Info("Okta accepts the credentials again; the tenant's events are worked off")
	return nil
}

// spread makes a task for each scope of a bundle. When that fails half-way it is
// done again as a whole: a scope that has two tasks has nothing to do in the second.
func (w *worker) spread(ctx context.Context, j *job) error {
	if w.crowded(ctx, j) {
		return nil
	}
	orders, err := j.payload.spread()
	if err != nil {
		return err
	}
	return enqueueAll(ctx, w.redis, orders)
}

// resolve finds the login that the task stands for. It is gone when no event of
// it waits any more.
func (w *worker) resolve(ctx context.Context, j *job) (gone bool, err error) {
	if j.Login == "" {
		return false, nil
	}
	logins, err := w.ledger.WaitingLogins(ctx, j.Tenant)
	if err != nil {
		return false, &postponed{wait: storeWait, err: fmt.Errorf("look up a login of tenant %s: %w", j.Tenant, err)}
	}
	for _, login := range logins {
		if loginDigest(j.Tenant, login) == j.Login {
			j.scope.ID = login
			return false, nil
		}
	}
	return true, nil
}

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
