package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// errorPause is how long a worker waits after an error of Redis.
const errorPause = 200 * time.Millisecond

// patient is the Redis client of the workers. asynq asks for the next task again
// at once when Redis answered with an error: a wrong password or a full Redis
// would cost a whole core, and as much on the other side. So an error is given
// back after a pause. All that workers do in a loop goes through EvalSha.
type patient struct {
	redis.UniversalClient
	pause time.Duration
}

// EvalSha runs a script.
func (p *patient) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	cmd := p.UniversalClient.EvalSha(ctx, sha, keys, args...)
	err := cmd.Err()
	if err == nil || errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "NOSCRIPT") {
		return cmd
	}
	timer := time.NewTimer(p.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return cmd
}
