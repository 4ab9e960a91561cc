package emulator

import (
	"maps"
	"slices"
	"sync"
)

// counters count the calls of each operation.
type counters struct {
	mu    sync.Mutex
	calls map[string]*CallCount
}

// CallCount is how often one operation was called.
type CallCount struct {
	Endpoint string `json:"endpoint"` // such as GET /api/v1/users/{id}
	Calls    int    `json:"calls"`
	// Statuses counts the answers by HTTP status; 0 stands for connections
	// closed without an answer.
	Statuses map[int]int `json:"statuses"`
}

func newCounters() *counters { return &counters{calls: map[string]*CallCount{}} }

func (c *counters) add(endpoint string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.calls[endpoint]
	if n == nil {
		n = &CallCount{Endpoint: endpoint, Statuses: map[int]int{}}
		c.calls[endpoint] = n
	}
	n.Calls++
	n.Statuses[status]++
}

func (c *counters) clear() {
	c.mu.Lock()
	c.calls = map[string]*CallCount{}
	c.mu.Unlock()
}

// Calls gives the operations called since the start, the last reset or
// ResetCalls, sorted by name. Calls of unknown paths and of the control
// interface are not counted.
func (o *Org) Calls() []CallCount {
	c := o.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]CallCount, 0, len(c.calls))
	for _, name := range slices.Sorted(maps.Keys(c.calls)) {
		n := *c.calls[name]
		n.Statuses = maps.Clone(n.Statuses)
		out = append(out, n)
	}
	return out
}

// CallsTo sums the calls of the operations that match a pattern of
// [Fault.Endpoint]; an empty one sums all.
func (o *Org) CallsTo(pattern string) int {
	n := 0
	for _, c := range o.Calls() {
		if matchEndpoint(pattern, c.Endpoint) {
			n += c.Calls
		}
	}
	return n
}

// ResetCalls sets the counters of calls back to nothing.
func (o *Org) ResetCalls() { o.counts.clear() }

// HookStats gives the counts of hook deliveries.
func (o *Org) HookStats() HookStats {
	o.deliver.mu.Lock()
	defer o.deliver.mu.Unlock()
	return o.deliver.stats
}
