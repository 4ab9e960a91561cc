package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"github.com/oktasync/oktasync/directory"
)

func TestOutcomes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	plain := errors.New("connection reset")
	tests := []struct {
		name    string
		err     error
		run     bool
		probe   bool
		retried int
		age     time.Duration

		attempt bool          // costs an attempt
		wait    time.Duration // comes back without one
		gone    string        // parked, or the run failed, with this
		blocks  bool
	}{
		{name: "plain", err: plain, attempt: true},
		{name: "plain, before the last", err: plain, retried: 7, attempt: true},
		{name: "plain, the last", err: plain, retried: 8, gone: "failed 9 times; the last time: connection reset"},
		{name: "an attempt at a run", err: &directory.AttemptError{Attempt: 1, RetryIn: time.Minute, Err: plain}, run: true},
		{name: "the last attempt at a run", err: &directory.AttemptError{Attempt: 5, Err: plain}, run: true},
		{name: "a run of which nothing could be written", err: plain, run: true, wait: storeWait},
		{name: "out of time", err: fmt.Errorf("read: %w", context.DeadlineExceeded), attempt: true},
		{name: "out of time, the last", err: context.DeadlineExceeded, retried: 8, gone: "failed 9 times; the last time: did not end within 1m0s: context deadline exceeded"},
		{name: "retry after", err: fmt.Errorf("read: %w", &directory.RetryAfterError{Wait: 7 * time.Second, Err: plain}), wait: 7 * time.Second},
		{name: "retry after, when no attempt is left", err: &directory.RetryAfterError{Wait: 7 * time.Second, Err: plain}, retried: 8, wait: 7 * time.Second},
		{name: "retry after, far too long", err: &directory.RetryAfterError{Wait: 90 * time.Hour, Err: plain}, wait: time.Hour},
		{name: "retry after, negative", err: &directory.RetryAfterError{Wait: -time.Second, Err: plain}, wait: 0},
		{name: "retry after, for a day", err: &directory.RetryAfterError{Wait: time.Second, Err: plain}, age: 24*time.Hour + time.Minute, gone: "asked to wait again and again for 24h0m0s; the last time: try again in 1s: connection reset"},
		{name: "retry after of a run", err: &directory.RetryAfterError{Wait: time.Second, Err: plain}, run: true},
		{name: "terminal", err: fmt.Errorf("read: %w", &directory.TerminalError{Err: plain}), gone: "read: connection reset"},
		{name: "terminal of a run", err: &directory.AttemptError{Attempt: 1, Err: &directory.TerminalError{Err: plain}}, run: true},
		{name: "held", err: &directory.HeldError{RunID: "r2", Reasons: []string{"60 of 100 would leave"}}},
		{name: "held run", err: &directory.HeldError{Reasons: []string{"60 of 100 would leave"}}, run: true},
		{name: "credentials", err: fmt.Errorf("read: %w", &directory.CredentialsError{Advice: "make a new token", Err: plain}), blocks: true},
		{name: "credentials of a run", err: &directory.AttemptError{Attempt: 1, Err: &directory.CredentialsError{Advice: "make a new token", Err: plain}}, run: true, blocks: true},
		{name: "busy", err: fmt.Errorf("claim: %w", directory.ErrBusy), retried: 4, wait: busyWait},
		{name: "busy for a day", err: directory.ErrBusy, age: 25 * time.Hour},
		{name: "a run that another worker has", err: fmt.Errorf("claim: %w", directory.ErrBusy), run: true},
		{name: "run is over", err: fmt.Errorf("claim: %w", directory.ErrConflict), run: true},
		{name: "run is gone", err: fmt.Errorf("claim: %w", directory.ErrNotFound), run: true},
		{name: "conflict of a scope", err: directory.ErrConflict, attempt: true},
		{name: "probe that fails", err: plain, probe: true},
		{name: "probe that has to wait", err: &directory.RetryAfterError{Wait: time.Second, Err: plain}, probe: true},
		{name: "probe with credentials", err: &directory.CredentialsError{Advice: "make a new token", Err: plain}, probe: true, blocks: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store := newTables()
			store.receive(person(1))
			store.runs["r"] = directory.Run{ID: "r"}
			w := &worker{ledger: store, now: func() time.Time { return now }, log: discard()}
			p := scopePayload(person(1), now.Add(-test.age))
			p.Probe = test.probe
			r, err := p.rule(typeScope)
			if test.run {
				p = runPayload(directory.Run{ID: "r", Tenant: "acme", Scope: directory.FullScope()}, now.Add(-test.age))
				r, err = p.rule(typeRun)
			}
			if err != nil {
				t.Fatal(err)
			}
			j := &job{payload: p, rule: r, scope: person(1).Scope, retried: test.retried, log: discard()}

			err = w.settle(t.Context(), j, test.err)
			if got := isFailure(err); got != test.attempt {
				t.Errorf("costs an attempt: %t, want %t (%v)", got, test.attempt, err)
			}
			var later *postponed
			if errors.As(err, &later) {
				if later.wait != test.wait {
					t.Errorf("comes back in %s, want %s", later.wait, test.wait)
				}
			} else if test.wait > 0 {
				t.Errorf("does not come back, want in %s (%v)", test.wait, err)
			}
			gone := store.parkedReason("acme", person(1).Scope) + store.run("r").Error
			if gone != test.gone {
				t.Errorf("given up with %q, want %q", gone, test.gone)
			}
			if got := store.blocks > 0; got != test.blocks {
				t.Errorf("blocked: %t, want %t", got, test.blocks)
			}
		})
	}
}

// What cannot be written down is not forgotten: the task comes back, at no attempt.
func TestOutcomeSurvivesAFailingStore(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{
		&directory.TerminalError{Err: errors.New("no")},
		&directory.CredentialsError{Advice: "make a new token", Err: errors.New("401")},
	} {
		store := newTables()
		store.fail(errors.New("the database is away"))
		w := &worker{ledger: store, now: time.Now, log: discard()}
		r, err := scopeRule(directory.ScopePerson, false)
		if err != nil {
			t.Fatal(err)
		}
		j := &job{payload: scopePayload(person(1), time.Now()), rule: r, scope: person(1).Scope, log: discard()}
		err = w.settle(t.Context(), j, cause)
		if err == nil || isFailure(err) {
			t.Errorf("%T: %v, want to come back at no attempt", cause, err)
		}
	}
}

func TestTasksOfDeadWorkersEnd(t *testing.T) {
	t.Parallel()
	store := newTables()
	store.receive(person(1))
	w := &worker{ledger: store, now: time.Now, log: discard(), reconciler: &reconciler{tables: store}}
	r, err := scopeRule(directory.ScopePerson, false)
	if err != nil {
		t.Fatal(err)
	}
	j := &job{payload: scopePayload(person(1), time.Now()), rule: r, scope: person(1).Scope, retried: 9, log: discard()}
	if err := w.settle(t.Context(), j, w.attempt(t.Context(), j)); err != nil {
		t.Errorf("settle: %v", err)
	}
	if got := store.parkedReason("acme", person(1).Scope); !strings.Contains(got, "9 workers died or hung") {
		t.Errorf("parked with %q", got)
	}
}

func TestTasksThatCannotBeRead(t *testing.T) {
	t.Parallel()
	old := fmt.Sprint(time.Now().Add(-25 * time.Hour).Unix())
	young := fmt.Sprint(time.Now().Unix())
	tests := []struct {
		name, taskType, payload string
		back                    bool
	}{
		{"no JSON", typeScope, "\x00", false},
		{"no tenant", typeScope, `{}`, false},
		{"a newer type", "paint:house", `{"tenant":"acme","at":` + young + `}`, true},
		{"a newer type, a day old", "paint:house", `{"tenant":"acme","at":` + old + `}`, false},
		{"a newer kind of scope", typeScope, `{"tenant":"acme","kind":"planet","at":` + young + `}`, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := &worker{now: time.Now, log: discard(), base: t.Context()}
			err := w.process(t.Context(), asynq.NewTask(test.taskType, []byte(test.payload)))
			if (err != nil) != test.back || isFailure(err) {
				t.Errorf("process: %v, want to come back: %t", err, test.back)
			}
		})
	}
}

func TestRetryDelays(t *testing.T) {
	t.Parallel()
	task := func(taskType string, p payload) *asynq.Task {
		text, err := p.encode()
		if err != nil {
			t.Fatal(err)
		}
		return asynq.NewTask(taskType, text)
	}
	sum := func(of *asynq.Task, n int) (total time.Duration) {
		for i := range n {
			total += retryDelay(i, errors.New("plain"), of)
		}
		return total
	}
	scope := task(typeScope, scopePayload(person(1), time.Now()))
	if total := sum(scope, 8); total < 72*time.Minute || total > 108*time.Minute {
		t.Errorf("8 retries of a scope take %s, want 90 min ± 20 %%", total)
	}
	run := task(typeRun, runPayload(directory.Run{ID: "r", Tenant: "acme", Scope: directory.FullScope()}, time.Now()))
	if got := retryDelay(3, errors.New("plain"), run); got > 2*time.Second {
		t.Errorf("the task of a run, which asynq brings back when its worker died, waits %s", got)
	}
	if got := retryDelay(50, errors.New("plain"), scope); got > 54*time.Minute {
		t.Errorf("the delay after the table is %s", got)
	}
	if got := retryDelay(0, errors.New("plain"), asynq.NewTask("other", nil)); got > 6*time.Second {
		t.Errorf("the delay of an unknown task is %s", got)
	}
	later := fmt.Errorf("wrapped: %w", &postponed{wait: 30 * time.Second, err: errors.New("429")})
	if got := retryDelay(3, later, scope); got != 31*time.Second {
		t.Errorf("a wait of 30 s became %s; asynq cuts to whole seconds, so it has to be 31", got)
	}
	if got := retryDelay(3, &postponed{err: errStopping}, scope); got != 0 {
		t.Errorf("a task that was interrupted waits %s", got)
	}
}
