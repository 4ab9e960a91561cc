package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// turnTimeout is how long a turn at an endpoint may take. It ends by itself long before.
const turnTimeout = time.Minute

// Courier delivers to endpoints of products.
type Courier interface {
	// Turn delivers what is due at an endpoint for a while. Only what kept it from that is an error, and
	// not what receivers answer.
	Turn(ctx context.Context, hint directory.LaneHint) error
}

// LaneCalendar is where it stands which endpoints have something due.
type LaneCalendar interface {
	// DueLanes returns endpoints of the tenants that nobody delivers to and that were not swept within grace, and
	// notes that they are swept now.
	DueLanes(ctx context.Context, tenants []string, grace time.Duration) ([]directory.LaneHint, error)
}

// turnAt takes a turn at an endpoint. The task always ends as done: what is left stands in the tables.
func (w *worker) turnAt(ctx context.Context, j *job) error {
	if w.courier == nil {
		return nil
	}
	hint := directory.LaneHint{Tenant: j.Tenant, Endpoint: j.Endpoint, Slow: j.Slow}
	err := guarded(ctx, func(ctx context.Context) error { return w.courier.Turn(ctx, hint) })
	if err != nil && w.base.Err() == nil && !errors.Is(err, context.Canceled) {
		j.log.Warn("could not deliver to an endpoint; nothing is lost, and it is tried again", "endpoint", j.Endpoint, "error", err)
	}
	return nil
}

// PostmanOptions configures a Postman.
type PostmanOptions struct {
	Client   *Client
	Calendar LaneCalendar
	Tenants  func() []string
	Every    time.Duration // between looks, 1 s when zero
	Grace    time.Duration // how long an endpoint waits for its own task, 30 s when zero
	Now      func() time.Time
	Log      *slog.Logger
}

// Postman makes tasks for endpoints at which something is due. Which those are stands in the database, so that a
// Redis that was emptied loses nothing, and several may look at once.
type Postman struct {
	o       PostmanOptions
	woken   chan struct{}
	failing bool
}

// NewPostman returns a postman.
func NewPostman(o PostmanOptions) *Postman {
	o.Every = orDefault(o.Every, time.Second)
	o.Grace = orDefault(o.Grace, 30*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Postman{o: o, woken: make(chan struct{}, 1)}
}

// Wake has it look soon: something was committed, or a turn ended. It returns at once.
func (p *Postman) Wake() {
	select {
	case p.woken <- struct{}{}:
	default: // it is about to look
	}
}

// lookPause is how often it looks at most: commits may come by the hundred.
const lookPause = 25 * time.Millisecond

// Run looks until ctx ends.
func (p *Postman) Run(ctx context.Context) {
	ticker := time.NewTicker(p.o.Every)
	defer ticker.Stop()
	for {
		err := guarded(ctx, p.Look)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil && !p.failing:
			p.o.Log.Warn("could not look for deliveries that are due; nothing is lost, and it is tried again", "in", p.o.Every, "error", err)
		case err == nil && p.failing:
			p.o.Log.Info("deliveries are enqueued again")
		}
		p.failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookPause):
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-p.woken:
		}
	}
}

// Look enqueues what is due. Nothing is noted as swept while Redis is known to be unreachable.
func (p *Postman) Look(ctx context.Context) error {
	tenants := p.o.Tenants()
	if len(tenants) == 0 || p.o.Client.breaker.open(p.o.Now()) {
		return nil
	}
	due, err := p.o.Calendar.DueLanes(ctx, tenants, p.o.Grace)
	if err != nil {
		return err
	}
	var orders []order
	for _, h := range due {
		o, err := newOrder(typeTurn, payload{Tenant: h.Tenant, Endpoint: h.Endpoint, Slow: h.Slow, At: p.o.Now().Unix()})
		if err != nil {
			return err
		}
		orders = append(orders, o)
	}
	if err := p.o.Client.sendPatiently(ctx, orders); err != nil {
		return fmt.Errorf("enqueue turns at %d endpoints: %w", len(orders), err)
	}
	return nil
}
