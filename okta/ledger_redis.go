package okta

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisLedger is the ledger that replicas share. Redis' own clock counts, so
// that replicas need not agree on the time.
type redisLedger struct {
	client redis.UniversalClient
	script *redis.Script
}

// ledgerScript has the rules of memoryLedger in one atomic step.
//
//	KEYS[1]  the bucket's hash
//	ARGV     want, share, reserve, answered, returned, limit (-1: nothing was seen), remaining, reset, left in ms
//	returns  known, permits, left in ms
const ledgerScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local h = redis.call('HMGET', KEYS[1], 'limit', 'remaining', 'reset', 'guessed', 'ends', 'taken', 'answered')
local known = h[1] and h[5]
local limit, remaining, reset = tonumber(h[1] or 0), tonumber(h[2] or 0), tonumber(h[3] or 0)
local guessed, ends, taken = tonumber(h[4] or 0), tonumber(h[5] or 0), tonumber(h[6] or 0)
local answered = tonumber(h[7] or 0)
local want, share, reserve = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local seen = tonumber(ARGV[6])

if known and now >= ends then
  guessed, taken, answered, remaining, ends = 1, 0, 0, limit, now + 60000
end
if seen >= 0 then
  local seen_remaining, seen_reset, left = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  if seen_reset > reset then
    if guessed == 0 then taken, answered = 0, 0 end
    guessed, reset, ends, limit, remaining = 0, seen_reset, now + left, seen, seen_remaining
  elseif seen_reset == reset and guessed == 0 then
    limit, remaining = seen, math.min(remaining, seen_remaining)
  end
  if seen_reset == reset and guessed == 0 then
    taken = math.max(taken - tonumber(ARGV[5]), 0)
    answered = math.min(answered + tonumber(ARGV[4]), taken)
  end
  known = true
end
if not known then return {0, 0, 0} end

local most = math.max(1, math.floor(limit * share))
local kept = math.max(0, math.min(math.ceil(limit * reserve), limit - 1))
local free = remaining - (taken - answered) - kept
local permits = math.max(0, math.min(want, most - taken, free))
taken = taken + permits
redis.call('HSET', KEYS[1], 'limit', limit, 'remaining', remaining, 'reset', reset, 'guessed', guessed, 'ends', ends, 'taken', taken, 'answered', answered)
redis.call('PEXPIRE', KEYS[1], 600000)
return {1, permits, math.max(0, ends - now)}
`

func (l *redisLedger) exchange(ctx context.Context, q question) (grant, error) {
	args := []any{q.want, q.terms.share, q.terms.reserve, q.answered, q.returned, -1, 0, 0, 0}
	if q.seen != nil {
		args = append(args[:5], q.seen.limit, q.seen.remaining, q.seen.reset, q.seen.left.Milliseconds())
	}
	type result struct {
		reply []int64
		err   error
	}
	// A client need not heed ctx once it dials or reads, so nobody waits for it here; it
	// ends by its own timeouts.
	done := make(chan result, 1)
	go func() {
		reply, err := l.script.Run(ctx, l.client, []string{q.key}, args...).Int64Slice()
		done <- result{reply, err}
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		r.err = context.Cause(ctx)
	}
	if r.err != nil {
		return grant{}, fmt.Errorf("ask redis for okta permits of %s: %w", q.key, r.err)
	}
	if len(r.reply) != 3 {
		return grant{}, fmt.Errorf("ask redis for okta permits of %s: the answer has %d parts, not 3", q.key, len(r.reply))
	}
	return grant{known: r.reply[0] == 1, permits: int(r.reply[1]), left: time.Duration(r.reply[2]) * time.Millisecond}, nil
}
