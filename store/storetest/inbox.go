package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func (f *fixture) add(events ...directory.Event) {
	f.Helper()
	f.must(f.db.AddEvents(f.ctx, tenant, events))
}

func (f *fixture) ticket(scope directory.Scope) directory.Ticket {
	f.Helper()
	return must(f.db.Ticket(f.ctx, tenant, scope))(f)
}

// waiting returns the uuids of a scope's ticket.
func (f *fixture) waiting(scope directory.Scope) (uuids []string) {
	f.Helper()
	for _, e := range f.ticket(scope).Events {
		uuids = append(uuids, e.UUID)
	}
	return uuids
}

func (f *fixture) mark(ticket directory.Ticket) {
	f.Helper()
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.Mark(ctx, ticket) })
}

func testDuplicates(f *fixture) {
	u1, u2, g1 := directory.PersonScope("u1"), directory.PersonScope("u2"), directory.GroupScope("g1")
	f.add()
	f.add(event("e1", u1, g1, u1), event("e2"), event("e1", u2))
	f.same("person", f.waiting(u1), []string{"e1"})
	f.same("group", f.waiting(g1), []string{"e1"})
	f.same("the second of two with one uuid", f.waiting(u2), nil)

	// Known ones vanish with their scopes, and do not take new ones with them.
	f.mark(f.ticket(u1))
	f.add(event("e2", u2), event("e1", u1, u2), event("e3", u2))
	f.same("person, again", f.waiting(u1), nil)
	f.same("the new one", f.waiting(u2), []string{"e3"})
	f.same("group, still", f.waiting(g1), []string{"e1"})

	many := make([]directory.Event, 1000)
	for i := range many {
		many[i] = event(fmt.Sprintf("m%04d", i), directory.FullScope())
	}
	f.add(many...)
	f.same("a thousand in one delivery", len(f.waiting(directory.FullScope())), 1000)
}

func testTicket(f *fixture) {
	u1, g1 := directory.PersonScope("u1"), directory.GroupScope("g1")
	older, newer := event("e2", u1), event("e1", u1, g1)
	older.Published, older.Via, older.Type, older.Urgent = at(-5), directory.ViaLog, "user.lifecycle.suspend", true
	f.add(newer)
	f.add(older)
	known := f.ticket(u1)
	for i, w := range known.Events {
		if age := time.Since(w.Received); age < -time.Minute || age > time.Minute {
			f.Errorf("event %s was received %s ago by the ticket", w.UUID, age)
		}
		known.Events[i].Received = time.Time{}
	}
	f.same("the ticket", known, directory.Ticket{Tenant: tenant, Scope: u1, Events: []directory.Waiting{
		{UUID: "e2", Type: "user.lifecycle.suspend", Published: at(-5), Via: directory.ViaLog, Urgent: true},
		{UUID: "e1", Type: "user.account.update_profile", Published: at(0), Via: directory.ViaHook},
	}})

	// What arrives while Okta is asked is not in the ticket and stays.
	f.add(event("e3", u1))
	f.mark(known)
	f.same("arrived in between", f.waiting(u1), []string{"e3"})
	f.same("the event's other scope", f.waiting(g1), []string{"e1"})
	f.mark(known)
	f.mark(directory.Ticket{Tenant: tenant, Scope: u1})
	f.same("marked twice", f.waiting(u1), []string{"e3"})
	f.mark(f.ticket(u1))
	f.same("all marked", f.ticket(u1), directory.Ticket{Tenant: tenant, Scope: u1})
}

func testForeignTicket(f *fixture) {
	theirs := must(f.db.Ticket(f.ctx, neighbour, directory.PersonScope("u1")))(f)
	err := f.db.Update(f.ctx, tenant, func(ctx context.Context, tx *store.Tx) error { return tx.Mark(ctx, theirs) })
	f.fails(err, directory.ErrConflict)
}

func testInboxUnknown(f *fixture) {
	f.fails(f.db.AddEvents(f.ctx, "nobody", []directory.Event{event("e1", directory.PersonScope("u1"))}), directory.ErrNotFound)
	f.same("nothing was kept", must(f.db.Ticket(f.ctx, "nobody", directory.PersonScope("u1")))(f).Events, nil)
}

// testInboxAtOnce delivers the same events from twenty sides in different orders.
func testInboxAtOnce(f *fixture) {
	var events []directory.Event
	for i := range 50 {
		events = append(events, event(fmt.Sprintf("e%02d", i), directory.PersonScope("u1"), directory.GroupScope(fmt.Sprint("g", i))))
	}
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			mine := append(slices.Clone(events[i:]), events[:i]...)
			if i%2 == 1 {
				slices.Reverse(mine)
			}
			if err := f.db.AddEvents(f.ctx, tenant, mine); err != nil {
				f.Error(err)
			}
		})
	}
	wait.Wait()
	f.same("waiting", len(f.waiting(directory.PersonScope("u1"))), 50)
	f.same("scopes", must(f.db.TenantState(f.ctx, tenant))(f).Waiting, 51)
}

func testPark(f *fixture) {
	u1, u2, g1 := directory.PersonScope("u1"), directory.PersonScope("u2"), directory.GroupScope("g1")
	urgent := event("e2", u1)
	urgent.Urgent = true
	f.add(event("e1", u1, g1), urgent, event("e3", u2))
	f.mark(directory.Ticket{Tenant: tenant, Scope: u1, Events: []directory.Waiting{{UUID: "none"}}})
	before := f.now()
	f.must(f.db.Park(f.ctx, tenant, u1, "the app answers 500"))
	f.must(f.db.Park(f.ctx, tenant, g1, "gone"))
	f.must(f.db.Park(f.ctx, tenant, directory.PersonScope("u9"), "nothing to park"))

	list := func(limit int) []directory.Parked {
		parked := must(f.db.Parked(f.ctx, tenant, limit))(f)
		for i := range parked {
			if parked[i].ParkedAt.Before(before) || parked[i].ParkedAt.After(f.now()) {
				f.Errorf("parked at %v", parked[i].ParkedAt)
			}
			parked[i].ParkedAt = time.Time{}
		}
		return parked
	}
	f.same("parked", list(10), []directory.Parked{
		{Scope: g1, Events: 1, Reason: "gone"}, {Scope: u1, Events: 2, Reason: "the app answers 500"},
	})
	f.same("newest", list(1), []directory.Parked{{Scope: g1, Events: 1, Reason: "gone"}})
	f.same("parked events are in the ticket", f.waiting(u1), []string{"e1", "e2"})

	f.same("urgent", must(f.db.Unpark(f.ctx, tenant, u1, act(directory.ActRetry, u1)))(f), true)
	_, err := f.db.Unpark(f.ctx, tenant, u1, act(directory.ActRetry, u1))
	f.fails(err, directory.ErrNotFound)
	f.same("taken up", f.waiting(u1), []string{"e1", "e2"})

	f.must(f.db.Discard(f.ctx, tenant, g1, act(directory.ActDiscard, g1)))
	f.fails(f.db.Discard(f.ctx, tenant, g1, act(directory.ActDiscard, g1)), directory.ErrNotFound)
	f.fails(f.db.Discard(f.ctx, tenant, u2, act(directory.ActDiscard, u2)), directory.ErrNotFound) // waiting, not parked
	f.same("discarded", f.waiting(g1), nil)
	f.same("none is parked", list(10), nil)

	// What a worker finishes after all is no longer parked.
	f.must(f.db.Park(f.ctx, tenant, u2, "slow"))
	f.same("not urgent", must(f.db.Unpark(f.ctx, tenant, u2, act(directory.ActRetry, u2)))(f), false)
	f.must(f.db.Park(f.ctx, tenant, u2, "slow"))
	f.mark(f.ticket(u2))
	f.same("marked while parked", list(10), nil)
}

// stale sweeps and returns the tenant's scopes, in order.
func (f *fixture) stale(urgent bool, olderThan time.Duration, limit int) []directory.ScopeHint {
	f.Helper()
	var mine []directory.ScopeHint
	for _, h := range must(f.db.StaleScopes(f.ctx, urgent, olderThan, limit))(f) {
		if h.Tenant == tenant {
			mine = append(mine, h)
		}
	}
	slices.SortFunc(mine, func(a, b directory.ScopeHint) int { return cmp.Compare(a.Scope.String(), b.Scope.String()) })
	return mine
}

func testSweep(f *fixture) {
	hint := func(urgent bool, scopes ...directory.Scope) (hints []directory.ScopeHint) {
		for _, s := range scopes {
			hints = append(hints, directory.ScopeHint{Tenant: tenant, Scope: s, Urgent: urgent})
		}
		return hints
	}
	u1, u2, u3, g1 := directory.PersonScope("u1"), directory.PersonScope("u2"), directory.PersonScope("u3"), directory.GroupScope("g1")
	leaver := event("e4", u3)
	leaver.Urgent = true
	f.add(event("e1", u1, g1), event("e2", u1), event("e3", u2), leaver)
	f.must(f.db.Park(f.ctx, tenant, u2, "parked"))
	f.same("just received", f.stale(false, time.Hour, 100), nil)
	f.same("all that wait", f.stale(false, 0, 100), hint(false, g1, u1))
	f.same("urgent ones", f.stale(true, 0, 100), hint(true, u3))
	f.same("just swept", f.stale(false, time.Minute, 100), nil)
	f.same("the limit", len(must(f.db.StaleScopes(f.ctx, false, 0, 1))(f)), 1)

	f.mark(f.ticket(u1))
	f.same("marked", f.stale(false, 0, 100), hint(false, g1))
	f.same("urgent", must(f.db.Unpark(f.ctx, tenant, u2, act(directory.ActRetry, u2)))(f), false)
	f.same("taken up", f.stale(false, 0, 100), hint(false, g1, u2))

	// After a while they come again.
	f.eventually("a scope gets stale", func() bool { return len(f.stale(false, 30*time.Millisecond, 100)) == 2 })
}

func testSweepBlocked(f *fixture) {
	for i := range 30 {
		f.add(event(fmt.Sprintf("e%d", i), directory.PersonScope(fmt.Sprintf("p%d", i))))
	}
	f.must(f.db.Block(f.ctx, tenant, "the token is dead"))
	f.same("a probe", len(f.stale(false, 0, 100)), 1)
	found := must(f.db.StaleScopes(f.ctx, false, 0, 100))(f)
	f.same("a probe and the neighbour's", len(found), 2)
	// The others keep their place and need not wait again.
	f.must(f.db.Unblock(f.ctx, tenant))
	f.same("all", len(f.stale(false, 0, 100)), 30)
}

// testTwoSweepers lets replicas sweep at once: nothing is handed out twice.
func testTwoSweepers(t *testing.T, e Empty) {
	if err := e.DB.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, e.DB)
	const scopes = 40
	var events []directory.Event
	for i := range scopes {
		scope := directory.PersonScope(fmt.Sprintf("p%d", i))
		events = append(events, event(fmt.Sprintf("e%d", i), scope), event(fmt.Sprintf("f%d", i), scope))
	}
	f.add(events...)
	e.SQL("update inbox_scopes set swept_at = swept_at - 2 * " + e.Hour)
	var mutex sync.Mutex
	times := map[directory.Scope]int{}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			hints, err := f.db.StaleScopes(f.ctx, false, time.Hour, 100)
			if err != nil {
				f.Error(err)
			}
			mutex.Lock()
			defer mutex.Unlock()
			for _, h := range hints {
				if h.Tenant == tenant {
					times[h.Scope]++
				}
			}
		})
	}
	wait.Wait()
	f.same("scopes", len(times), scopes)
	for scope, n := range times {
		if n != 1 {
			f.Errorf("%s was handed out %d times", scope, n)
		}
	}
}

func testWaitingLogins(f *fixture) {
	scope := directory.PersonScope
	f.same("none", must(f.db.WaitingLogins(f.ctx, tenant))(f), nil)
	f.add(event("e1", scope("zoe@login.example"), scope("00u1aaaaaaaaaaaaaaaa"), directory.GroupScope("g1")),
		event("e2", scope("adam@login.example"), scope("zoe@login.example")), event("e3", scope("00short")), event("e4", scope("twenty-characters-lg")))
	f.must(f.db.Park(f.ctx, tenant, scope("zoe@login.example"), "parked ones wait too"))
	f.mark(f.ticket(scope("adam@login.example")))
	f.same("logins", must(f.db.WaitingLogins(f.ctx, tenant))(f), []string{"00short", "twenty-characters-lg", "zoe@login.example"})
}
