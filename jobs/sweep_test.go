package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"github.com/oktasync/oktasync/directory"
)

// newSweeper sweeps whatever waits, at once.
func newSweeper(store *tables, c *Client) *Sweeper {
	return NewSweeper(SweeperOptions{
		Client: c, Backlog: store, Log: discard(), Every: 20 * time.Millisecond,
		ScopesAge: time.Nanosecond, RunsAge: time.Nanosecond,
		Purge: func(context.Context) (int, error) { return 0, nil },
	})
}

func sweep(t *testing.T, s *Sweeper) {
	t.Helper()
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatalf("sweep: %v", err)
	}
}

func TestSweeperEnqueuesWhatHasNoTask(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		store, c := newTables(), newClient(r)
		store.receive(person(1), leaver(2), group(3), directory.ScopeHint{Tenant: "acme", Scope: directory.PersonScope("anna@example.com")})
		store.runs["r"] = directory.Run{ID: "r", Tenant: "acme", Scope: directory.FullScope(), State: directory.RunQueued}
		store.runs["over"] = directory.Run{ID: "over", Tenant: "acme", Scope: directory.FullScope(), State: directory.RunHeld}
		store.secondLooks = []directory.ScopeHint{person(7)}
		s := newSweeper(store, c)
		sweep(t, s)
		want := map[string]int{QueueLeavers: 1, QueuePeople: 3, QueueGroups: 1, QueueBulk: 1}
		if diff := cmp.Diff(want, pending(t, c)); diff != "" {
			t.Errorf("queues (-want +got):\n%s", diff)
		}
		// Nothing was worked on in between: the same again must not pile up.
		for range 5 {
			sweep(t, s)
		}
		if diff := cmp.Diff(want, pending(t, c)); diff != "" {
			t.Errorf("queues after more sweeps (-want +got):\n%s", diff)
		}
		startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store}})
		poll(t, "all is done", func() bool { return store.left() == 0 && store.run("r").State == directory.RunSucceeded })
	})
}

// The id of a sweeper's task must be free again as soon as the task has ended, and
// after two hours in any case.
func TestSweeperAsksAgain(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	store, c := newTables(), newClient(r)
	now := time.Now()
	s := newSweeper(store, c)
	s.o.Now = func() time.Time { return now }
	store.receive(person(1))
	sweep(t, s)
	now = now.Add(sweepBucket)
	sweep(t, s)
	if got := pending(t, c)[QueuePeople]; got != 2 {
		t.Errorf("%d tasks after two hours, want a second one", got)
	}
	startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store}})
	poll(t, "it is done", func() bool { return empty(t, c) })
	for round := range 3 {
		store.receive(person(1))
		sweep(t, s)
		poll(t, fmt.Sprintf("it is done again (round %d)", round), func() bool { return store.left() == 0 && empty(t, c) })
	}
}

func TestSweeperLeavesLongQueuesAlone(t *testing.T) {
	t.Parallel()
	c := newClient(connect(t, RedisOptions{Mode: ModeEmbedded}))
	store := newTables()
	s := newSweeper(store, c)
	s.o.Limit = 10
	for i := range 30 {
		store.receive(person(i), leaver(i+100))
	}
	for range 3 {
		sweep(t, s)
	}
	want := map[string]int{QueuePeople: 10, QueueLeavers: 10}
	if diff := cmp.Diff(want, pending(t, c)); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
}

// While Redis is away nothing may be noted as swept: it would wait longer for nothing.
func TestSweeperDoesNotTouchTheTableWithoutRedis(t *testing.T) {
	t.Parallel()
	r := connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{"127.0.0.1:" + freePort(t)}})
	store := newTables()
	store.receive(person(1))
	before := store.waiting[rowKey("acme", person(1).Scope)].touched
	if err := newSweeper(store, newClient(r)).Sweep(t.Context()); err == nil {
		t.Error("a sweep without Redis succeeded")
	}
	if after := store.waiting[rowKey("acme", person(1).Scope)].touched; after != before {
		t.Error("the scope was noted as swept")
	}
}

func TestProbesAreRare(t *testing.T) {
	t.Parallel()
	c := newClient(connect(t, RedisOptions{Mode: ModeEmbedded}))
	store := newTables()
	for i := range 5 {
		store.receive(person(i), directory.ScopeHint{Tenant: "other", Scope: person(i).Scope})
	}
	store.blocked["acme"] = "401"
	now := time.Now()
	s := newSweeper(store, c)
	s.o.Now = func() time.Time { return now }
	for range 4 {
		sweep(t, s)
	}
	if got := pending(t, c)[QueuePeople]; got != 1+5 {
		t.Errorf("%d tasks, want one probe and the 5 of the other tenant", got)
	}
	now = now.Add(s.o.ProbeEvery)
	sweep(t, s)
	if got := pending(t, c)[QueuePeople]; got != 2+5 {
		t.Errorf("%d tasks after a while, want one more probe", got)
	}
}

func TestSweeperCleansUp(t *testing.T) {
	t.Parallel()
	r := connect(t, RedisOptions{Mode: ModeEmbedded})
	c := newClient(r)
	// Somebody archived tasks by hand.
	if err := c.Enqueue(t.Context(), []directory.ScopeHint{person(1), person(2)}); err != nil {
		t.Fatal(err)
	}
	if _, err := asynq.NewInspectorFromRedisClient(r).ArchiveAllPendingTasks(QueuePeople); err != nil {
		t.Fatal(err)
	}
	s := newSweeper(newTables(), c)
	purged := false
	s.o.Purge = func(context.Context) (int, error) {
		purged = true
		return 7, errors.New("the database is away")
	}
	if err := s.clean(t.Context()); err == nil || !strings.Contains(err.Error(), "the database is away") {
		t.Errorf("the error of the database is gone: %v", err)
	}
	if !purged || !empty(t, c) {
		t.Errorf("purged %t, queues empty %t", purged, empty(t, c))
	}
}

// The sweeper is the safety net: it must survive a defect and an outage.
func TestSweeperGoesOn(t *testing.T) {
	t.Parallel()
	c := newClient(connect(t, RedisOptions{Mode: ModeEmbedded}))
	store, log := newTables(), &journal{}
	store.receive(person(1))
	store.panics = true
	s := newSweeper(store, c)
	s.o.Log = log.logger()
	stop := background(t, s.Run)
	poll(t, "it panicked twice", func() bool { return log.count("a defect in the store") >= 2 })
	store.mu.Lock()
	store.panics = false
	store.mu.Unlock()
	store.fail(errors.New("the database is away"))
	poll(t, "it failed twice", func() bool { return log.count("the database is away") >= 2 })
	store.fail(nil)
	poll(t, "it enqueues", func() bool { return pending(t, c)[QueuePeople] == 1 })
	stop()
}

// Redis is killed in the middle of a burst and comes back empty; hooks go on
// arriving meanwhile. Nothing may be lost.
func TestNothingIsLostWithRedis(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	first := startRedis(t, port)
	r := connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{first.addr}})
	c := NewClient(ClientOptions{Redis: r, Log: discard(), Pause: 20 * time.Millisecond})
	store := newTables()
	var done atomic.Int32
	startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store, scope: func(context.Context, string, directory.Scope) error {
		done.Add(1)
		return nil
	}}})
	s := newSweeper(store, c)
	s.o.ScopesAge = 300 * time.Millisecond
	background(t, s.Run)
	failed := 0
	for i := range 400 {
		switch i {
		case 100:
			poll(t, "some are done", func() bool { return done.Load() > 10 })
			first.kill()
		case 300:
			startRedis(t, port)
		}
		hint := []directory.ScopeHint{person(i)}
		if i%3 == 0 {
			hint[0].Urgent = true
		}
		store.receive(hint...)
		if err := c.Enqueue(t.Context(), hint); err != nil {
			failed++
		}
	}
	if failed < 100 {
		t.Errorf("only %d of the enqueues failed: Redis was not away", failed)
	}
	poll(t, "everything is done", func() bool { return store.left() == 0 })
}

// The same when Redis is emptied under the hands of everybody.
func TestNothingIsLostWithAFlush(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		c := newClient(r)
		store := newTables()
		startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store}})
		s := newSweeper(store, c)
		s.o.ScopesAge = 200 * time.Millisecond
		background(t, s.Run)
		for i := range 300 {
			if i%50 == 49 {
				if err := r.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
			}
			put(t, store, c, person(i))
		}
		poll(t, "everything is done", func() bool { return store.left() == 0 })
	})
}
