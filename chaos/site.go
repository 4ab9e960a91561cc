package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/e2e/installation"
)

const adminToken = "oks_chaos-admin-token-90d1e5"

// site is an installation that all tenants of a round share: the service, its database
// and its Redis, each of which can be ended, frozen or cut off.
type site struct {
	replicas []*replica
	redis    *installation.Redis    // nil with the embedded one
	postgres *installation.Postgres // nil with SQLite
	relay    *installation.Relay
	api      *client.Client
	rows     *sql.DB // the database, without a wire
	notes    *journal
	undo     []func() error

	// One trouble at a time for each.
	database, queue sync.Mutex
	service         []sync.Mutex
}

// newSite starts servers and service for these tenants.
func newSite(ctx context.Context, o options, ports *installation.Ports, dir string, tenants []*tenant, notes *journal) (*site, error) {
	s := &site{notes: notes, service: make([]sync.Mutex, o.replicas())}
	if err := s.start(ctx, o, ports, dir, tenants); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *site) start(ctx context.Context, o options, ports *installation.Ports, dir string, tenants []*tenant) error {
	database := "sqlite:" + filepath.Join(dir, "oktasync.db")
	if o.mode == modePostgres {
		var err error
		if database, err = s.servers(ctx, ports, dir); err != nil {
			return err
		}
	}
	var err error
	if s.rows, err = installation.OpenDatabase(database); err != nil {
		return err
	}
	s.undo = append(s.undo, s.rows.Close)
	sum := sha256.Sum256([]byte(adminToken))
	settings := map[string]any{
		"queue.sweep_interval": "1s", "log.level": "info", "server.shutdown_grace": "3s",
		"api.tokens": []map[string]string{{"name": "chaos", "sha256": hex.EncodeToString(sum[:])}},
	}
	for _, t := range tenants {
		t.settings(settings)
	}
	file := filepath.Join(dir, "config.yml")
	if err := installation.WriteConfig(file, settings); err != nil {
		return err
	}
	var targets []string
	for n := range o.replicas() {
		r := &replica{name: fmt.Sprintf("replica %d", n), binary: o.binary, dir: dir, notes: s.notes}
		if n == o.replicas()-1 && o.skewed != "" {
			r.binary = o.skewed
		}
		if r.address, err = ports.Free(); err != nil {
			return err
		}
		if err := s.wires(ports, r, database); err != nil {
			return err
		}
		r.environ = append(r.environ, "OKTASYNC_CONFIG="+file)
		s.replicas = append(s.replicas, r)
		targets = append(targets, "http://"+r.address)
		if err := r.keep(); err != nil {
			return err
		}
		// One after the other: the first one brings the schema.
		if err := r.ready(ctx, time.Minute); err != nil {
			return fmt.Errorf("%w\n%s", err, installation.Tail(r.log(), 30))
		}
	}
	s.relay = installation.NewRelay(targets...)
	s.relay.SetPatient(!o.drops)
	s.api, err = client.New(targets[0], adminToken, nil)
	return err
}

// servers starts PostgreSQL and Redis, and returns the database's URL.
func (s *site) servers(ctx context.Context, ports *installation.Ports, dir string) (string, error) {
	at := filepath.Join(dir, "postgres")
	if err := os.Mkdir(at, 0o755); err != nil {
		return "", fmt.Errorf("make a folder for PostgreSQL: %w", err)
	}
	var err error
	if s.postgres, err = installation.StartPostgres(ctx, ports, at); err != nil {
		return "", err
	}
	s.undo = append(s.undo, func() error { return s.postgres.Stop(context.Background()) })
	if s.redis, err = installation.StartRedis(ctx, ports, dir); err != nil {
		return "", err
	}
	s.undo = append(s.undo, func() error { return s.redis.Process.Kill() })
	database, _, err := installation.CreateDatabase(ctx, s.postgres.URL())
	return database, err
}

// wires lays the ways from a replica to its servers.
func (s *site) wires(ports *installation.Ports, r *replica, database string) error {
	if s.postgres == nil {
		r.environ = []string{"OKTASYNC_DATABASE_URL=" + database, "OKTASYNC_REDIS_URL=embedded"}
		return nil
	}
	lay := func(target string) (*wire, error) {
		address, err := ports.Free()
		if err != nil {
			return nil, err
		}
		w, err := newWire(address, target)
		if err == nil {
			s.undo = append(s.undo, w.close)
		}
		return w, err
	}
	at, err := url.Parse(database)
	if err != nil {
		return fmt.Errorf("parse the database's address: %w", err)
	}
	if r.database, err = lay(at.Host); err != nil {
		return err
	}
	if r.redis, err = lay(s.redis.Address); err != nil {
		return err
	}
	at.Host = r.database.address()
	r.environ = []string{"OKTASYNC_DATABASE_URL=" + at.String(), "OKTASYNC_REDIS_URL=redis://" + r.redis.address() + "/0"}
	return nil
}

// suffer lets everything happen that is planned, each at its time, and returns when all
// is over and well again.
func (s *site) suffer(ctx context.Context, plan []trouble, start time.Time) error {
	var all sync.WaitGroup
	failed := make(chan error, len(plan))
	for _, t := range plan {
		all.Go(func() {
			if err := wait(ctx, time.Until(start.Add(t.at))); err != nil {
				failed <- err
				return
			}
			if err := s.inflict(ctx, t); err != nil {
				failed <- fmt.Errorf("%s: %w", t, err)
			}
		})
	}
	all.Wait()
	close(failed)
	var problems []error
	for err := range failed {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// inflict makes one trouble and ends it.
func (s *site) inflict(ctx context.Context, t trouble) error {
	r := s.replicas[t.on]
	lock := &s.service[t.on]
	begin, end := func() error { return nil }, func() error { return nil }
	onWire := func(w *wire, do func()) {
		begin = func() error { do(); return nil }
		end = func() error { w.heal(); return nil }
	}
	switch t.what {
	case killReplica:
		begin = func() error { return r.signal(syscall.SIGKILL, t.lasts) }
	case stopReplica:
		begin = func() error { return r.signal(syscall.SIGTERM, t.lasts) }
	case freezeReplica:
		begin, end = frozen(r.current())
	case killRedis:
		lock = &s.queue
		begin = s.redis.Process.Kill
		end = func() error { return s.redis.Start(ctx) }
	case emptyRedis:
		lock = &s.queue
		begin = func() error { return s.emptyRedis(ctx) }
	case freezeRedis:
		lock = &s.queue
		begin, end = frozen(s.redis.Process)
	case crashPostgres:
		lock = &s.database
		begin = func() error { return s.postgres.Stop(ctx) }
		end = func() error { return s.postgres.Start(ctx) }
	case databaseReset:
		onWire(r.database, r.database.reset)
	case databaseCut:
		onWire(r.database, func() { r.database.cutAfter(t.n) })
	case databaseStall:
		onWire(r.database, r.database.stall)
	case databaseGone:
		onWire(r.database, r.database.partition)
	case redisReset:
		onWire(r.redis, r.redis.reset)
	case redisCut:
		onWire(r.redis, func() { r.redis.cutAfter(t.n) })
	case redisStall:
		onWire(r.redis, r.redis.stall)
	case redisPartition:
		onWire(r.redis, r.redis.partition)
	default:
		return fmt.Errorf("there is no trouble %q", t.what)
	}
	lock.Lock()
	defer lock.Unlock()
	s.notes.note("%s", t)
	if err := begin(); err != nil {
		return err
	}
	waited := wait(ctx, t.lasts)
	return errors.Join(waited, end())
}

// frozen stops a process and lets it go on. If it is another one by then, nothing
// happens to that.
func frozen(p *installation.Process) (func() error, func() error) {
	return func() error { return p.Signal(syscall.SIGSTOP) }, func() error { return p.Signal(syscall.SIGCONT) }
}

func (s *site) emptyRedis(ctx context.Context) error {
	c := s.redis.Client()
	defer func() { _ = c.Close() }()
	if err := c.FlushAll(ctx).Err(); err != nil {
		return fmt.Errorf("empty Redis: %w", err)
	}
	return nil
}

// close ends everything, last started first, and returns what was wrong with it.
func (s *site) close() error {
	var problems []error
	for _, r := range s.replicas {
		problems = append(problems, r.end())
	}
	if s.relay != nil {
		s.relay.Close()
	}
	for n := len(s.undo) - 1; n >= 0; n-- {
		problems = append(problems, s.undo[n]())
	}
	return errors.Join(problems...)
}
