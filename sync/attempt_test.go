package sync_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	dirsync "github.com/oktasync/oktasync/sync"
)

// TestLastAttempt: so many attempts may fail, each is counted in the row, and the last one
// ends the run with a sentence that says everything once.
func TestLastAttempt(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	id := f.queued()
	f.failAfter, f.failWith = -1, func() error {
		return errors.New("the answer was cut; the reading is incomplete and nothing was changed")
	}
	for n := 1; n <= directory.RunAttempts; n++ {
		_, err := f.engine.Run(t.Context(), id, directory.AnyClaim)
		var attempt *directory.AttemptError
		if !errors.As(err, &attempt) || attempt.Attempt != n {
			t.Fatalf("attempt %d ended with %v", n, err)
		}
		last := n == directory.RunAttempts
		run := f.run(id)
		if (attempt.RetryIn == 0) != last || (run.RetryAt == nil) != last || (run.State == directory.RunFailed) != last || run.Attempts != n {
			t.Errorf("after attempt %d of %d: another one in %s; the run says %+v", n, directory.RunAttempts, attempt.RetryIn, run)
		}
		if strings.Count(run.Error, "nothing was changed") != 1 {
			t.Errorf("the run says %q", run.Error)
		}
	}
	if run := f.run(id); !strings.HasPrefix(run.Error, "failed 5 times; the last time: ") {
		t.Errorf("the run says %q", run.Error)
	}
}

// TestDelaysGrow: the default delays.
func TestDelaysGrow(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.engine = f.engineOf(dirsync.Options{})
	before := f.world.clock(t.Context())
	id := f.queued()
	f.failAfter, f.failWith = -1, func() error { return errors.New("cut") }
	if _, err := f.engine.Run(t.Context(), id, directory.AnyClaim); err == nil {
		t.Fatal("the run ended")
	}
	if run := f.run(id); run.RetryAt == nil || run.RetryAt.Before(before.Add(15*time.Second)) {
		t.Errorf("the next attempt begins at %v, want 15 s after %s", run.RetryAt, before)
	}
	if _, err := f.engine.Run(t.Context(), id, directory.AnyClaim); !errors.Is(err, directory.ErrBusy) {
		t.Errorf("an attempt before its time: %v, want busy", err)
	}
}

// TestWaitingForOkta: a run that Okta asks to wait gives its slot back, and goes on where it was; that
// is neither a failed attempt nor an interruption.
func TestWaitingForOkta(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	count := f.pagesOf()
	id := f.queued()
	f.failWith = func() error {
		return &directory.RetryAfterError{Wait: time.Microsecond, Err: errors.New("the share of Okta's rate limit is used up")}
	}
	for n := 1; n < count; n++ {
		f.failAfter = 1
		if _, err := f.engine.Run(t.Context(), id, directory.AnyClaim); !errors.As(err, new(*directory.RetryAfterError)) {
			t.Fatalf("%v, want to wait", err)
		}
		run := f.run(id)
		if run.State != directory.RunReading || run.RetryAt == nil || !strings.Contains(run.Progress.Waits, "rate limit") || run.Progress.Pages != n {
			t.Fatalf("after %d of %d pages the run says %+v", n, count, run)
		}
	}
	f.failAfter = 0
	run := f.carryOn(id)
	if f.served != count || run.Attempts != 0 || run.Progress.Resumed != 0 || run.Progress.Waits != "" || run.Progress.Note != "" {
		t.Errorf("%d of %d pages were served; the run says %+v", f.served, count, run)
	}
	f.compare(nil)
}

// TestWaitingInVain: Okta asks to wait for a day, and nothing is read in between.
func TestWaitingInVain(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.engine = f.engineOf(dirsync.Options{Now: func() time.Time { return time.Now().Add(25 * time.Hour) }})
	id := f.queued()
	f.failAfter, f.failWith = -1, func() error { return &directory.RetryAfterError{Wait: time.Second, Err: errors.New("429")} }
	_, err := f.engine.Run(t.Context(), id, directory.AnyClaim)
	if run := f.run(id); !errors.As(err, new(*directory.AttemptError)) || run.Attempts != 1 || !strings.Contains(run.Error, "429") {
		t.Errorf("%v; the run says %+v", err, run)
	}
}

// TestLostLease: when another process has the run, the work ends at once and writes nothing.
func TestLostLease(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	lost := fmt.Errorf("taken: %w", directory.ErrBusy)
	var end context.CancelCauseFunc
	f.engine = f.engineOf(dirsync.Options{Hold: func(ctx context.Context, _, _ string) (context.Context, func()) {
		ctx, end = context.WithCancelCause(ctx)
		return ctx, func() {}
	}})
	id := f.queued()
	f.onPage = func(i int, _ directory.Page) {
		if i == 2 {
			end(lost)
		}
	}
	if _, err := f.engine.Run(t.Context(), id, directory.AnyClaim); !errors.Is(err, lost) {
		t.Errorf("%v, want that the lease was lost", err)
	}
	if run := f.run(id); run.State != directory.RunReading || run.Error != "" || run.Attempts != 0 || f.served > 3 {
		t.Errorf("%d pages were read; the run says %+v", f.served, run)
	}
}

// TestRefusedRun: a run that failed for the credentials says so, for whoever makes it again.
func TestRefusedRun(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	id := f.queued()
	f.failAfter, f.failWith = -1, func() error { return &directory.CredentialsError{Advice: "make a new token", Err: errors.New("401")} }
	_, err := f.engine.Run(t.Context(), id, directory.AnyClaim)
	if run := f.run(id); !errors.As(err, new(*directory.CredentialsError)) || run.State != directory.RunFailed || !run.Refused {
		t.Errorf("%v; the run says %+v", err, run)
	}
}

// TestAsked: only work that asked Okta says that the credentials are good.
func TestAsked(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	id := f.queued()
	run := func(what string, want bool) {
		t.Helper()
		result, err := f.engine.Run(t.Context(), id, directory.AnyClaim)
		if err != nil || result.Asked != want {
			t.Errorf("%s: Okta was asked: %t, want %t; %v", what, result.Asked, want, err)
		}
	}
	run("a full run", true)
	run("a task that comes twice", false)
	f.event(directory.PersonScope("ada"))
	result, err := f.engine.Scope(t.Context(), directory.PersonScope("ada"))
	if err != nil || result.Asked {
		t.Errorf("an event that is done: Okta was asked: %t, %v", result.Asked, err)
	}
	f.people["ada"].assigned = false
	dry := f.dry(directory.FullScope())
	id = dry.ID
	f.approve(id)
	run("an approved plan", false)
}

// TestNoRoom: a full disk is no failed attempt, however long it lasts.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	id := f.queued()
	f.failAfter, f.failWith = 2, func() error {
		return &directory.StorageFullError{Where: "the database", Err: errors.New("database or disk is full")}
	}
	_, err := f.engine.Run(t.Context(), id, directory.AnyClaim)
	run := f.run(id)
	if !errors.As(err, new(*directory.RetryAfterError)) || run.State != directory.RunReading || run.Attempts != 0 || run.RetryAt == nil {
		t.Errorf("%v; the run says %+v", err, run)
	}
	if !strings.Contains(run.Progress.Waits, "make room on that disk") {
		t.Errorf("it waits for %q", run.Progress.Waits)
	}
}
