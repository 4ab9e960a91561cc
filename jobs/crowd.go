package jobs

import (
	"context"
	"errors"

	"github.com/oktasync/oktasync/directory"
)

// crowd is how many tasks of a queue may wait for their turn, or for Okta's next minute, before
// the rest is left to the tables. A storm of events brings more scopes than Okta lets us read in
// hours: a task for each would come back every minute only to be told to wait, and that alone would
// keep a small machine, and the leavers on it, busy. The events wait in the inbox all the same, and the
// sweeper hands them out, those that wait longest first, a few hundred at a time.
const crowd = 1000

// The keys of asynq's lists of a queue that are counted here.
func pendingKey(queue string) string { return "asynq:{" + queue + "}:pending" }
func retryKey(queue string) string   { return "asynq:{" + queue + "}:retry" }

// letGo says whether a task that asks to come back may end instead, because enough others
// wait already. Leavers, probes and runs always come back.
func (w *worker) letGo(ctx context.Context, j *job, err error) bool {
	if j.Run != "" || j.Urgent || j.Probe || !errors.As(err, new(*postponed)) || !errors.As(err, new(*directory.RetryAfterError)) {
		return false
	}
	waiting, countErr := w.redis.ZCard(ctx, retryKey(j.queue)).Result()
	return countErr == nil && waiting >= crowd
}

// crowded says whether so many tasks are pending that no more should be made.
func (w *worker) crowded(ctx context.Context, j *job) bool {
	if j.Urgent {
		return false
	}
	pending, err := w.redis.LLen(ctx, pendingKey(j.queue)).Result()
	return err == nil && pending >= crowd
}
