package jobs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Mode says what kind of Redis is meant.
type Mode string

// The kinds of Redis.
const (
	ModeEmbedded Mode = "embedded" // inside this process, keeps nothing
	ModeSingle   Mode = "single"   // one server
	ModeSentinel Mode = "sentinel" // a server and its replicas, found through Sentinel
	ModeCluster  Mode = "cluster"  // Redis Cluster
)

// RedisOptions says how to reach Redis. It must be 6.2 or later, with the
// policy noeviction: an evicted key is a lost lease or lock.
type RedisOptions struct {
	Mode  Mode
	Addrs []string // host:port; one for single, the Sentinels, or some nodes of the cluster

	Username string // ACL user; empty means the default user
	Password string
	DB       int // 0 to 15; always 0 on a cluster

	MasterName       string // name of the master, for Sentinel
	SentinelUsername string
	SentinelPassword string

	TLS        bool
	CAFile     string // PEM file of the authority; the system's when empty
	ServerName string // name in the certificate, when it is not the host

	DialTimeout time.Duration // 1 s when zero
	ReadTimeout time.Duration // also for writes; 3 s when zero
	PoolSize    int           // connections; 40 when zero
}

// Redis is an open connection pool, shared by client, workers, sweeper and
// whoever else needs Redis.
type Redis struct {
	redis.UniversalClient
	stop func() // ends the embedded server
}

// Close closes the pool, and ends the embedded server if there is one.
func (r *Redis) Close() error {
	err := r.UniversalClient.Close()
	if r.stop != nil {
		r.stop()
	}
	if err != nil {
		return fmt.Errorf("close the connections to redis: %w", err)
	}
	return nil
}

// Connect checks the options and returns a pool. It does not wait for Redis: the service
// starts, and takes events in, while Redis is down.
func Connect(o RedisOptions) (*Redis, error) {
	if o.Mode == ModeEmbedded {
		return startEmbedded(o)
	}
	options, err := o.universal()
	if err != nil {
		return nil, err
	}
	switch o.Mode {
	case ModeSingle:
		return &Redis{UniversalClient: redis.NewClient(options.Simple())}, nil
	case ModeSentinel:
		return &Redis{UniversalClient: redis.NewFailoverClient(options.Failover())}, nil
	case ModeCluster:
		return &Redis{UniversalClient: redis.NewClusterClient(options.Cluster())}, nil
	default:
		return nil, fmt.Errorf("redis mode %q is not embedded, single, sentinel or cluster", o.Mode)
	}
}

// validate reports everything that is wrong at once.
func (o RedisOptions) validate() error {
	var problems []error
	add := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	add(len(o.Addrs) == 0, "redis needs an address (host:port)")
	add(o.Mode == ModeSingle && len(o.Addrs) > 1, "redis mode single takes one address, got %d; use sentinel or cluster", len(o.Addrs))
	add(o.Mode == ModeSentinel && o.MasterName == "", "redis mode sentinel needs the name of the master")
	add(o.Mode != ModeSentinel && o.MasterName != "", "a master name is only for redis mode sentinel, not %s", o.Mode)
	add(o.Mode == ModeCluster && o.DB != 0, "redis cluster has only database 0, got %d", o.DB)
	add(o.DB < 0, "redis database %d is negative", o.DB)
	add(!o.TLS && (o.CAFile != "" || o.ServerName != ""), "a certificate authority or server name for redis needs TLS")
	return errors.Join(problems...)
}

// universal translates the options for go-redis.
func (o RedisOptions) universal() (*redis.UniversalOptions, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	read := orDefault(o.ReadTimeout, 3*time.Second)
	options := &redis.UniversalOptions{
		Addrs:            o.Addrs,
		Username:         o.Username,
		Password:         o.Password,
		DB:               o.DB,
		MasterName:       o.MasterName,
		SentinelUsername: o.SentinelUsername,
		SentinelPassword: o.SentinelPassword,
		DialTimeout:      orDefault(o.DialTimeout, time.Second),
		// A refused connection is reported at once: callers have their own
		// way to come back.
		DialerRetries: 1,
		ReadTimeout:   read,
		WriteTimeout:  read,
		// Without this a deadline of the caller counts for nothing while Redis hangs.
		ContextTimeoutEnabled: true,
		// One more try, for a connection that went stale. Each try after a read
		// timeout may take one more task off a queue, which then waits for its
		// lease to run out.
		MaxRetries:      1,
		MinRetryBackoff: 50 * time.Millisecond,
		MaxRetryBackoff: 100 * time.Millisecond,
		PoolSize:        40,
		// The handshakes of managed services are of no use here, and the
		// embedded server does not know them.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if o.PoolSize > 0 {
		options.PoolSize = o.PoolSize
	}
	if !o.TLS {
		return options, nil
	}
	options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.ServerName}
	if o.CAFile == "" {
		return options, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authority for redis: %w", err)
	}
	options.TLSConfig.RootCAs = x509.NewCertPool()
	if !options.TLSConfig.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the certificate authority for redis: %s holds no certificate in PEM form", o.CAFile)
	}
	return options, nil
}
