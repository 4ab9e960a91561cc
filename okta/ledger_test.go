package okta

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// testRedis connects to the Redis that the tests are given.
func testRedis(t *testing.T) redis.UniversalClient {
	t.Helper()
	address := os.Getenv("OKTASYNC_TEST_REDIS")
	if address == "" {
		t.Fatal("OKTASYNC_TEST_REDIS is not set; run make test, which starts Redis and sets it")
	}
	client := redis.NewClient(&redis.Options{Addr: address})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// key is one that no other test, and no earlier run, uses.
func testTenant(t *testing.T) string {
	t.Helper()
	return t.Name() + time.Now().Format("150405.000000000")
}

// Every ledger gives the same answers to the same questions.
func TestLedgers(t *testing.T) {
	t.Parallel()
	ledgers := map[string]func(t *testing.T) ledger{
		"memory": func(*testing.T) ledger { return newMemoryLedger(time.Now) },
		"redis": func(t *testing.T) ledger {
			return &redisLedger{client: testRedis(t), script: redis.NewScript(ledgerScript)}
		},
		"in-process redis": func(t *testing.T) ledger {
			client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
			t.Cleanup(func() { _ = client.Close() })
			return &redisLedger{client: client, script: redis.NewScript(ledgerScript)}
		},
	}
	saw := func(limit, remaining int, reset int64, left time.Duration) *observation {
		return &observation{limits: limits{limit: limit, remaining: remaining, reset: reset, left: left}}
	}
	event, bulk, urgent, all := terms{0.5, 0.2}, terms{0.4, 0.25}, terms{1, 0}, terms{1, 0.2}
	type step struct {
		name    string
		ask     question
		known   bool
		permits int
		longest time.Duration // that the window may still last
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"nothing is known", []step{{"ask", question{terms: event, want: 5}, false, 0, 0}}},
		{"the share is kept", []step{
			{"tell", question{terms: event, seen: saw(100, 99, 1000, time.Minute)}, true, 0, time.Minute},
			{"bulk stops first", question{terms: bulk, want: 100}, true, 40, time.Minute},
			{"bulk has had its part", question{terms: bulk, want: 1}, true, 0, time.Minute},
			{"events have the rest", question{terms: event, want: 100}, true, 10, time.Minute},
			{"and no more", question{terms: event, want: 1}, true, 0, time.Minute},
			{"urgent goes on", question{terms: urgent, want: 100}, true, 49, time.Minute},
			{"to the last", question{terms: urgent, want: 1}, true, 0, time.Minute},
		}},
		{"others use the bucket too", []step{
			{"tell", question{terms: event, seen: saw(100, 24, 1000, time.Minute)}, true, 0, time.Minute},
			{"the reserve stops bulk", question{terms: bulk, want: 1}, true, 0, time.Minute},
			{"before events", question{terms: event, want: 100}, true, 4, time.Minute},
			{"tell less", question{terms: event, seen: saw(100, 20, 1000, time.Minute), answered: 4}, true, 0, time.Minute},
			{"the reserve stops events", question{terms: event, want: 1}, true, 0, time.Minute},
			{"not urgent calls", question{terms: urgent, want: 100}, true, 20, time.Minute},
			{"a late answer gives nothing back", question{terms: event, want: 1, seen: saw(100, 90, 1000, time.Minute)}, true, 0, time.Minute},
			{"nor does one of an older window", question{terms: event, want: 1, seen: saw(100, 90, 999, time.Minute)}, true, 0, time.Minute},
			{"a new window does", question{terms: event, want: 1, seen: saw(100, 99, 1060, 30*time.Second)}, true, 1, 30 * time.Second},
		}},
		{"calls under way count as made", []step{
			{"tell", question{terms: all, seen: saw(100, 100, 1000, time.Minute)}, true, 0, time.Minute},
			{"beyond the reserve", question{terms: all, want: 200}, true, 80, time.Minute},
			{"none is left", question{terms: all, want: 1}, true, 0, time.Minute},
			{"answers that Okta counted change nothing", question{terms: all, want: 1, answered: 60, seen: saw(100, 40, 1000, time.Minute)}, true, 0, time.Minute},
			{"the reserve is for urgent calls", question{terms: urgent, want: 200}, true, 20, time.Minute},
			{"more answers than calls are not believed", question{terms: urgent, want: 1, answered: 500, seen: saw(100, 0, 1000, time.Minute)}, true, 0, time.Minute},
		}},
		{"a small limit keeps a call", []step{
			{"tell", question{terms: all, seen: saw(3, 3, 1000, time.Minute)}, true, 0, time.Minute},
			{"beyond the reserve", question{terms: all, want: 7}, true, 2, time.Minute},
			{"urgent", question{terms: urgent, want: 7}, true, 1, time.Minute},
		}},
		{"a window ends", []step{
			{"tell", question{terms: event, seen: saw(10, 1, 1000, 0)}, true, 0, 0},
			{"the next begins", question{terms: event, want: 100}, true, 5, time.Minute},
			{"an answer of the old one changes nothing", question{terms: event, want: 1, seen: saw(10, 0, 1000, 0)}, true, 0, time.Minute},
			{"Okta names the new one: what was taken counts", question{terms: event, want: 1, seen: saw(10, 9, 1060, 20*time.Second)}, true, 0, 20 * time.Second},
		}},
		{"a tiny limit", []step{
			{"tell", question{terms: event, seen: saw(1, 1, 1000, time.Minute)}, true, 0, time.Minute},
			{"one call is possible", question{terms: bulk, want: 7}, true, 1, time.Minute},
			{"one only", question{terms: event, want: 1}, true, 0, time.Minute},
		}},
	}
	for ledgerName, open := range ledgers {
		for _, test := range tests {
			t.Run(ledgerName+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				l, key := open(t), ledgerKey(testTenant(t), bucketApps)
				for _, s := range test.steps {
					s.ask.key = key
					got, err := l.exchange(t.Context(), s.ask)
					if err != nil {
						t.Fatal(err)
					}
					if got.known != s.known || got.permits != s.permits || got.left > s.longest || got.left < s.longest-5*time.Second {
						t.Errorf("%s: got %+v, want known %t, %d permits, at most %s", s.name, got, s.known, s.permits, s.longest)
					}
				}
			})
		}
	}
}

func TestKeysOfATenantShareASlot(t *testing.T) {
	t.Parallel()
	if got := ledgerKey("acme", bucketApps); got != "oktasync:{acme}:okta:apps" {
		t.Errorf("key %s", got)
	}
	client := testRedis(t)
	tenant := testTenant(t)
	l := &redisLedger{client: client, script: redis.NewScript(ledgerScript)}
	q := question{key: ledgerKey(tenant, bucketUser), terms: terms{1, 0}, want: 1,
		seen: &observation{limits: limits{limit: 5, remaining: 5, reset: 1, left: time.Minute}}}
	if _, err := l.exchange(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	ttl, err := client.PTTL(context.Background(), q.key).Result()
	if err != nil || ttl <= 0 || ttl > 10*time.Minute {
		t.Errorf("the key of a tenant that may go lives %s: %v", ttl, err)
	}
}
