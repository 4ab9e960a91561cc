package emulator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Org is an Okta org in memory. All methods may be used from many goroutines.
// Make it with [New] and end it with [Org.Close].
type Org struct {
	opt     Options
	mux     *router
	control *router
	kinds   map[string]eventKind

	// mu guards the state below and everything reachable from it.
	mu sync.RWMutex
	state

	auth    *authority
	limits  *limiter
	faults  *faultSet
	counts  *counters
	deliver *deliverer

	inFlight atomic.Int64
	base     atomic.Pointer[string] // address used when no request tells one
}

// state is what a reset replaces.
type state struct {
	people  []*person          // sorted by id
	byLogin map[string]*person // folded login
	admin   *person            // owner of the API tokens; in no list
	groups  []*group           // sorted by id
	all     *group             // Everyone
	apps    []*app             // sorted by id
	hooks   []*hook            // sorted by id
	linked  []*linkedObject
	log     eventLog
	schema  *schema
	rand    *rand.Rand

	orgID, typeID, schemaID string
	founded                 millis
	nextUser, nextGroup     uint64
	nextApp, nextAppUser    uint64
	nextAppGroup, nextHook  uint64
}

// New makes an org from its options. It fails on options that contradict each
// other or on keys that cannot be read.
func New(opt Options) (*Org, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	o := &Org{opt: opt, kinds: kindTable()}
	if o.auth, err = newAuthority(opt); err != nil {
		return nil, err
	}
	o.limits = newLimiter(opt.Limits)
	o.faults = &faultSet{}
	o.counts = newCounters()
	o.deliver = newDeliverer(o)
	base := opt.BaseURL
	o.base.Store(&base)
	if o.state, err = generate(opt); err != nil {
		return nil, err
	}
	o.mux = newRouter(o.routes())
	o.control = newRouter(o.controlRoutes())
	return o, nil
}

// Handler answers Okta's API and the control interface under /emulator/v1/.
func (o *Org) Handler() http.Handler { return http.HandlerFunc(o.serve) }

// Reset makes the org anew from its options: people, groups, assignments, log,
// hooks, faults, counters and rate-limit windows. Tokens, service apps and
// their revocations are kept. Deliveries still queued are dropped.
func (o *Org) Reset() error {
	fresh, err := generate(o.opt)
	if err != nil {
		return fmt.Errorf("reset the org: %w", err)
	}
	o.mu.Lock()
	o.state = fresh
	o.mu.Unlock()
	o.deliver.forget()
	o.faults.clear()
	o.counts.clear()
	o.limits.clear()
	return nil
}

// Close stops the hook deliveries and waits until the last one has ended. The
// org answers requests afterwards, but sends nothing.
func (o *Org) Close() error {
	o.deliver.close()
	return nil
}

// WaitHooks returns once no hook delivery is queued or under way, or when ctx
// ends. Batches that a fault holds back count as queued.
func (o *Org) WaitHooks(ctx context.Context) error {
	if err := o.deliver.wait(ctx); err != nil {
		return fmt.Errorf("wait for the hook deliveries of the org: %w", err)
	}
	return nil
}

// BaseURL is the org's address: that of the last [Start], or the option's.
func (o *Org) BaseURL() string { return *o.base.Load() }

// SetBaseURL tells the org where it is served, for the source of hook
// deliveries. With httptest, pass the server's URL.
func (o *Org) SetBaseURL(url string) { o.base.Store(&url) }

// now is the time of the injected clock, in UTC.
func (o *Org) now() time.Time { return o.opt.Now().UTC() }
