package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/directory"
)

// ErrUnavailable says that Redis could not be reached a moment ago and was not
// asked again. Nothing is lost: the sweeper enqueues later.
var ErrUnavailable = errors.New("the queue could not be reached a moment ago")

// ClientOptions configures a Client.
type ClientOptions struct {
	Redis redis.UniversalClient
	// Timeout limits one call, 400 ms when zero: the hook endpoint has to answer
	// within a second whatever Redis does.
	Timeout time.Duration
	// Patience limits calls that no hook waits for, 5 s when zero.
	Patience time.Duration
	// Pause is how long calls fail at once after one failed, 2 s when zero.
	Pause time.Duration
	Now   func() time.Time // time.Now when nil
	Log   *slog.Logger     // none when nil
}

// Client puts tasks into the queues. It is safe for concurrent use.
type Client struct {
	redis     redis.UniversalClient
	inspector *asynq.Inspector
	timeout   time.Duration
	patience  time.Duration
	breaker   breaker
	share     allowance
	now       func() time.Time
	log       *slog.Logger
}

// NewClient returns a client on an open connection, which stays the caller's to close.
func NewClient(o ClientOptions) *Client {
	c := &Client{
		redis:     o.Redis,
		inspector: asynq.NewInspectorFromRedisClient(o.Redis),
		timeout:   orDefault(o.Timeout, 400*time.Millisecond),
		patience:  orDefault(o.Patience, 5*time.Second),
		now:       o.Now,
		log:       o.Log,
	}
	c.breaker.window = orDefault(o.Pause, 2*time.Second)
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Enqueue puts the distinct scopes into the queues, in one round trip to
// Redis: a task each, or one task for many that a worker spreads out. An urgent
// hint wins over others of the same scope. It returns within the client's
// timeout, and at once for a while after a failure (ErrUnavailable). An error means
// that some tasks may be missing; the sweeper adds them later.
func (c *Client) Enqueue(ctx context.Context, hints []directory.ScopeHint) error {
	if c.breaker.open(c.now()) {
		return ErrUnavailable // before any work for nothing
	}
	orders, err := scopeOrders(hints, &c.share, c.now())
	if err != nil {
		return fmt.Errorf("enqueue %d scopes: %w", len(hints), err)
	}
	return c.send(ctx, orders)
}

// EnqueueRun puts the task of a run into the queue of its scope. No hook waits for it, so it takes
// more time than Enqueue, and tries whatever happened a moment ago.
func (c *Client) EnqueueRun(ctx context.Context, run directory.Run) error {
	o, err := runOrder(run, c.now())
	if err == nil {
		err = c.sendPatiently(ctx, []order{o})
	}
	if err != nil {
		return fmt.Errorf("enqueue run %s of tenant %s: %w", run.ID, run.Tenant, err)
	}
	return nil
}

// Ping asks Redis for a sign of life, within the client's timeout.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := c.redis.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ask redis for a sign of life: %w", err)
	}
	return nil
}

// send enqueues, unless the queue was unreachable a moment ago.
func (c *Client) send(ctx context.Context, orders []order) error {
	if len(orders) == 0 {
		return nil
	}
	if !c.breaker.allow(c.now()) {
		return ErrUnavailable
	}
	return c.deliver(ctx, orders, c.timeout)
}

// sendPatiently is send where no hook waits.
func (c *Client) sendPatiently(ctx context.Context, orders []order) error {
	if len(orders) == 0 {
		return nil
	}
	return c.deliver(ctx, orders, c.patience)
}

// deliver enqueues within the timeout, and remembers how that went.
func (c *Client) deliver(ctx context.Context, orders []order, timeout time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := enqueueAll(limited, c.redis, orders)
	if err == nil {
		if c.breaker.succeeded() {
			c.log.Info("Redis takes tasks again")
		}
		return nil
	}
	// A caller who went away says nothing about Redis.
	if ctx.Err() == nil && c.breaker.failed(c.now()) {
		c.log.Warn("Redis takes no tasks; what is to be done is kept in the database and enqueued later", "error", err)
	}
	return err
}
