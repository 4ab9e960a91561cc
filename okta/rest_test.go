package okta

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// A full pull does not sit out Okta's rate limit: it ends, and goes on from there when it is called
// again. What other lists read meanwhile is kept.
func TestFullPullRests(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(1203, 30, 3)
	o.mu.Lock()
	healthy := o.handlers["GET "+appUsers]
	o.mu.Unlock()
	var calls atomic.Int64
	var healed atomic.Bool
	o.on(appUsers, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) > 1 && !healed.Load() {
			refuse(w, 429, "E0000047")
			return
		}
		healthy(w, r)
	})
	r := o.reader(t)
	request := full()
	// No time passes before all that can be read was taken, however slow the machine is.
	clock, restTaken := r.sleep, make(chan struct{})
	r.sleep = func(ctx context.Context, d time.Duration) error {
		select {
		case <-restTaken:
			return clock(ctx, d)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	taken := sync.OnceFunc(func() { close(restTaken) })
	got := collect(t.Context(), r, request, func(p pulled) {
		if len(p.people) == 500 && len(p.done) == 30 {
			taken()
		}
	})
	var later *directory.RetryAfterError
	if !errors.As(got.err, &later) || later.Wait < restFrom || later.Wait > time.Minute {
		t.Fatalf("the pull ended with %v, want to go on later", got.err)
	}
	if len(got.people) != 500 || len(got.done) != 30 {
		t.Errorf("%d people and the members of %d groups were read before, want a page of 500 and all 30", len(got.people), len(got.done))
	}
	for _, list := range slices.Sorted(maps.Keys(got.stand)) {
		request.From = append(request.From, directory.Position{List: list, Next: got.stand[list]})
	}
	healed.Store(true)
	if err := r.sleep(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	rest := collect(t.Context(), r, request)
	if rest.err != nil || len(rest.people) != 703 || len(rest.done) != 0 || rest.calls != 3 {
		t.Errorf("%v: then %d people and the members of %d groups in %d calls, want 703, 0 and 3", rest.err, len(rest.people), len(rest.done), rest.calls)
	}
}

// One group is read in moments, and its events wait for it: its pull waits.
func TestPullOfOneGroupWaits(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(3, 1, 3)
	o.json("/api/v1/groups/00g0000", http.StatusOK, groupJSON("00g0000", "Group 0"))
	o.mu.Lock()
	healthy := o.handlers["GET /api/v1/groups/00g0000/users"]
	o.mu.Unlock()
	var calls atomic.Int64
	o.on("/api/v1/groups/00g0000/users", func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			refuse(w, 429, "E0000047")
			return
		}
		healthy(w, r)
	})
	got := collect(t.Context(), o.reader(t), directory.PullRequest{Scope: directory.GroupScope("00g0000")})
	if got.err != nil || !got.done["00g0000"] || calls.Load() != 2 {
		t.Errorf("%+v after %d calls", got, calls.Load())
	}
}
