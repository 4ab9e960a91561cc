package e2e

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/e2e/installation"
	"github.com/oktasync/oktasync/emulator"
)

// burstOf starts a service with the settings of a Redis of several servers and lets a burst of hooks
// arrive, in the middle of which something happens. Nothing may be lost.
func burstOf(t *testing.T, settings map[string]any, seed uint64, middle, after func()) {
	t.Helper()
	w := newWorld(t, setup{settings: settings, org: emulator.Options{People: 150, Hooks: emulator.HookOptions{Window: -1, MaxBatch: 3, Parallel: 3, Timeout: time.Minute}}})
	delete(w.settings, "redis.url")
	w.relay.SetPatient(true)
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	w.hook()
	tell := newStory(w, seed)
	tell.tell(60)
	middle()
	tell.tell(120) // while nobody takes tasks
	after()
	tell.tell(30)
	w.settled(2 * time.Minute)
	w.compare()
	w.everyEventStored()
	w.onlyOneFullSync()
}

// TestSentinelFailover kills the master of a Redis with Sentinels in the middle of a burst.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	s, err := installation.StartSentinels(t.Context(), ports, t.TempDir())
	for _, p := range s.Processes {
		look(t, p)
	}
	if err != nil {
		t.Fatal(err)
	}
	before := must[string](t)(s.MasterNow(t.Context()))
	var now string
	burstOf(t, map[string]any{
		"redis.mode": "sentinel", "redis.addresses": s.Addresses, "redis.master_name": installation.SentinelMaster,
		"redis.sentinel_password": installation.SentinelPassword, "redis.password": installation.RedisPassword,
	}, 81, func() {
		if err := s.Master.Kill(); err != nil {
			t.Fatal(err)
		}
	}, func() {
		killed := time.Now()
		eventually(t, 2*time.Minute, "the replica is the master", func() string {
			var err error
			if now, err = s.MasterNow(t.Context()); err != nil || now == before {
				return "it is not"
			}
			return ""
		})
		t.Logf("another master %s after the burst without one", time.Since(killed).Round(100*time.Millisecond))
	})
	client := redis.NewClient(&redis.Options{Addr: now, Password: installation.RedisPassword})
	defer func() { _ = client.Close() }()
	if n, err := client.Exists(t.Context(), "asynq:queues").Result(); err != nil || n != 1 {
		t.Errorf("the new master holds no queues: %d, %v", n, err)
	}
}

// TestCluster runs the service on a Redis Cluster, of which one node dies in the middle of a burst and
// comes back empty: without it the cluster takes nothing.
func TestCluster(t *testing.T) {
	t.Parallel()
	c, err := installation.StartCluster(t.Context(), ports, t.TempDir())
	for _, n := range c.Nodes {
		if n.Process != nil {
			look(t, n.Process)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	node := c.Nodes[1]
	burstOf(t, map[string]any{"redis.mode": "cluster", "redis.addresses": c.Addresses()[:1]}, 82, func() {
		if err := node.Process.Kill(); err != nil {
			t.Fatal(err)
		}
	}, func() {
		if err := node.Start(); err != nil {
			t.Fatal(err)
		}
		look(t, node.Process)
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	busy := 0
	for _, n := range c.Nodes {
		client := redis.NewClient(&redis.Options{Addr: n.Address})
		if size, err := client.DBSize(t.Context()).Result(); err == nil && size > 0 {
			busy++
		}
		_ = client.Close()
	}
	if busy < 2 {
		t.Errorf("%d nodes hold something, want the queues to be spread", busy)
	}
}
