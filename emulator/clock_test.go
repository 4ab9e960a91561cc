package emulator_test

import (
	"sync"
	"time"
)

// clock is a clock that stands still until told.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 8, 20, 9, 15, 2, 104_000_000, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(seconds int) {
	c.mu.Lock()
	c.at = c.at.Add(time.Duration(seconds) * time.Second)
	c.mu.Unlock()
}
