package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

func personOf(tenant string, n int) directory.ScopeHint {
	return directory.ScopeHint{Tenant: tenant, Scope: directory.PersonScope(userID(n))}
}

// One tenant of 200 floods, another one's Okta hangs, and a third has a dead token. Whatever the
// others send is done while most of the flood still waits.
func TestAFloodDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	const flood = 900 // a storm beyond a thousand stays in the inbox for the sweeper, see crowd.go
	store, c := newTables(), newClient(r)
	var flooded, others atomic.Int32
	release, allPut := make(chan struct{}), make(chan struct{})
	defer close(release)
	reconcile := func(ctx context.Context, tenant string, _ directory.Scope) error {
		switch tenant {
		case "hangs":
			select {
			case <-release:
			case <-ctx.Done():
			}
			return ctx.Err()
		case "dead":
			return &directory.CredentialsError{Advice: "mend it", Err: errors.New("401")}
		case "flood":
			// A slow machine would be done with the flood before anybody else has come.
			select {
			case <-allPut:
			case <-ctx.Done():
			}
			time.Sleep(3 * time.Millisecond) // what Okta takes
			flooded.Add(1)
		default:
			others.Add(1)
		}
		return nil
	}
	startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store, scope: reconcile}, Poll: 10 * time.Millisecond})
	// One by one, as hooks bring them, and many at once.
	var floods []directory.ScopeHint
	for n := range flood {
		floods = append(floods, personOf("flood", n))
	}
	put(t, store, c, floods[:flood/2]...)
	for n := range 60 {
		put(t, store, c, personOf("hangs", n), personOf("dead", n), floods[flood/2+n])
	}
	put(t, store, c, floods[flood/2+60:]...)
	before := flooded.Load()
	started := time.Now()
	for i := range 197 {
		put(t, store, c, personOf(fmt.Sprint("tenant", i), i))
	}
	close(allPut)
	poll(t, "everybody else is done", func() bool { return others.Load() == 197 })
	took, meanwhile := time.Since(started), flooded.Load()-before
	t.Logf("197 others were done after %s, while %d of the flood were", took.Round(time.Millisecond), meanwhile)
	if flooded.Load() > flood*9/10 {
		t.Errorf("the others waited for the flood: %d of %d were done before them", flooded.Load(), flood)
	}
	poll(t, "the flood is done as well", func() bool { return flooded.Load() == flood })
}

// A nightly change touches hundreds of groups of one tenant. The slot that is kept free for others does not
// send those that wait away for seconds each: at a few groups each time they come back, this would last minutes.
func TestATenantAloneIsDoneWithItsGroups(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	const groups = 300
	store, c := newTables(), newClient(r)
	var done atomic.Int32
	reconcile := func(context.Context, string, directory.Scope) error {
		time.Sleep(10 * time.Millisecond) // what Okta takes
		done.Add(1)
		return nil
	}
	hints := make([]directory.ScopeHint, groups)
	for n := range hints {
		hints[n] = directory.ScopeHint{Tenant: "acme", Scope: directory.GroupScope(fmt.Sprintf("00g%017d", n))}
	}
	put(t, store, c, hints...)
	startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store, scope: reconcile}, Poll: 10 * time.Millisecond})
	poll(t, "all groups are done", func() bool { return done.Load() == groups })
}

func TestAllowance(t *testing.T) {
	t.Parallel()
	a, now := &allowance{}, time.Now()
	within := func(tenant string, urgent bool, n int) (count int) {
		for range n {
			if a.take(tenant, urgent, now) {
				count++
			}
		}
		return count
	}
	if got := within("acme", false, 100); got != shareBurst {
		t.Errorf("%d at once, want %d", got, shareBurst)
	}
	if got := within("acme", true, 100); got != shareBurst {
		t.Errorf("leavers: %d at once, want %d", got, shareBurst)
	}
	if got := within("other", false, 10); got != 10 {
		t.Errorf("another tenant: %d of 10", got)
	}
	now = now.Add(time.Second)
	if got := within("acme", false, 100); got != sharePerSecond {
		t.Errorf("%d after a second, want %d", got, sharePerSecond)
	}
	now = now.Add(time.Hour)
	if got := within("acme", false, 100); got != shareBurst {
		t.Errorf("%d after a rest, want %d", got, shareBurst)
	}
}

func TestSeats(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := newSeats(8, 0, func() time.Time { return now })
	enter := func(c *seats, tenant string) bool { return c.enter(t.Context(), allowed{tenant, false}) }
	leave := func(tenant string) { c.leave(allowed{tenant, false}) }
	fill := func(tenant string) (n int) {
		for enter(c, tenant) {
			n++
		}
		return n
	}
	if got := fill("acme"); got != 7 {
		t.Errorf("alone: %d slots, want all but one", got)
	}
	if !enter(c, "other") {
		t.Error("nothing is free for whoever comes next")
	}
	for range 7 {
		leave("acme")
	}
	if got := fill("acme"); got != 4 {
		t.Errorf("beside another: %d slots, want half", got)
	}
	leave("other")
	now = now.Add(2 * seatMemory)
	if got := fill("acme"); got != 3 {
		t.Errorf("alone again: %d more slots, want 3", got)
	}
	if one := newSeats(1, time.Millisecond, time.Now); !enter(one, "acme") || enter(one, "acme") {
		t.Error("a lane of one slot has one")
	}
}

// What a tenant alone has in the backlog is back before its slots are empty. Beside others it makes room for longer.
func TestBacklogWait(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := newSeats(2, 0, func() time.Time { return now })
	mine, others := allowed{"acme", false}, allowed{"other", true}
	c.enter(t.Context(), mine)
	p := scopePayload(person(1), now)
	p.Backlog = true
	o, err := newOrder(typeScope, p)
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{base: t.Context(), now: time.Now, log: discard()}
	check := func(when string, want time.Duration) {
		t.Helper()
		var later *postponed
		if err := w.in(c).ProcessTask(t.Context(), o.task); !errors.As(err, &later) || later.wait < want-want/5 || later.wait > want+want/5 {
			t.Errorf("%s: %v, want to come back in %s", when, err, want)
		}
	}
	check("alone", aloneWait)
	c.enter(t.Context(), others)
	now = now.Add(2 * seatMemory)
	check("another one at work", backlogWait)
	c.leave(others)
	check("another one is gone", aloneWait)
	c.enter(t.Context(), others)
	c.leave(others)
	check("another one was there a moment ago", backlogWait)
	now = now.Add(2 * seatMemory)
	check("alone again", aloneWait)
}

// A success that never asked Okta says nothing about the credentials.
func TestAnIdleProbeDoesNotUnblock(t *testing.T) {
	t.Parallel()
	r := connect(t, RedisOptions{Mode: ModeEmbedded})
	store, lines := newTables(), &journal{}
	var asked sync.Map
	w := &worker{redis: r, ledger: store, base: t.Context(), now: time.Now, log: lines.logger(), reconciler: &reconciler{
		tables: store, scope: func(_ context.Context, _ string, scope directory.Scope) error {
			if _, known := asked.Load(scope.ID); known {
				return nil
			}
			return ErrIdle
		},
	}}
	if err := store.Block(t.Context(), "acme", "the token is dead"); err != nil {
		t.Fatal(err)
	}
	probe := func(n int) {
		t.Helper()
		p := scopePayload(person(n), time.Now())
		p.Probe = true
		o, err := newOrder(typeScope, p)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.process(t.Context(), o.task); err != nil {
			t.Fatal(err)
		}
	}
	probe(1)
	if reason, _ := store.Blocked(t.Context(), "acme"); reason == "" {
		t.Fatal("a probe that asked nobody lifted the block")
	}
	asked.Store(userID(2), true)
	probe(2)
	if reason, _ := store.Blocked(t.Context(), "acme"); reason != "" {
		t.Error("a probe that Okta answered did not lift the block")
	}
}
