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
	courier    Courier
	base       context.Context // ends when the service stops
	now        func() time.Time
	log        *slog.Logger

	blocking sync.Mutex // so that a block is announced once
	fullAt   seldom     // the last word about a full disk
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
			return &postponed{wait: jitter(c.backlogWait(p.Tenant)), err: errShare}
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

	switch j.taskType {
	case typeChore:
		return w.chore(limited, j)
	case typeTurn:
		return w.turnAt(limited, j)
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
	if j.Run == "" && j.taskType != typeCheck && j.retried > len(j.delays) {
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
	case j.taskType == typeCheck:
		if j.blocked == "" {
			return nil
		}
		err = w.reconciler.Check(ctx, j.Tenant)
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
	return w.unblock(ctx, j)
}

// unblock ends the rest of a tenant that Okta lets in again. A nightly run that it had refused is made
// again: nobody else does so before the next night. That comes first, since it is not repeated once the
// tenant is well.
func (w *worker) unblock(ctx context.Context, j *job) error {
	again, err := w.ledger.NightlyRefused(ctx, j.Tenant)
	if err == nil && again {
		var run directory.Run
		if run, err = nightlyRun(j.Tenant, "", w.now()); err == nil {
			_, again, err = w.ledger.CreateRun(ctx, run) // the sweeper makes its task
		}
	}
	if err == nil {
		err = w.ledger.Unblock(ctx, j.Tenant)
	}
	if err != nil {
		return &postponed{wait: storeWait, err: fmt.Errorf("unblock tenant %s: %w", j.Tenant, err)}
	}
	j.log.Info("Okta accepts the credentials again; the tenant's events are worked off", "nightly_again", again)
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
