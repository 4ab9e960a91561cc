package jobs

import (
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// startEmbedded runs a Redis inside this process. It keeps nothing on disk, by
// design: queues, leases and rate budgets are hints that are made again, and
// the inbox and the runs, which must not be lost, are in the database.
//
// The server listens on the loopback interface, on a port that the system
// chooses, and wants a password that only this process knows. (Its connections
// without a port have no buffer, so that a pipeline blocks on them.)
func startEmbedded(o RedisOptions) (*Redis, error) {
	if len(o.Addrs) > 0 {
		return nil, fmt.Errorf("redis mode embedded takes no address, got %d; use single", len(o.Addrs))
	}
	server := miniredis.NewMiniRedis()
	password := rand.Text()
	server.RequireAuth(password)
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start the embedded redis: %w", err)
	}
	options, err := RedisOptions{
		Mode: ModeSingle, Addrs: []string{server.Addr()}, Password: password,
		DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, PoolSize: o.PoolSize,
	}.universal()
	if err != nil {
		server.Close()
		return nil, err
	}
	stopClock := runClock(server)
	return &Redis{UniversalClient: redis.NewClient(options.Simple()), stop: func() { stopClock(); server.Close() }}, nil
}

// embeddedTick is how precisely keys expire in the embedded server. All that we and asynq let expire is kept for
// seconds or longer.
const embeddedTick = 250 * time.Millisecond

// runClock lets keys expire, until the function that it returns is called. By itself the server's clock
// stands still; its own way to follow the time (ClockTTL) sorts all keys at every command, and with a
// few thousand waiting tasks nothing else gets done any more.
func runClock(server *miniredis.Miniredis) (stop func()) {
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(embeddedTick)
		defer tick.Stop()
		last := time.Now()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				server.FastForward(now.Sub(last))
				last = now
			}
		}
	})
	return func() { close(done); group.Wait() }
}
