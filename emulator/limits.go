package emulator

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The rate-limit buckets (Okta: last published tables of December 2025).
const (
	bucketUserGet   = "users.get"   // GET /users/{id}
	bucketUsers     = "users"       // list and create users
	bucketUserWrite = "users.write" // change one user
	bucketGroups    = "groups"      // list and create groups
	bucketGroup     = "groups.one"  // /groups/{id}
	bucketApps      = "apps"        // /apps and everything below an app
	bucketApp       = "apps.one"    // /apps/{id} itself
	bucketLogs      = "logs"
	bucketOther     = "other"
	bucketOAuth     = "oauth"
)

// Plan names a column of Okta's table of rate limits.
type Plan string

// The plans. Unlimited counts nothing and shows a limit of a million.
const (
	Workforce      Plan = "workforce" // the default
	Enterprise     Plan = "enterprise"
	OneApp         Plan = "one_app"
	IntegratorFree Plan = "integrator_free"
	UnlimitedPlan  Plan = "unlimited"
)

// Limits are the org's rate limits. The zero value is a workforce org whose
// tokens get half of every bucket, as at Okta.
type Limits struct {
	Plan Plan
	// TokenShare is the part of each bucket that one token may use; 0 = 0.5,
	// 1 = all of it.
	TokenShare float64
	// PerMinute replaces single buckets: users.get, users, users.write,
	// groups, groups.one, apps, apps.one, logs, other, oauth.
	PerMinute map[string]int
	// Concurrent is the number of requests allowed at once; 0 = 75 (35 for
	// integrator_free).
	Concurrent int
}

// Unlimited switches rate and concurrency limits off.
func Unlimited() Limits { return Limits{Plan: UnlimitedPlan} }

func planTable(p Plan) (map[string]int, error) {
	names := []string{bucketUserGet, bucketUsers, bucketUserWrite, bucketGroups, bucketGroup, bucketApps, bucketApp,
		bucketLogs, bucketOther, bucketOAuth}
	var row []int
	switch p {
	case "", Workforce:
		row = []int{2000, 600, 600, 500, 1000, 100, 500, 120, 1200, 1200}
	case Enterprise:
		row = []int{1000, 600, 600, 600, 600, 100, 600, 50, 600, 600}
	case OneApp:
		row = []int{1000, 600, 600, 600, 600, 100, 600, 50, 600, 600}
	case IntegratorFree:
		row = []int{100, 100, 100, 100, 100, 20, 100, 20, 100, 100}
	case UnlimitedPlan:
		row = slices.Repeat([]int{1_000_000}, len(names))
	default:
		return nil, fmt.Errorf("set the rate limits of the org: unknown plan %q", p)
	}
	table := map[string]int{}
	for i, n := range names {
		table[n] = row[i]
	}
	return table, nil
}

func (l Limits) withDefaults() (Limits, error) {
	table, err := planTable(l.Plan)
	if err != nil {
		return l, err
	}
	for _, name := range slices.Sorted(maps.Keys(l.PerMinute)) {
		if _, ok := table[name]; !ok {
			return l, fmt.Errorf("set the rate limits of the org: unknown bucket %q, known are %s",
				name, strings.Join(slices.Sorted(maps.Keys(table)), ", "))
		}
		table[name] = l.PerMinute[name]
	}
	if l.TokenShare == 0 {
		l.TokenShare = 0.5
	}
	if l.TokenShare < 0 || l.TokenShare > 1 {
		return l, fmt.Errorf("set the rate limits of the org: the share of a token is %v, it must lie between 0 and 1", l.TokenShare)
	}
	if l.Concurrent == 0 {
		l.Concurrent = 75
		if l.Plan == IntegratorFree {
			l.Concurrent = 35
		}
	}
	l.PerMinute = table
	return l, nil
}

// limiter counts requests in windows of 60 seconds that begin with the first
// request, per bucket for the org and per bucket and token for the share.
type limiter struct {
	mu      sync.Mutex
	set     Limits
	windows map[windowKey]*window
}

type windowKey struct{ bucket, token string }

type window struct {
	start time.Time
	used  int
}

const windowLength = time.Minute

func newLimiter(set Limits) *limiter {
	return &limiter{set: set, windows: map[windowKey]*window{}}
}

func (l *limiter) clear() {
	l.mu.Lock()
	l.windows = map[windowKey]*window{}
	l.mu.Unlock()
}

// SetLimits changes the org's limits from now on; the windows under way are forgotten.
func (o *Org) SetLimits(set Limits) error {
	set, err := set.withDefaults()
	if err != nil {
		return err
	}
	o.limits.clear()
	o.limits.mu.Lock()
	defer o.limits.mu.Unlock()
	o.limits.set = set
	return nil
}

// off is asked under the lock.
func (l *limiter) off() bool { return l.set.Plan == UnlimitedPlan }

func (l *limiter) tooMany(inFlight int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.off() && inFlight > int64(l.set.Concurrent)
}

// take counts one request and writes the headers of the tighter of the two
// counters. It says false when one of them is used up.
func (l *limiter) take(h http.Header, bucket, token string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.set.PerMinute[bucket]
	if l.off() {
		writeRate(h, all, all-1, now.Add(windowLength))
		return true
	}
	org := l.window(windowKey{bucket: bucket}, now)
	share := all
	mine := org
	if token != "" {
		share = max(int(float64(all)*l.set.TokenShare), 1)
		mine = l.window(windowKey{bucket, token}, now)
	}
	ok := org.used < all && mine.used < share
	if ok {
		org.used++
		if mine != org {
			mine.used++
		}
	}
	if all-org.used < share-mine.used {
		writeRate(h, all, all-org.used, org.start.Add(windowLength))
		return ok
	}
	writeRate(h, share, share-mine.used, mine.start.Add(windowLength))
	return ok
}

func (l *limiter) window(k windowKey, now time.Time) *window {
	w := l.windows[k]
	if w == nil || now.Sub(w.start) >= windowLength {
		w = &window{start: now}
		l.windows[k] = w
	}
	return w
}

// concurrent writes the headers of a concurrency refusal: limit 0, and a reset
// that is only a hint (Okta: concurrent rate limits).
func (l *limiter) concurrent(h http.Header, now time.Time) {
	writeRate(h, 0, 0, now.Add(windowLength))
}

func writeRate(h http.Header, limit, remaining int, reset time.Time) {
	h.Set("X-Rate-Limit-Limit", strconv.Itoa(limit))
	h.Set("X-Rate-Limit-Remaining", strconv.Itoa(max(remaining, 0)))
	// Rounded up: the window must have ended at the second that is told.
	h.Set("X-Rate-Limit-Reset", strconv.FormatInt(reset.Add(time.Second-1).Unix(), 10))
}
