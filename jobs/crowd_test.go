package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/directory"
)

// In a storm ordinary tasks do not come back one by one; leavers do, and nothing is lost.
func TestCrowdLeavesTheRestToTheTables(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, r *Redis) {
		store, c := newTables(), newClient(r)
		for _, queue := range []string{QueuePeople, QueueLeavers} {
			for i := range crowd { // far in the future, so that nobody takes them
				member := redis.Z{Score: float64(time.Now().Add(time.Hour).Unix()), Member: fmt.Sprintf("waits-%d", i)}
				if err := r.ZAdd(t.Context(), retryKey(queue), member).Err(); err != nil {
					t.Fatal(err)
				}
			}
		}
		var refused atomic.Bool
		refused.Store(true)
		tried := make(chan directory.Scope, 10)
		startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store,
			scope: func(_ context.Context, _ string, scope directory.Scope) error {
				if !refused.Load() {
					return nil
				}
				tried <- scope
				return &directory.RetryAfterError{Wait: time.Hour, Err: errors.New("no calls left")}
			}}})
		put(t, store, c, person(1), leaver(2))
		<-tried
		<-tried
		poll(t, "the leaver's task waits for its time, the other one has ended", func() bool {
			leavers, err := r.ZCard(t.Context(), retryKey(QueueLeavers)).Result()
			if err != nil {
				t.Fatal(err)
			}
			active, err := r.LLen(t.Context(), "asynq:{"+QueuePeople+"}:active").Result()
			if err != nil {
				t.Fatal(err)
			}
			return leavers == crowd+1 && active == 0
		})
		if n, err := r.ZCard(t.Context(), retryKey(QueuePeople)).Result(); err != nil || n != crowd {
			t.Errorf("%d ordinary tasks come back, %v; want %d", n, err, crowd)
		}
		if n := store.left(); n != 2 {
			t.Errorf("%d scopes wait in the tables, want both", n)
		}
		refused.Store(false)
		for _, queue := range []string{QueuePeople, QueueLeavers} {
			for i := range crowd {
				if err := r.ZRem(t.Context(), retryKey(queue), fmt.Sprintf("waits-%d", i)).Err(); err != nil {
					t.Fatal(err)
				}
			}
		}
		poll(t, "the sweeper brings the events back", func() bool {
			sweep(t, newSweeper(store, c))
			return store.left() == 0 // the leaver's too: a second task does no harm
		})
	})
}

// A list of scopes is not spread out before a queue that is long already, unless it is the leavers'.
func TestCrowdIsNotMultiplied(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	for _, queue := range []string{QueuePeople, QueueLeavers} {
		for range crowd {
			if err := r.LPush(t.Context(), pendingKey(queue), "waits").Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := &worker{redis: r}
	for _, test := range []struct {
		hint directory.ScopeHint
		want int64 // more tasks than before
	}{{person(1), 0}, {leaver(1), 2}} {
		p := scopePayload(test.hint, time.Now())
		p.IDs = []string{person(1).Scope.ID, person(2).Scope.ID}
		rule, err := p.rule(typeSpread)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.spread(t.Context(), &job{payload: p, rule: rule, taskType: typeSpread}); err != nil {
			t.Fatal(err)
		}
		if n, err := r.LLen(t.Context(), pendingKey(rule.queue)).Result(); err != nil || n != crowd+test.want {
			t.Errorf("queue %s has %d tasks, %v; want %d", rule.queue, n, err, crowd+test.want)
		}
	}
}
