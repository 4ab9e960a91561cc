package okta

import (
	"context"
	gosync "sync"
	"testing"
	"time"
)

// fakeTime is a clock that only sleeping moves.
type fakeTime struct {
	mu    gosync.Mutex
	at    time.Time
	slept []time.Duration
}

func (f *fakeTime) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

func (f *fakeTime) sleep(ctx context.Context, d time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = f.at.Add(d)
	f.slept = append(f.slept, d)
	return ctx.Err()
}

// newTestGovernor makes a governor whose waits take no time.
func newTestGovernor(t *testing.T, o GovernorOptions) (*Governor, *fakeTime) {
	t.Helper()
	clock := &fakeTime{at: startOfTime()}
	o.Now = clock.now
	g, err := NewGovernor(o)
	if err != nil {
		t.Fatal(err)
	}
	g.sleep = clock.sleep
	return g, clock
}
