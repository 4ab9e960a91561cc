package okta

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Reader reads one tenant's Okta org. It is safe for concurrent use.
type Reader struct {
	tenant      string
	orgURL      string
	appID       string // validated
	groups      directory.GroupSelection
	clock       func(ctx context.Context) (time.Time, error)
	now         func() time.Time
	sleep       func(ctx context.Context, d time.Duration) error
	timeout     time.Duration
	concurrency int
	memberLimit int
	maxPages    int
	log         *slog.Logger
	observe     func(bucket string, status int, wait, took time.Duration)

	sdk       *sdkClient
	transport *transport
	tokens    *tokenSource // nil with an API token
	governor  *Governor
	slots     *slots
	lastPull  atomic.Int64 // calls of the last complete full pull, for estimates
}

// New makes a reader. It checks the options, all problems at once, and sends nothing.
func New(o Options) (*Reader, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("make an okta reader: %w", err)
	}
	next := o.Transport
	if next == nil {
		next = newTransport(o.Concurrency + 4)
	}
	governor := o.Governor
	if governor == nil {
		var err error
		if governor, err = NewGovernor(GovernorOptions{Logger: o.Logger, Now: o.Now}); err != nil {
			return nil, fmt.Errorf("make an okta reader: %w", err)
		}
	}
	r := &Reader{
		tenant: o.Tenant, orgURL: o.OrgURL, appID: o.AppID, groups: o.Groups, clock: o.Clock, now: o.Now, sleep: sleep,
		timeout: o.Timeout, concurrency: o.Concurrency, memberLimit: o.MemberLimit, maxPages: o.MaxPages,
		log: o.Logger.With("tenant", o.Tenant), observe: o.Observe,
		transport: &transport{next: next, now: o.Now, longest: longestBody}, governor: governor,
		slots: newSlots(o.Concurrency),
	}
	client := &http.Client{
		Transport: r.transport,
		Timeout:   o.Timeout + time.Second, // behind the deadline of each call, whose sentence is better
		// A redirect would carry the token to another address.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	settings := sdkOptions{orgURL: o.OrgURL, token: o.Credentials.Token, mode: "SSWS",
		allowHTTP: o.AllowHTTP, timeout: o.Timeout + time.Second, httpClient: client}
	if app := o.Credentials.ServiceApp; app != nil {
		var err error
		if r.tokens, err = newTokenSource(o, *app, client); err != nil {
			return nil, fmt.Errorf("make an okta reader: %w", err)
		}
		// The SDK insists on a token; the transport puts the real one in its place.
		settings.mode, settings.token = "Bearer", "replaced-by-the-transport"
	}
	var err error
	if r.sdk, err = newSDKClient(context.Background(), settings); err != nil {
		return nil, fmt.Errorf("make an okta reader: %w", err)
	}
	return r, nil
}

// Close closes idle connections.
func (r *Reader) Close() {
	if idle, ok := r.transport.next.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}

// sleepOut waits for a rate limit, however long.
func (r *Reader) sleepOut(ctx context.Context, d time.Duration, _ error) error {
	return r.sleep(ctx, d)
}

// sleep waits, or returns early when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
