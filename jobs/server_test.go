package jobs

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/directory"
)

// startServer runs workers until the test ends.
func startServer(tb testing.TB, o ServerOptions) *Server {
	tb.Helper()
	if o.Log == nil {
		o.Log = discard()
	}
	if o.Poll == 0 {
		o.Poll = 10 * time.Millisecond
	}
	if o.Grace == 0 {
		o.Grace = 5 * time.Second
	}
	s := NewServer(o)
	if err := s.Start(); err != nil {
		tb.Fatalf("start: %v", err)
	}
	tb.Cleanup(s.Stop)
	return s
}

// put makes events wait and enqueues their scopes, as the hook endpoint does.
func put(tb testing.TB, store *tables, c *Client, hints ...directory.ScopeHint) {
	tb.Helper()
	store.receive(hints...)
	if err := c.Enqueue(tb.Context(), hints); err != nil {
		tb.Fatalf("enqueue: %v", err)
	}
}

// empty says whether no task is left anywhere, archives included.
func empty(tb testing.TB, c *Client) bool {
	tb.Helper()
	stats, err := c.Stats(tb.Context())
	if err != nil {
		tb.Fatalf("stats: %v", err)
	}
	for _, s := range stats {
		if s.Pending+s.Active+s.Scheduled+s.Retry+s.Archived > 0 {
			return false
		}
	}
	return true
}

func TestScopesAreReconciled(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		store, c := newTables(), newClient(r)
		startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store}})
		hints := []directory.ScopeHint{
			leaver(1), group(2), {Tenant: "acme", Scope: directory.PersonScope("anna.berg@example.com")},
		}
		for i := range 300 { // enough for bundles
			hints = append(hints, person(i+10))
		}
		for i := range 12 {
			hints = append(hints, directory.ScopeHint{Tenant: "other", Scope: directory.PersonScope(fmt.Sprintf("p%d@example.com", i))})
		}
		put(t, store, c, hints...)
		poll(t, "all scopes are reconciled", func() bool { return store.left() == 0 })
		poll(t, "no task is left", func() bool { return empty(t, c) })
	})
}

func TestRunsAreReconciled(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		store, c := newTables(), newClient(r)
		startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store}})
		for _, scope := range []directory.Scope{directory.FullScope(), person(1).Scope, group(1).Scope} {
			run := directory.Run{ID: "run-" + string(scope.Kind), Tenant: "acme", Scope: scope, State: directory.RunQueued}
			if _, _, err := store.CreateRun(t.Context(), run); err != nil {
				t.Fatal(err)
			}
			if err := c.EnqueueRun(t.Context(), run); err != nil {
				t.Fatal(err)
			}
			poll(t, "the run is done", func() bool { return store.run(run.ID).State == directory.RunSucceeded })
		}
	})
}

// A long pull and a storm of groups and people must not stand before a leaver.
func TestLeaversHaveTheirOwnSlots(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	store, c := newTables(), newClient(r)
	release := make(chan struct{})
	var held atomic.Int32
	wait := func(ctx context.Context) error {
		held.Add(1)
		defer held.Add(-1)
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	startServer(t, ServerOptions{
		Redis: r, Ledger: store, Leavers: 2, People: 2, Groups: 2, Bulk: 1,
		Reconciler: &reconciler{
			tables: store,
			scope: func(ctx context.Context, _ string, scope directory.Scope) error {
				if scope == leaver(1).Scope {
					return nil
				}
				return wait(ctx)
			},
			run: func(ctx context.Context, _, _ string) error { return wait(ctx) },
		},
	})
	var hints []directory.ScopeHint
	for i := range 20 {
		hints = append(hints, person(i+10), group(i+10))
	}
	put(t, store, c, hints...)
	for i := range 3 {
		run := directory.Run{ID: fmt.Sprintf("run%d", i), Tenant: "acme", Scope: directory.FullScope()}
		if err := c.EnqueueRun(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	// One slot of the groups is left for other tenants, and one of the people's is the backlog's.
	poll(t, "people, groups and bulk are busy", func() bool { return held.Load() == 3 })
	put(t, store, c, leaver(1))
	poll(t, "the leaver is done", func() bool { return store.left() == len(hints) })
	if held.Load() != 3 {
		t.Errorf("%d tasks are held, want 3: the leaver did not overtake them", held.Load())
	}
	close(release)
	poll(t, "the others are done", func() bool { return store.left() == 0 })
}

// runRetries lets tasks that wait for another attempt run now.
func runRetries(t *testing.T, r *Redis) {
	t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(r)
	queues, err := inspector.Queues()
	if err != nil {
		t.Fatalf("list the queues: %v", err)
	}
	for _, queue := range queues {
		if _, err := inspector.RunAllRetryTasks(queue); err != nil {
			t.Fatalf("run the retries: %v", err)
		}
	}
}

func TestFailingScopeIsParkedAfterTheLastAttempt(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		store, c := newTables(), newClient(r)
		var attempts atomic.Int32
		startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store, scope: func(context.Context, string, directory.Scope) error {
			attempts.Add(1)
			return errors.New("Okta answered 500")
		}}})
		put(t, store, c, person(1))
		poll(t, "the scope is parked", func() bool {
			runRetries(t, r)
			return store.parkedReason("acme", person(1).Scope) != ""
		})
		if got := attempts.Load(); got != 9 {
			t.Errorf("%d attempts, want one and 8 retries", got)
		}
		if got := store.parkedReason("acme", person(1).Scope); got != "failed 9 times; the last time: Okta answered 500" {
			t.Errorf("parked with %q", got)
		}
		poll(t, "nothing is left in the queue, not even in asynq's archive", func() bool { return empty(t, c) })
	})
}

// A person who is known by login only fails like others, and the login shows up
// neither in the log nor in Redis.
func TestFailingLoginStaysPrivate(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	store, c, log := newTables(), newClient(r), &journal{}
	hint := directory.ScopeHint{Tenant: "acme", Scope: directory.PersonScope("anna.berg@example.com")}
	startServer(t, ServerOptions{Redis: r, Ledger: store, Log: log.logger(), Reconciler: &reconciler{tables: store, scope: func(_ context.Context, _ string, scope directory.Scope) error {
		return fmt.Errorf("read %s: GET /api/v1/users/%s: 500", scope, url.QueryEscape(scope.ID))
	}}})
	put(t, store, c, hint)
	var texts strings.Builder
	poll(t, "the scope is parked", func() bool {
		tasks, err := asynq.NewInspectorFromRedisClient(r).ListRetryTasks(QueuePeople)
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			fmt.Fprintln(&texts, task.LastErr, string(task.Payload))
		}
		runRetries(t, r)
		return store.parkedReason("acme", hint.Scope) != ""
	})
	texts.WriteString(log.String())
	if strings.Contains(texts.String(), "anna") || strings.Contains(texts.String(), "example") {
		t.Errorf("the login was written:\n%s", texts.String())
	}
	if !strings.Contains(texts.String(), "read person:(a login)") {
		t.Errorf("the error is gone:\n%s", texts.String())
	}
}

// The row of a run says when there is another attempt. Its tasks end with the attempt, and the
// sweeper makes the next.
func TestAttemptsAtARunComeFromItsRow(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	store, c := newTables(), newClient(r)
	var attempts atomic.Int32
	startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store, run: func(context.Context, string, string) error {
		if n := attempts.Add(1); n < 4 {
			return store.retry("r", 50*time.Millisecond)
		}
		return nil
	}}})
	run := directory.Run{ID: "r", Tenant: "acme", Scope: directory.FullScope(), State: directory.RunQueued}
	if _, _, err := store.CreateRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	if err := c.EnqueueRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	poll(t, "the first attempt has failed, and nothing is left in the queue", func() bool { return attempts.Load() == 1 && empty(t, c) })
	background(t, newSweeper(store, c).Run)
	poll(t, "the run is done", func() bool { return store.run("r").State == directory.RunSucceeded })
	if run := store.run("r"); run.Attempts != 3 || run.Claims != 4 || attempts.Load() != 4 {
		t.Errorf("%d attempts, the row says %+v; want 4, of which 3 failed", attempts.Load(), run)
	}
}

// asynq brings the task of a worker who died back after a minute or more. It neither stands in the
// way of the sweeper's, nor does anything when it comes.
func TestTasksOfAnEarlierClaimAreStale(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	store, c := newTables(), newClient(r)
	run := directory.Run{ID: "r", Tenant: "acme", Scope: directory.FullScope(), State: directory.RunQueued}
	if _, _, err := store.CreateRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	if err := c.EnqueueRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	if err := store.claim("r", 0); err != nil { // the worker claims, and dies
		t.Fatal(err)
	}
	s := newSweeper(store, c)
	for range 3 {
		sweep(t, s)
	}
	if got := pending(t, c)[QueueBulk]; got != 2 {
		t.Fatalf("%d tasks of the run, want that of the dead worker and one of the sweeper", got)
	}
	var worked atomic.Int32
	startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store, run: func(context.Context, string, string) error {
		worked.Add(1)
		return nil
	}}})
	poll(t, "the run is done, and the queue is empty", func() bool {
		return store.run("r").State == directory.RunSucceeded && empty(t, c)
	})
	if got := worked.Load(); got != 1 {
		t.Errorf("%d tasks worked on the run, want one", got)
	}
}

// Okta's back-pressure is no failure: it may come far more often than there are attempts.
func TestWaitingCostsNoAttempt(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	store, c := newTables(), newClient(r)
	var attempts atomic.Int32
	startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store, scope: func(context.Context, string, directory.Scope) error {
		if attempts.Add(1) <= 30 {
			return fmt.Errorf("read the person: %w", &directory.RetryAfterError{Wait: time.Hour, Err: errors.New("429")})
		}
		return nil
	}}})
	put(t, store, c, person(1))
	poll(t, "the scope is reconciled", func() bool {
		runRetries(t, r)
		return store.left() == 0
	})
}

// A real wait, not shortened: the task comes back by itself, and not too early.
func TestRetryAfterIsKept(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		store, c := newTables(), newClient(r)
		attempts := make(chan time.Time, 2)
		startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store, scope: func(context.Context, string, directory.Scope) error {
			attempts <- time.Now()
			if len(attempts) == 1 {
				return &directory.RetryAfterError{Wait: time.Second, Err: errors.New("429")}
			}
			return nil
		}}})
		put(t, store, c, person(1))
		poll(t, "the scope is reconciled", func() bool { return store.left() == 0 })
		first, second := <-attempts, <-attempts
		if waited := second.Sub(first); waited < time.Second || waited > 6*time.Second {
			t.Errorf("asked to wait 1 s, waited %s", waited)
		}
	})
}

func TestPanicIsAnError(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	store, c, log := newTables(), newClient(r), &journal{}
	var attempts atomic.Int32
	startServer(t, ServerOptions{Redis: r, Ledger: store, Log: log.logger(), Reconciler: &reconciler{tables: store, scope: func(context.Context, string, directory.Scope) error {
		if attempts.Add(1) == 1 {
			var nobody *directory.Person
			_ = nobody.ID
		}
		return nil
	}}})
	put(t, store, c, person(1))
	poll(t, "the second attempt succeeds", func() bool {
		runRetries(t, r)
		return store.left() == 0
	})
	if !strings.Contains(log.String(), "a task panicked") || !strings.Contains(log.String(), "server_test.go") {
		t.Errorf("the log has no stack:\n%s", log)
	}
}

func TestBlockedTenantRestsUntilAProbeSucceeds(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		store, c, log := newTables(), newClient(r), &journal{}
		var valid atomic.Bool
		var calls atomic.Int32
		startServer(t, ServerOptions{Redis: r, Ledger: store, Log: log.logger(), Reconciler: &reconciler{tables: store, scope: func(context.Context, string, directory.Scope) error {
			calls.Add(1)
			if valid.Load() {
				return nil
			}
			return fmt.Errorf("read the person: %w", &directory.CredentialsError{Advice: "make a new token", Err: errors.New("401 E0000011")})
		}}})
		var hints []directory.ScopeHint
		for i := range 40 {
			hints = append(hints, person(i))
		}
		put(t, store, c, hints...)
		poll(t, "all tasks have ended", func() bool { return empty(t, c) })
		if store.left() != len(hints) {
			t.Errorf("%d scopes wait, want all %d", store.left(), len(hints))
		}
		if n := log.count("Okta refuses the credentials"); n != 1 {
			t.Errorf("the alert was logged %d times, want once", n)
		}
		if log.count("given up") > 0 {
			t.Error("a scope was parked for the credentials")
		}
		if reason, _ := store.Blocked(t.Context(), "acme"); !strings.Contains(reason, "make a new token") {
			t.Errorf("blocked with %q", reason)
		}

		// New events of the tenant do not reach Okta.
		before := calls.Load()
		put(t, store, c, person(100), person(101))
		poll(t, "their tasks have ended", func() bool { return empty(t, c) })
		if calls.Load() != before {
			t.Errorf("Okta was asked %d times for a blocked tenant", calls.Load()-before)
		}

		sweeper := NewSweeper(SweeperOptions{
			Client: c, Backlog: store, Log: discard(), Every: 20 * time.Millisecond, ScopesAge: 50 * time.Millisecond,
			ProbeEvery: time.Nanosecond, Purge: func(context.Context) (int, error) { return 0, nil },
		})
		stop := background(t, sweeper.Run)
		poll(t, "probes have asked Okta", func() bool { return calls.Load() > before+2 })
		if n := log.count("Okta refuses the credentials"); n != 1 {
			t.Errorf("the alert was repeated: %d times", n)
		}
		valid.Store(true)
		poll(t, "everything is swept up", func() bool { return store.left() == 0 })
		if reason, _ := store.Blocked(t.Context(), "acme"); reason != "" {
			t.Errorf("still blocked: %s", reason)
		}
		stop()
	})
}

// Without an event that could be tried, Okta is asked whether it lets the tenant in. A
// nightly run that it had refused is made again then, once.
func TestBlockedTenantWithoutEventsIsProbed(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	store, c := newTables(), newClient(r)
	store.blocked["acme"], store.blocked["other"] = "401", "401"
	store.runs["n"] = directory.Run{ID: "n", Tenant: "acme", Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-03-01", State: directory.RunFailed, Refused: true}
	var valid atomic.Bool
	var asked, ran atomic.Int32
	startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{
		tables: store,
		check: func(_ context.Context, tenant string) error {
			asked.Add(1)
			if tenant == "acme" && valid.Load() {
				return nil
			}
			return &directory.CredentialsError{Advice: "make a new token", Err: errors.New("401 E0000011")}
		},
		run: func(context.Context, string, string) error { ran.Add(1); return nil },
	}})
	s := newSweeper(store, c)
	s.o.ProbeEvery = time.Nanosecond
	background(t, s.Run)
	poll(t, "Okta was asked again and again", func() bool { return asked.Load() > 4 })
	if reason, _ := store.Blocked(t.Context(), "acme"); reason == "" || ran.Load() > 0 {
		t.Error("the block ended although Okta refuses the credentials")
	}
	valid.Store(true)
	poll(t, "the nightly run is made again", func() bool { return ran.Load() == 1 })
	poll(t, "the block has ended", func() bool { reason, _ := store.Blocked(t.Context(), "acme"); return reason == "" })
	if reason, _ := store.Blocked(t.Context(), "other"); reason == "" {
		t.Error("the block of another tenant ended")
	}
	if dates := store.nightlies("acme"); !slices.Equal(dates, []string{"", "2026-03-01"}) {
		t.Errorf("nightly runs %q, want one more without a date", dates)
	}
}

func TestStopLetsTasksEnd(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		store, c := newTables(), newClient(r)
		begun, release := make(chan struct{}), make(chan struct{})
		s := startServer(t, ServerOptions{Redis: r, Ledger: store, Grace: 20 * time.Second, Reconciler: &reconciler{tables: store, scope: func(ctx context.Context, _ string, _ directory.Scope) error {
			close(begun)
			<-release
			return ctx.Err()
		}}})
		put(t, store, c, person(1))
		receive(t, "the task begins", begun)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			var both sync.WaitGroup // Stop may be called by several
			both.Go(s.Stop)
			both.Go(s.Stop)
			both.Wait()
		}()
		// What comes now is for the next process.
		poll(t, "no more tasks are taken", func() bool {
			put(t, store, c, person(2))
			return pending(t, c)[QueuePeople] > 0
		})
		close(release)
		receive(t, "the workers stop", ended)
		if store.left() != 1 {
			t.Errorf("%d scopes wait, want the second one only", store.left())
		}
		s.Stop()
	})
}

func TestStopCancelsLongTasksAtNoAttempt(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		store, c := newTables(), newClient(r)
		begun, cause := make(chan struct{}), make(chan error, 1)
		s := startServer(t, ServerOptions{Redis: r, Ledger: store, Grace: 200 * time.Millisecond, Reconciler: &reconciler{tables: store, scope: func(ctx context.Context, _ string, _ directory.Scope) error {
			close(begun)
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return fmt.Errorf("read the person: %w", ctx.Err())
		}}})
		put(t, store, c, person(1))
		receive(t, "the task begins", begun)
		start := time.Now()
		s.Stop()
		if took := time.Since(start); took < 200*time.Millisecond {
			t.Errorf("stopping took %s", took)
		}
		if err := receive(t, "the task ends", cause); !errors.Is(err, errStopping) {
			t.Errorf("cancelled because of %v", err)
		}
		tasks, err := asynq.NewInspectorFromRedisClient(r).ListRetryTasks(QueuePeople)
		if err != nil || len(tasks) != 1 || tasks[0].Retried != 0 {
			t.Fatalf("tasks that come back: %+v, error %v; want one without a counted attempt", tasks, err)
		}
		// The next process takes it up by itself.
		startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store}})
		poll(t, "the task is done after the restart", func() bool { return store.left() == 0 })
	})
}

// Work that ignores its context is left behind, and its task goes back to the queue.
func TestStopDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	store, c := newTables(), newClient(r)
	begun, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	s := startServer(t, ServerOptions{Redis: r, Ledger: store, Grace: 50 * time.Millisecond, Reconciler: &reconciler{tables: store, scope: func(context.Context, string, directory.Scope) error {
		close(begun)
		<-release
		return nil
	}}})
	put(t, store, c, person(1))
	receive(t, "the task begins", begun)
	s.Stop() // which ends, although the work does not
	if diff := pending(t, c); diff[QueuePeople] != 1 {
		t.Errorf("queues after the stop: %v, want the task back", diff)
	}
}

func TestStopWithoutStart(t *testing.T) {
	t.Parallel()
	r := connect(t, RedisOptions{Mode: ModeEmbedded})
	s := NewServer(ServerOptions{Redis: r, Ledger: newTables(), Reconciler: &reconciler{}, Log: discard()})
	s.Stop()
	s.Stop()
	if err := s.Start(); err == nil {
		t.Error("workers started after they were stopped")
	}
}

// The service must come up, and go down, while Redis is away.
func TestServerWithoutRedis(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	r := connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{"127.0.0.1:" + port}})
	store := newTables()
	s := startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store}})
	startRedis(t, port)
	c := NewClient(ClientOptions{Redis: r, Log: discard(), Pause: time.Millisecond})
	store.receive(person(1))
	poll(t, "the queue takes tasks", func() bool {
		return c.Enqueue(t.Context(), []directory.ScopeHint{person(1)}) == nil
	})
	poll(t, "the task is done", func() bool { return store.left() == 0 })
	s.Stop()
}

// Stopping must end in time although Redis answers nothing.
func TestStopWhileRedisHangs(t *testing.T) {
	t.Parallel()
	p := startRedis(t, freePort(t))
	r := connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{p.addr}})
	store, c := newTables(), newClient(r)
	s := startServer(t, ServerOptions{Redis: r, Ledger: store, Grace: time.Second, Reconciler: &reconciler{tables: store}})
	put(t, store, c, person(1))
	poll(t, "the workers work", func() bool { return store.left() == 0 })
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	s.Stop()
	if took := time.Since(start); took > time.Minute {
		t.Errorf("stopping took %s", took)
	}
}

// asynq asks again at once after an error. A Redis that refuses all writes must
// not cost a core.
func TestWorkersPauseAfterErrors(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	over := make(chan struct{})
	p := &patient{UniversalClient: r, pause: time.Hour, stopping: over} // each pause lasts until it is over
	run := func(script string) { _ = redis.NewScript(script).Run(t.Context(), p, []string{"key"}).Err() }
	failing := `return redis.error_reply("OOM command not allowed")`
	for _, script := range []string{`return 1`, `return nil`, failing} {
		run(script)
	}
	// Redis knows them by now.
	run(`return 1`)
	run(`return nil`)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(failing)
	}()
	select {
	case <-ended:
		t.Error("an error came back without a pause")
	case <-time.After(100 * time.Millisecond):
	}
	close(over)
	receive(t, "the pause ends", ended)
}
