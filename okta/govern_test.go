package okta

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/directory"
)

// header is what Okta sends at the moment at, in a window that ends left later.
func header(at time.Time, limit, remaining int, left time.Duration) http.Header {
	return http.Header{
		"Date":                   {at.UTC().Format(http.TimeFormat)},
		"X-Rate-Limit-Limit":     {strconv.Itoa(limit)},
		"X-Rate-Limit-Remaining": {strconv.Itoa(remaining)},
		"X-Rate-Limit-Reset":     {strconv.FormatInt(at.Add(left).Unix(), 10)},
	}
}

// spend admits calls until the governor refuses, at most most.
func spend(ctx context.Context, g *Governor, tenant string, most int) (int, error) {
	for n := range most {
		if err := g.admit(ctx, tenant, bucketApps); err != nil {
			return n, err
		}
	}
	return most, nil
}

func TestGovernorWithoutLimits(t *testing.T) {
	t.Parallel()
	g, clock := newTestGovernor(t, GovernorOptions{})
	counted := &countingLedger{next: g.local}
	g.local = counted
	for range 10_000 {
		if err := g.admit(WithPriority(t.Context(), Bulk), "acme", bucketApps); err != nil {
			t.Fatal(err)
		}
		g.learn(t.Context(), "acme", bucketApps, 200, http.Header{})
	}
	if counted.n != 1 || len(clock.slept) != 0 {
		t.Errorf("%d questions to the ledger and %d waits for calls without limit; want 1 and 0", counted.n, len(clock.slept))
	}
}

func TestGovernorCostsLittleWithLargeLimits(t *testing.T) {
	t.Parallel()
	g, clock := newTestGovernor(t, GovernorOptions{})
	counted := &countingLedger{next: g.local}
	g.local = counted
	for i := range 10_000 {
		if err := g.admit(t.Context(), "acme", bucketApps); err != nil {
			t.Fatal(err)
		}
		g.learn(t.Context(), "acme", bucketApps, 200, header(clock.now(), 1_000_000, 1_000_000-i, time.Minute))
	}
	if counted.n > 10 {
		t.Errorf("%d questions to the ledger for 10,000 calls", counted.n)
	}
}

type countingLedger struct {
	next ledger
	n    int
}

func (c *countingLedger) exchange(ctx context.Context, q question) (grant, error) {
	c.n++
	return c.next.exchange(ctx, q)
}

func TestGovernorKeepsTheShare(t *testing.T) {
	t.Parallel()
	g, clock := newTestGovernor(t, GovernorOptions{})
	g.learn(t.Context(), "acme", bucketApps, 200, header(clock.now(), 100, 99, 30*time.Second))

	bulk, err := spend(WithPriority(t.Context(), Bulk), g, "acme", 1000)
	var later *directory.RetryAfterError
	if bulk != 40 || !errors.As(err, &later) || !errors.Is(err, errNoBudget) || later.Wait < 30*time.Second || later.Wait > 36*time.Second {
		t.Errorf("bulk made %d calls, want 40: %v", bulk, err)
	}
	if events, _ := spend(t.Context(), g, "acme", 1000); events != 10 {
		t.Errorf("events made %d calls, want the 10 that bulk left", events)
	}
	if urgent, _ := spend(WithPriority(t.Context(), Urgent), g, "acme", 1000); urgent != 49 {
		t.Errorf("urgent made %d calls, want the 49 that Okta still grants", urgent)
	}
	if n, _ := spend(t.Context(), g, "other", 1000); n != 1000 {
		t.Errorf("another tenant has its own budget, but made %d calls", n)
	}
	if err := clock.sleep(t.Context(), later.Wait); err != nil {
		t.Fatal(err)
	}
	if n, _ := spend(WithPriority(t.Context(), Bulk), g, "acme", 1000); n != 40 {
		t.Errorf("bulk made %d calls in the next window, want 40", n)
	}
}

// However many events and pulls ask at once, in several processes, and whatever part of the limit
// they may use: what is kept for urgent calls stays.
func TestReserveIsKeptForUrgentCalls(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{10, 50, 500} {
		t.Run(strconv.Itoa(limit), func(t *testing.T) {
			t.Parallel()
			tenant := testTenant(t)
			okta := &countingOkta{limit: limit, ends: time.Now().Add(40 * time.Second)}
			var governors []*Governor
			for range 2 {
				g, err := NewGovernor(GovernorOptions{Share: 1})
				if err != nil {
					t.Fatal(err)
				}
				governors = append(governors, g)
				g.local = governors[0].local // as Redis would be, but for its slowness on a busy machine
			}
			for range 2 { // the first call tells a governor the limit, with the second it tells the ledger
				for _, g := range governors {
					if err := g.admit(t.Context(), tenant, bucketApps); err != nil {
						t.Fatal(err)
					}
					okta.call(t.Context(), g, tenant)
				}
			}
			var all gosync.WaitGroup
			for i := range 40 {
				all.Go(func() {
					ctx := WithPriority(t.Context(), []Priority{Event, Bulk}[i%2])
					for governors[i%4/2].admit(ctx, tenant, bucketApps) == nil {
						okta.call(ctx, governors[i%4/2], tenant)
					}
				})
			}
			all.Wait()
			reserve := (limit + 4) / 5
			if left := okta.left(); left < reserve {
				t.Fatalf("events and pulls left %d of %d calls, want at least %d", left, limit, reserve)
			}
			urgent := WithPriority(t.Context(), Urgent)
			for n := range reserve {
				if err := governors[n%2].admit(urgent, tenant, bucketApps); err != nil {
					t.Fatalf("urgent call %d of %d waits: %v", n+1, reserve, err)
				}
				okta.call(urgent, governors[n%2], tenant)
			}
		})
	}
}

// countingOkta counts calls in one window, as Okta does.
type countingOkta struct {
	mu          gosync.Mutex
	limit, used int
	ends        time.Time
}

func (o *countingOkta) call(ctx context.Context, g *Governor, tenant string) {
	o.mu.Lock()
	o.used++
	h := header(time.Now(), o.limit, o.limit-o.used, time.Until(o.ends))
	h.Set("X-Rate-Limit-Reset", strconv.FormatInt(o.ends.Unix(), 10))
	o.mu.Unlock()
	runtime.Gosched() // others have the chance to ask while this answer is on its way
	g.learn(ctx, tenant, bucketApps, 200, h)
}

func (o *countingOkta) left() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.limit - o.used
}

func TestGovernorStopsAtTheReserve(t *testing.T) {
	t.Parallel()
	g, clock := newTestGovernor(t, GovernorOptions{})
	g.learn(t.Context(), "acme", bucketApps, 200, header(clock.now(), 1000, 999, time.Minute))
	if _, err := spend(t.Context(), g, "acme", 1); err != nil { // takes a lease of ten
		t.Fatal(err)
	}
	g.learn(t.Context(), "acme", bucketApps, 200, header(clock.now(), 1000, 200, time.Minute)) // others were busy
	if n, err := spend(t.Context(), g, "acme", 5); n != 0 || err == nil {
		t.Errorf("%d calls went out below the reserve: %v", n, err)
	}
	if n, err := spend(WithPriority(t.Context(), Urgent), g, "acme", 5); n != 5 || err != nil {
		t.Errorf("urgent calls stop at %d: %v", n, err)
	}
}

func TestGovernorWaitsOutShortWaits(t *testing.T) {
	t.Parallel()
	g, clock := newTestGovernor(t, GovernorOptions{})
	g.learn(t.Context(), "acme", bucketApps, 200, header(clock.now(), 100, 1, time.Second))
	if err := g.admit(t.Context(), "acme", bucketApps); err != nil {
		t.Errorf("a wait of two seconds was not waited out: %v", err)
	}
	if len(clock.slept) != 1 || clock.slept[0] != 2*time.Second {
		t.Errorf("slept %v", clock.slept)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.learn(t.Context(), "acme", bucketApps, 200, header(clock.now(), 100, 1, time.Second))
	if err := g.admit(ctx, "acme", bucketApps); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait goes on after its context: %v", err)
	}
}

func TestGovernorHeeds429(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		header  func(at time.Time) http.Header
		atLeast time.Duration
		atMost  time.Duration
		who     []Priority
	}{
		{"until the reset", func(at time.Time) http.Header { return header(at, 100, 0, 40*time.Second) }, 40 * time.Second, 50 * time.Second, []Priority{Urgent, Event, Bulk}},
		{"without reset", func(time.Time) http.Header { return http.Header{} }, unknownWait, unknownWait * 5 / 4, []Priority{Urgent, Event, Bulk}},
		// The others make room for urgent calls.
		{"too many at a time", func(at time.Time) http.Header { return header(at, 0, 0, 50*time.Second) }, busyWait, busyWait * 3 / 2, []Priority{Event, Bulk}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g, clock := newTestGovernor(t, GovernorOptions{})
			for _, p := range test.who {
				ctx := WithPriority(t.Context(), p)
				g.learn(ctx, "acme", bucketApps, 429, test.header(clock.now()))
				err := g.admit(ctx, "acme", bucketApps)
				var later *directory.RetryAfterError
				if !errors.As(err, &later) || later.Wait < test.atLeast || later.Wait > test.atMost {
					t.Fatalf("priority %d: %v", p, err)
				}
				if err := clock.sleep(ctx, later.Wait); err != nil {
					t.Fatal(err)
				}
				if err := g.admit(ctx, "acme", bucketApps); err != nil {
					t.Errorf("priority %d still waits: %v", p, err)
				}
			}
			if !slices.Contains(test.who, Urgent) {
				g.learn(t.Context(), "acme", bucketApps, 429, test.header(clock.now()))
				if err := g.admit(WithPriority(t.Context(), Urgent), "acme", bucketApps); err != nil {
					t.Errorf("an urgent call waits: %v", err)
				}
			}
		})
	}
}

func TestGovernorsShareOneBudget(t *testing.T) {
	t.Parallel()
	tenant := testTenant(t)
	var governors []*Governor
	for range 2 {
		g, err := NewGovernor(GovernorOptions{Redis: testRedis(t)})
		if err != nil {
			t.Fatal(err)
		}
		governors = append(governors, g)
	}
	governors[0].learn(t.Context(), tenant, bucketApps, 200, header(time.Now(), 200, 199, 40*time.Second))
	if err := governors[0].admit(t.Context(), tenant, bucketApps); err != nil {
		t.Fatal(err)
	}
	var all gosync.WaitGroup
	made := make([]int, 2)
	for i, g := range governors {
		first, err := spend(t.Context(), g, tenant, 5)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			rest, _ := spend(t.Context(), g, tenant, 1000)
			made[i] = first + rest
		})
	}
	all.Wait()
	// Both went on until they were refused, so no leased lot is left over.
	if sum := 1 + made[0] + made[1]; sum != 100 {
		t.Errorf("replicas made %v calls and 1 before, want 100 in all", made)
	}

	// What one learns the other heeds.
	governors[0].learn(t.Context(), tenant, bucketUser, 200, header(time.Now(), 100, 5, 40*time.Second))
	if err := governors[1].admit(t.Context(), tenant, bucketUser); !errors.Is(err, errNoBudget) {
		t.Errorf("the other replica goes below the reserve: %v", err)
	}
}

// A Redis that is down, or that accepts and never answers, must not hold up Okta calls.
func TestGovernorWithoutRedis(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open []net.Conn
	var mu gosync.Mutex
	var done gosync.WaitGroup
	done.Go(func() {
		for {
			conn, err := silent.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = silent.Close()
		done.Wait()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			_ = c.Close()
		}
	})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, address := range map[string]string{"silent": silent.Addr().String(), "closed": closed.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			client := redis.NewClient(&redis.Options{Addr: address, ReadTimeout: time.Second, DialTimeout: time.Second, MaxRetries: -1})
			t.Cleanup(func() { _ = client.Close() })
			g, clock := newTestGovernor(t, GovernorOptions{Redis: client})
			started := time.Now()
			g.learn(t.Context(), "acme", bucketApps, 200, header(clock.now(), 100, 99, time.Minute))
			n, err := spend(t.Context(), g, "acme", 1000)
			if n != 50 || !errors.Is(err, errNoBudget) {
				t.Errorf("%d calls, want the share of 50 that this process keeps itself: %v", n, err)
			}
			if took := time.Since(started); took > 30*time.Second {
				t.Errorf("Redis held the calls up for %s", took)
			}
		})
	}
}

func TestGovernorLosesRedis(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), DialTimeout: time.Second, MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	g, clock := newTestGovernor(t, GovernorOptions{Redis: client})
	g.learn(t.Context(), "acme", bucketApps, 200, header(clock.now(), 100, 99, time.Minute))
	if n, err := spend(t.Context(), g, "acme", 10); n != 10 {
		t.Fatalf("%d calls: %v", n, err)
	}
	server.Close()
	if n, err := spend(t.Context(), g, "acme", 1000); n != 50 || !errors.Is(err, errNoBudget) {
		t.Errorf("%d calls without Redis, want a share of 50: %v", n, err)
	}
}

func TestGovernorRefusesBadShares(t *testing.T) {
	t.Parallel()
	for _, o := range []GovernorOptions{{Share: 1.1}, {Share: -1}, {Reserve: 1}, {Reserve: -0.1}} {
		if _, err := NewGovernor(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// A 429 to one person's read goes back to the queue instead of holding a worker.
func TestPersonUnderRateLimit(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.on("/api/v1/users/"+ada, func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range header(time.Now(), 600, 0, 20*time.Second) {
			w.Header()[k] = v
		}
		refuse(w, 429, "E0000047")
	})
	r := o.reader(t)
	for range 2 {
		_, err := r.Person(t.Context(), directory.PersonRequest{Ref: ada})
		var later *directory.RetryAfterError
		if !errors.As(err, &later) || later.Wait < 15*time.Second || later.Wait > 30*time.Second {
			t.Fatalf("want a wait of about 20 s: %v", err)
		}
	}
	if n := len(o.paths()); n != 1 {
		t.Errorf("%d calls; after a 429 nothing should go out before the reset", n)
	}
}

// A read by id that belongs to a run waits for the reset, as the run's lists do.
func TestBulkReadWaits(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	var refused atomic.Bool
	o.on("/api/v1/groups/00g1", func(w http.ResponseWriter, _ *http.Request) {
		if refused.CompareAndSwap(false, true) {
			for k, v := range header(time.Now(), 600, 0, 20*time.Second) {
				w.Header()[k] = v
			}
			refuse(w, 429, "E0000047")
			return
		}
		answerJSON(w, 200, groupJSON("00g1", "Sales"))
	})
	seen, err := o.reader(t).Group(WithPriority(t.Context(), Bulk), "00g1", false)
	if err != nil || !seen.Exists {
		t.Errorf("the run's read gave %+v, %v; want the group after the reset", seen, err)
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.json("/api/v1/groups/00g1", 200, groupJSON("00g1", "Sales"))
	o.on("/api/v1/groups/00g2", hangUp)
	var mu gosync.Mutex
	var told []string
	r := o.reader(t, func(o *Options) {
		o.Observe = func(bucket string, status int, _, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, bucket+" "+strconv.Itoa(status))
			if took <= 0 {
				t.Errorf("took %s", took)
			}
		}
	})
	for _, id := range []string{"00g1", "00g2", "00g3"} {
		_, _ = r.Group(t.Context(), id, false) // what it answers is tested elsewhere
	}
	if want := "[group 200 group 0 group 404]"; want != "["+told[0]+" "+told[1]+" "+told[2]+"]" || len(told) != 3 {
		t.Errorf("told %v, want %s", told, want)
	}
}

// An org whose limits shrink: what was leased of the large limit, and not used, must not count
// against the small one.
func TestGovernorSurvivesASmallerLimit(t *testing.T) {
	t.Parallel()
	g, clock := newTestGovernor(t, GovernorOptions{})
	g.learn(t.Context(), "acme", bucketApps, 200, header(clock.now(), 1_000_000, 999_999, time.Second))
	if err := g.admit(t.Context(), "acme", bucketApps); err != nil { // tells the ledger
		t.Fatal(err)
	}
	if err := clock.sleep(t.Context(), 3*time.Second); err != nil { // that window is over
		t.Fatal(err)
	}
	if err := g.admit(t.Context(), "acme", bucketApps); err != nil { // leases a lot of the next one
		t.Fatal(err)
	}
	g.learn(t.Context(), "acme", bucketApps, 200, header(clock.now(), 100, 99, 50*time.Second))
	if n, err := spend(WithPriority(t.Context(), Urgent), g, "acme", 5); n != 5 {
		t.Errorf("%d of 5 urgent calls went out: %v", n, err)
	}
	if n, err := spend(t.Context(), g, "acme", 10); n != 10 {
		t.Errorf("%d of 10 events went out: %v", n, err)
	}
}
