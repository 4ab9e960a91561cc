package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// recorder is a Redis client that writes asynq's enqueue commands into a
// pipeline instead of sending them one by one: asynq has no bulk enqueue. It
// answers each with "enqueued"; what Redis says is read after the pipeline was sent.
type recorder struct {
	redis.UniversalClient
	pipe    redis.Pipeliner
	scripts []*redis.Cmd
}

// EvalSha records the enqueue script.
func (r *recorder) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	r.scripts = append(r.scripts, r.pipe.EvalSha(ctx, sha, keys, args...))
	answer := redis.NewCmd(ctx)
	answer.SetVal(int64(1))
	return answer
}

// SAdd records that the queue exists.
func (r *recorder) SAdd(ctx context.Context, key string, members ...any) *redis.IntCmd {
	r.pipe.SAdd(ctx, key, members...)
	answer := redis.NewIntCmd(ctx)
	answer.SetVal(1)
	return answer
}

// enqueueAll enqueues all orders in one round trip. A task whose id exists
// already counts as enqueued. The asynq client is a new one each time: one that
// lives longer believes that a queue is known even after Redis was emptied.
func enqueueAll(ctx context.Context, rdb redis.UniversalClient, orders []order) error {
	record := &recorder{UniversalClient: rdb, pipe: rdb.Pipeline()}
	client := asynq.NewClientFromRedisClient(record)
	for _, o := range orders {
		if _, err := client.EnqueueContext(ctx, o.task, o.options...); err != nil {
			return fmt.Errorf("prepare a task for the queue: %w", err)
		}
	}
	if len(record.scripts) != len(orders) {
		return fmt.Errorf("prepare %d tasks for the queue: asynq made %d commands", len(orders), len(record.scripts))
	}
	_, execErr := record.pipe.Exec(ctx)
	var again []order
	for i, script := range record.scripts {
		switch err := script.Err(); {
		case err == nil:
		case redis.HasErrorPrefix(err, "NOSCRIPT"):
			again = append(again, orders[i])
		default:
			return fmt.Errorf("put %d tasks into the queue: %w", len(orders), err)
		}
	}
	if execErr != nil && len(again) == 0 {
		return fmt.Errorf("put %d tasks into the queue: %w", len(orders), execErr)
	}
	return enqueueEach(ctx, rdb, again)
}

// enqueueEach enqueues one by one. It is for a Redis that does not know the script
// yet: asynq then sends the script itself with the first.
func enqueueEach(ctx context.Context, rdb redis.UniversalClient, orders []order) error {
	client := asynq.NewClientFromRedisClient(rdb)
	for _, o := range orders {
		_, err := client.EnqueueContext(ctx, o.task, o.options...)
		if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
			return fmt.Errorf("put a task into the queue: %w", err)
		}
	}
	return nil
}
