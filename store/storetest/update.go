package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func testUpdateUndoes(f *fixture) {
	before := f.snapshotOf(tenant)
	failure := errors.New("refused")
	f.must(f.db.AddEvents(f.ctx, tenant, []directory.Event{event("e1", directory.PersonScope("u1"))}))
	ticket := must(f.db.Ticket(f.ctx, tenant, directory.PersonScope("u1")))(f)
	err := f.db.Update(f.ctx, tenant, func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutPeople(ctx, people("u1")))
		f.must(tx.PutGroups(ctx, []directory.Group{group("g1")}))
		f.must(tx.PutMemberships(ctx, []directory.Membership{member("g1", "u1")}))
		f.must(tx.PutTeams(ctx, []directory.Team{{ID: "t"}}))
		f.must(tx.Mark(ctx, ticket))
		_, err := tx.Append(ctx, []directory.Change{{Type: directory.PersonCreated}})
		f.must(err)
		f.same("reads see what was written", len(must(tx.People(ctx, []string{"u1"}))(f)), 1)
		return failure
	})
	f.fails(err, failure)
	f.same("after the error", f.snapshotOf(tenant), before)
	f.same("the event waits still", must(f.db.Ticket(f.ctx, tenant, directory.PersonScope("u1")))(f), ticket)
}

// snapshotOf is a small snapshot, for a tenant without runs.
func (f *fixture) snapshotOf(of string) map[string]any {
	f.Helper()
	return map[string]any{
		"people":  must(f.db.ListPeople(f.ctx, of, directory.PeopleQuery{Limit: 100}))(f),
		"teams":   must(f.db.ListTeams(f.ctx, of, "", 100))(f),
		"groups":  must(f.db.ListGroups(f.ctx, of, "", 100))(f),
		"members": must(f.db.GroupMembers(f.ctx, of, "g1", "", 100))(f),
		"changes": must(f.db.Changes(f.ctx, of, directory.ChangeQuery{Limit: 100}))(f),
	}
}

func testUpdateUnknown(f *fixture) {
	called := false
	err := f.db.Update(f.ctx, "nobody", func(context.Context, *store.Tx) error { called = true; return nil })
	f.fails(err, directory.ErrNotFound)
	f.same("the function was called", called, false)
}

func testUpdateCancelled(f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	err := f.db.Update(ctx, tenant, func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutPeople(ctx, people("u1")))
		cancel()
		return tx.PutPeople(ctx, people("u2"))
	})
	f.fails(err, context.Canceled)
	// The lock is free again, at once.
	soon, stop := context.WithTimeout(f.ctx, time.Minute)
	defer stop()
	f.must(f.db.Update(soon, tenant, func(context.Context, *store.Tx) error { return nil }))
	f.same("people", must(f.db.ListPeople(f.ctx, tenant, directory.PeopleQuery{Limit: 10}))(f), nil)

	// A context that is cancelled already does nothing.
	f.fails(f.db.Update(ctx, tenant, func(context.Context, *store.Tx) error { return nil }), context.Canceled)
}

func testUpdatePanic(f *fixture) {
	func() {
		defer func() {
			if recover() == nil {
				f.Error("the panic was swallowed")
			}
		}()
		_ = f.db.Update(f.ctx, tenant, func(context.Context, *store.Tx) error { panic("a bug") })
	}()
	soon, stop := context.WithTimeout(f.ctx, time.Minute)
	defer stop()
	f.must(f.db.Update(soon, tenant, func(context.Context, *store.Tx) error { return nil }))
}

func testUpdateClock(f *fixture) {
	last := f.now()
	for range 5 {
		f.update(func(_ context.Context, tx *store.Tx) error {
			if tx.Now().Before(last) {
				f.Errorf("the clock went from %v to %v", last, tx.Now())
			}
			if tx.Now().Location() != time.UTC {
				f.Errorf("the clock tells %v, want UTC", tx.Now().Location())
			}
			last = tx.Now()
			return nil
		})
	}
	if after := f.now(); after.Before(last) {
		f.Fatalf("the clock of the database tells %v after %v", after, last)
	}

	// A transaction that waited for the lock starts when it got it.
	locked, release := make(chan struct{}), make(chan struct{})
	var freed time.Time
	var wait sync.WaitGroup
	wait.Go(func() {
		err := f.db.Update(f.ctx, tenant, func(ctx context.Context, tx *store.Tx) error {
			close(locked)
			<-release
			var err error
			freed, err = f.db.Now(ctx)
			return err
		})
		if err != nil {
			f.Error(err)
		}
	})
	<-locked
	started := make(chan struct{})
	wait.Go(func() {
		close(started)
		err := f.db.Update(f.ctx, tenant, func(_ context.Context, tx *store.Tx) error {
			if tx.Now().Before(freed) {
				f.Errorf("a transaction that got the lock after %v says that it is %v", freed, tx.Now())
			}
			return nil
		})
		if err != nil {
			f.Error(err)
		}
	})
	<-started
	close(release)
	wait.Wait()
}

// testWriters has twenty writers read, decide and write: no update may be lost, no
// number skipped or given twice, and numbers and times must rise together.
func testWriters(f *fixture) {
	const writers, rounds = 20, 5
	p := person("u1")
	p.Profile.Title = "0"
	f.putPeople(p)
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for r := range rounds {
				err := f.db.Update(f.ctx, tenant, func(ctx context.Context, tx *store.Tx) error {
					rows, err := tx.People(ctx, []string{"u1"})
					if err != nil {
						return err
					}
					count, err := strconv.Atoi(rows[0].Profile.Title)
					if err != nil {
						return err
					}
					rows[0].Profile.Title = strconv.Itoa(count + 1)
					if err := tx.PutPeople(ctx, rows); err != nil {
						return err
					}
					_, err = tx.Append(ctx, []directory.Change{
						{Type: directory.PersonUpdated, SubjectID: fmt.Sprint(w), PersonID: fmt.Sprint(r)},
						{Type: directory.PersonUpdated, SubjectID: fmt.Sprint(w), PersonID: fmt.Sprint(r)},
					})
					return err
				})
				if err != nil {
					f.Error(err)
				}
				if err := f.db.AddEvents(f.ctx, tenant, []directory.Event{event(fmt.Sprintf("e%d-%d", w, r), directory.PersonScope("u1"))}); err != nil {
					f.Error(err)
				}
			}
		})
	}
	wait.Wait()
	rows := must(f.db.People(f.ctx, tenant, []string{"u1"}))(f)
	f.same("updates", rows[0].Profile.Title, strconv.Itoa(writers*rounds))
	changes := must(f.db.Changes(f.ctx, tenant, directory.ChangeQuery{Limit: 1000}))(f)
	f.same("changes", len(changes), 2*writers*rounds)
	for i, c := range changes {
		if c.Seq != int64(i+1) {
			f.Fatalf("change %d has number %d", i+1, c.Seq)
		}
		if i > 0 && c.At.Before(changes[i-1].At) {
			f.Fatalf("change %d was made at %v, before %v of the one before", c.Seq, c.At, changes[i-1].At)
		}
	}
	f.same("events", len(must(f.db.Ticket(f.ctx, tenant, directory.PersonScope("u1")))(f).Events), writers*rounds)
}
