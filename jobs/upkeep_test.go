package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const tidy = directory.Chore("tidy")

func tidyOf(tenant string) directory.ChoreHint {
	return directory.ChoreHint{Tenant: tenant, Chore: tidy}
}

// always wants a chore for every tenant so often.
func always(every time.Duration) func(string) time.Duration {
	return func(string) time.Duration { return every }
}

// startUpkeep looks for due chores of the tenants until the test ends or stop is called.
func startUpkeep(t *testing.T, store *tables, c *Client, tenants []string, chores ...Chore) (stop func()) {
	t.Helper()
	u := NewUpkeep(UpkeepOptions{
		Client: c, Calendar: store, Tenants: func() []string { return tenants }, Chores: chores,
		Every: 10 * time.Millisecond, Grace: 200 * time.Millisecond, Log: discard(),
	})
	return background(t, u.Run)
}

func TestChoresComeAgainAndAgain(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		store, c := newTables(), newClient(r)
		var calls [3]atomic.Int32
		chores := []Chore{
			{Name: tidy, Every: always(20 * time.Millisecond), Do: func(_ context.Context, tenant string) (bool, error) {
				calls[slices.Index([]string{"acme", "other"}, tenant)].Add(1)
				return false, nil
			}},
			{Name: "never", Every: always(0), Do: func(context.Context, string) (bool, error) {
				calls[2].Add(1)
				return false, nil
			}},
		}
		startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store}, Chores: chores})
		// Two replicas; each turn is made once all the same, see TestOneTurnAtATime.
		startUpkeep(t, store, c, []string{"acme", "other"}, chores...)
		startUpkeep(t, store, c, []string{"acme", "other"}, chores...)
		poll(t, "both tenants had five turns", func() bool { return calls[0].Load() >= 5 && calls[1].Load() >= 5 })
		if calls[2].Load() > 0 {
			t.Error("a chore that is turned off had a turn")
		}
	})
}

func TestOneTurnAtATime(t *testing.T) {
	t.Parallel()
	r := connect(t, RedisOptions{Mode: ModeEmbedded})
	store, c := newTables(), newClient(r)
	var at, most atomic.Int32
	release := make(chan struct{})
	chores := []Chore{{Name: tidy, Every: always(time.Millisecond), Do: func(context.Context, string) (bool, error) {
		most.Store(max(most.Load(), at.Add(1)))
		defer at.Add(-1)
		<-release
		return false, nil
	}}}
	startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store}, Chores: chores})
	startUpkeep(t, store, c, []string{"acme"}, chores...)
	poll(t, "the turn has begun", func() bool { return at.Load() == 1 })
	// Tasks without an id, as a tool could make them, beside those of the upkeep.
	p := payload{Tenant: "acme", Chore: tidy, At: time.Now().Unix()}
	for range 3 {
		o, err := newOrder(typeChore, p)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.send(t.Context(), []order{o}); err != nil {
			t.Fatal(err)
		}
	}
	poll(t, "the others have ended", func() bool { return pending(t, c)[QueueUpkeep] == 0 })
	close(release)
	poll(t, "more turns came", func() bool { return store.chore(tidyOf("acme")).turns >= 3 })
	if most.Load() != 1 {
		t.Errorf("%d turns at the same time", most.Load())
	}
}

// A chore whose task is lost with Redis is still due, and gets another one.
func TestChoresSurviveAnEmptiedRedis(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	store, c := newTables(), newClient(r)
	var calls atomic.Int32
	chores := []Chore{{Name: tidy, Every: always(time.Hour), Do: func(context.Context, string) (bool, error) {
		calls.Add(1)
		return false, nil
	}}}
	startUpkeep(t, store, c, []string{"acme"}, chores...)
	poll(t, "the task waits", func() bool { return pending(t, c)[QueueUpkeep] == 1 })
	if err := r.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store}, Chores: chores})
	poll(t, "the turn was made", func() bool { return calls.Load() == 1 })
}

// While a chore waits for a slot it has one task, however often it is looked at.
func TestAChoreHasOneTask(t *testing.T) {
	t.Parallel()
	c := newClient(connect(t, RedisOptions{Mode: ModeEmbedded}))
	store := newTables()
	u := NewUpkeep(UpkeepOptions{
		Client: c, Calendar: store, Tenants: func() []string { return []string{"acme", "other"} },
		Chores: []Chore{{Name: tidy, Every: always(time.Second)}}, Grace: time.Nanosecond, Log: discard(),
	})
	for range 5 {
		if err := u.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := pending(t, c)[QueueUpkeep]; got != 2 {
		t.Errorf("%d tasks for two chores", got)
	}
}

// What the upkeep leaves alone while Redis is away must not wait longer for it.
func TestUpkeepDoesNotTouchTheTableWithoutRedis(t *testing.T) {
	t.Parallel()
	r := connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{"127.0.0.1:" + freePort(t)}})
	store := newTables()
	u := NewUpkeep(UpkeepOptions{
		Client: newClient(r), Calendar: store, Tenants: func() []string { return []string{"acme"} },
		Chores: []Chore{{Name: tidy, Every: always(time.Second)}}, Log: discard(),
	})
	if err := u.Look(t.Context()); err == nil {
		t.Error("a look without Redis succeeded")
	}
	if got := store.chore(tidyOf("acme")); !got.swept.IsZero() {
		t.Error("the chore was noted as swept")
	}
}

func TestResultsOfChores(t *testing.T) {
	t.Parallel()
	r := connect(t, RedisOptions{Mode: ModeEmbedded})
	const every = 20 * time.Minute
	tests := []struct {
		name    string
		do      func(ctx context.Context) (bool, error)
		result  directory.ChoreResult
		next    time.Duration
		problem string
		line    string // in the log, once
	}{
		{"well", func(context.Context) (bool, error) { return false, nil }, directory.ChoreDone, every, "", ""},
		{"more to do", func(context.Context) (bool, error) { return true, nil }, directory.ChoreDone, 0, "", ""},
		{"asked to wait", func(context.Context) (bool, error) {
			return false, &directory.RetryAfterError{Wait: 7 * time.Minute, Err: errors.New("rate limit")}
		}, "", 7 * time.Minute, "", ""},
		{"refused", func(context.Context) (bool, error) {
			return false, &directory.CredentialsError{Advice: "grant the scope", Err: errors.New("403")}
		}, directory.ChoreRefused, time.Minute, "grant the scope", "Okta refuses what a chore needs"},
		{"failed", func(context.Context) (bool, error) { return false, errors.New("500") },
			directory.ChoreFailed, time.Minute, "500", "a chore fails"},
		{"panicked", func(context.Context) (bool, error) { panic("a defect") },
			directory.ChoreFailed, time.Minute, "a defect", "a chore fails"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store, lines := newTables(), &journal{}
			chores := []Chore{{Name: tidy, Every: always(every), Do: func(ctx context.Context, _ string) (bool, error) { return tt.do(ctx) }}}
			w := &worker{redis: r, ledger: store, chores: map[directory.Chore]Chore{tidy: chores[0]}, base: t.Context(), now: time.Now, log: lines.logger()}
			hint := tidyOf(fmt.Sprint("tenant", i))
			if err := store.EnsureChores(t.Context(), []directory.ChorePlan{{Tenant: hint.Tenant, Chore: tidy, Every: every}}); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				store.chores[hint].due = time.Time{}
				o, err := choreOrder(hint, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				before := time.Now()
				if err := w.process(t.Context(), o.task); err != nil {
					t.Fatalf("the task did not end as done: %v", err)
				}
				got := store.chore(hint)
				if got.last.Result != tt.result || !strings.Contains(got.last.Problem, tt.problem) {
					t.Errorf("noted %+v, want %q with %q", got.last, tt.result, tt.problem)
				}
				if next := got.due.Sub(before).Round(time.Minute); next != tt.next {
					t.Errorf("the next turn is due in %s, want %s", next, tt.next)
				}
			}
			if tt.line != "" && lines.count(tt.line) != 1 {
				t.Errorf("the log says %q %d times, want once:\n%s", tt.line, lines.count(tt.line), lines)
			}
			if tt.line == "" && lines.String() != "" {
				t.Errorf("the log says:\n%s", lines)
			}
			if tt.problem == "" {
				return
			}
			tt.do = func(context.Context) (bool, error) { return false, nil }
			store.chores[hint].due = time.Time{}
			o, err := choreOrder(hint, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if err := w.process(t.Context(), o.task); err != nil {
				t.Fatal(err)
			}
			if lines.count("goes well again") != 1 {
				t.Errorf("the log does not say that it goes well again:\n%s", lines)
			}
		})
	}
}

// A turn that is cut off by the stop is due at once, and nobody is told of a problem.
func TestAStopPutsAChoreOff(t *testing.T) {
	t.Parallel()
	r := connect(t, RedisOptions{Mode: ModeEmbedded})
	store, c, lines := newTables(), newClient(r), &journal{}
	begun := make(chan struct{}, 1)
	chores := []Chore{{Name: tidy, Every: always(time.Hour), Do: func(ctx context.Context, _ string) (bool, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return false, ctx.Err()
	}}}
	s := startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store}, Chores: chores, Grace: time.Millisecond, Log: lines.logger()})
	stop := startUpkeep(t, store, c, []string{"acme"}, chores...)
	receive(t, "the turn begins", begun)
	stop()
	s.Stop()
	if got := store.chore(tidyOf("acme")); got.due.After(time.Now()) || got.lease.After(time.Now()) || got.last.Problem != "" {
		t.Errorf("the chore is noted as %+v", got)
	}
	if lines.count("a chore fails") > 0 {
		t.Errorf("the log calls it a failure:\n%s", lines)
	}
}

// A tenant that was removed and comes back needs its rows made anew.
func TestATenantComesBack(t *testing.T) {
	t.Parallel()
	store := newTables()
	tenants := []string{"acme"}
	u := NewUpkeep(UpkeepOptions{
		Client: newClient(connect(t, RedisOptions{Mode: ModeEmbedded})), Calendar: store, Log: discard(),
		Tenants: func() []string { return tenants }, Chores: []Chore{{Name: tidy, Every: always(time.Second)}},
	})
	for _, list := range [][]string{{"acme"}, nil, {"acme"}} {
		tenants = list
		if err := u.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if (store.chores[tidyOf("acme")] != nil) != (len(list) == 1) {
			t.Errorf("with the tenants %v the rows are %v", list, store.chores)
		}
		if len(list) == 1 {
			delete(store.chores, tidyOf("acme")) // as when the tenant is erased
		}
	}
}
