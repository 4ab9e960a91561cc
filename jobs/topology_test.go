package jobs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/directory"
)

// A burst during which something happens in the middle; afterwards nothing may be lost.
func burst(t *testing.T, r *Redis, middle func(done func() int32)) {
	t.Helper()
	store := newTables()
	c := NewClient(ClientOptions{Redis: r, Log: discard(), Pause: 50 * time.Millisecond})
	var done atomic.Int32
	startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store, scope: func(context.Context, string, directory.Scope) error {
		done.Add(1)
		return nil
	}}})
	s := newSweeper(store, c)
	s.o.ScopesAge = 500 * time.Millisecond
	background(t, s.Run)
	for i := range 600 {
		if i == 200 {
			middle(done.Load)
		}
		hints := []directory.ScopeHint{person(i)}
		switch i % 4 {
		case 1:
			hints = []directory.ScopeHint{leaver(i)}
		case 2:
			hints = []directory.ScopeHint{person(i), leaver(i + 1000), group(i)} // three queues at once
		}
		store.receive(hints...)
		// An error is fine: the sweeper is there for that.
		_ = c.Enqueue(t.Context(), hints)
	}
	poll(t, "everything is done", func() bool { return store.left() == 0 })
	if done.Load() < 600 {
		t.Errorf("%d done", done.Load())
	}
}

// startSentinels starts a master, a replica and three Sentinels, and returns the
// Sentinels' addresses and the master.
func startSentinels(t *testing.T) (addrs []string, master *process) {
	t.Helper()
	masterPort := freePort(t)
	auth := []string{"--requirepass", "hunter2", "--masterauth", "hunter2"}
	master = startRedis(t, masterPort, auth...)
	startRedis(t, freePort(t), append(auth, "--replicaof", "127.0.0.1 "+masterPort)...)
	for range 3 {
		port := freePort(t)
		file := filepath.Join(t.TempDir(), "sentinel.conf")
		text := strings.Join([]string{
			"port " + port, "bind 127.0.0.1", "requirepass watch",
			"sentinel monitor main 127.0.0.1 " + masterPort + " 2",
			"sentinel auth-pass main hunter2", "sentinel sentinel-pass watch",
			"sentinel down-after-milliseconds main 500", "sentinel failover-timeout main 3000",
		}, "\n")
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, launch(t, "127.0.0.1:"+port, "redis-sentinel", file).addr)
	}
	watcher := redis.NewSentinelClient(&redis.Options{Addr: addrs[0], Password: "watch"})
	defer watcher.Close()
	poll(t, "the Sentinels know each other and the replica", func() bool {
		known, err := watcher.Master(t.Context(), "main").Result()
		if err != nil || known["num-other-sentinels"] != "2" {
			return false
		}
		replicas, err := watcher.Replicas(t.Context(), "main").Result()
		return err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok"
	})
	return addrs, master
}

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	addrs, master := startSentinels(t)
	r := connect(t, RedisOptions{
		Mode: ModeSentinel, Addrs: addrs, MasterName: "main", SentinelPassword: "watch", Password: "hunter2",
	})
	burst(t, r, func(done func() int32) {
		poll(t, "some are done", func() bool { return done() > 20 })
		master.kill()
	})
}

// startCluster starts three nodes and joins them.
func startCluster(t *testing.T) (addrs []string) {
	t.Helper()
	for range 3 {
		port := freePort(t)
		addrs = append(addrs, startRedis(t, port, "--cluster-enabled", "yes", "--cluster-port", freePort(t),
			"--cluster-config-file", filepath.Join(t.TempDir(), "nodes.conf")).addr)
	}
	arguments := append([]string{"--cluster", "create"}, addrs...)
	arguments = append(arguments, "--cluster-yes")
	output, err := exec.CommandContext(t.Context(), "redis-cli", arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("join the cluster: %v\n%s", err, output)
	}
	for _, addr := range addrs {
		node := redis.NewClient(&redis.Options{Addr: addr})
		defer node.Close()
		poll(t, "the node "+addr+" is ready", func() bool {
			info, err := node.ClusterInfo(t.Context()).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok")
		})
	}
	return addrs
}

func TestCluster(t *testing.T) {
	t.Parallel()
	addrs := startCluster(t)
	r := connect(t, RedisOptions{Mode: ModeCluster, Addrs: addrs[:1]}) // one is enough to find the others
	c := newClient(r)

	// The queues are on different nodes, or this test shows nothing.
	nodes := map[string]bool{}
	for _, queue := range Queues() {
		node, err := r.UniversalClient.(*redis.ClusterClient).MasterForKey(t.Context(), fmt.Sprintf("asynq:{%s}:pending", queue))
		if err != nil {
			t.Fatal(err)
		}
		nodes[node.Options().Addr] = true
	}
	if len(nodes) < 2 {
		t.Fatalf("all queues are on one node")
	}
	burst(t, r, func(func() int32) {
		// The nodes forget asynq's scripts and all tasks.
		err := r.UniversalClient.(*redis.ClusterClient).ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
			if err := node.ScriptFlush(ctx).Err(); err != nil {
				return err
			}
			return node.FlushAll(ctx).Err()
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	if _, err := c.Stats(t.Context()); err != nil {
		t.Errorf("stats: %v", err)
	}
}
