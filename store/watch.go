package store

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// heads is the number of each feed's last change, as far as this process knows, and who
// waits for the next. Commits of this process tell it at once; Watch asks the database for
// those of others. It knows only feeds that changed or were waited for.
type heads struct {
	mu      sync.Mutex
	of      map[string]*head // by the feed's id
	stopped bool
}

type head struct {
	tenant  string
	seq     int64
	waiting int
	moved   chan struct{} // closed when seq grows
}

// get returns the head of a feed. The lock must be held.
func (h *heads) get(tenant, feed string) *head {
	if h.of == nil {
		h.of = map[string]*head{}
	}
	one, known := h.of[feed]
	if !known {
		one = &head{tenant: tenant, moved: make(chan struct{})}
		h.of[feed] = one
	}
	return one
}

func (h *heads) advance(tenant, feed string, seq int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one := h.get(tenant, feed); seq > one.seq {
		one.seq = seq
		one.wake()
	}
}

func (h *head) wake() {
	close(h.moved)
	h.moved = make(chan struct{})
}

// waited lists the tenants that somebody waits for.
func (h *heads) waited() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var tenants []string
	for _, one := range h.of {
		if one.waiting > 0 {
			tenants = append(tenants, one.tenant)
		}
	}
	return tenants
}

// stop sends everybody home who waits or will.
func (h *heads) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = true
	for _, one := range h.of {
		one.wake()
	}
}

// OnCommit has tell called after each commit of this process that added changes. tell must return at once.
func (d *DB) OnCommit(tell func()) { d.committed.Store(&tell) }

// AwaitChange waits until the tenant's feed has a change after the last one of seen. It holds
// no connection meanwhile. A commit of this process is noticed at once, those of others
// when Watch looks. False means that the context, or Watch, ended first.
func (d *DB) AwaitChange(ctx context.Context, tenant string, seen directory.Feed) bool {
	h := &d.heads
	h.mu.Lock()
	defer h.mu.Unlock()
	one := h.get(tenant, seen.ID)
	one.waiting++
	defer func() { one.waiting-- }()
	for one.seq <= seen.Last && !h.stopped && ctx.Err() == nil {
		moved := one.moved
		h.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
		}
		h.mu.Lock()
	}
	return one.seq > seen.Last
}

// Watch looks every so often, with one small query, whether other processes have added
// changes to the tenants that AwaitChange waits for. When ctx ends it lets all of them go, for
// good.
func (d *DB) Watch(ctx context.Context, every time.Duration, log *slog.Logger) {
	defer d.heads.stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := d.look(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			log.WarnContext(ctx, "cannot see whether other processes have added changes; whoever waits for some waits on", "error", err)
		}
		failing = err != nil
	}
}

func (d *DB) look(ctx context.Context) error {
	tenants := d.heads.waited()
	if len(tenants) == 0 {
		return nil
	}
	type last struct {
		tenant, feed string
		seq          int64
	}
	scan := func(s scanner) (l last, err error) { return l, s.Scan(&l.tenant, &l.feed, &l.seq) }
	rows, err := list(ctx, d, d.read, scan, `select slug, feed, change_seq from tenants where slug {in $1}`, tenants)
	if err != nil {
		return fmt.Errorf("read the last changes of %d tenants: %w", len(tenants), err)
	}
	for _, r := range rows {
		d.heads.advance(r.tenant, r.feed, r.seq)
	}
	return nil
}
