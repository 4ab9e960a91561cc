package jobs

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// QueueStats is the state of one queue.
type QueueStats struct {
	Queue     string
	Pending   int           // ready, no worker free yet
	Active    int           // being worked on
	Scheduled int           // due later
	Retry     int           // waiting for another attempt, or asked to wait
	Archived  int           // given up by asynq; zero, see the package's documentation
	Oldest    time.Duration // how long the first of the pending ones has waited
}

// Stats reads all queues, in order of priority. A queue that was never used is
// empty. It fails within the client's timeout while Redis is unreachable.
func (c *Client) Stats(ctx context.Context) ([]QueueStats, error) {
	// The inspector takes no context, so Redis is asked for a sign of life first.
	if err := c.Ping(ctx); err != nil {
		return nil, err
	}
	known, err := c.inspector.Queues()
	if err != nil {
		return nil, fmt.Errorf("list the queues: %w", err)
	}
	stats := make([]QueueStats, 0, len(Queues()))
	for _, queue := range Queues() {
		s := QueueStats{Queue: queue}
		if slices.Contains(known, queue) {
			info, err := c.inspector.GetQueueInfo(queue)
			if err != nil {
				return nil, fmt.Errorf("read the state of queue %s: %w", queue, err)
			}
			s.Pending, s.Active, s.Scheduled = info.Pending, info.Active, info.Scheduled
			s.Retry, s.Archived, s.Oldest = info.Retry, info.Archived, info.Latency
		}
		stats = append(stats, s)
	}
	return stats, nil
}

// clearArchives deletes tasks that asynq gave up. Ours are parked in the
// database instead, so there are none unless an older version left some.
func (c *Client) clearArchives(ctx context.Context) error {
	stats, err := c.Stats(ctx)
	if err != nil {
		return err
	}
	for _, s := range stats {
		if s.Archived == 0 {
			continue
		}
		if _, err := c.inspector.DeleteAllArchivedTasks(s.Queue); err != nil {
			return fmt.Errorf("clear the archive of queue %s: %w", s.Queue, err)
		}
	}
	return nil
}
