package jobs

import (
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// The queues. Names must not contain braces: asynq uses the name as the hash tag
// of all keys of a queue, so that on Redis Cluster one queue lives in one slot.
const (
	QueueLeavers    = "leavers"         // people who may lose access
	QueuePeople     = "people"          // all other people
	QueueGroups     = "groups"          // groups with their members
	QueueBulk       = "bulk"            // full runs
	QueueUpkeep     = "upkeep"          // chores
	QueueDeliveries = "deliveries"      // endpoints of products
	QueueSlow       = "deliveries-slow" // those that answer slowly, or not at all
)

// Queues lists all queues in order of priority, those of the backlog last.
func Queues() []string {
	queues := []string{QueueLeavers, QueuePeople, QueueGroups, QueueBulk, QueueUpkeep, QueueDeliveries, QueueSlow}
	for _, urgent := range []bool{true, false} {
		for shard := range backlogShards {
			queues = append(queues, backlogName(shard, urgent))
		}
	}
	return queues
}

// The task types.
const (
	typeScope  = "reconcile:scope"  // one scope
	typeSpread = "reconcile:scopes" // many scopes, becomes a task for each
	typeRun    = "reconcile:run"
	typeChore  = "upkeep:chore" // one turn of a chore of a tenant
	typeTurn   = "deliver:turn" // one turn at an endpoint
	typeCheck  = "upkeep:check" // does Okta let a blocked tenant in again?
)

// rule is how tasks of one kind are treated.
type rule struct {
	queue   string
	timeout time.Duration   // how long one attempt may take; never zero
	delays  []time.Duration // waits before the retries; their number is that of retries
}

// reconcileDelays adds up to 90 minutes: long enough for an outage or a deploy,
// short enough that an admin hears of a broken scope on the same day.
func reconcileDelays() []time.Duration {
	return []time.Duration{
		5 * time.Second, 15 * time.Second, 45 * time.Second, 2 * time.Minute,
		5 * time.Minute, 12 * time.Minute, 25 * time.Minute, 45 * time.Minute,
	}
}

// scopeRule is the rule for a scope's events.
func scopeRule(kind directory.ScopeKind, urgent bool) (rule, error) {
	switch kind {
	case directory.ScopePerson:
		queue := QueuePeople
		if urgent {
			queue = QueueLeavers
		}
		return rule{queue: queue, timeout: time.Minute, delays: reconcileDelays()}, nil
	case directory.ScopeGroup:
		// Reading a large group takes minutes, so even an urgent one stays out of the
		// leavers' slots.
		return rule{queue: QueueGroups, timeout: 10 * time.Minute, delays: reconcileDelays()}, nil
	case directory.ScopeFull:
		return rule{queue: QueueBulk, timeout: fullTimeout, delays: reconcileDelays()}, nil
	default:
		return rule{}, fmt.Errorf("scope kind %q does not exist", kind)
	}
}

// runRule is the rule for a run over a scope. When there is another attempt at a run stands in its
// row, so its tasks have none.
func runRule(kind directory.ScopeKind) (rule, error) {
	switch kind {
	case directory.ScopePerson:
		return rule{queue: QueuePeople, timeout: time.Minute}, nil
	case directory.ScopeGroup:
		return rule{queue: QueueGroups, timeout: time.Hour}, nil
	case directory.ScopeFull, directory.ScopeRules:
		return rule{queue: QueueBulk, timeout: fullTimeout}, nil
	default:
		return rule{}, fmt.Errorf("scope kind %q does not exist", kind)
	}
}

// fullTimeout is for a million people at a small org's rate limits.
const fullTimeout = 12 * time.Hour

// checkRule is for a tenant that is blocked and has no events that could be tried.
func checkRule() rule { return rule{queue: QueueUpkeep, timeout: time.Minute} }

// turnRule has no retries: what is left is found due again.
func turnRule(slow bool) rule {
	queue := QueueDeliveries
	if slow {
		queue = QueueSlow
	}
	return rule{queue: queue, timeout: turnTimeout, delays: []time.Duration{time.Second}}
}

// choreRule has a delay for a task whose worker died only: a chore that fails is due again.
func choreRule() rule {
	return rule{queue: QueueUpkeep, timeout: choreTimeout, delays: []time.Duration{time.Second}}
}
