package jobs

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"

	"github.com/oktasync/oktasync/directory"
)

func TestCheckNightly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		problem    string // part of the error
	}{
		{"default", "", ""},
		{"time", "03:00", ""},
		{"time without zero", "3:00", ""},
		{"never", "never", ""},
		{"cron", "30 2 * * 1-5", ""},
		{"monthly", "0 3 1 * *", ""},
		{"29 February", "0 3 29 2 *", ""},
		{"no time", "25:00", "neither a time"},
		{"text", "at night", "neither a time"},
		{"seconds", "0 0 3 * * *", "neither a time"},
		{"descriptor", "@every 5m", "neither a time"},
		{"zone", "CRON_TZ=Europe/Berlin 0 3 * * *", "neither a time"},
		{"zone, old way", "TZ=Europe/Berlin 0 3 * * *", "neither a time"},
		{"twice a day", "0 3,15 * * *", "more than once on a day"},
		{"every minute", "* * * * *", "more than once on a day"},
		{"twice on one day a month", "0 3,4 28 * *", "more than once on a day"},
		{"30 February", "0 3 30 2 *", "never comes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := CheckNightly(test.text)
			if test.problem == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)) {
				t.Errorf("got %v, want an error with %q", err, test.problem)
			}
		})
	}
}

func TestLatest(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("CEST", 2*60*60)
	tests := []struct {
		name, nightly string
		now           time.Time
		want          string
	}{
		{"before the hour", "", time.Date(2026, 3, 29, 2, 59, 59, 0, time.UTC), "2026-03-28T03:00:00Z"},
		{"at the hour", "", time.Date(2026, 3, 29, 3, 0, 0, 0, time.UTC), "2026-03-29T03:00:00Z"},
		{"summer time does not matter", "", time.Date(2026, 7, 1, 4, 30, 0, 0, berlin), "2026-06-30T03:00:00Z"},
		{"Mondays", "15 4 * * 1", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), "2026-02-23T04:15:00Z"},
		{"once a year", "0 3 1 6 *", time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC), "2025-06-01T03:00:00Z"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			schedule, err := parseNightly(test.nightly)
			if err != nil {
				t.Fatal(err)
			}
			if got := latest(schedule, test.now).Format(time.RFC3339); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func newSchedule(t *testing.T, store *tables, c *Client, now func() time.Time, tenants ...NightlyTenant) *Schedule {
	t.Helper()
	s, err := NewSchedule(ScheduleOptions{
		Calendar: store, Client: c, Tenants: tenants, Recheck: 20 * time.Millisecond, Now: now, Log: discard(),
	})
	if err != nil {
		t.Fatalf("new schedule: %v", err)
	}
	return s
}

func TestMissedRunsAreMadeUp(t *testing.T) {
	t.Parallel()
	morning := time.Date(2026, 3, 10, 8, 0, 0, 0, time.UTC) // 5 hours after the run of the 10th
	night := time.Date(2026, 3, 10, 1, 0, 0, 0, time.UTC)   // 2 hours before it
	failed := directory.RunFailed
	tests := []struct {
		name    string
		at      string
		now     time.Time
		synced  time.Time                     // end of the last full sync; zero: never
		nightly map[string]directory.RunState // by date
		want    []string                      // dates of all runs afterwards
	}{
		{"new tenant", "", morning, time.Time{}, nil, []string{"2026-03-10"}},
		{"new tenant at night", "", night, time.Time{}, nil, []string{"2026-03-09"}},
		{"new tenant, never", NeverNightly, morning, time.Time{}, nil, []string{"2026-03-10"}},
		{"synced tenant, never", NeverNightly, morning, morning.AddDate(0, -1, 0), nil, nil},
		{"down during the night", "", morning, morning.AddDate(0, 0, -1), map[string]directory.RunState{"2026-03-09": directory.RunSucceeded}, []string{"2026-03-09", "2026-03-10"}},
		{"down for a week", "", morning, morning.AddDate(0, 0, -7), map[string]directory.RunState{"2026-03-03": directory.RunSucceeded}, []string{"2026-03-03", "2026-03-10"}},
		{"restart after the run", "", morning, morning.Add(-4 * time.Hour), map[string]directory.RunState{"2026-03-10": directory.RunSucceeded}, []string{"2026-03-10"}},
		{"restart while it runs", "", morning, morning.AddDate(0, 0, -1), map[string]directory.RunState{"2026-03-10": directory.RunReading}, []string{"2026-03-10"}},
		{"restart after it failed", "", morning, morning.AddDate(0, 0, -1), map[string]directory.RunState{"2026-03-10": failed}, []string{"2026-03-10"}},
		{"synced by hand since", "", morning, morning.Add(-time.Hour), nil, nil},
		{"synced by hand before", "", morning, morning.Add(-6 * time.Hour), nil, []string{"2026-03-10"}},
		{"first sync failed, mended and restarted", "", morning, time.Time{}, map[string]directory.RunState{"2026-03-10": failed}, []string{"", "2026-03-10"}},
		{"first sync still runs", "", morning, time.Time{}, map[string]directory.RunState{"2026-03-10": directory.RunReading}, []string{"2026-03-10"}},
		{"first sync is held", "", morning, time.Time{}, map[string]directory.RunState{"2026-03-10": directory.RunHeld}, []string{"2026-03-10"}},
		{"first sync failed, never", NeverNightly, morning, time.Time{}, map[string]directory.RunState{"2026-03-10": failed}, []string{"", "2026-03-10"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store, c := newTables(), newClient(connect(t, RedisOptions{Mode: ModeEmbedded}))
			if !test.synced.IsZero() {
				store.synced["acme"] = test.synced
			}
			for date, state := range test.nightly {
				store.runs[date] = directory.Run{ID: date, Tenant: "acme", Date: date, State: state}
			}
			s := newSchedule(t, store, c, func() time.Time { return test.now }, NightlyTenant{"acme", test.at})
			for range 4 { // looking again must change nothing
				s.catchUp(t.Context())
			}
			if diff := cmp.Diff(test.want, store.nightlies("acme")); diff != "" {
				t.Errorf("runs (-want +got):\n%s", diff)
			}
			if got, want := pending(t, c)[QueueBulk], len(test.want)-len(test.nightly); got != want {
				t.Errorf("%d tasks, want %d", got, want)
			}
		})
	}
}

func TestReplicasMakeOneRun(t *testing.T) {
	t.Parallel()
	store, c := newTables(), newClient(connect(t, RedisOptions{Mode: ModeEmbedded}))
	now := func() time.Time { return time.Date(2026, 3, 10, 8, 0, 0, 0, time.UTC) }
	var stops []func()
	for range 3 {
		stops = append(stops, background(t, newSchedule(t, store, c, now, NightlyTenant{"acme", ""}, NightlyTenant{"other", "04:30"}).Run))
	}
	poll(t, "both tenants have a run and its task", func() bool { return pending(t, c)[QueueBulk] == 2 })
	for _, stop := range stops {
		stop()
	}
	if a, o, tasks := len(store.nightlies("acme")), len(store.nightlies("other")), pending(t, c)[QueueBulk]; a != 1 || o != 1 || tasks != 2 {
		t.Errorf("%d and %d runs, %d tasks; want 1, 1 and 2", a, o, tasks)
	}
}

// A database that is down at the hour only delays the run.
func TestScheduleTriesAgain(t *testing.T) {
	t.Parallel()
	store, c := newTables(), newClient(connect(t, RedisOptions{Mode: ModeEmbedded}))
	store.fail(errors.New("the database is away"))
	log := &journal{}
	s := newSchedule(t, store, c, nil, NightlyTenant{"acme", ""})
	s.log = log.logger()
	background(t, s.Run)
	poll(t, "it has tried", func() bool { return log.count("the database is away") > 1 })
	store.fail(nil)
	poll(t, "the run is made", func() bool { return len(store.nightlies("acme")) == 1 })
}

// Without Redis the row is made, and the sweeper makes the task.
func TestScheduleWithoutRedis(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	r := connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{"127.0.0.1:" + port}})
	store, c := newTables(), NewClient(ClientOptions{Redis: r, Log: discard(), Pause: time.Millisecond})
	newSchedule(t, store, c, nil, NightlyTenant{"acme", ""}).catchUp(t.Context())
	if got := len(store.nightlies("acme")); got != 1 {
		t.Fatalf("%d runs, want 1", got)
	}
	startRedis(t, port)
	background(t, newSweeper(store, c).Run)
	poll(t, "the run has a task", func() bool {
		stats, err := c.Stats(t.Context())
		return err == nil && stats[3].Queue == QueueBulk && stats[3].Pending == 1
	})
}

// soon is a schedule that comes every few milliseconds.
type soon struct{ every time.Duration }

func (s soon) Next(after time.Time) time.Time { return after.Add(s.every) }

// The job itself: it survives panics, and its date is that of the scheduled moment.
func TestCronFires(t *testing.T) {
	t.Parallel()
	store, c := newTables(), newClient(connect(t, RedisOptions{Mode: ModeEmbedded}))
	log := &journal{}
	// A moment before 03:00, as a timer may be early.
	now := time.Date(2026, 3, 10, 2, 59, 59, 900_000_000, time.UTC)
	s, err := NewSchedule(ScheduleOptions{Calendar: store, Client: c, Now: func() time.Time { return now }, Log: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	nightly, err := parseNightly("")
	if err != nil {
		t.Fatal(err)
	}
	store.panics = true
	s.cron.Schedule(soon{20 * time.Millisecond}, cron.FuncJob(func() {
		s.fire(&entry{tenant: "acme", schedule: nightly})
	}))
	stop := background(t, s.Run)
	poll(t, "the job panicked twice", func() bool { return log.count("a defect in the store") >= 2 })
	store.mu.Lock()
	store.panics = false
	store.mu.Unlock()
	poll(t, "the job makes the run", func() bool { return len(store.nightlies("acme")) > 0 })
	stop()
	if diff := cmp.Diff([]string{"2026-03-10"}, store.nightlies("acme")); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

func TestSetTenants(t *testing.T) {
	t.Parallel()
	store, c := newTables(), newClient(connect(t, RedisOptions{Mode: ModeEmbedded}))
	s := newSchedule(t, store, c, nil, NightlyTenant{"a", ""}, NightlyTenant{"b", "04:00"})
	background(t, s.Run)
	poll(t, "both have runs", func() bool { return len(store.nightlies("a")) == 1 && len(store.nightlies("b")) == 1 })

	err := s.SetTenants([]NightlyTenant{{"a", "05:00"}, {"c", ""}, {"d", "nonsense"}, {"e", NeverNightly}})
	if err == nil || !strings.Contains(err.Error(), "tenant d") {
		t.Errorf("a wrong setting gave %v", err)
	}
	poll(t, "the new ones have runs", func() bool { return len(store.nightlies("c")) == 1 && len(store.nightlies("e")) == 1 })
	s.mu.Lock()
	got := map[string]string{}
	for tenant, e := range s.entries {
		got[tenant] = e.at
	}
	s.mu.Unlock()
	if diff := cmp.Diff(map[string]string{"a": "05:00", "c": "", "e": NeverNightly}, got); diff != "" {
		t.Errorf("tenants (-want +got):\n%s", diff)
	}
	if n := len(s.cron.Entries()); n != 2 {
		t.Errorf("cron has %d entries, want 2", n)
	}

	// A wrong change keeps what was set before.
	if err := s.SetTenants([]NightlyTenant{{"a", "nonsense"}}); err == nil {
		t.Error("a wrong setting was taken")
	}
	if n := len(s.cron.Entries()); n != 1 {
		t.Errorf("cron has %d entries, want the one of before", n)
	}
}

func TestNewScheduleRefusesNonsense(t *testing.T) {
	t.Parallel()
	_, err := NewSchedule(ScheduleOptions{Tenants: []NightlyTenant{{"a", "nonsense"}}, Log: discard()})
	if err == nil || !strings.Contains(err.Error(), "tenant a") {
		t.Errorf("got %v", err)
	}
}

// Whatever the timer does, two jobs never overlap.
func TestCronSkipsWhileRunning(t *testing.T) {
	t.Parallel()
	s := newSchedule(t, newTables(), nil, nil)
	var running, overlaps, runs atomic.Int32
	s.cron.Schedule(soon{5 * time.Millisecond}, cron.FuncJob(func() {
		if running.Add(1) > 1 {
			overlaps.Add(1)
		}
		timer := time.NewTimer(20 * time.Millisecond)
		<-timer.C
		running.Add(-1)
		runs.Add(1)
	}))
	stop := background(t, s.Run)
	poll(t, "the job ran some times", func() bool { return runs.Load() > 3 })
	stop()
	if overlaps.Load() > 0 {
		t.Errorf("%d jobs overlapped", overlaps.Load())
	}
}
