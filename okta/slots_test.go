package okta

import (
	"context"
	"errors"
	"net/http"
	gosync "sync"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// A leaver's read goes out while pulls hold every slot.
func TestUrgentCallDoesNotWaitForPulls(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	started, release := make(chan struct{}, 10), make(chan struct{})
	o.on("/api/v1/groups/00g1", func(w http.ResponseWriter, _ *http.Request) {
		started <- struct{}{}
		<-release
		answerJSON(w, 200, groupJSON("00g1", "Sales"))
	})
	o.json("/api/v1/users/"+ada, 200, userJSON(ada, "SUSPENDED"))
	r := o.reader(t, func(o *Options) { o.Concurrency = 2 })
	var all gosync.WaitGroup
	for range 5 {
		all.Go(func() {
			if _, err := r.Group(WithPriority(t.Context(), Bulk), "00g1", false); err != nil {
				t.Error(err)
			}
		})
	}
	<-started
	<-started
	seen, err := r.Person(t.Context(), directory.PersonRequest{Ref: ada, Urgent: true, StatusOnly: true})
	if err != nil || seen.OktaStatus != "SUSPENDED" || !seen.Partial {
		t.Errorf("the urgent read gave %+v, %v", seen, err)
	}
	if len(started) != 0 {
		t.Errorf("%d more calls than slots are under way", len(started))
	}
	close(release)
	all.Wait()
	if n := o.count("/api/v1/groups/"); n != 5 {
		t.Errorf("%d of 5 calls were made", n)
	}
}

func TestSlotsGoToEventsFirst(t *testing.T) {
	t.Parallel()
	s := newSlots(1)
	give, err := s.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var mu gosync.Mutex
	var order []Priority
	var all gosync.WaitGroup
	wait := func(p Priority) {
		before := s.queued(p)
		all.Go(func() {
			give, err := s.take(WithPriority(t.Context(), p))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, p)
			mu.Unlock()
			give()
		})
		for s.queued(p) == before {
			time.Sleep(time.Millisecond)
		}
	}
	wait(Bulk)
	wait(Event)
	// Who gives up waiting leaves nothing behind.
	ctx, cancel := context.WithCancel(t.Context())
	all.Go(func() {
		if _, err := s.take(WithPriority(ctx, Event)); !errors.Is(err, context.Canceled) {
			t.Errorf("the wait ended with %v", err)
		}
	})
	for s.queued(Event) == 1 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	for s.queued(Event) == 2 {
		time.Sleep(time.Millisecond)
	}
	give()
	all.Wait()
	if len(order) != 2 || order[0] != Event {
		t.Errorf("slots went to %v, want the event before the pull", order)
	}
	if s.free != 1 {
		t.Errorf("%d slots are free in the end, want 1", s.free)
	}
}

func (s *slots) queued(p Priority) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting[p])
}

// A refusal because of too many calls at a time does not send a leaver back to the queue.
func TestUrgentCallWaitsOutAMoment(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	calls := 0
	o.on("/api/v1/users/"+ada, func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls == 1 {
			for k, v := range header(time.Now(), 0, 0, 50*time.Second) {
				w.Header()[k] = v
			}
			refuse(w, 429, "E0000047")
			return
		}
		answerJSON(w, 200, userJSON(ada, "DEPROVISIONED"))
	})
	r := o.reader(t)
	seen, err := r.Person(t.Context(), directory.PersonRequest{Ref: ada, Urgent: true, StatusOnly: true})
	if err != nil || seen.OktaStatus != "DEPROVISIONED" || seen.Partial {
		t.Errorf("the urgent read gave %+v, %v", seen, err)
	}
}
