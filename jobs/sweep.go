package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"github.com/oktasync/oktasync/directory"
)

// sweepBucket is how long the id of a sweeper's task is kept. It spans the whole table
// of retries, so that a scope whose task waits for its next attempt does not get
// another one with every sweep.
const sweepBucket = 2 * time.Hour

// SweeperOptions configures a Sweeper.
type SweeperOptions struct {
	Client  *Client
	Backlog Backlog
	// Purge deletes what is older than the retention, and returns how many rows.
	Purge func(context.Context) (int, error)

	Every      time.Duration // between sweeps, 5 s when zero
	ScopesAge  time.Duration // how long a scope waits for its own task, 15 s when zero
	RunsAge    time.Duration // the same for runs, 10 s when zero: they have one task at a time
	ProbeEvery time.Duration // between probes of a blocked tenant, 30 s when zero
	PurgeEvery time.Duration // 1 h when zero
	// Limit is the length from which a queue gets nothing more from the
	// sweeper, 500 when zero: a backlog must not be multiplied.
	Limit int
	Now   func() time.Time // time.Now when nil
	Log   *slog.Logger
}

// Sweeper makes the queue follow the tables: what waits there and has no task, because
// Redis was down, was emptied, or a process died in between, gets one.
// Several replicas may sweep at once.
type Sweeper struct {
	o      SweeperOptions
	probed map[string]time.Time // tenant to its last probe
	swept  bool                 // once
}

// NewSweeper returns a sweeper.
func NewSweeper(o SweeperOptions) *Sweeper {
	o.Every = orDefault(o.Every, 5*time.Second)
	o.ScopesAge = orDefault(o.ScopesAge, 15*time.Second)
	o.RunsAge = orDefault(o.RunsAge, 10*time.Second)
	o.ProbeEvery = orDefault(o.ProbeEvery, 30*time.Second)
	o.PurgeEvery = orDefault(o.PurgeEvery, time.Hour)
	if o.Limit <= 0 {
		o.Limit = 500
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Sweeper{o: o, probed: make(map[string]time.Time)}
}

// Run sweeps and purges until ctx ends.
func (s *Sweeper) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { s.every(ctx, s.o.Every, "sweep for forgotten work", s.Sweep) })
	both.Go(func() { s.every(ctx, s.o.PurgeEvery, "clean up", s.clean) })
	both.Wait()
}

// every calls do at once and then again and again. A panic is an error, so that
// one defect does not end the safety net.
func (s *Sweeper) every(ctx context.Context, interval time.Duration, what string, do func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		err := guarded(ctx, do)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.o.Log.Warn("could not "+what+"; it is tried again", "in", interval, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Sweep looks once. Nothing is read, and noted as swept, while Redis is unreachable. The first
// time it takes up everything that waits, however young: who worked at it before may be gone, with
// a Redis in the same process too.
func (s *Sweeper) Sweep(ctx context.Context) error {
	stats, err := s.o.Client.Stats(ctx)
	if err != nil {
		return err
	}
	pending := make(map[string]int, len(stats))
	for _, q := range stats {
		pending[q.Queue] = q.Pending
	}
	scopesAge, runsAge := s.o.ScopesAge, s.o.RunsAge
	if !s.swept {
		scopesAge, runsAge = 0, 0
	}
	err = errors.Join(
		s.sweepScopes(ctx, true, scopesAge, s.o.Limit-pending[QueueLeavers]),
		s.sweepScopes(ctx, false, scopesAge, s.o.Limit-max(pending[QueuePeople], pending[QueueGroups])),
		s.sweepSecondLooks(ctx, s.o.Limit-max(pending[QueuePeople], pending[QueueGroups])),
		s.sweepRuns(ctx, runsAge),
		s.probeIdle(ctx),
	)
	s.swept = s.swept || err == nil
	return err
}

func (s *Sweeper) sweepScopes(ctx context.Context, urgent bool, age time.Duration, room int) error {
	if room <= 0 {
		return nil
	}
	hints, err := s.o.Backlog.StaleScopes(ctx, urgent, age, room)
	if err != nil {
		return fmt.Errorf("look for forgotten scopes: %w", err)
	}
	blocked := make(map[string]bool)
	now := s.o.Now()
	var orders []order
	for _, h := range hints {
		if _, known := blocked[h.Tenant]; !known {
			reason, err := s.o.Backlog.Blocked(ctx, h.Tenant)
			if err != nil {
				return fmt.Errorf("read whether tenant %s is blocked: %w", h.Tenant, err)
			}
			blocked[h.Tenant] = reason != ""
		}
		o, wanted, err := s.order(h, blocked[h.Tenant], now)
		if err != nil {
			return fmt.Errorf("enqueue forgotten scopes of tenant %s: %w", h.Tenant, err)
		}
		if wanted {
			orders = append(orders, o)
		}
	}
	if err := s.o.Client.sendPatiently(ctx, orders); err != nil {
		return fmt.Errorf("enqueue %d forgotten scopes: %w", len(orders), err)
	}
	if len(orders) > 0 {
		s.o.Log.Info("enqueued scopes whose events had waited", "scopes", len(orders), "urgent", urgent)
	}
	return nil
}

// order makes the task of a forgotten scope, or of a probe, unless the tenant was
// probed a moment ago.
func (s *Sweeper) order(h directory.ScopeHint, blocked bool, now time.Time) (order, bool, error) {
	p := scopePayload(h, now)
	if !blocked {
		o, err := newOrder(typeScope, p, dated("scope:"+scopeDigest(h.Tenant, h.Scope), now))
		return o, err == nil, err
	}
	if !s.mayProbe(h.Tenant, now) {
		return order{}, false, nil
	}
	p.Probe = true
	o, err := newOrder(typeScope, p)
	return o, err == nil, err
}

// probeIdle asks for tenants that are blocked and have no event that could be tried.
func (s *Sweeper) probeIdle(ctx context.Context) error {
	tenants, err := s.o.Backlog.BlockedIdle(ctx)
	if err != nil {
		return err
	}
	now := s.o.Now()
	var orders []order
	for _, tenant := range tenants {
		if !s.mayProbe(tenant, now) {
			continue
		}
		o, err := newOrder(typeCheck, payload{Tenant: tenant, Probe: true, At: now.Unix()}, dated("check:"+tenant, now))
		if err != nil {
			return fmt.Errorf("probe tenant %s: %w", tenant, err)
		}
		orders = append(orders, o)
	}
	if err := s.o.Client.sendPatiently(ctx, orders); err != nil {
		return fmt.Errorf("enqueue %d probes: %w", len(orders), err)
	}
	return nil
}

// mayProbe says whether it is time for a probe, and notes that it was made.
func (s *Sweeper) mayProbe(tenant string, now time.Time) bool {
	if now.Sub(s.probed[tenant]) < s.o.ProbeEvery {
		return false
	}
	s.probed[tenant] = now
	return true
}

// sweepSecondLooks enqueues looks that are due; nothing else does.
func (s *Sweeper) sweepSecondLooks(ctx context.Context, room int) error {
	if room <= 0 {
		return nil
	}
	hints, err := s.o.Backlog.DueSecondLooks(ctx, s.o.ScopesAge, room)
	if err != nil {
		return err
	}
	now := s.o.Now()
	var orders []order
	for _, h := range hints {
		o, _, err := s.order(h, false, now)
		if err != nil {
			return fmt.Errorf("enqueue second looks of tenant %s: %w", h.Tenant, err)
		}
		orders = append(orders, o)
	}
	if err := s.o.Client.sendPatiently(ctx, orders); err != nil {
		return fmt.Errorf("enqueue %d second looks: %w", len(orders), err)
	}
	return nil
}

func (s *Sweeper) sweepRuns(ctx context.Context, age time.Duration) error {
	runs, err := s.o.Backlog.StaleRuns(ctx, age)
	if err != nil {
		return fmt.Errorf("look for forgotten runs: %w", err)
	}
	now := s.o.Now()
	var orders []order
	for _, r := range runs {
		o, err := runOrder(r, now)
		if err != nil {
			return fmt.Errorf("enqueue forgotten run %s of tenant %s: %w", r.ID, r.Tenant, err)
		}
		orders = append(orders, o)
	}
	if err := s.o.Client.sendPatiently(ctx, orders); err != nil {
		return fmt.Errorf("enqueue %d forgotten runs: %w", len(orders), err)
	}
	if len(orders) > 0 {
		s.o.Log.Debug("enqueued runs that nobody works on", "runs", len(orders))
	}
	return nil
}

// dated gives a sweeper's task an id, with which it is not made again while it
// exists. Such an id would lose work if it were all that there is (asynq refuses
// it while the task is running, and for as long as it is archived), but here
// a refusal only means "later": the next sweep asks again, and the date frees an
// id that was left behind.
func dated(id string, now time.Time) asynq.Option {
	return asynq.TaskID(fmt.Sprintf("sweep:%s:%d", id, now.Unix()/int64(sweepBucket/time.Second)))
}

// clean deletes what is old.
func (s *Sweeper) clean(ctx context.Context) error {
	rows, err := s.o.Purge(ctx)
	if err != nil {
		err = fmt.Errorf("delete old rows: %w", err)
	}
	if rows > 0 {
		s.o.Log.Info("deleted old rows", "rows", rows)
	}
	return errors.Join(err, s.o.Client.clearArchives(ctx))
}

func guarded(ctx context.Context, do func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a defect in the program (panic): %v", r)
		}
	}()
	return do(ctx)
}
