package jobs

import (
	"sync/atomic"
	"time"
)

// breaker remembers a failure for a while, so that those who come next do not
// wait for the same timeout. When the while is over one caller tries.
type breaker struct {
	window time.Duration
	until  atomic.Int64 // Unix nanoseconds; zero when closed
}

// open says whether the failure is still remembered.
func (b *breaker) open(now time.Time) bool { return now.UnixNano() < b.until.Load() }

// allow says whether to try. Whoever is allowed reports how it went.
func (b *breaker) allow(now time.Time) bool {
	if b.open(now) {
		return false
	}
	until := b.until.Load()
	return until == 0 || b.until.CompareAndSwap(until, now.Add(b.window).UnixNano())
}

// succeeded forgets the failure, and says whether there was one.
func (b *breaker) succeeded() bool { return b.until.Swap(0) != 0 }

// failed remembers the failure, and says whether it is the first.
func (b *breaker) failed(now time.Time) bool {
	return b.until.Swap(now.Add(b.window).UnixNano()) == 0
}
