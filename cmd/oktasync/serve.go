package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/oktasync/oktasync/api"
	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/jobs"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/webhook"
)

type serveCommand struct {
	Migrate bool `help:"Bring the database to this version's schema first."`
}

// Run serves until the process is told to stop.
func (c serveCommand) Run(e *env) error {
	cfg, err := e.load(true)
	if err != nil {
		return err
	}
	log := e.logger(cfg.Log)
	s, err := newService(e.ctx, cfg, c.Migrate, log)
	if err != nil {
		return err
	}
	defer s.close()
	s.reloads.load = func() (config.Config, error) { return e.load(true) }
	listener, err := net.Listen("tcp", cfg.Server.Listen)
	if err != nil {
		return fmt.Errorf("listen on server.listen %s: %w", cfg.Server.Listen, err)
	}
	return s.run(e.ctx, listener)
}

// service is one running process, made of the parts that its roles need.
type service struct {
	cfg       config.Config
	log       *slog.Logger
	db        *store.DB
	redis     *jobs.Redis
	tenants   *registry
	invites   *inviteDesk
	book      *tenantBook
	queue     *jobs.Client
	workers   *jobs.Server
	sweeper   *jobs.Sweeper
	alerts    []*deliver.Alerts // one for each channel that is configured
	upkeep    *jobs.Upkeep
	poster    *deliver.Poster
	postman   *jobs.Postman
	courier   *courier
	endpoints *endpointAdmin
	schedule  *jobs.Schedule
	hooks     *webhook.Handler
	uses      *webhook.Uses
	health    *health
	http      *http.Server
	resyncs   *resyncer
	reloads   *reloader
}

// watchEvery is how soon those who wait for changes learn of what other processes committed.
const watchEvery = time.Second

// newService connects and constructs everything. Nothing works yet when it returns.
func newService(ctx context.Context, cfg config.Config, migrate bool, log *slog.Logger) (*service, error) {
	s := &service{cfg: cfg, log: log}
	var err error
	if s.db, err = openReadyStore(ctx, cfg, migrate); err != nil {
		return nil, err
	}
	if err := s.construct(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *service) construct(ctx context.Context) error {
	var err error
	cfg, log, owner, m := s.cfg, s.log, ownerName(), newMetrics()
	if s.redis, err = jobs.Connect(redisOptions(cfg.Redis)); err != nil {
		return err
	}
	if s.tenants, err = newRegistry(partsBuilder(s.db, s.redis.UniversalClient, m, owner, log)); err != nil {
		return err
	}
	keys, err := encryptionKeys(cfg)
	if err != nil {
		return err
	}
	s.queue = jobs.NewClient(jobs.ClientOptions{Redis: s.redis.UniversalClient, Log: log})
	s.resyncs = &resyncer{db: s.db, queue: s.queue, log: log}
	s.book = newTenantBook(cfg, s.db, keys, s.tenants, log)
	s.book.propose = s.resyncs.propose
	if err := s.book.refresh(ctx); err != nil {
		return err
	}
	s.reloads = &reloader{book: s.book, log: log, load: func() (config.Config, error) {
		return config.Config{}, errors.New("this process was not started from a configuration file")
	}}
	s.constructDeliveries(keys, m)
	if s.invites, err = newInviteDesk(s, m); err != nil {
		return err
	}
	chores := s.chores(m)
	s.workers = jobs.NewServer(jobs.ServerOptions{
		Redis:      s.redis.UniversalClient,
		Reconciler: &reconciler{tenants: s.tenants, refresh: s.book.refresh, db: s.db, metrics: m, log: log},
		Ledger:     s.db,
		Chores:     chores,
		Courier:    s.courier,
		Leavers:    cfg.Workers.Leavers, People: cfg.Workers.People, Groups: cfg.Workers.Groups, Bulk: cfg.Workers.Bulk,
		Upkeep: cfg.Workers.Upkeep, Deliveries: cfg.Workers.Deliveries, Grace: cfg.Server.ShutdownGrace, Poll: cfg.Queue.CheckInterval, Log: log,
	})
	if s.alerts, err = newAlerts(cfg, s.db, m, log); err != nil {
		return err
	}
	s.sweeper = jobs.NewSweeper(jobs.SweeperOptions{
		Client: s.queue, Backlog: s.db, Every: cfg.Queue.SweepInterval, Log: log,
		Purge: func(ctx context.Context) (int, error) { return s.db.Purge(ctx, store.Retention(cfg.Retention)) },
	})
	s.upkeep = jobs.NewUpkeep(jobs.UpkeepOptions{Client: s.queue, Calendar: s.db, Tenants: s.tenants.working, Chores: chores, Log: log})
	if s.schedule, err = jobs.NewSchedule(jobs.ScheduleOptions{Calendar: s.db, Client: s.queue, Log: log}); err != nil {
		return err
	}
	s.tenants.onChange(func(tenants []config.Tenant) {
		if err := s.schedule.SetTenants(nightlyTenants(tenants)); err != nil {
			log.Error("some nightly runs could not be scheduled", "error", err)
		}
	})
	return s.constructWeb(owner, m)
}

func (s *service) constructWeb(owner string, m *metrics) error {
	var err error
	failures := webhook.NewFailureLimit(0, 0, 0) // of hook and API together: one source, one budget
	s.uses = webhook.NewUses(webhook.UsesOptions{Ledger: s.db, Owner: owner, Secrets: s.tenants.fingerprints, Log: s.log})
	if s.hooks, err = webhook.New(webhook.Options{
		Tenants: s.tenants, Inbox: s.db, Enqueuer: s.queue, Logger: s.log, Failures: failures, Uses: s.uses,
		Metrics: webhook.Metrics{
			Answered: func(_, method string, status int, took time.Duration) {
				m.hookCalls.WithLabelValues(method, strconv.Itoa(status)).Inc()
				m.hookTime.Observe(took.Seconds())
			},
			Stored: func(tenant string, events int, lag time.Duration) {
				m.hookEvents.WithLabelValues(tenant).Add(float64(events))
				m.hookLag.WithLabelValues(tenant).Observe(lag.Seconds())
			},
			AuthFailed: func(string) { m.authFailed.WithLabelValues("hook").Inc() },
		},
	}); err != nil {
		return err
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = clientAddress(s.cfg.Server.TrustedProxies)
	e.HTTPErrorHandler = api.ErrorHandler(s.log)
	s.health = &health{db: s.db, queue: s.queue, tenants: s.tenants, metrics: m}
	s.health.register(e)
	admin, err := api.New(api.Options{
		Tokens: adminTokens(s.cfg), Tenants: s.tenants.slugs, Admin: &tenantAdmin{book: s.book}, Reloader: s.reloads,
		Reader: s.db, Grants: s.tenants.grants, Resyncer: s.resyncs, Decider: &decider{tenants: s.tenants, queue: s.queue, metrics: m, log: s.log}, Invites: s.invites, Profiles: &profiles{tenants: s.tenants, db: s.db, metrics: m}, Explainer: &explainer{tenants: s.tenants, db: s.db}, Archive: s.db, Endpoints: s.endpoints, Enqueuer: s.queue,
		Failures: failures, Version: version, Logger: s.log,
		AuthFailed: func(string) { m.authFailed.WithLabelValues("api").Inc() },
	})
	if err != nil {
		return err
	}
	if s.cfg.HasRole(config.RoleWeb) {
		s.hooks.Register(e)
		if err := admin.Register(e); err != nil {
			return err
		}
	}
	web := s.cfg.Server
	s.http = &http.Server{
		Handler:           e,
		ReadHeaderTimeout: web.ReadHeaderTimeout,
		ReadTimeout:       web.ReadTimeout,
		WriteTimeout:      web.WriteTimeout,
		IdleTimeout:       web.IdleTimeout,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	return nil
}

// run serves until ctx ends, then stops in the order in which nothing is lost:
// not ready, cron, HTTP, workers, connections.
func (s *service) run(ctx context.Context, listener net.Listener) error {
	background, stopBackground := context.WithCancel(context.Background())
	defer stopBackground()
	var group sync.WaitGroup
	if s.cfg.HasRole(config.RoleWorker) {
		if err := s.workers.Start(); err != nil {
			return err
		}
		group.Go(func() { s.postman.Run(background) })
	}
	group.Go(func() { s.book.Run(background) })
	signals, stopSignals := hangups()
	defer stopSignals()
	group.Go(func() { s.reloads.Run(background, signals) })
	if s.cfg.HasRole(config.RoleScheduler) {
		group.Go(func() { (&eraser{db: s.db, ledger: s.invites.ledger, grace: eraseGrace, log: s.log}).Run(background) })
		group.Go(func() { s.sweeper.Run(background) })
		for _, alerts := range s.alerts {
			group.Go(func() { alerts.Run(background) })
		}
		group.Go(func() { s.upkeep.Run(background) })
		group.Go(func() { s.schedule.Run(background) })
	}
	if s.cfg.HasRole(config.RoleWeb) {
		group.Go(func() { s.uses.Run(background) })
	}
	if s.cfg.HasRole(config.RoleWeb) {
		// Ends before HTTP is drained, and sends those home who wait for changes.
		group.Go(func() { s.db.Watch(background, watchEvery, s.log) })
	}
	failed := make(chan error, 1)
	group.Go(func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serve http: %w", err)
		}
	})
	s.log.Info("oktasync runs", "version", version, "address", listener.Addr().String(), "roles", s.cfg.Roles, "tenants", len(s.tenants.slugs()))

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.log.Info("stopping: no new work is taken, running work may end")
	s.health.stopping.Store(true)
	stopBackground()
	drain, cancel := context.WithTimeout(context.Background(), s.cfg.Server.ShutdownGrace)
	defer cancel()
	err = errors.Join(err, s.http.Shutdown(drain), s.hooks.Wait(drain))
	if s.cfg.HasRole(config.RoleWorker) {
		s.workers.Stop()
	}
	group.Wait()
	s.log.Info("stopped")
	return err
}

// close closes the connections, last of all.
func (s *service) close() {
	if s.poster != nil {
		s.poster.Close()
	}
	if s.tenants != nil {
		s.tenants.close()
	}
	if s.redis != nil {
		if err := s.redis.Close(); err != nil {
			s.log.Warn("could not close the connection to Redis", "error", err)
		}
	}
	if err := s.db.Close(); err != nil {
		s.log.Warn("could not close the database", "error", err)
	}
}
