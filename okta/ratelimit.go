package okta

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// limits is what the rate-limit headers of one answer say. Okta: "Monitor rate
// limits". Counters run in windows of a minute that end at Reset.
type limits struct {
	limit     int
	remaining int
	reset     int64         // Okta's clock, epoch seconds: names the window
	left      time.Duration // until the window ends, measured against the answer's Date header
}

const (
	window       = time.Minute
	longestWait  = 5 * time.Minute  // more than any window: a header that says more is broken
	unknownWait  = 30 * time.Second // 429 without a usable header
	busyWait     = 2 * time.Second  // too many calls at a time
	resetPadding = time.Second      // Okta advises one second on top
)

// readLimits reads the headers; false when they are absent or make no sense.
func readLimits(h http.Header) (limits, bool) {
	limit, err1 := strconv.Atoi(h.Get("X-Rate-Limit-Limit"))
	remaining, err2 := strconv.Atoi(h.Get("X-Rate-Limit-Remaining"))
	reset, err3 := strconv.ParseInt(h.Get("X-Rate-Limit-Reset"), 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || limit < 0 || remaining < 0 {
		return limits{}, false
	}
	l := limits{limit: limit, remaining: remaining, reset: reset, left: window}
	// The local clock may be wrong by minutes; Okta's Date header is not.
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		l.left = min(max(time.Unix(reset, 0).Sub(date), 0), longestWait)
	}
	return l, true
}

// waitOf tells how long to stay away after a 429: until the window ends, a
// moment when too many calls were under way at a time (limit 0), else what
// Retry-After says. A little chance keeps many waiters from coming back as one.
func waitOf(h http.Header) time.Duration {
	l, ok := readLimits(h)
	if ok && l.limit > 0 {
		return jitter(l.left + resetPadding)
	}
	if ok {
		return jitter(busyWait)
	}
	if seconds, err := strconv.Atoi(h.Get("Retry-After")); err == nil && seconds >= 0 {
		return jitter(min(time.Duration(seconds)*time.Second+resetPadding, longestWait))
	}
	return jitter(unknownWait)
}

// jitter adds up to a tenth.
func jitter(d time.Duration) time.Duration {
	return d + rand.N(d/10+time.Millisecond)
}
