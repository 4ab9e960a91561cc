package main

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/api/v1"
)

// firstSync waits for the full sync that a new tenant gets by itself.
func (i *installation) firstSync(ctx context.Context, limit time.Duration) (v1.Run, error) {
	return i.finished(ctx, limit, func() (v1.Run, bool, error) {
		page, err := i.api.Runs(ctx, tenant, 1)
		if err != nil || len(page.Items) == 0 {
			return v1.Run{}, false, err
		}
		return page.Items[0], true, nil
	})
}

// resync asks for a full sync and waits for its end.
func (i *installation) resync(ctx context.Context, limit time.Duration) (v1.Run, error) {
	asked, err := i.api.Resync(ctx, tenant, "full", "")
	if err != nil {
		return v1.Run{}, fmt.Errorf("ask for a full sync: %w", err)
	}
	return i.finished(ctx, limit, func() (v1.Run, bool, error) {
		run, err := i.api.Run(ctx, tenant, asked.ID)
		return run, true, err
	})
}

func (i *installation) finished(ctx context.Context, limit time.Duration, read func() (v1.Run, bool, error)) (v1.Run, error) {
	var run v1.Run
	// Seldom enough not to disturb, often enough for a run of a second: the
	// times of a run are its own.
	err := eventually(ctx, limit, 200*time.Millisecond, "the full sync is over", func() (bool, error) {
		select {
		case <-i.service.ended:
			return false, fmt.Errorf("the service ended by itself:\n%s", i.service.tail())
		default:
		}
		var found bool
		var err error
		run, found, err = read()
		return found && run.Final(), err
	})
	if err != nil {
		return run, err
	}
	if run.State != "succeeded" || run.StartedAt == nil || run.FinishedAt == nil {
		return run, fmt.Errorf("the full sync is %s: %s", run.State, run.Error)
	}
	return run, nil
}

func took(r v1.Run) time.Duration { return r.FinishedAt.Sub(*r.StartedAt) }
