package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/oktasync/oktasync/directory"
)

// Path is where hooks arrive; Path/{tenant} names the tenant.
const Path = "/webhooks/okta"

const (
	// maxBody is the largest body that is taken, in bytes. Okta documents no limit
	// and merges events that are close in time.
	maxBody = 4 << 20
	// Okta waits 3 s for the whole answer (event hooks guide). These leave room
	// for the network and TLS.
	budget        = 2 * time.Second
	storeBudget   = 1200 * time.Millisecond
	enqueueBudget = 500 * time.Millisecond
	// maxEnqueues is how many enqueues may hang before no more are tried.
	maxEnqueues = 64
)

// Inbox stores events.
type Inbox interface {
	// AddEvents stores all events or none. Events whose uuid the tenant has already
	// vanish.
	AddEvents(ctx context.Context, tenant string, events []directory.Event) error
}

// Enqueuer asks for scopes to be reconciled soon.
type Enqueuer interface {
	Enqueue(ctx context.Context, hints []directory.ScopeHint) error
}

// Metrics are called as things happen. Each may be nil. Tenant is empty while
// nobody has proved to speak for one, so that strangers cannot make up labels.
type Metrics struct {
	// Answered tells each answer's status and how long it took.
	Answered func(tenant, method string, status int, took time.Duration)
	// Stored tells the events of a delivery and the age of the oldest.
	Stored func(tenant string, events int, lag time.Duration)
	// AuthFailed counts callers without a right secret. Reason is "missing",
	// "wrong", or "limited" for those beyond the limit.
	AuthFailed func(reason string)
	// EnqueueFailed counts deliveries whose scopes the sweeper has to enqueue.
	EnqueueFailed func(tenant string)
}

// Options are what a Handler needs.
type Options struct {
	Tenants  Tenants
	Inbox    Inbox
	Enqueuer Enqueuer
	Logger   *slog.Logger
	Metrics  Metrics
	// Uses hears with which secret each delivery came; it may be nil.
	Uses *Uses
	// Failures limits failed authentications; nil means one with the defaults.
	Failures *FailureLimit
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Handler serves the endpoint. It is safe for concurrent use.
type Handler struct {
	tenants  Tenants
	inbox    Inbox
	enqueuer Enqueuer
	log      *slog.Logger
	metrics  Metrics
	failures *FailureLimit
	uses     *Uses
	now      func() time.Time
	keys     *keyring
	time     patience
	// enqueues has one entry for each enqueue that has not come back.
	enqueues chan struct{}
}

// New returns a handler. It fails when a part is missing.
func New(o Options) (*Handler, error) {
	if o.Tenants == nil || o.Inbox == nil || o.Enqueuer == nil || o.Logger == nil {
		return nil, errors.New("make hook endpoint: tenants, inbox, enqueuer and logger are all needed")
	}
	if o.Failures == nil {
		o.Failures = NewFailureLimit(0, 0, 0)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	keys, err := newKeyring()
	if err != nil {
		return nil, fmt.Errorf("make hook endpoint: %w", err)
	}
	return &Handler{
		tenants: o.Tenants, inbox: o.Inbox, enqueuer: o.Enqueuer, log: o.Logger, metrics: o.Metrics,
		failures: o.Failures, uses: o.Uses, now: o.Now, keys: keys,
		time:     patience{whole: budget, store: storeBudget, enqueue: enqueueBudget},
		enqueues: make(chan struct{}, maxEnqueues),
	}, nil
}

// patience is how long a delivery may take.
type patience struct{ whole, store, enqueue time.Duration }

// Routes is what Register needs of *echo.Echo or *echo.Group.
type Routes interface {
	Add(method, path string, handler echo.HandlerFunc, middleware ...echo.MiddlewareFunc) *echo.Route
}

// Register adds the endpoint's routes. The source of a request is what the
// Echo's IPExtractor says: set it to fit the proxies in front.
func (h *Handler) Register(r Routes) {
	for _, path := range []string{Path, Path + "/", Path + "/:tenant"} {
		r.Add(http.MethodGet, path, h.measured(h.verify))
		r.Add(http.MethodPost, path, h.measured(h.deliver))
	}
}

// Wait returns when no enqueue is under way any more, or with the context's
// error. Call it after the HTTP server has stopped and before the Enqueuer's
// connection is closed.
func (h *Handler) Wait(ctx context.Context) error {
	for range cap(h.enqueues) {
		select {
		case h.enqueues <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("wait for the last hook tasks to be enqueued: %w", ctx.Err())
		}
	}
	return nil
}

// answered is what a handler tells about the answer it gave.
type answered struct {
	tenant string // empty unless the secret was right
	err    error  // from writing the answer
}

// measured calls Metrics.Answered after each answer.
func (h *Handler) measured(serve func(c echo.Context) answered) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := h.now()
		a := serve(c)
		if h.metrics.Answered != nil {
			h.metrics.Answered(a.tenant, c.Request().Method, c.Response().Status, h.now().Sub(start))
		}
		return a.err
	}
}

// problem is the body of every answer that is not a success.
type problem struct {
	Error string `json:"error"`
}

// refuse answers with a sentence. It goes to Okta's System Log at best, so it
// says nothing that a stranger may not know.
func refuse(c echo.Context, status int, sentence string) error {
	secure(c)
	return c.JSON(status, problem{Error: sentence})
}

// secure keeps browsers from guessing types and anyone from caching.
func secure(c echo.Context) {
	c.Response().Header().Set("X-Content-Type-Options", "nosniff")
	c.Response().Header().Set("Cache-Control", "no-store")
}
