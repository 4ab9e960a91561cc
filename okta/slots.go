package okta

import (
	"context"
	"fmt"
	gosync "sync"
)

// slots bounds how many calls to one org are under way at a time in this process: Okta refuses
// what goes beyond its own limit for the whole org (Okta: concurrent rate limits). Who waits is
// let in by priority. Urgent calls never wait: there are never more of them than workers that
// serve leavers.
type slots struct {
	mu      gosync.Mutex
	free    int
	waiting map[Priority][]chan struct{} // a closed channel has been given the slot
}

func newSlots(n int) *slots {
	return &slots{free: n, waiting: map[Priority][]chan struct{}{}}
}

// take waits for a slot. The call ends with give.
func (s *slots) take(ctx context.Context) (give func(), err error) {
	p := priorityOf(ctx)
	if p == Urgent {
		return func() {}, nil
	}
	s.mu.Lock()
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return s.give, nil
	}
	turn := make(chan struct{})
	s.waiting[p] = append(s.waiting[p], turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return s.give, nil
	case <-ctx.Done():
	}
	if !s.leave(p, turn) {
		s.give() // the slot came at the same moment
	}
	return nil, fmt.Errorf("wait for other calls to end: %w", context.Cause(ctx))
}

// give hands the slot on, to events before pulls and in the order in which they came.
func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range []Priority{Event, Bulk} {
		if queue := s.waiting[p]; len(queue) > 0 {
			s.waiting[p] = queue[1:]
			close(queue[0])
			return
		}
	}
	s.free++
}

// leave takes a caller out of the queue; false when it is no longer in it.
func (s *slots) leave(p Priority, turn chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.waiting[p] {
		if other == turn {
			s.waiting[p] = append(s.waiting[p][:i:i], s.waiting[p][i+1:]...)
			return true
		}
	}
	return false
}
