package installation

import (
	"context"
	"net"
	"os/exec"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a redis-server of one's own: services that share one would take each
// other's tasks.
type Redis struct {
	Process *Process
	Address string
	dir     string
}

// StartRedis starts an empty server whose files, if any, go to dir.
func StartRedis(ctx context.Context, ports *Ports, dir string) (*Redis, error) {
	address, err := ports.Free()
	if err != nil {
		return nil, err
	}
	r := &Redis{Address: address, dir: dir}
	return r, r.Start(ctx)
}

// Start starts it again, empty, and waits until it answers.
func (r *Redis) Start(ctx context.Context) error {
	_, port, err := net.SplitHostPort(r.Address)
	if err != nil {
		return err
	}
	r.Process, err = Begin("redis-server", exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port,
		"--dir", r.dir, "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"))
	if err != nil {
		return err
	}
	client := r.Client()
	defer func() { _ = client.Close() }()
	return Eventually(ctx, 10*time.Second, "redis-server answers", func() string { return Reason(client.Ping(ctx).Err()) })
}

// Client connects to it; the caller closes the connection.
func (r *Redis) Client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: r.Address, MaxRetries: -1})
}

// URL is how a service is told of it.
func (r *Redis) URL() string { return "redis://" + r.Address + "/0" }
