package api

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/postgres"
	"github.com/oktasync/oktasync/store/storetest"
)

// feedFor makes the test longer:
//
//	go test ./api -run TestReadersMissNothing -feed.for 1m
var feedFor = flag.Duration("feed.for", time.Second, "how long TestReadersMissNothing writes and reads")

// 32 writers, half of them in another process as it were, commit and give up at random. 8 readers
// follow them by long polls, some of them page by page or by type. Each sees each change
// once and in order.
func TestReadersMissNothing(t *testing.T) {
	t.Parallel()
	address := storetest.PostgresDatabase(t)
	here, elsewhere := openPostgres(t, address), openPostgres(t, address)
	r := serveFeed(t, here)
	start := r.changes(client.ChangeFilter{}).Cursor

	var written atomic.Int64
	var removals atomic.Int64
	var writers, readers sync.WaitGroup
	until := time.Now().Add(*feedFor)
	for n := range 32 {
		db, random := []*store.DB{here, elsewhere}[n%2], rand.New(rand.NewPCG(uint64(n), 1))
		writers.Go(func() {
			for time.Now().Before(until) || written.Load() < 100 && !t.Failed() {
				wrote, removed := write(t, db, random)
				written.Add(wrote)
				removals.Add(removed)
			}
		})
	}
	finished := make(chan struct{}) // all is written; then the last number is known
	for n := range 8 {
		filter := client.ChangeFilter{After: start, Limit: []int{1000, 100, 7, 1000}[n%4], Wait: time.Second}
		if n%4 == 3 {
			filter.Types = []string{"person.removed"}
		}
		readers.Go(func() {
			seen, last, ofPerson := int64(0), int64(0), map[string]int64{}
			for {
				over := false
				select {
				case <-finished:
					over = true
				default:
				}
				page, err := r.api.Changes(t.Context(), "acme", filter)
				if err != nil {
					t.Errorf("reader %d: %v", n, err)
					return
				}
				for _, c := range page.Items {
					if c.Seq <= last || filter.Types == nil && c.Seq != last+1 {
						t.Errorf("reader %d got change %d after %d", n, c.Seq, last)
						return
					}
					if before := ofPerson[c.PersonID]; c.PersonSeq <= before || filter.Types == nil && c.PersonSeq != before+1 {
						t.Errorf("reader %d got change %d of person %s after %d", n, c.PersonSeq, c.PersonID, before)
						return
					}
					seen, last, ofPerson[c.PersonID] = seen+1, c.Seq, c.PersonSeq
				}
				filter.After = page.Cursor
				if over && page.Next == "" && len(page.Items) == 0 {
					break
				}
			}
			want := written.Load()
			if filter.Types != nil {
				want = removals.Load()
			}
			if seen != want {
				t.Errorf("reader %d has seen %d changes of %d", n, seen, want)
			}
		})
	}
	writers.Wait()
	close(finished)
	readers.Wait()
	t.Logf("%d changes, %d removals, each seen once by each reader", written.Load(), removals.Load())
}

func openPostgres(t *testing.T, address string) *store.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Options{URL: address, MaxConns: 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// write makes one transaction with a few changes, and returns how many it committed.
func write(t *testing.T, db *store.DB, random *rand.Rand) (wrote, removed int64) {
	changes := make([]directory.Change, 1+random.IntN(5))
	for i := range changes {
		changes[i].Type, changes[i].Subject, changes[i].PersonID = directory.PersonUpdated, "test", fmt.Sprint("p", random.IntN(9))
		if random.IntN(4) == 0 {
			changes[i].Type = directory.PersonRemoved
			removed++
		}
	}
	giveUp := random.IntN(10) == 0
	err := db.Update(t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Append(ctx, changes); err != nil {
			return err
		}
		if giveUp {
			return errGivenUp
		}
		return nil
	})
	switch {
	case giveUp && errors.Is(err, errGivenUp):
		return 0, 0
	case err != nil:
		t.Error(err)
		return 0, 0
	}
	return int64(len(changes)), removed
}

var errGivenUp = errors.New("given up")
