package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/oktasync/oktasync/directory"
	dirsync "github.com/oktasync/oktasync/sync"
)

// metrics are the service's own figures. Labels are slugs and kinds only: never an
// id of a person.
type metrics struct {
	registry   *prometheus.Registry
	hookEvents *prometheus.CounterVec
	hookCalls  *prometheus.CounterVec
	hookTime   prometheus.Histogram
	hookLag    *prometheus.HistogramVec
	logEvents  *prometheus.CounterVec
	logLag     *prometheus.HistogramVec
	scopes     *prometheus.CounterVec
	scopeTime  *prometheus.HistogramVec
	changes    *prometheus.CounterVec
	committed  *prometheus.HistogramVec
	oktaCalls  *prometheus.CounterVec
	oktaTime   *prometheus.HistogramVec
	oktaWait   *prometheus.HistogramVec
	authFailed *prometheus.CounterVec
	alerts     *prometheus.CounterVec
	deliveries *prometheus.CounterVec
	answerTime *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "oktasync_" + name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "oktasync_" + name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(h)
		return h
	}
	short := prometheus.ExponentialBuckets(0.001, 2.5, 10) // 1 ms to about 4 s
	long := prometheus.ExponentialBuckets(0.02, 2.5, 14)   // 20 ms to about 50 min
	m.hookEvents = counter("hook_events_total", "Events received by hook.", "tenant")
	m.hookCalls = counter("hook_requests_total", "Requests to the hook endpoint.", "method", "status")
	m.hookTime = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "oktasync_hook_seconds", Help: "Time to answer a hook request.", Buckets: short})
	m.registry.MustRegister(m.hookTime)
	m.hookLag = histogram("hook_lag_seconds", "From the oldest event of a delivery to its arrival.", long, "tenant")
	m.logEvents = counter("log_events_total", "Events read from the System Log.", "tenant", "known")
	m.logLag = histogram("log_lag_seconds", "From an event that only the System Log brought so far to its arrival; of each page the oldest.", long, "tenant")
	m.scopes = counter("reconciliations_total", "Scopes reconciled.", "tenant", "kind", "result")
	m.scopeTime = histogram("reconciliation_seconds", "Time to reconcile a scope.", long, "tenant", "kind")
	m.changes = counter("changes_total", "Changes committed to the directory.", "tenant", "type")
	m.committed = histogram("event_to_commit_seconds", "From Okta's event to the committed directory.", long, "tenant")
	m.oktaCalls = counter("okta_requests_total", "Calls to Okta; status 0 is no answer.", "tenant", "bucket", "status")
	m.oktaTime = histogram("okta_request_seconds", "Time that Okta took.", long, "tenant", "bucket")
	m.oktaWait = histogram("okta_budget_wait_seconds", "Time that calls waited for the rate budget.", long, "tenant", "bucket")
	m.authFailed = counter("authentication_failures_total", "Refused secrets and tokens.", "door")
	m.alerts = counter("alerts_total", "Attempts to send an alert.", "channel", "result")
	m.deliveries = counter("webhook_attempts_total", "Attempts to deliver a change to an endpoint of a product.", "tenant", "result")
	m.answerTime = histogram("webhook_answer_seconds", "Time that receivers took to answer.", long, "tenant")
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// oktaObserver returns the callback that counts one tenant's calls to Okta.
func (m *metrics) oktaObserver(tenant string) func(bucket string, status int, wait, took time.Duration) {
	return func(bucket string, status int, wait, took time.Duration) {
		m.oktaCalls.WithLabelValues(tenant, bucket, strconv.Itoa(status)).Inc()
		m.oktaTime.WithLabelValues(tenant, bucket).Observe(took.Seconds())
		m.oktaWait.WithLabelValues(tenant, bucket).Observe(wait.Seconds())
	}
}

// logTaken counts a page of the System Log. An event that a hook had brought is known.
func (m *metrics) logTaken(tenant string, events, fresh int, lag time.Duration) {
	m.logEvents.WithLabelValues(tenant, "yes").Add(float64(events - fresh))
	m.logEvents.WithLabelValues(tenant, "no").Add(float64(fresh))
	if fresh > 0 {
		m.logLag.WithLabelValues(tenant).Observe(lag.Seconds())
	}
}

// reconciled counts a reconciliation.
func (m *metrics) reconciled(tenant string, kind string, result dirsync.Result, err error, took time.Duration, now time.Time) {
	outcome := "done"
	switch {
	case errors.As(err, new(*directory.RetryAfterError)):
		outcome = "waiting"
	case errors.As(err, new(*directory.HeldError)):
		outcome = "held"
	case err != nil:
		outcome = "failed"
	case result.Events == 0 && len(result.Changes) == 0:
		outcome = "nothing to do"
	}
	m.scopes.WithLabelValues(tenant, kind, outcome).Inc()
	m.scopeTime.WithLabelValues(tenant, kind).Observe(took.Seconds())
	m.changed(tenant, result)
	if err == nil && !result.Oldest.IsZero() {
		m.committed.WithLabelValues(tenant).Observe(now.Sub(result.Oldest).Seconds())
	}
}

// changed counts what became part of the history.
func (m *metrics) changed(tenant string, result dirsync.Result) {
	for changeType, n := range result.Changes {
		m.changes.WithLabelValues(tenant, string(changeType)).Add(float64(n))
	}
}

// attempted counts an attempt at an endpoint.
func (m *metrics) attempted(tenant, _ string, attempt directory.Attempt) {
	result := "failed"
	if attempt.OK {
		result = "delivered"
	}
	m.deliveries.WithLabelValues(tenant, result).Inc()
	m.answerTime.WithLabelValues(tenant).Observe(attempt.Took.Seconds())
}
