package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/jobs"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/store"
)

// health answers the questions of load balancers and monitoring.
type health struct {
	db       *store.DB
	queue    *jobs.Client
	tenants  *registry
	metrics  *metrics
	stopping atomic.Bool
}

func (h *health) register(e *echo.Echo) {
	h.metrics.registry.MustRegister(&stateCollector{h})
	e.GET("/healthz", func(c echo.Context) error { return c.JSON(http.StatusOK, map[string]string{"status": "alive"}) })
	e.GET("/readyz", h.ready)
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(h.metrics.registry, promhttp.HandlerOpts{})))
}

// readiness is the answer of /readyz. Problems are sentences.
type readiness struct {
	Ready    bool     `json:"ready"`
	Problems []string `json:"problems"` // the service can't do its job
	Warnings []string `json:"warnings"` // it does its job, but somebody should look
}

// ready says whether the service can take hooks and keep them. A Redis that is
// down delays work and loses none, so it is a warning.
func (h *health) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 2*time.Second)
	defer cancel()
	answer := readiness{Problems: []string{}, Warnings: []string{}}
	if h.stopping.Load() {
		answer.Problems = append(answer.Problems, "the service is stopping")
	}
	if err := h.db.Ping(ctx); err != nil {
		answer.Problems = append(answer.Problems, fmt.Sprintf("the database does not answer: %v", err))
	} else if err := h.db.CheckSchema(ctx); err != nil {
		answer.Problems = append(answer.Problems, err.Error())
	} else {
		answer.Warnings = append(answer.Warnings, h.tenantWarnings(ctx)...)
	}
	if full := h.db.Full(); full != nil {
		answer.Problems = append(answer.Problems, full.Error())
	}
	if err := h.queue.Ping(ctx); err != nil {
		answer.Warnings = append(answer.Warnings, fmt.Sprintf("Redis does not answer; events are kept and worked off later: %v", err))
	}
	answer.Ready = len(answer.Problems) == 0
	status := http.StatusOK
	if !answer.Ready {
		status = http.StatusServiceUnavailable
	}
	return c.JSON(status, answer)
}

func (h *health) tenantWarnings(ctx context.Context) []string {
	var warnings []string
	say := func(tenant, format string, values ...any) {
		warnings = append(warnings, "tenant "+tenant+" "+fmt.Sprintf(format, values...))
	}
	states, err := h.db.TenantStates(ctx, h.tenants.slugs())
	if err != nil {
		return []string{err.Error()}
	}
	for _, state := range states {
		t, known := h.tenants.find(state.Tenant)
		switch {
		case !known:
		case t.Problem != "":
			say(t.Tenant, "is not worked for: %s", t.Problem)
		case t.Pause != nil:
			say(t.Tenant, "is paused since %s by %s: %s", t.Pause.At.UTC().Format(time.RFC3339), t.Pause.By, t.Pause.Reason)
		case state.Blocked != "":
			say(t.Tenant, "rests: %s", state.Blocked)
		case state.LastFullSync == nil:
			say(t.Tenant, "has not had a full sync yet")
		case time.Since(*state.LastFullSync) > 26*time.Hour:
			say(t.Tenant, "had its last full sync at %s", state.LastFullSync.UTC().Format(time.RFC3339))
		}
		if t.Warning != "" {
			say(t.Tenant, "%s", t.Warning)
		}
		if known && okta.HookState(state.Hook.State).Alarming() {
			say(t.Tenant, "has an event hook that does not do its work: %s", state.Hook.Problem)
		}
	}
	held, err := h.db.HeldRuns(ctx)
	if err != nil {
		return append(warnings, err.Error())
	}
	for _, run := range held {
		say(run.Tenant, "has a run that is held since %s and waits for an admin: oktasync runs show %s", run.CreatedAt.UTC().Format(time.RFC3339), run.ID)
	}
	chores, err := h.db.ChoreProblems(ctx, h.tenants.working())
	if err != nil {
		return append(warnings, err.Error())
	}
	for _, c := range chores {
		say(c.Tenant+":", "%s does not go well since %s: %s", c.Chore, c.Since.Format(time.RFC3339), c.Problem)
	}
	measured, err := h.db.EventHealths(ctx, h.tenants.working())
	if err != nil {
		return append(warnings, err.Error())
	}
	for _, m := range measured {
		if age := time.Since(m.Counted); age > staleMeter {
			continue // the chore's own problem tells why
		}
		for _, warning := range m.Warnings() {
			say(m.Tenant, "%s", warning)
		}
	}
	endpoints, err := h.db.AllEndpoints(ctx, h.tenants.working(), endpointsMeasured)
	if err != nil {
		return append(warnings, err.Error())
	}
	for _, e := range endpoints {
		if since := e.Health.FailingSince; since != nil && time.Since(*since) > time.Hour && e.Disabled == nil {
			say(e.Tenant, "has endpoint %s (%s), which has taken nothing since %s: %s", e.ID, e.Name, since.UTC().Format(time.RFC3339), e.Health.LastProblem)
		}
		if e.Health.Dead > 0 {
			say(e.Tenant, "has endpoint %s (%s), at which %d changes were given up: oktasync deliveries list %s --state dead", e.ID, e.Name, e.Health.Dead, e.ID)
		}
	}
	slices.Sort(warnings)
	return warnings
}

// endpointsMeasured is how many endpoints have gauges, those that are behind most: each is a few series.
const endpointsMeasured = 500

// collectEndpoint hands out how the deliveries to an endpoint go.
func collectEndpoint(e directory.Endpoint, set gaugeSetter) {
	lag, failing := 0.0, 0.0
	if e.Health.Oldest != nil && e.Disabled == nil {
		lag = max(0, time.Since(*e.Health.Oldest).Seconds())
	}
	if e.Health.FailingSince != nil {
		failing = 1
	}
	set(gauge("webhook_lag_seconds", "Age of the oldest change that an endpoint has not got yet.", "tenant", "endpoint"), lag, e.Tenant, e.ID)
	set(gauge("webhook_waiting", "Changes that failed at an endpoint and are tried again, or wait behind such.", "tenant", "endpoint"), float64(e.Health.Waiting), e.Tenant, e.ID)
	set(gauge("webhook_dead", "Changes that were given up at an endpoint.", "tenant", "endpoint"), float64(e.Health.Dead), e.Tenant, e.ID)
	set(gauge("webhook_failing", "Whether nothing has arrived at an endpoint since an attempt failed.", "tenant", "endpoint"), failing, e.Tenant, e.ID)
}

// stateCollector reads gauges when they are asked for.
type stateCollector struct{ h *health }

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("oktasync_"+name, help, labels, nil)
}

// gaugeSetter hands one value out.
type gaugeSetter func(desc *prometheus.Desc, value float64, labels ...string)

// Describe sends nothing: the collector is unchecked, because databases can be down.
func (*stateCollector) Describe(chan<- *prometheus.Desc) {}

// Collect reads tenants and queues. What cannot be read is left out, and "up" says so.
func (s *stateCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var set gaugeSetter = func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	up := gauge("up", "Whether a part answers.", "part")
	databaseUp, redisUp := 1.0, 1.0
	states, err := s.h.db.TenantStates(ctx, s.h.tenants.slugs())
	if err != nil {
		databaseUp = 0
	}
	held, err := s.h.db.HeldRuns(ctx)
	if err != nil {
		databaseUp = 0
	}
	waiting := map[string]float64{}
	for _, run := range held {
		waiting[run.Tenant]++
	}
	for _, state := range states {
		slug := state.Tenant
		set(gauge("runs_waiting", "Runs that are held and wait for an admin.", "tenant"), waiting[slug], slug)
		set(gauge("people", "Active and suspended people.", "tenant"), float64(state.People), slug)
		set(gauge("events_waiting", "Event scopes not yet reconciled.", "tenant"), float64(state.Waiting), slug)
		set(gauge("parked", "Scopes that failed for good and wait for an admin.", "tenant"), float64(state.Parked), slug)
		set(gauge("quarantined", "Records that cannot be applied.", "tenant"), float64(state.Quarantined), slug)
		if state.Hook.State != "" && state.Hook.State != string(okta.HookUnreadable) {
			sound := 1.0
			if okta.HookState(state.Hook.State).Alarming() {
				sound = 0
			}
			set(gauge("hook_sound", "Whether the event hook in Okta does its work.", "tenant"), sound, slug)
		}
		blocked := 0.0
		if state.Blocked != "" {
			blocked = 1
		}
		set(gauge("blocked", "Whether Okta refuses the credentials.", "tenant"), blocked, slug)
		if state.OldestWait != nil {
			set(gauge("oldest_event_seconds", "Age of the oldest waiting event.", "tenant"), time.Since(*state.OldestWait).Seconds(), slug)
		}
		if state.LastFullSync != nil {
			set(gauge("last_full_sync_timestamp_seconds", "End of the last successful full sync.", "tenant"), float64(state.LastFullSync.Unix()), slug)
		}
	}
	measured, err := s.h.db.EventHealths(ctx, s.h.tenants.slugs())
	if err != nil {
		databaseUp = 0
	}
	for _, h := range measured {
		collectEvents(h, set)
	}
	endpoints, err := s.h.db.AllEndpoints(ctx, s.h.tenants.slugs(), endpointsMeasured)
	if err != nil {
		databaseUp = 0
	}
	for _, e := range endpoints {
		collectEndpoint(e, set)
	}
	stats, err := s.h.queue.Stats(ctx)
	if err != nil {
		redisUp = 0
	}
	for _, q := range stats {
		depth := gauge("queue_tasks", "Tasks by queue and state.", "queue", "state")
		set(depth, float64(q.Pending), q.Queue, "pending")
		set(depth, float64(q.Active), q.Queue, "active")
		set(depth, float64(q.Scheduled), q.Queue, "scheduled")
		set(depth, float64(q.Retry), q.Queue, "retry")
		set(gauge("queue_oldest_seconds", "How long the first pending task has waited.", "queue"), q.Oldest.Seconds(), q.Queue)
	}
	set(up, databaseUp, "database")
	set(up, redisUp, "redis")
}
