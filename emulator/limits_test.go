package emulator_test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

func header(t *testing.T, a answer, name string) int {
	t.Helper()
	n, err := strconv.Atoi(a.header.Get(name))
	if err != nil {
		t.Fatalf("header %s: %v", name, err)
	}
	return n
}

func TestBucketsOfAWorkforceOrg(t *testing.T) {
	t.Parallel()
	clock := newClock()
	opt := small()
	opt.Now, opt.Limits = clock.now, emulator.Limits{}
	r := newRig(t, opt)
	app, id, group := r.org.AppID(), r.org.PersonIDs()[0], r.org.Groups()[1].ID
	tests := []struct {
		method, path string
		limit        int // half of the bucket
	}{
		{"GET", "/api/v1/users/" + id, 1000},
		{"GET", "/api/v1/users", 300},
		{"POST", "/api/v1/users/" + id, 300},
		{"GET", "/api/v1/groups", 250},
		{"GET", "/api/v1/groups/" + group, 500},
		{"GET", "/api/v1/groups/" + group + "/users", 600},
		{"GET", "/api/v1/apps", 50},
		{"GET", "/api/v1/apps/" + app + "/users", 50},
		{"GET", "/api/v1/apps/" + app, 250},
		{"GET", "/api/v1/logs", 60},
		{"GET", "/api/v1/eventHooks", 600},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			a := r.do(tt.method, tt.path, object{})
			if n := header(t, a, "X-Rate-Limit-Limit"); n != tt.limit {
				t.Errorf("limit %d, want %d", n, tt.limit)
			}
		})
	}
	// /apps and everything below an app share one bucket.
	a := r.do("GET", "/api/v1/apps", nil)
	if n := header(t, a, "X-Rate-Limit-Remaining"); n != 47 {
		t.Errorf("%d calls left, want 47 after three", n)
	}
}

func TestRateLimitRunsOutAndComesBack(t *testing.T) {
	t.Parallel()
	clock := newClock()
	opt := small()
	opt.Now = clock.now
	opt.Tokens = []string{emulator.DefaultToken, "00other"}
	opt.Limits = emulator.Limits{PerMinute: map[string]int{"logs": 6}, TokenShare: 0.5}
	r := newRig(t, opt)
	for i := range 3 {
		a := r.want(200, http.MethodGet, "/api/v1/logs", nil)
		if n := header(t, a, "X-Rate-Limit-Remaining"); n != 2-i {
			t.Errorf("call %d: %d left", i, n)
		}
	}
	a := r.want(429, http.MethodGet, "/api/v1/logs", nil)
	if a.code(t) != "E0000047" || a.header.Get("X-Okta-Request-Id") == "" {
		t.Errorf("%s %v", a.body, a.header)
	}
	date, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		t.Fatal(err)
	}
	wait := int64(header(t, a, "X-Rate-Limit-Reset")) - date.Unix()
	if wait < 1 || wait > 61 {
		t.Errorf("the reset lies %d seconds ahead", wait)
	}
	// The other token has a share of its own, the org has not.
	r.auth = "SSWS 00other"
	for range 3 {
		r.want(200, http.MethodGet, "/api/v1/logs", nil)
	}
	r.want(429, http.MethodGet, "/api/v1/logs", nil)
	clock.advance(int(wait))
	r.want(200, http.MethodGet, "/api/v1/logs", nil)
}

func TestConcurrencyLimit(t *testing.T) {
	t.Parallel()
	opt := small()
	opt.Limits = emulator.Limits{Concurrent: 1, TokenShare: 1}
	r := newRig(t, opt)
	var wg sync.WaitGroup
	refused := make(chan answer, 10)
	// While the org is held, the first call waits inside its operation.
	r.org.EachPerson(func(emulator.Person) bool {
		for range 10 {
			wg.Go(func() {
				a, err := r.try(t.Context(), http.MethodPost, "/api/v1/users/00u0none/lifecycle/suspend", nil)
				if err == nil && a.status == 429 {
					refused <- a
				}
			})
		}
		timeout := time.After(10 * time.Second)
		for i := range 9 {
			select {
			case a := <-refused:
				if a.code(t) != "E0000047" || a.header.Get("X-Rate-Limit-Limit") != "0" {
					t.Errorf("%s %v", a.body, a.header)
				}
			case <-timeout:
				t.Errorf("%d of 10 calls were refused, want 9", i)
				return false
			}
		}
		return false
	})
	wg.Wait()
	r.want(404, http.MethodPost, "/api/v1/users/00u0none/lifecycle/suspend", nil)
}

func TestUnlimited(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	for range 150 {
		a := r.want(200, http.MethodGet, "/api/v1/apps?limit=1", nil)
		if n := header(t, a, "X-Rate-Limit-Remaining"); n < 900_000 {
			t.Fatalf("%d left", n)
		}
	}
}

func TestSetLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t, small()) // without limits
	if n := header(t, r.do("GET", "/api/v1/apps", nil), "X-Rate-Limit-Limit"); n != 1_000_000 {
		t.Fatalf("limit %d at first", n)
	}
	if err := r.org.SetLimits(emulator.Limits{PerMinute: map[string]int{"apps": 4}}); err != nil {
		t.Fatal(err)
	}
	for n := 2; n > 0; n-- {
		if a := r.do("GET", "/api/v1/apps", nil); a.status != http.StatusOK || header(t, a, "X-Rate-Limit-Remaining") != n-1 {
			t.Errorf("with %d calls left: status %d, %s remain", n, a.status, a.header.Get("X-Rate-Limit-Remaining"))
		}
	}
	if a := r.do("GET", "/api/v1/apps", nil); a.status != http.StatusTooManyRequests {
		t.Errorf("beyond the limit: status %d", a.status)
	}
	if err := r.org.SetLimits(emulator.Limits{Plan: "gold"}); err == nil {
		t.Error("an unknown plan was taken")
	}
}
