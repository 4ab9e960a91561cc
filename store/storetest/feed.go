package storetest

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// happened appends changes of these types.
func (f *fixture) happened(types ...directory.ChangeType) {
	f.Helper()
	f.update(func(ctx context.Context, tx *store.Tx) error {
		var changes []directory.Change
		for _, t := range types {
			changes = append(changes, directory.Change{Type: t, Subject: directory.SubjectPerson, SubjectID: "u1", PersonID: "u1"})
		}
		_, err := tx.Append(ctx, changes)
		return err
	})
}

func (f *fixture) feed(q directory.ChangeQuery) (directory.Feed, []int64) {
	f.Helper()
	page := must(f.db.Feed(f.ctx, tenant, q))(f)
	var numbers []int64
	for _, c := range page.Changes {
		numbers = append(numbers, c.Seq)
	}
	return page.Feed, numbers
}

func testFeed(f *fixture) {
	empty, none := f.feed(directory.ChangeQuery{Limit: 10})
	f.same("changes of an empty feed", none, nil)
	other := must(f.db.Feed(f.ctx, neighbour, directory.ChangeQuery{Limit: 1}))(f)
	if empty.ID == "" || empty.ID == other.ID || empty.Last != 0 {
		f.Fatalf("the feed is %+v, the neighbour's is %+v", empty, other.Feed)
	}
	_, err := f.db.Feed(f.ctx, "nobody", directory.ChangeQuery{Limit: 10})
	f.fails(err, directory.ErrNotFound)

	f.happened(directory.PersonCreated, directory.PersonUpdated, directory.PersonUpdated)
	f.happened(directory.PersonRemoved, directory.PersonCreated)
	some := []directory.ChangeType{directory.PersonCreated, directory.PersonRemoved}
	for _, test := range []struct {
		name  string
		query directory.ChangeQuery
		want  []int64
	}{
		{"all", directory.ChangeQuery{Limit: 10}, []int64{1, 2, 3, 4, 5}},
		{"at the end", directory.ChangeQuery{After: 5, Limit: 10}, nil},
		{"types", directory.ChangeQuery{Types: some, Limit: 10}, []int64{1, 4, 5}},
		{"types, a page", directory.ChangeQuery{Types: some, After: 1, Limit: 1}, []int64{4}},
		{"types, newest", directory.ChangeQuery{Types: some, Newest: true, Limit: 2}, []int64{5, 4}},
		{"a type that there is none of", directory.ChangeQuery{Types: []directory.ChangeType{directory.TeamCreated}, Limit: 10}, nil},
		{"up to a number", directory.ChangeQuery{After: 1, Through: 3, Limit: 10}, []int64{2, 3}},
		{"types up to a number", directory.ChangeQuery{Types: some, Through: 3, Limit: 10}, []int64{1}},
		{"everything at once", directory.ChangeQuery{PersonID: "u1", Types: some, After: 1, Through: 4, Limit: 10, Newest: true}, []int64{4}},
	} {
		feed, numbers := f.feed(test.query)
		f.same(test.name, numbers, test.want)
		f.same(test.name+": the feed", feed, directory.Feed{ID: empty.ID, Last: 5})
	}
}

// fixtureOf is a fixture without a neighbour, for tests that touch all tenants.
func fixtureOf(t *testing.T, e Empty) *fixture {
	t.Helper()
	f := &fixture{T: t, db: e.DB, ctx: t.Context()}
	f.must(f.db.Migrate(f.ctx))
	f.must(f.db.EnsureTenants(f.ctx, []string{tenant, neighbour}))
	return f
}

func testPurgeChanges(t *testing.T, e Empty) {
	f := fixtureOf(t, e)
	f.happened(directory.PersonCreated)
	for range 5 { // more than two chunks
		f.happened(make([]directory.ChangeType, 499)...)
	}
	f.must(f.db.Update(f.ctx, neighbour, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Append(ctx, []directory.Change{{Type: directory.TeamCreated}})
		return err
	}))
	feed, _ := f.feed(directory.ChangeQuery{Limit: 1})
	f.same("nothing is old enough", must(f.db.Purge(f.ctx, store.Retention{Changes: time.Hour}))(f), 0)
	e.SQL("update changes set at = at - " + e.Hour)
	f.happened(directory.PersonCreated, directory.PersonRemoved)
	f.same("purged", must(f.db.Purge(f.ctx, store.Retention{Changes: time.Hour / 2}))(f), 2496+1)
	after, numbers := f.feed(directory.ChangeQuery{Limit: 10})
	f.same("kept", numbers, []int64{2497, 2498})
	f.same("the feed", after, directory.Feed{ID: feed.ID, Purged: 2496, Last: 2498})

	f.happened(directory.PersonUpdated)
	f.old()
	f.same("all of them", must(f.db.Purge(f.ctx, store.Retention{Changes: time.Microsecond}))(f), 3)
	after, numbers = f.feed(directory.ChangeQuery{Limit: 10})
	f.same("nothing is kept", numbers, nil)
	f.same("the empty feed", after, directory.Feed{ID: feed.ID, Purged: 2499, Last: 2499})
	f.same("there is nothing more to purge", must(f.db.Purge(f.ctx, store.Retention{Changes: time.Microsecond}))(f), 0)
	f.happened(directory.PersonUpdated)
	_, numbers = f.feed(directory.ChangeQuery{Limit: 10})
	f.same("numbers go on", numbers, []int64{2500})
	last := must(f.db.Changes(f.ctx, tenant, directory.ChangeQuery{Newest: true, Limit: 1}))(f)
	f.same("those of the person too", last[0].PersonSeq, int64(2500))
}

// Thousands wait for one tenant, without a connection, until it changes.
func testAwait(f *fixture) {
	seen, _ := f.feed(directory.ChangeQuery{Limit: 1})
	const waiters = 3000
	var woken atomic.Int64
	var group sync.WaitGroup
	for range waiters {
		group.Go(func() {
			if f.db.AwaitChange(f.ctx, tenant, seen) {
				woken.Add(1)
			}
		})
	}
	f.must(f.db.EnsureTenants(f.ctx, []string{"third"}))
	f.must(f.db.Update(f.ctx, "third", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Append(ctx, []directory.Change{{Type: directory.TeamCreated}})
		return err
	}))
	f.update(func(context.Context, *store.Tx) error { return nil }) // changes nothing
	write, read := f.db.Pools()
	if write.InUse+read.InUse > 0 || woken.Load() > 0 {
		f.Fatalf("%d and %d connections are in use, %d were woken by what is none of their business", write.InUse, read.InUse, woken.Load())
	}
	f.happened(directory.TeamCreated)
	group.Wait()
	f.same("woken", woken.Load(), int64(waiters))

	f.same("a change that is there already", f.db.AwaitChange(f.ctx, tenant, seen), true)
	now, _ := f.feed(directory.ChangeQuery{Limit: 1})
	over, cancel := context.WithTimeout(f.ctx, time.Millisecond)
	defer cancel()
	f.same("the end of the context", f.db.AwaitChange(over, tenant, now), false)
	// A tenant of the same name that was set up anew counts from the beginning.
	f.same("another feed", f.db.AwaitChange(over, tenant, directory.Feed{ID: "another"}), false)
}

// What another process commits is noticed by looking; the end of looking lets everybody go.
func testWatch(t *testing.T, e Empty) {
	f := fixtureOf(t, e)
	page := must(e.DB.Feed(t.Context(), tenant, directory.ChangeQuery{Limit: 1}))(f)
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	group.Go(func() { e.DB.Watch(ctx, 10*time.Millisecond, slog.New(slog.DiscardHandler)) })
	moved := make(chan bool)
	group.Go(func() { moved <- e.DB.AwaitChange(t.Context(), tenant, page.Feed) })
	f.must(e.Second.Update(t.Context(), tenant, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Append(ctx, []directory.Change{{Type: directory.TeamCreated}})
		return err
	}))
	if !<-moved {
		t.Error("the wait ended without the other process' change")
	}
	page.Last++
	group.Go(func() { moved <- e.DB.AwaitChange(t.Context(), tenant, page.Feed) })
	stop()
	if <-moved {
		t.Error("the end of looking passed for a change")
	}
	if e.DB.AwaitChange(t.Context(), tenant, page.Feed) {
		t.Error("a wait after the end passed for a change")
	}
}
