package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/directory"
)

// timeoutMargin is how much longer asynq waits than the task's own timeout. Ours
// cancels the work and hears its error; asynq's declares the task failed while
// the work may still be going on.
const timeoutMargin = 15 * time.Second

// abortMargin is how long cancelled work has to end while stopping.
const abortMargin = 2 * time.Second

// errStopping is why work is cancelled when the service stops.
var errStopping = errors.New("the service is stopping")

// ServerOptions configures a Server.
type ServerOptions struct {
	Redis      redis.UniversalClient
	Reconciler Reconciler
	Ledger     Ledger
	Chores     []Chore
	// Courier delivers; without one the process takes no turns at endpoints.
	Courier Courier
	// Leavers, People, Groups, Bulk, Upkeep and Deliveries are the numbers of worker slots; 4, 8,
	// 3, 2, 4 and 16 when zero.
	Leavers, People, Groups, Bulk, Upkeep, Deliveries int
	// Grace is how long running tasks may go on after Stop, 20 s when zero.
	// The whole stop takes at most a few seconds more.
	Grace time.Duration
	// Poll is how often idle workers look for people and leavers; groups are
	// looked for half as often, chores a quarter, runs a tenth. 50 ms when zero, see lanes.
	Poll time.Duration
	Now  func() time.Time // time.Now when nil
	Log  *slog.Logger
}

// Server runs the workers. What becomes of a task depends on its error:
//
//	nil                         done
//	*directory.RetryAfterError  again after its Wait, at no attempt; parked after 24 h. Where
//	                            many wait already the task ends, and the sweeper makes another
//	directory.ErrBusy           again in 10 s, at no attempt
//	*directory.StorageFullError again in 15 s, at no attempt
//	stopping                    again after the restart, at no attempt
//	*directory.CredentialsError the tenant is blocked; its events stay
//	*directory.TerminalError    parked at once
//	*directory.HeldError        done: the run waits for an admin, with its events
//	any other, panics, timeout  again after a growing delay; parked after the last
//
// Parked scopes wait for an admin. The task of a run ends with the attempt whatever came of it:
// the row says what follows, see worker.settleRun. Chores have rules of their own, see Chore.
type Server struct {
	work    *worker
	lanes   []running
	grace   time.Duration
	cancel  context.CancelCauseFunc
	closing chan struct{} // closed when Stop begins
	stopped sync.Once
}

// lane is a set of worker slots with the queues it serves, in strict priority unless they are
// mixed.
type lane struct {
	queues map[string]int
	slots  int
	poll   time.Duration
	shared bool // no tenant gets more than its share of the slots
	mixed  bool // the backlog
	// What is beyond a tenant's share has nowhere else to go, so it waits a moment in its slot. Or the slot that is
	// kept for others would send all that is queued away for seconds, and a tenant alone would get a few done each
	// time they come back.
	patient bool
}

// running is a lane at work.
type running struct {
	*asynq.Server
	seats *seats // nil: a tenant may have all slots
}

// lanes gives each kind of work slots of its own, so that a long pull or a storm
// of groups never stands before a person, and nobody before a leaver. Leavers
// also go first in the lane of the people. Chores have a lane because a full run
// takes hours, and with it the time in which a lost event is noticed. What tenants send
// beyond their share has half of the people's slots, see share.go.
//
// asynq polls, so the interval is what a task waits on an idle system. Measured with
// these lanes on Redis 7.0, two cores (BenchmarkEnqueueToStart; idle cost is that of
// all four lanes, commands as Redis counts them, those inside scripts included):
//
//	Poll    leaver p50/p99   person p50/p99   group p50/p99    commands/s   CPU of us / Redis / embedded
//	1 s     263 / 933 ms     710 / 1357 ms    1251 / 2669 ms   38           0.3 % / 0.3 % / 0.6 %
//	200 ms  56 / 197 ms      94 / 258 ms      297 / 531 ms     88           0.7 % / 0.4 % / 1.9 %
//	50 ms   17 / 58 ms       31 / 70 ms       76 / 149 ms      231          2.5 % / 0.9 % / 6.1 %
//	25 ms   11 / 31 ms       12 / 33 ms       38 / 75 ms       427          6.4 % / 2.0 % / 9.5 %
//	10 ms   4 / 10 ms        6 / 15 ms        15 / 30 ms       1025         9.0 % / 2.7 % / 21 %
//
// 50 ms is the default: a person starts within 30 ms, and an idle service costs little.
func (o ServerOptions) lanes() []lane {
	slots := func(n, otherwise int) int {
		if n > 0 {
			return n
		}
		return otherwise
	}
	poll := orDefault(o.Poll, 50*time.Millisecond)
	people := slots(o.People, 8)
	lanes := []lane{
		{queues: map[string]int{QueueLeavers: 1}, slots: slots(o.Leavers, 4), poll: poll, shared: true},
		{queues: map[string]int{QueueLeavers: 2, QueuePeople: 1}, slots: people - people/2, poll: poll, shared: true},
		{queues: backlogQueues(), slots: max(1, people/2), poll: 4 * poll, shared: true, mixed: true, patient: true},
		{queues: map[string]int{QueueGroups: 1}, slots: slots(o.Groups, 3), poll: 2 * poll, shared: true, patient: true},
		{queues: map[string]int{QueueBulk: 1}, slots: slots(o.Bulk, 2), poll: 10 * poll},
		{queues: map[string]int{QueueUpkeep: 1}, slots: slots(o.Upkeep, 4), poll: 4 * poll},
	}
	if o.Courier != nil {
		// Who answers slowly, or not at all, keeps a slot for long, so those share slots of their own.
		lanes = append(lanes,
			lane{queues: map[string]int{QueueDeliveries: 1}, slots: slots(o.Deliveries, 16), poll: poll},
			lane{queues: map[string]int{QueueSlow: 1}, slots: slots(o.Deliveries, 16), poll: 4 * poll})
	}
	return lanes
}

// NewServer prepares workers; Start begins to work.
func NewServer(o ServerOptions) *Server {
	base, cancel := context.WithCancelCause(context.Background())
	s := &Server{
		work: &worker{
			redis: o.Redis, reconciler: o.Reconciler, ledger: o.Ledger, chores: make(map[directory.Chore]Chore), courier: o.Courier,
			base: base, now: o.Now, log: o.Log,
		},
		grace:   orDefault(o.Grace, 20*time.Second),
		cancel:  cancel,
		closing: make(chan struct{}),
	}
	client := &patient{UniversalClient: o.Redis, pause: errorPause, stopping: s.closing}
	if s.work.now == nil {
		s.work.now = time.Now
	}
	for _, c := range o.Chores {
		s.work.chores[c.Name] = c
	}
	for _, l := range o.lanes() {
		var seats *seats
		if l.shared {
			seats = newSeats(l.slots, 0, s.work.now)
		}
		if l.patient {
			seats.patience = backlogPatience
		}
		s.lanes = append(s.lanes, running{seats: seats, Server: asynq.NewServerFromRedisClient(client, asynq.Config{
			Concurrency:              l.slots,
			Queues:                   l.queues,
			StrictPriority:           !l.mixed,
			TaskCheckInterval:        l.poll,
			DelayedTaskCheckInterval: 2 * time.Second,
			IsFailure:                isFailure,
			RetryDelayFunc:           retryDelay,
			ShutdownTimeout:          s.grace + abortMargin,
			Logger:                   asynqLog{o.Log},
			LogLevel:                 asynq.WarnLevel,
		})})
	}
	return s
}

// Start begins to work in the background. It does not wait for Redis.
func (s *Server) Start() error {
	select {
	case <-s.closing:
		return fmt.Errorf("start the workers: %w", errStopping)
	default:
	}
	for _, l := range s.lanes {
		if err := l.Start(s.work.in(l.seats)); err != nil {
			return fmt.Errorf("start the workers: %w", err)
		}
	}
	return nil
}

// Stop takes no more tasks, lets the running ones go on for the grace period,
// then cancels them and waits until they have ended. Cancelled tasks go back to
// the queue at no attempt. Work that ignores its context for abortMargin is left
// behind. Stop may be called more than once; each call returns when all is done.
func (s *Server) Stop() {
	s.stopped.Do(func() {
		close(s.closing)
		s.eachLane((*asynq.Server).Stop)
		cancelling := time.AfterFunc(s.grace, func() { s.cancel(errStopping) })
		s.eachLane((*asynq.Server).Shutdown)
		cancelling.Stop()
		s.cancel(errStopping)
	})
}

func (s *Server) eachLane(do func(*asynq.Server)) {
	var all sync.WaitGroup
	for _, l := range s.lanes {
		all.Go(func() { do(l.Server) })
	}
	all.Wait()
}
