package installation

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// The passwords of a Sentinel installation.
const (
	SentinelMaster   = "main"
	SentinelPassword = "watches-over-it"
	RedisPassword    = "kept-by-sentinels"
)

// Sentinels is a Redis with a replica and three Sentinels that watch over them.
type Sentinels struct {
	Addresses []string // of the Sentinels
	Master    *Process
	Processes []*Process // all of them
}

// StartSentinels starts them, and waits until the Sentinels know each other and the replica.
func StartSentinels(ctx context.Context, ports *Ports, dir string) (*Sentinels, error) {
	s := &Sentinels{}
	auth := []string{"--requirepass", RedisPassword, "--masterauth", RedisPassword}
	master, err := s.begin(ports, dir, "redis-server", auth...)
	if err != nil {
		return s, err
	}
	s.Master = s.Processes[0]
	host, port, err := net.SplitHostPort(master)
	if err != nil {
		return s, err
	}
	if _, err := s.begin(ports, dir, "redis-server", append(auth, "--replicaof", host+" "+port)...); err != nil {
		return s, err
	}
	for range 3 {
		address, err := ports.Free()
		if err != nil {
			return s, err
		}
		_, own, _ := net.SplitHostPort(address)
		file := filepath.Join(dir, "sentinel-"+own+".conf")
		text := strings.Join([]string{
			"port " + own, "bind 127.0.0.1", "dir " + dir, "requirepass " + SentinelPassword,
			"sentinel monitor " + SentinelMaster + " " + host + " " + port + " 2",
			"sentinel auth-pass " + SentinelMaster + " " + RedisPassword, "sentinel sentinel-pass " + SentinelPassword,
			"sentinel down-after-milliseconds " + SentinelMaster + " 1000", "sentinel failover-timeout " + SentinelMaster + " 5000",
		}, "\n")
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			return s, fmt.Errorf("write the configuration of a Sentinel: %w", err)
		}
		p, err := Begin("redis-sentinel "+address, exec.Command("redis-sentinel", file))
		if err != nil {
			return s, err
		}
		s.Processes, s.Addresses = append(s.Processes, p), append(s.Addresses, address)
	}
	return s, Eventually(ctx, 2*time.Minute, "all Sentinels know each other and the replica", func() string {
		for _, address := range s.Addresses {
			if why := s.lacks(ctx, address); why != "" {
				return why
			}
		}
		return ""
	})
}

// begin starts a server that keeps nothing, on a port of its own.
func (s *Sentinels) begin(ports *Ports, dir, program string, args ...string) (string, error) {
	address, err := ports.Free()
	if err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(address)
	args = append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no"}, args...)
	p, err := Begin(program+" "+address, exec.Command(program, args...))
	if err != nil {
		return "", err
	}
	s.Processes = append(s.Processes, p)
	return address, nil
}

func (s *Sentinels) lacks(ctx context.Context, address string) string {
	watcher := redis.NewSentinelClient(&redis.Options{Addr: address, Password: SentinelPassword, MaxRetries: -1})
	defer func() { _ = watcher.Close() }()
	known, err := watcher.Master(ctx, SentinelMaster).Result()
	if err != nil {
		return err.Error()
	}
	if known["num-other-sentinels"] != "2" {
		return address + " knows " + known["num-other-sentinels"] + " others"
	}
	replicas, err := watcher.Replicas(ctx, SentinelMaster).Result()
	if err != nil || len(replicas) != 1 || replicas[0]["master-link-status"] != "ok" {
		return fmt.Sprintf("%s knows the replicas %v, %v", address, replicas, err)
	}
	return ""
}

// MasterNow is the address that a Sentinel gives for the master.
func (s *Sentinels) MasterNow(ctx context.Context) (string, error) {
	watcher := redis.NewSentinelClient(&redis.Options{Addr: s.Addresses[0], Password: SentinelPassword, MaxRetries: -1})
	defer func() { _ = watcher.Close() }()
	at, err := watcher.GetMasterAddrByName(ctx, SentinelMaster).Result()
	if err != nil {
		return "", fmt.Errorf("ask a Sentinel for the master: %w", err)
	}
	return net.JoinHostPort(at[0], at[1]), nil
}

// Cluster is a Redis Cluster of three nodes without replicas.
type Cluster struct {
	Nodes []*ClusterNode
}

// ClusterNode is one of its servers, which may be killed and started again.
type ClusterNode struct {
	Address string
	Process *Process
	args    []string
}

// StartCluster starts the nodes and joins them.
func StartCluster(ctx context.Context, ports *Ports, dir string) (*Cluster, error) {
	c := &Cluster{}
	for range 3 {
		address, err := ports.Free()
		bus, busErr := ports.Free()
		if err := errors.Join(err, busErr); err != nil {
			return c, err
		}
		_, port, _ := net.SplitHostPort(address)
		_, busPort, _ := net.SplitHostPort(bus)
		node := &ClusterNode{Address: address, args: []string{
			"--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no", "--cluster-enabled", "yes",
			"--cluster-port", busPort, "--cluster-config-file", "nodes-" + port + ".conf", "--cluster-node-timeout", "2000",
		}}
		c.Nodes = append(c.Nodes, node)
		if err := node.Start(); err != nil {
			return c, err
		}
	}
	args := append([]string{"--cluster", "create"}, c.Addresses()...)
	err := Eventually(ctx, 2*time.Minute, "the nodes are joined", func() string {
		out, err := exec.CommandContext(ctx, "redis-cli", append(args, "--cluster-yes")...).CombinedOutput()
		if err == nil || strings.Contains(string(out), "is not empty") { // joined by the try before
			return ""
		}
		return string(out)
	})
	if err != nil {
		return c, err
	}
	return c, c.Ready(ctx)
}

// Start starts a node, empty but for what it knows of the others.
func (n *ClusterNode) Start() (err error) {
	n.Process, err = Begin("redis-server "+n.Address, exec.Command("redis-server", n.args...))
	return err
}

// Addresses are those of the nodes.
func (c *Cluster) Addresses() []string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, n.Address)
	}
	return all
}

// Ready waits until all nodes say that the cluster is whole.
func (c *Cluster) Ready(ctx context.Context) error {
	return Eventually(ctx, 2*time.Minute, "the cluster is whole", func() string {
		for _, n := range c.Nodes {
			client := redis.NewClient(&redis.Options{Addr: n.Address, MaxRetries: -1})
			info, err := client.ClusterInfo(ctx).Result()
			_ = client.Close()
			if err != nil || !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:3") {
				return fmt.Sprintf("%s says %q, %v", n.Address, info, err)
			}
		}
		return ""
	})
}
