package jobs

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"
)

// ErrIdle says that a scope had nothing waiting, so that Okta was not asked: the success says
// nothing about the credentials.
var ErrIdle = errors.New("nothing waits")

// errShare is why a task comes back later.
var errShare = errors.New("the tenant has its share of the slots")

// One tenant's flood must not stand before the others. What a tenant sends beyond its share goes to
// backlog queues, which have slots of their own: at the door (allowance), and when its tasks already
// hold half of a lane's slots (seats). Tenants are spread over the backlog queues, so that two
// floods seldom meet.
const (
	backlogShards = 4
	// A tenant may enqueue shareBurst scopes at once and sharePerSecond in the long run before its
	// tasks count as a flood: more than a worker does, less than others would notice.
	shareBurst     = 50
	sharePerSecond = 25
	// seatMemory is how long a lane remembers that others were there.
	seatMemory = 10 * time.Second
	// seatWait is how long a task waits that can go to no backlog, and backlogWait one that comes
	// from there, after its lane had backlogPatience. Who has the backlog to himself waits aloneWait:
	// there is nobody to make room for, and what is sent away must be back before the rest is done, or the
	// slots are empty for as long.
	seatWait        = 5 * time.Second
	backlogWait     = 15 * time.Second
	aloneWait       = time.Second
	backlogPatience = 50 * time.Millisecond
)

// backlogQueue is where a tenant's overflow goes.
func backlogQueue(tenant string, urgent bool) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(tenant))
	return backlogName(int(h.Sum32()%backlogShards), urgent)
}

func backlogName(shard int, urgent bool) string {
	if urgent {
		return fmt.Sprintf("%s-backlog-%d", QueueLeavers, shard)
	}
	return fmt.Sprintf("%s-backlog-%d", QueuePeople, shard)
}

// backlogQueues are all of them with their weights: leavers mostly first, no shard before another.
func backlogQueues() map[string]int {
	queues := map[string]int{}
	for shard := range backlogShards {
		queues[backlogName(shard, true)] = 20
		queues[backlogName(shard, false)] = 1
	}
	return queues
}

// allowance is how much each tenant may enqueue before it counts as a flood. Leavers count by
// themselves. It is safe for concurrent use.
type allowance struct {
	mu   sync.Mutex
	left map[allowed]bucket
}

type allowed struct {
	tenant string
	urgent bool
}

type bucket struct {
	tokens float64
	at     time.Time
}

// take says whether one more scope is within the tenant's share.
func (a *allowance) take(tenant string, urgent bool, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left == nil {
		a.left = map[allowed]bucket{}
	}
	key := allowed{tenant, urgent}
	b, known := a.left[key]
	if !known {
		b = bucket{tokens: shareBurst}
	} else if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.tokens = min(shareBurst, b.tokens+passed*sharePerSecond)
	}
	b.at = now
	within := b.tokens >= 1
	if within {
		b.tokens--
	}
	a.left[key] = b
	return within
}

// seats counts how many of a lane's slots each tenant holds, leavers by themselves. It is safe for
// concurrent use.
type seats struct {
	slots int
	now   func() time.Time
	// patience is how long a task waits in its slot for the tenant's share. In the backlog it has
	// nowhere else to go, and mostly the tenant's task before it ends within moments.
	patience time.Duration

	mu    sync.Mutex
	held  map[allowed]int
	last  map[string]time.Time
	freed chan struct{} // closed and replaced when a slot is left
}

func newSeats(slots int, patience time.Duration, now func() time.Time) *seats {
	return &seats{slots: slots, patience: patience, now: now, held: map[allowed]int{}, last: map[string]time.Time{}, freed: make(chan struct{})}
}

// enter takes a slot for the tenant, unless it has its share: half of them while others come too,
// and all but one otherwise, so that a slot is free for whoever comes next. It waits for the
// share as long as the lane has patience.
func (c *seats) enter(ctx context.Context, who allowed) bool {
	limit := time.NewTimer(c.patience)
	defer limit.Stop()
	for {
		entered, freed := c.try(who)
		if entered || c.patience <= 0 {
			return entered
		}
		select {
		case <-freed:
		case <-limit.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (c *seats) try(who allowed) (bool, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.last[who.tenant] = now
	most := c.slots - 1
	if !c.alone(who.tenant, now) {
		most = c.slots / 2
	}
	if c.held[who] >= max(1, most) {
		return false, c.freed
	}
	c.held[who]++
	return true, nil
}

// alone says whether no other tenant is in the lane or was a moment ago. It forgets those who have gone.
func (c *seats) alone(tenant string, now time.Time) bool {
	alone := true
	for other, at := range c.last {
		switch {
		case other == tenant:
		case now.Sub(at) < seatMemory || c.held[allowed{other, false}]+c.held[allowed{other, true}] > 0:
			alone = false
		default:
			delete(c.last, other)
		}
	}
	return alone
}

// backlogWait is how long a task of the backlog waits whose tenant has its share of the slots.
func (c *seats) backlogWait(tenant string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.alone(tenant, c.now()) {
		return aloneWait
	}
	return backlogWait
}

func (c *seats) leave(who allowed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[who]--; c.held[who] == 0 {
		delete(c.held, who)
	}
	close(c.freed)
	c.freed = make(chan struct{})
}
