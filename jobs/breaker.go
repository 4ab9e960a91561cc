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

// allow says whether to try.
func (b *breaker) allow(now time.Time) bool {
	until := b.until.Load()
	if until == 0 {
		return true
	}
	if now.UnixNano() < until {
		return false
	}
	return b.until.CompareAndSwap(until, now.Add(b.window).UnixNano())
}

func (b *breaker) succeeded() { b.until.Store(0) }

func (b *breaker) failed(now time.Time) { b.until.Store(now.Add(b.window).UnixNano()) }
