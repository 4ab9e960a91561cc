package emulator

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// deliverer sends events to hooks. Each hook has a queue; while it holds
// something, up to HookOptions.Parallel goroutines empty it. None run when the
// queues are empty.
type deliverer struct {
	org    *Org
	opt    HookOptions
	client *http.Client
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	queues  map[*hook]*queue
	busy    int           // deliveries queued or under way
	idle    chan struct{} // closed while busy is 0
	closed  bool
	day     time.Time // start of the window of the daily cap
	counted int       // events in that window
	stats   HookStats
}

// queue is what waits for one hook.
type queue struct {
	waiting []queued
	workers int
	held    []*batch // kept back by a reorder fault until another one is sent
}

type queued struct {
	e  *event
	at time.Time
}

// batch is one delivery.
type batch struct {
	hook   *hook
	events []*event
}

// HookStats counts deliveries since the org was made or reset.
type HookStats struct {
	Events     int `json:"events"`     // events queued for hooks
	Deliveries int `json:"deliveries"` // deliveries attempted, retries not counted
	Retries    int `json:"retries"`
	Succeeded  int `json:"succeeded"` // deliveries that ended with success
	Failed     int `json:"failed"`    // deliveries lost for good
	Dropped    int `json:"dropped"`   // deliveries lost by a fault
	OverCap    int `json:"overCap"`   // events past the daily cap
}

func newDeliverer(o *Org) *deliverer {
	ctx, cancel := context.WithCancel(context.Background())
	d := &deliverer{org: o, opt: o.opt.Hooks, ctx: ctx, cancel: cancel,
		queues: map[*hook]*queue{}, idle: make(chan struct{})}
	close(d.idle)
	transport := &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second, DisableCompression: true}
	d.client = &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return d
}

// offer queues an event for every active, verified hook that subscribes to it.
// The caller holds the org's lock, so the queues have the order of the log.
func (d *deliverer) offer(e *event, hooks []*hook) {
	var wanting []*hook
	for _, h := range hooks {
		if h.active && h.verified && h.wants[e.kind.name] {
			wanting = append(wanting, h)
		}
	}
	if len(wanting) == 0 || !e.kind.hooked {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || !d.withinCap() {
		return
	}
	for _, h := range wanting {
		q := d.queues[h]
		if q == nil {
			q = &queue{}
			d.queues[h] = q
		}
		d.stats.Events++
		d.addBusy(1)
		q.waiting = append(q.waiting, queued{e, time.Now()})
		if q.workers < d.opt.Parallel {
			q.workers++
			d.wg.Add(1)
			go d.work(h, q)
		}
	}
}

// withinCap counts an event that triggers hooks: the window begins with its
// first event and lasts 24 hours (Okta: event hooks). The caller holds mu.
func (d *deliverer) withinCap() bool {
	if d.opt.DailyCap < 0 {
		return true
	}
	now := d.org.now()
	if d.day.IsZero() || now.Sub(d.day) >= 24*time.Hour {
		d.day, d.counted = now, 0
	}
	if d.counted >= d.opt.DailyCap {
		d.stats.OverCap++
		return false
	}
	d.counted++
	return true
}

// addBusy changes the number of deliveries not yet over. The caller holds mu.
func (d *deliverer) addBusy(n int) {
	if d.busy == 0 && n > 0 {
		d.idle = make(chan struct{})
	}
	d.busy += n
	if d.busy == 0 {
		close(d.idle)
	}
}

// work empties a queue batch by batch and ends with it.
func (d *deliverer) work(h *hook, q *queue) {
	defer d.wg.Done()
	for {
		d.mu.Lock()
		if len(q.waiting) == 0 || d.closed {
			q.workers--
			d.mu.Unlock()
			return
		}
		due := q.waiting[0].at.Add(d.opt.Window)
		full := len(q.waiting) >= d.opt.MaxBatch
		d.mu.Unlock()
		if !full && d.opt.Window > 0 && !d.pause(time.Until(due)) {
			continue // closed; the top of the loop ends it
		}
		b := d.take(h, q)
		if b == nil {
			continue // another worker took what was there
		}
		d.handle(b, q)
	}
}

// take cuts the next batch from a queue.
func (d *deliverer) take(h *hook, q *queue) *batch {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(len(q.waiting), d.opt.MaxBatch)
	if d.opt.Window < 0 {
		n = min(n, 1)
	}
	if n == 0 {
		return nil
	}
	b := &batch{hook: h}
	for _, w := range q.waiting[:n] {
		b.events = append(b.events, w.e)
	}
	q.waiting = slices.Clone(q.waiting[n:])
	return b
}

// pause waits; it says false when the org closes meanwhile.
func (d *deliverer) pause(t time.Duration) bool {
	if t <= 0 {
		return d.ctx.Err() == nil
	}
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-d.ctx.Done():
		return false
	}
}

// handle sends a batch as the faults of its hook want it.
func (d *deliverer) handle(b *batch, q *queue) {
	hit := d.org.faults.hookHits(b.hook.id)
	switch {
	case has(hit, FaultHookDrop):
		d.count(func(s *HookStats) { s.Dropped++ })
		d.finish(b)
		return
	case has(hit, FaultHookReorder):
		d.holdBack(b, q, delayOf(hit, FaultHookReorder, 200*time.Millisecond))
		return
	case has(hit, FaultHookDelay):
		d.later(b, delayOf(hit, FaultHookDelay, 100*time.Millisecond))
		return
	}
	d.send(b)
	if has(hit, FaultHookDuplicate) {
		d.send(b)
	}
	d.finish(b)
	d.releaseHeld(q)
}

func delayOf(hit []Fault, kind FaultKind, byDefault time.Duration) time.Duration {
	for _, f := range hit {
		if f.Kind == kind && f.Delay > 0 {
			return time.Duration(f.Delay)
		}
	}
	return byDefault
}

// later sends a batch after a pause, while others go on.
func (d *deliverer) later(b *batch, pause time.Duration) {
	d.wg.Add(1)
	go func() {
		defer d.wg.Done()
		if d.pause(pause) {
			d.send(b)
		}
		d.finish(b)
	}()
}

// holdBack reverses a batch and keeps it until the next one has been sent, or
// for a while when none comes.
func (d *deliverer) holdBack(b *batch, q *queue, most time.Duration) {
	slices.Reverse(b.events)
	d.mu.Lock()
	q.held = append(q.held, b)
	d.mu.Unlock()
	d.wg.Add(1)
	go func() {
		defer d.wg.Done()
		d.pause(most)
		if d.unhold(b, q) {
			if d.ctx.Err() == nil {
				d.send(b)
			}
			d.finish(b)
		}
	}()
}

// unhold takes a batch from the held ones; false means that it is gone.
func (d *deliverer) unhold(b *batch, q *queue) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.Index(q.held, b)
	if i < 0 {
		return false
	}
	q.held = slices.Delete(q.held, i, i+1)
	return true
}

func (d *deliverer) releaseHeld(q *queue) {
	for {
		d.mu.Lock()
		if len(q.held) == 0 {
			d.mu.Unlock()
			return
		}
		b := q.held[0]
		q.held = slices.Delete(q.held, 0, 1)
		d.mu.Unlock()
		d.send(b)
		d.finish(b)
	}
}

// finish marks the events of a batch as done.
func (d *deliverer) finish(b *batch) {
	d.mu.Lock()
	d.addBusy(-len(b.events))
	d.mu.Unlock()
}

func (d *deliverer) count(f func(*HookStats)) {
	d.mu.Lock()
	f(&d.stats)
	d.mu.Unlock()
}

// wait returns when nothing is queued or under way.
func (d *deliverer) wait(ctx context.Context) error {
	for {
		d.mu.Lock()
		idle, busy := d.idle, d.busy
		d.mu.Unlock()
		if busy == 0 {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		case <-d.ctx.Done():
			return nil
		}
	}
}

// forget drops what is queued, for a reset.
func (d *deliverer) forget() {
	d.mu.Lock()
	for _, q := range d.queues {
		d.addBusyIf(-len(q.waiting))
		q.waiting = nil
		for _, b := range q.held {
			d.addBusyIf(-len(b.events))
		}
		q.held = nil
	}
	d.queues = map[*hook]*queue{}
	d.stats = HookStats{}
	d.day, d.counted = time.Time{}, 0
	d.mu.Unlock()
}

func (d *deliverer) addBusyIf(n int) {
	if n != 0 {
		d.addBusy(n)
	}
}

// close stops all deliveries and waits for their goroutines.
func (d *deliverer) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.cancel()
	d.wg.Wait()
	d.client.CloseIdleConnections()
}
