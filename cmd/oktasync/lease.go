package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// A process shows with each beat that it still works on a run, which is free for others when it
// has been silent for as long as the lease: three beats may be missed.
const (
	runLease  = 30 * time.Second
	leaseBeat = 8 * time.Second
)

// errLeaseLost is why work on a run is cancelled that another process has now.
var errLeaseLost = fmt.Errorf("the lease was lost: %w", directory.ErrBusy)

// holdLeases renews the lease of a run from its claim to its end, whether a task or an event's work
// carries it out. When another process has the run, the work here ends at once: what it would
// still read costs Okta's calls, and nothing of it could be written any more.
func holdLeases(db *store.DB, tenant string, lease, beat time.Duration, log *slog.Logger) func(context.Context, string, string) (context.Context, func()) {
	return func(ctx context.Context, run, owner string) (context.Context, func()) {
		held, end := context.WithCancelCause(ctx)
		go func() {
			ticker := time.NewTicker(beat)
			defer ticker.Stop()
			for {
				select {
				case <-held.Done():
					return
				case <-ticker.C:
				}
				ours, err := db.RenewLease(held, tenant, run, owner, lease)
				switch {
				case held.Err() != nil:
					return
				case err != nil:
					log.Warn("the lease of a run could not be renewed; the work goes on, and can commit nothing once another process has the run",
						"tenant", tenant, "run", run, "error", err)
				case !ours:
					end(errLeaseLost)
					return
				}
			}
		}()
		return held, func() { end(context.Canceled) }
	}
}
