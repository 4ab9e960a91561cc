package jobs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"github.com/oktasync/oktasync/directory"
)

func person(n int) directory.ScopeHint {
	return directory.ScopeHint{Tenant: "acme", Scope: directory.PersonScope(userID(n))}
}

func leaver(n int) directory.ScopeHint {
	return directory.ScopeHint{Tenant: "acme", Scope: directory.PersonScope(userID(n)), Urgent: true}
}

func group(n int) directory.ScopeHint {
	return directory.ScopeHint{Tenant: "acme", Scope: directory.GroupScope(groupID(n))}
}

// pending returns the depths of the queues that hold something.
func pending(t *testing.T, c *Client) map[string]int {
	t.Helper()
	stats, err := c.Stats(t.Context())
	if err != nil {
		t.Fatalf("stats: %v", err)
	}
	depths := map[string]int{}
	for _, s := range stats {
		if s.Pending > 0 {
			depths[s.Queue] = s.Pending
		}
	}
	return depths
}

func TestEnqueueChoosesQueues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		hints []directory.ScopeHint
		want  map[string]int
	}{
		{"nothing", nil, map[string]int{}},
		{"a person", []directory.ScopeHint{person(1)}, map[string]int{QueuePeople: 1}},
		{"a leaver", []directory.ScopeHint{leaver(1)}, map[string]int{QueueLeavers: 1}},
		{"a group", []directory.ScopeHint{group(1)}, map[string]int{QueueGroups: 1}},
		{"the same person twice", []directory.ScopeHint{person(1), person(1)}, map[string]int{QueuePeople: 1}},
		{"a person who also leaves", []directory.ScopeHint{person(1), leaver(1), person(1)}, map[string]int{QueueLeavers: 1}},
		{"the same id in two tenants", []directory.ScopeHint{person(1), {Tenant: "other", Scope: person(1).Scope}}, map[string]int{QueuePeople: 2}},
		{"everybody, twice", []directory.ScopeHint{everybody(), everybody()}, map[string]int{QueueBulk: 1}},
		{
			"a mixture", []directory.ScopeHint{person(1), leaver(2), group(3), person(4)},
			map[string]int{QueuePeople: 2, QueueLeavers: 1, QueueGroups: 1},
		},
	}
	onBoth(t, func(t *testing.T, r *Redis) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				if err := r.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				c := newClient(r)
				if err := c.Enqueue(t.Context(), test.hints); err != nil {
					t.Fatalf("enqueue: %v", err)
				}
				if diff := cmp.Diff(test.want, pending(t, c)); diff != "" {
					t.Errorf("queues (-want +got):\n%s", diff)
				}
			})
		}
	})
}

func TestEnqueueRefusesUnknownScopes(t *testing.T) {
	t.Parallel()
	c := newClient(connect(t, RedisOptions{Mode: ModeEmbedded}))
	if err := c.Enqueue(t.Context(), []directory.ScopeHint{{Tenant: "acme", Scope: directory.Scope{Kind: "planet", ID: "x"}}}); err == nil {
		t.Error("a scope of an unknown kind was enqueued")
	}
}

func everybody() directory.ScopeHint {
	return directory.ScopeHint{Tenant: "acme", Scope: directory.FullScope()}
}

// Full syncs that were put off together must not begin together: everybody has one task,
// whether hook, log or sweeper asks, and the next when that has ended.
func TestEverybodyHasOneTask(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		store, c := newTables(), newClient(r)
		var calls atomic.Int32
		put(t, store, c, everybody())
		put(t, store, c, everybody(), person(1))
		sweep(t, newSweeper(store, c))
		if diff := cmp.Diff(map[string]int{QueueBulk: 1, QueuePeople: 2}, pending(t, c)); diff != "" {
			t.Errorf("queues (-want +got):\n%s", diff)
		}
		startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store, scope: func(_ context.Context, _ string, s directory.Scope) error {
			if s != directory.FullScope() {
				return nil
			}
			if calls.Add(1) == 1 {
				return &directory.RetryAfterError{Wait: time.Millisecond, Err: errors.New("a full sync began a short while ago")}
			}
			return nil
		}}})
		poll(t, "all is done", func() bool { return store.left() == 0 && empty(t, c) })
		put(t, store, c, everybody())
		poll(t, "the next is done", func() bool { return store.left() == 0 && empty(t, c) })
		if calls.Load() != 3 {
			t.Errorf("everybody was reconciled %d times, want one put off, one, and one more", calls.Load())
		}
	})
}

func TestRunsGoToTheQueueOfTheirScope(t *testing.T) {
	t.Parallel()
	c := newClient(connect(t, RedisOptions{Mode: ModeEmbedded}))
	for _, scope := range []directory.Scope{directory.FullScope(), person(1).Scope, group(1).Scope} {
		if err := c.EnqueueRun(t.Context(), directory.Run{ID: "r-" + string(scope.Kind), Tenant: "acme", Scope: scope}); err != nil {
			t.Fatalf("enqueue a run over %s: %v", scope, err)
		}
	}
	want := map[string]int{QueueBulk: 1, QueuePeople: 1, QueueGroups: 1}
	if diff := cmp.Diff(want, pending(t, c)); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
	if err := c.EnqueueRun(t.Context(), directory.Run{ID: "r", Tenant: "acme", Scope: directory.Scope{Kind: "planet"}}); err == nil {
		t.Error("a run over an unknown kind of scope was enqueued")
	}
}

// Every task needs a timeout of its own (zero would mean asynq's 30 minutes), and asynq's
// retry limit must stay out of the way of ours.
func TestTasksHaveExplicitLimits(t *testing.T) {
	t.Parallel()
	r := connect(t, RedisOptions{Mode: ModeEmbedded})
	c := newClient(r)
	if err := c.Enqueue(t.Context(), []directory.ScopeHint{person(1), group(1)}); err != nil {
		t.Fatal(err)
	}
	if err := c.EnqueueRun(t.Context(), directory.Run{ID: "r", Tenant: "acme", Scope: directory.FullScope()}); err != nil {
		t.Fatal(err)
	}
	want := map[string]time.Duration{
		QueuePeople: time.Minute + timeoutMargin, QueueGroups: 10*time.Minute + timeoutMargin, QueueBulk: 12*time.Hour + timeoutMargin,
	}
	got := map[string]time.Duration{}
	for queue := range want {
		tasks, err := asynq.NewInspectorFromRedisClient(r).ListPendingTasks(queue)
		if err != nil || len(tasks) != 1 {
			t.Fatalf("queue %s holds %d tasks, error %v", queue, len(tasks), err)
		}
		got[queue] = tasks[0].Timeout
		if tasks[0].MaxRetry != endless {
			t.Errorf("queue %s: asynq gives up after %d", queue, tasks[0].MaxRetry)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("timeouts (-want +got):\n%s", diff)
	}
}

func TestLoginsAreNotWrittenToRedis(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		hint := directory.ScopeHint{Tenant: "acme", Scope: directory.PersonScope("anna.berg@example.com")}
		if err := newClient(r).Enqueue(t.Context(), []directory.ScopeHint{hint}); err != nil {
			t.Fatal(err)
		}
		keys, err := r.Keys(t.Context(), "*:t:*").Result()
		if err != nil || len(keys) != 1 {
			t.Fatalf("task keys: %v, error %v", keys, err)
		}
		message, err := r.HGet(t.Context(), keys[0], "msg").Result()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(keys[0]+message, "anna") || strings.Contains(keys[0]+message, "example") {
			t.Errorf("Redis holds the login: %s %q", keys[0], message)
		}
		if !strings.Contains(message, loginDigest("acme", "anna.berg@example.com")) {
			t.Errorf("the task has no reference to the login: %q", message)
		}
	})
}

// A client that believes that a queue is known, and that its script is, must
// find its way after Redis was emptied.
func TestEnqueueAfterRedisWasEmptied(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		c := newClient(r)
		hints := []directory.ScopeHint{person(1), person(2), leaver(3), group(4)}
		want := map[string]int{QueuePeople: 2, QueueLeavers: 1, QueueGroups: 1}
		for round := range 3 {
			if err := c.Enqueue(t.Context(), hints); err != nil {
				t.Fatalf("round %d: enqueue: %v", round, err)
			}
			if diff := cmp.Diff(want, pending(t, c)); diff != "" {
				t.Errorf("round %d: queues (-want +got):\n%s", round, diff)
			}
			if err := r.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			if err := r.ScriptFlush(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// The hook endpoint has to answer within a second, whatever Redis does.
func TestEnqueueFailsFast(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// open returns an address behind which Redis does not answer, or a pool
		// that has connections to a Redis which stopped answering.
		open func(t *testing.T) *Redis
	}{
		{"stopped while connected", func(t *testing.T) *Redis {
			p := startRedis(t, freePort(t))
			r := connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{p.addr}})
			if err := newClient(r).Enqueue(t.Context(), []directory.ScopeHint{person(1)}); err != nil {
				t.Fatal(err)
			}
			if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			return r
		}},
		{"accepts and says nothing", func(t *testing.T) *Redis {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			return connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{l.Addr().String()}})
		}},
		{"refuses", func(t *testing.T) *Redis {
			return connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{"127.0.0.1:" + freePort(t)}})
		}},
		{"cannot be routed to", func(t *testing.T) *Redis {
			// An address for documentation, which no network carries (RFC 5737).
			return connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{"192.0.2.1:6379"}})
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := test.open(t)
			c := NewClient(ClientOptions{Redis: r, Log: discard(), Pause: time.Minute})
			hints := make([]directory.ScopeHint, 100)
			for i := range hints {
				hints[i] = person(i)
			}
			begin := time.Now()
			err := c.Enqueue(t.Context(), hints)
			if took := time.Since(begin); err == nil || took > 5*time.Second {
				t.Errorf("the first call took %s, error %v", took, err)
			}
			begin = time.Now()
			for range 100 {
				if err := c.Enqueue(t.Context(), hints); !errors.Is(err, ErrUnavailable) {
					t.Fatalf("a later call: %v", err)
				}
			}
			if took := time.Since(begin); took > 10*c.timeout {
				t.Errorf("100 later calls took %s, so they have waited", took)
			}
		})
	}
}

func TestEnqueueRecovers(t *testing.T) {
	t.Parallel()
	p := startRedis(t, freePort(t))
	r := connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{p.addr}})
	log := &journal{}
	c := NewClient(ClientOptions{Redis: r, Log: log.logger(), Timeout: 100 * time.Millisecond, Pause: 50 * time.Millisecond})
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := c.Enqueue(t.Context(), []directory.ScopeHint{person(1)}); err == nil {
		t.Error("a stopped Redis took a task")
	}
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	poll(t, "Redis takes tasks again", func() bool {
		return c.Enqueue(t.Context(), []directory.ScopeHint{person(2)}) == nil
	})
	if lost, back := log.count("Redis takes no tasks"), log.count("Redis takes tasks again"); lost != 1 || back != 1 {
		t.Errorf("said %d times that Redis is lost and %d times that it is back, want once:\n%s", lost, back, log)
	}
}

func TestCallerWhoLeavesDoesNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	c := newClient(connect(t, RedisOptions{Mode: ModeEmbedded}))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Enqueue(gone, []directory.ScopeHint{person(1)}); err == nil {
		t.Error("a cancelled call succeeded")
	}
	if err := c.Enqueue(t.Context(), []directory.ScopeHint{person(1)}); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := breaker{window: time.Second}
	step := func(what string, after time.Duration, want bool) {
		t.Helper()
		if got := b.allow(start.Add(after)); got != want {
			t.Errorf("%s: allowed %t, want %t", what, got, want)
		}
	}
	step("at first", 0, true)
	if !b.failed(start) || b.failed(start) {
		t.Error("the first failure is not told from the second")
	}
	step("just failed", time.Millisecond, false)
	step("window over, one tries", 1001*time.Millisecond, true)
	step("the others wait for that one", 1002*time.Millisecond, false)
	if !b.succeeded() || b.succeeded() {
		t.Error("the first success is not told from the second")
	}
	step("after a success", 1003*time.Millisecond, true)
	step("and again", 1004*time.Millisecond, true)
}

func BenchmarkEnqueue(b *testing.B) {
	r := realRedis(b)
	for _, n := range []int{1, 10, 100} {
		hints := make([]directory.ScopeHint, n)
		for i := range hints {
			hints[i] = person(i)
		}
		c := newClient(r)
		b.Run(fmt.Sprintf("scopes=%d", n), func(b *testing.B) {
			for b.Loop() {
				if err := c.Enqueue(b.Context(), hints); err != nil {
					b.Fatal(err)
				}
			}
		})
		if err := r.FlushAll(b.Context()).Err(); err != nil {
			b.Fatal(err)
		}
	}
}
