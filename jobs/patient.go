package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// errorPause is how long a worker waits after an error of Redis.
	errorPause = 200 * time.Millisecond
	// lastWait is how long Redis may take to answer while the service stops.
	lastWait = time.Second
)

// patient is the Redis client of the workers. Their loops go through EvalSha, and
// their end through EvalSha and ZRem.
//
// asynq asks for the next task again at once when Redis answered with an error:
// a wrong password or a full Redis would cost a whole core, and as much on the
// other side. So an error is given back after a pause.
//
// While the service stops, asynq's loops end one after the other, each with a
// last question. A Redis that hangs must not make that a long row of timeouts.
type patient struct {
	redis.UniversalClient
	pause    time.Duration
	stopping <-chan struct{}
}

// EvalSha runs a script.
func (p *patient) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	ctx, cancel := p.limited(ctx)
	defer cancel()
	cmd := p.UniversalClient.EvalSha(ctx, sha, keys, args...)
	err := cmd.Err()
	if err == nil || errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "NOSCRIPT") {
		return cmd
	}
	timer := time.NewTimer(p.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.stopping:
	}
	return cmd
}

// ZRem takes members out of a sorted set: that of the running servers, at the end.
func (p *patient) ZRem(ctx context.Context, key string, members ...any) *redis.IntCmd {
	ctx, cancel := p.limited(ctx)
	defer cancel()
	return p.UniversalClient.ZRem(ctx, key, members...)
}

// limited sets the time limit for calls that begin while the service stops.
func (p *patient) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	select {
	case <-p.stopping:
		return context.WithTimeout(ctx, lastWait)
	default:
		return ctx, func() {}
	}
}
