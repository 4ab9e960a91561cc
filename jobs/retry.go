package jobs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"
)

const (
	// ageLimit ends tasks that only ever ask to wait.
	ageLimit = 24 * time.Hour
	// longestWait caps what an answer of Okta can ask for.
	longestWait = time.Hour
	// busyWait is how long a run waits for another worker.
	busyWait = 10 * time.Second
	// storeWait is how long a task waits when its outcome could not be written.
	storeWait = 15 * time.Second
)

// postponed asks to come back later without costing an attempt.
type postponed struct {
	wait time.Duration
	err  error
}

func (p *postponed) Error() string {
	return fmt.Sprintf("again in %s: %v", p.wait.Round(time.Second), p.err)
}

func (p *postponed) Unwrap() error { return p.err }

// isFailure says whether an error costs an attempt.
func isFailure(err error) bool {
	var p *postponed
	return err != nil && !errors.As(err, &p)
}

// retryDelay says how long a task waits. asynq cuts the moment to whole seconds, so a
// postponement gets up to one second more, lest it ends before its time.
func retryDelay(retried int, err error, task *asynq.Task) time.Duration {
	var p *postponed
	if errors.As(err, &p) {
		if p.wait <= 0 {
			return 0
		}
		return p.wait + time.Second
	}
	delays := reconcileDelays()
	if pay, err := decodePayload(task.Payload()); err == nil {
		if r, err := pay.rule(task.Type()); err == nil {
			delays = r.delays
		}
	}
	if len(delays) == 0 {
		return time.Second // of a run: its worker died, and it finds out whether there is anything to do
	}
	return jitter(delays[min(retried, len(delays)-1)])
}

// jitter spreads a delay over 80 % to 120 %, so that tasks that failed together do not come
// back together.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1)
}
