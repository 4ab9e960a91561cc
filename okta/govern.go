package okta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	gosync "sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/directory"
)

// errNoBudget says that a call was not sent because its bucket is used up.
var errNoBudget = errors.New("the share of Okta's rate limit is used up for this window")

const (
	shortWait    = 2 * time.Second        // waited out; longer waits go back to the caller
	sharedLimit  = 250 * time.Millisecond // for one question to Redis
	sharedRest   = 5 * time.Second        // how long Redis is left alone after a failure
	leasesAShare = 50                     // a lease is a fiftieth of what a priority may use
)

// GovernorOptions are what a Governor is made of. All may be left out.
type GovernorOptions struct {
	// Redis shares the budgets between replicas; nil keeps them in this process.
	Redis redis.UniversalClient
	// Share of the limit that Okta's headers show which we may use, above 0 up to 1; 0: 0.5.
	Share float64
	// Reserve is the part of each limit that is kept for urgent calls, and for others who use
	// the same org: events and pulls never take it, however many wait; 0: 0.2.
	Reserve float64
	Logger  *slog.Logger     // nil: none
	Now     func() time.Time // nil: time.Now
}

// Governor keeps calls within a share of Okta's rate limits, per tenant and
// bucket. It learns the limits from the answers' headers; what it does not know
// it does not limit. One Governor serves all readers of a process.
//
// Permits are leased from a ledger in small lots, so that most calls cost no
// round trip. The ledger is in Redis; when Redis is away or slow, a ledger in
// this process takes over, and replicas may then use more than one share together until
// Okta's own count of what remains stops them.
type Governor struct {
	share, reserve float64
	shared         ledger // nil without Redis
	local          ledger
	log            *slog.Logger
	now            func() time.Time
	sleep          func(ctx context.Context, d time.Duration) error

	mu         gosync.Mutex
	buckets    map[string]*bucketState
	sharedBack time.Time // Redis is not asked before
}

// bucketState is what this process knows about one bucket of one tenant.
type bucketState struct {
	mu      gosync.Mutex
	asked   bool // the ledger was asked once
	known   bool // there are limits
	seen    observation
	leases  map[Priority]int
	until   time.Time // leases end
	blocked time.Time // Okta said 429: nothing goes out before
	busy    time.Time // too many calls at a time: only urgent ones go out before
	// What the ledger was not told of yet: answers, and permits that will not be used.
	answered, returned int
	uncounted          int // calls that went out before there were limits, not answered yet
}

// giveBack ends the leases, to be told with the next question.
func (s *bucketState) giveBack() {
	for _, n := range s.leases {
		s.returned += n
	}
	clear(s.leases)
}

// tally adds to the question what the ledger was not told of yet.
func (s *bucketState) tally(q question) question {
	q.answered, q.returned = s.answered, s.returned
	s.answered, s.returned = 0, 0
	return q
}

// NewGovernor makes a governor. It asks nothing of Redis yet.
func NewGovernor(o GovernorOptions) (*Governor, error) {
	if o.Share == 0 {
		o.Share = 0.5
	}
	if o.Reserve == 0 {
		o.Reserve = 0.2
	}
	if o.Share < 0 || o.Share > 1 || o.Reserve < 0 || o.Reserve >= 1 {
		return nil, fmt.Errorf("make the governor of okta calls: share is above 0 up to 1 and reserve from 0 to below 1, not %v and %v", o.Share, o.Reserve)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Governor{share: o.Share, reserve: o.Reserve, log: o.Logger, now: o.Now, sleep: sleep,
		buckets: map[string]*bucketState{}, local: newMemoryLedger(o.Now)}
	if o.Redis != nil {
		g.shared = &redisLedger{client: o.Redis, script: redis.NewScript(ledgerScript)}
	}
	return g, nil
}

// terms are what a priority may use of a limit. With the defaults and of 50 calls a minute: pulls
// take up to 20 and leave 13, events up to 25 (what pulls took counts) and leave 10, and
// urgent calls take whatever Okta still grants, so at least the 10 that the others leave.
type terms struct {
	share   float64 // of the limit, per window
	reserve float64 // of the limit, that must remain
}

func (g *Governor) terms(p Priority) terms {
	switch p {
	case Urgent:
		return terms{share: 1}
	case Bulk:
		// Stops first, so that events find room whatever a pull does.
		return terms{share: g.share * 0.8, reserve: min(g.reserve+0.05, 0.95)}
	default:
		return terms{share: g.share, reserve: g.reserve}
	}
}

// admit returns when the call may go out. Waits of up to two seconds are waited
// out; a longer one is a directory.RetryAfterError.
func (g *Governor) admit(ctx context.Context, tenant, bucket string) error {
	priority := priorityOf(ctx)
	state := g.state(tenant, bucket)
	for patience := shortWait; ; {
		wait, err := g.try(ctx, tenant, bucket, state, priority)
		if err != nil || wait <= 0 {
			return err
		}
		if wait > patience {
			return &directory.RetryAfterError{Wait: jitter(wait), Err: fmt.Errorf("bucket %s: %w", bucket, errNoBudget)}
		}
		patience -= wait
		if err := g.sleep(ctx, wait); err != nil {
			return fmt.Errorf("wait for the share of bucket %s: %w", bucket, err)
		}
	}
}

// try takes a permit, or tells how long to wait for one.
func (g *Governor) try(ctx context.Context, tenant, bucket string, s *bucketState, p Priority) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := g.now()
	if wait := s.blocked.Sub(now); wait > 0 {
		return wait, nil
	}
	if wait := s.busy.Sub(now); wait > 0 && p != Urgent {
		return wait, nil
	}
	if s.asked && !s.known {
		s.uncounted++
		return 0, nil
	}
	if s.leases[p] > 0 && now.Before(s.until) {
		s.leases[p]--
		return 0, nil
	}
	granted, err := g.ask(ctx, tenant, bucket, s, p)
	if err != nil {
		return 0, err
	}
	s.asked = true
	if !granted.known {
		s.uncounted++
		return 0, nil
	}
	s.known = true
	if granted.permits < 1 {
		return max(granted.left, 10*time.Millisecond), nil
	}
	if !now.Before(s.until) {
		clear(s.leases)
	}
	s.leases[p] = granted.permits - 1
	s.until = now.Add(granted.left)
	return 0, nil
}

// ask leases permits of the ledger and tells it what was seen meanwhile.
func (g *Governor) ask(ctx context.Context, tenant, bucket string, s *bucketState, p Priority) (grant, error) {
	t := g.terms(p)
	q := question{key: ledgerKey(tenant, bucket), terms: t, want: max(1, int(t.share*float64(s.seen.limit))/leasesAShare)}
	if s.seen.limit > 0 {
		// Always told, news or not: the ledger that answers may be another one than before.
		q.seen = g.news(s)
	}
	return g.exchange(ctx, s.tally(q))
}

// exchange asks the shared ledger, or the local one while the shared one is away.
func (g *Governor) exchange(ctx context.Context, q question) (grant, error) {
	if g.shared == nil || !g.sharedReady() {
		return g.local.exchange(ctx, q)
	}
	bounded, cancel := context.WithTimeout(ctx, sharedLimit)
	defer cancel()
	granted, err := g.shared.exchange(bounded, q)
	if err == nil {
		return granted, nil
	}
	if ctx.Err() != nil {
		return grant{}, context.Cause(ctx)
	}
	g.mu.Lock()
	g.sharedBack = g.now().Add(sharedRest)
	g.mu.Unlock()
	g.log.WarnContext(ctx, "redis does not answer; okta calls are limited by this process alone for now", "retry_in", sharedRest, "error", err)
	return g.local.exchange(ctx, q)
}

func (g *Governor) sharedReady() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.now().Before(g.sharedBack)
}

// learn takes the rate-limit headers of an answer in.
func (g *Governor) learn(ctx context.Context, tenant, bucket string, status int, header http.Header) {
	seen, ok := readLimits(header)
	refused := status == http.StatusTooManyRequests
	s := g.state(tenant, bucket)
	s.mu.Lock()
	defer s.mu.Unlock()
	counted := 1
	if s.uncounted > 0 {
		s.uncounted--
		counted = 0
	}
	if !ok && !refused {
		return // no limit is shown, so none is kept
	}
	now := g.now()
	if ok && seen.limit == 0 { // speaks of calls at a time, not of the window
		s.busy = now.Add(waitOf(header))
		return
	}
	if refused {
		s.blocked = now.Add(waitOf(header))
		s.giveBack()
	}
	if !ok {
		return
	}
	ends := now.Add(seen.left + resetPadding)
	fresh := !s.known || seen.reset > s.seen.reset
	switch {
	case fresh:
		// The window may be the one under way, which nobody had a name for until now.
		s.answered, s.returned = counted, 0
		if now.Before(s.until) {
			s.giveBack()
		}
		clear(s.leases)
		s.seen = observation{limits: seen, ends: ends}
	case seen.reset == s.seen.reset:
		s.answered += counted
		s.seen.limit, s.seen.remaining = seen.limit, min(s.seen.remaining, seen.remaining)
	default:
		return // a late answer of a window that is over
	}
	s.known, s.asked = true, true
	if low := float64(s.seen.remaining) <= g.terms(Bulk).reserve*float64(s.seen.limit); refused || low {
		s.giveBack()
		// Other replicas should know at once. It fails only when ctx has ended;
		// then the next question tells.
		_, _ = g.exchange(ctx, s.tally(question{key: ledgerKey(tenant, bucket), seen: g.news(s)}))
	}
}

// news is what was seen, with the time that is left of the window now.
func (g *Governor) news(s *bucketState) *observation {
	seen := s.seen
	seen.left = max(seen.ends.Sub(g.now()), 0)
	return &seen
}

func (g *Governor) state(tenant, bucket string) *bucketState {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := ledgerKey(tenant, bucket)
	s := g.buckets[key]
	if s == nil {
		s = &bucketState{leases: map[Priority]int{}}
		g.buckets[key] = s
	}
	return s
}

// ledgerKey names a bucket's budget. The braces keep all keys of a tenant on one
// node of a Redis Cluster.
func ledgerKey(tenant, bucket string) string {
	return "oktasync:{" + tenant + "}:okta:" + bucket
}
