package emulator

import (
	"net/http"
	"time"
)

// oldAnswer is what a read was answered, and when.
type oldAnswer struct {
	rep   *reply
	event string // the newest of the log at that time
}

// stale answers a read as it was answered before the last change, for a while after that
// change. What was never read before is answered as it is.
func (o *Org) stale(c *call, rep *reply, lag time.Duration) *reply {
	if c.r.Method != http.MethodGet {
		return rep
	}
	newest, changed := "", time.Time{}
	o.mu.RLock()
	if n := len(o.log.events); n > 0 {
		newest, changed = o.log.events[n-1].uuid, o.log.events[n-1].published.time()
	}
	o.mu.RUnlock()
	o.faults.mu.Lock()
	defer o.faults.mu.Unlock()
	key := c.r.URL.RequestURI()
	old, known := o.faults.old[key]
	if known && old.event != newest && o.now().Sub(changed) < lag {
		return old.rep
	}
	if o.faults.old == nil {
		o.faults.old = map[string]oldAnswer{}
	}
	o.faults.old[key] = oldAnswer{rep: rep, event: newest}
	return rep
}
