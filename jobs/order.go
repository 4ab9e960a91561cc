package jobs

import (
	"fmt"
	"slices"
	"time"

	"github.com/hibiken/asynq"

	"github.com/oktasync/oktasync/directory"
)

const (
	// endless is asynq's own retry limit. Ours is in the rules: asynq's counts
	// tasks as exhausted even when the last attempt only asked to wait.
	endless = 1 << 20
	// spreadFrom is from how many scopes of a kind on one task carries them all. A
	// task each costs the hook endpoint some 20 µs, a place in a list 2 µs; the price
	// is that a worker has to spread the list out, which takes another look at the queue.
	spreadFrom = 11
	// spreadMost keeps such a task small.
	spreadMost = 250
)

// order is one task to be enqueued.
type order struct {
	task    *asynq.Task
	options []asynq.Option
}

func newOrder(taskType string, p payload, options ...asynq.Option) (order, error) {
	r, err := p.rule(taskType)
	if err != nil {
		return order{}, err
	}
	text, err := p.encode()
	if err != nil {
		return order{}, err
	}
	options = append(options,
		asynq.Queue(r.queue),
		asynq.MaxRetry(endless),
		// Ours ends first, see worker.process.
		asynq.Timeout(r.timeout+timeoutMargin),
	)
	return order{task: asynq.NewTask(taskType, text), options: options}, nil
}

// runOrder makes the task of a run. Its id tells claims apart: a run has one task at a time, and
// that of a worker who died, which asynq brings back a minute later, does not stand in the way of the next.
func runOrder(run directory.Run, now time.Time) (order, error) {
	return newOrder(typeRun, runPayload(run, now), dated(fmt.Sprintf("run:%s:%d", run.ID, run.Claims), now))
}

// distinct drops repeated scopes. An urgent hint makes its scope urgent.
func distinct(hints []directory.ScopeHint) []directory.ScopeHint {
	type key struct {
		tenant string
		scope  directory.Scope
	}
	position := make(map[key]int, len(hints))
	once := make([]directory.ScopeHint, 0, len(hints))
	for _, h := range hints {
		k := key{h.Tenant, h.Scope}
		if at, known := position[k]; known {
			once[at].Urgent = once[at].Urgent || h.Urgent
			continue
		}
		position[k] = len(once)
		once = append(once, h)
	}
	return once
}

// scopeOrders makes the tasks for the hints, in the order in which they came.
// What is beyond a tenant's share goes to its backlog; groups have few slots and
// wait in their lane.
func scopeOrders(hints []directory.ScopeHint, share *allowance, now time.Time) ([]order, error) {
	type kind struct {
		tenant  string
		kind    directory.ScopeKind
		urgent  bool
		backlog bool
	}
	var kinds []kind
	payloads := make(map[kind][]payload)
	for _, h := range distinct(hints) {
		p := scopePayload(h, now)
		p.Backlog = h.Scope.Kind == directory.ScopePerson && !share.take(h.Tenant, h.Urgent, now)
		k := kind{h.Tenant, h.Scope.Kind, h.Urgent, p.Backlog}
		if _, known := payloads[k]; !known {
			kinds = append(kinds, k)
		}
		payloads[k] = append(payloads[k], p)
	}
	var orders []order
	for _, k := range kinds {
		taskType, tasks := typeScope, payloads[k]
		if len(tasks) >= spreadFrom {
			taskType, tasks = typeSpread, bundle(tasks)
		}
		var options []asynq.Option
		if k.kind == directory.ScopeFull {
			// One task at a time, the sweeper's: full syncs that were put off to the same
			// moment would all begin. What comes while one runs has the next.
			options = append(options, dated("scope:"+scopeDigest(k.tenant, directory.FullScope()), now))
		}
		for _, p := range tasks {
			o, err := newOrder(taskType, p, options...)
			if err != nil {
				return nil, err
			}
			orders = append(orders, o)
		}
	}
	return orders, nil
}

// bundle puts tasks of one kind together.
func bundle(tasks []payload) []payload {
	var bundles []payload
	for chunk := range slices.Chunk(tasks, spreadMost) {
		b := chunk[0]
		b.ID, b.Login = "", ""
		for _, p := range chunk {
			if p.Login != "" {
				b.Logins = append(b.Logins, p.Login)
				continue
			}
			b.IDs = append(b.IDs, p.ID)
		}
		bundles = append(bundles, b)
	}
	return bundles
}

// spread is the reverse of bundle. The age of the tasks is that of the bundle.
func (p payload) spread() ([]order, error) {
	one := p
	one.IDs, one.Logins = nil, nil
	var orders []order
	add := func(id, login string) error {
		one.ID, one.Login = id, login
		o, err := newOrder(typeScope, one)
		orders = append(orders, o)
		return err
	}
	for _, id := range p.IDs {
		if err := add(id, ""); err != nil {
			return nil, err
		}
	}
	for _, login := range p.Logins {
		if err := add("", login); err != nil {
			return nil, err
		}
	}
	return orders, nil
}
