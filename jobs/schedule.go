package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

const (
	// jobTimeout limits what the calendar does at one moment: a row and a task.
	jobTimeout = 10 * time.Second
	// early allows for a timer that fires a little before its moment.
	early = 30 * time.Second
)

// NightlyTenant is a tenant with the time of its nightly run, as CheckNightly
// takes it.
type NightlyTenant struct {
	Tenant string
	At     string
}

// ScheduleOptions configures a Schedule.
type ScheduleOptions struct {
	Calendar Calendar
	Client   *Client
	Tenants  []NightlyTenant
	// Recheck is how often missed runs are looked for, 10 min when zero: after a
	// database that was down at the hour, or a machine that slept.
	Recheck time.Duration
	Now     func() time.Time // time.Now when nil
	Log     *slog.Logger
}

// Schedule makes the nightly runs: a row with the date of the scheduled moment,
// and a task. The row is unique in the database, so that several replicas
// make one run. What was missed is made up when the service starts, and a
// tenant that never had a full sync gets one then, whatever its schedule.
type Schedule struct {
	calendar Calendar
	client   *Client
	recheck  time.Duration
	now      func() time.Time
	log      *slog.Logger
	cron     *cron.Cron

	mu      sync.Mutex
	entries map[string]*entry
	changed chan struct{} // wakes Run to look at new tenants
}

// entry is one tenant's place in the calendar.
type entry struct {
	tenant   string
	at       string
	schedule cron.Schedule // nil: never
	id       cron.EntryID
	greeted  bool // the first look, after start, is over
}

// NewSchedule prepares the calendar. A setting that cannot be understood is an error.
func NewSchedule(o ScheduleOptions) (*Schedule, error) {
	logger := cronLog{o.Log}
	s := &Schedule{
		calendar: o.Calendar,
		client:   o.Client,
		recheck:  orDefault(o.Recheck, 10*time.Minute),
		now:      o.Now,
		log:      o.Log,
		entries:  make(map[string]*entry),
		changed:  make(chan struct{}, 1),
		// The order matters: with Recover outside, a panic would leave the token of
		// SkipIfStillRunning taken, and the job would never run again.
		cron: cron.New(cron.WithLocation(time.UTC), cron.WithLogger(logger),
			cron.WithChain(cron.SkipIfStillRunning(logger), cron.Recover(logger))),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.SetTenants(o.Tenants); err != nil {
		return nil, err
	}
	return s, nil
}

// SetTenants replaces the tenants. New ones are looked at for missed runs. A
// tenant whose setting cannot be understood is reported and left as it was; the
// others are set.
func (s *Schedule) SetTenants(tenants []NightlyTenant) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var problems []error
	keep := make(map[string]bool, len(tenants))
	for _, t := range tenants {
		keep[t.Tenant] = true
		if before, known := s.entries[t.Tenant]; known && before.at == t.At {
			continue
		}
		schedule, err := parseNightly(t.At)
		if err != nil {
			problems = append(problems, fmt.Errorf("schedule tenant %s: %w", t.Tenant, err))
			continue
		}
		s.remove(t.Tenant)
		s.add(&entry{tenant: t.Tenant, at: t.At, schedule: schedule})
	}
	for tenant := range s.entries {
		if !keep[tenant] {
			s.remove(tenant)
		}
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return errors.Join(problems...)
}

func (s *Schedule) add(e *entry) {
	s.entries[e.tenant] = e
	if e.schedule == nil {
		return
	}
	e.id = s.cron.Schedule(e.schedule, cron.FuncJob(func() { s.fire(e) }))
}

func (s *Schedule) remove(tenant string) {
	if e, known := s.entries[tenant]; known {
		if e.schedule != nil {
			s.cron.Remove(e.id)
		}
		delete(s.entries, tenant)
	}
}

// fire is the cron job.
func (s *Schedule) fire(e *entry) {
	ctx, cancel := context.WithTimeout(context.Background(), jobTimeout)
	defer cancel()
	if err := s.start(ctx, e.tenant, latest(e.schedule, s.now().Add(early)).Format(dateLayout)); err != nil {
		s.log.Error("the nightly run could not be made; it is tried again", "tenant", e.tenant, "in", s.recheck, "error", err)
	}
}

// Run follows the calendar until ctx ends, and returns when no job is running.
func (s *Schedule) Run(ctx context.Context) {
	s.cron.Start()
	defer func() { <-s.cron.Stop().Done() }()
	ticker := time.NewTicker(s.recheck)
	defer ticker.Stop()
	for {
		s.catchUp(ctx)
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		case <-ticker.C:
		}
	}
}

// catchUp makes what was missed, of each tenant apart.
func (s *Schedule) catchUp(ctx context.Context) {
	s.mu.Lock()
	var entries []*entry
	for _, e := range s.entries {
		entries = append(entries, e)
	}
	s.mu.Unlock()
	slices.SortFunc(entries, func(a, b *entry) int { return strings.Compare(a.tenant, b.tenant) })
	for _, e := range entries {
		limited, cancel := context.WithTimeout(ctx, jobTimeout)
		err := guarded(limited, func(ctx context.Context) error { return s.makeUp(ctx, e) })
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.Error("could not look for a missed nightly run; it is tried again", "tenant", e.tenant, "in", s.recheck, "error", err)
		}
	}
}
