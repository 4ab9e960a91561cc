package deliver_test

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/directory"
)

// watchedBox tells how often the courier looked for what failed before.
type watchedBox struct {
	deliver.LaneBox
	looks chan struct{}
}

func (b *watchedBox) DueDeliveries(ctx context.Context, tenant, endpoint string, limit int) ([]directory.Delivery, error) {
	rows, err := b.LaneBox.DueDeliveries(ctx, tenant, endpoint, limit)
	select {
	case b.looks <- struct{}{}:
	default: // nobody waits
	}
	return rows, err
}

// held is a product whose receiver keeps one change waiting for its answer, with a courier that is at work on it.
type held struct {
	*product
	*receiver
	t       *testing.T
	looks   chan struct{}
	arrived chan struct{} // closed with the change that is kept waiting
	release chan struct{}
	ended   chan error
	open    atomic.Int32 // requests about ann
	most    atomic.Int32
}

func newHeld(t *testing.T, seq int64) *held {
	h := &held{t: t, looks: make(chan struct{}), arrived: make(chan struct{}), release: make(chan struct{}), ended: make(chan error, 1)}
	h.receiver = newReceiver(t, func(_ http.ResponseWriter, c directory.Change) {
		if c.PersonID == "ann" {
			if n := h.open.Add(1); n > 1 {
				h.most.Store(n)
			}
			defer h.open.Add(-1)
		}
		if c.Seq == seq {
			close(h.arrived)
			<-h.release
		}
	})
	still := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	h.product = newProduct(t, func(o *deliver.CourierOptions) {
		o.Box = &watchedBox{LaneBox: o.Box, looks: h.looks}
		o.Now = func() time.Time { return still } // nothing is written down because time has passed
	})
	return h
}

// begin begins a turn and waits until the change is under way.
func (h *held) begin() {
	h.t.Helper()
	go func() { h.ended <- h.courier.Turn(h.t.Context(), directory.LaneHint{Tenant: "acme", Endpoint: "a"}) }()
	select {
	case <-h.arrived:
	case <-time.After(time.Minute):
		h.t.Fatal("the change did not arrive")
	}
}

// end lets the courier look at the table some times, then has the change answered, and waits for the end of the turn.
func (h *held) end() {
	h.t.Helper()
	for range 4 {
		select {
		case <-h.looks:
		case <-time.After(time.Minute):
			h.t.Fatal("the courier does not look for what is due")
		}
	}
	close(h.release)
	select {
	case err := <-h.ended:
		if err != nil {
			h.t.Error(err)
		}
	case <-time.After(time.Minute):
		h.t.Fatal("the turn does not end")
	}
}

// TestReplayWhileUnderWay: what is replayed about a person of whom a change is under way waits for its answer, and the
// changes after that one do so, too.
func TestReplayWhileUnderWay(t *testing.T) {
	t.Parallel()
	h := newHeld(t, 2)
	h.happen("ann")
	h.endpoint("a", h.receiver.URL)
	h.happen("ann", "ann")
	h.begin()
	q := directory.ChangeQuery{Through: 1}
	if n, err := h.db.Replay(t.Context(), "acme", "a", "again", q, directory.Act{Kind: directory.ActReplay}); err != nil || n != 1 {
		t.Fatalf("%d changes are replayed, %v", n, err)
	}
	h.end()
	if n := h.most.Load(); n > 1 {
		t.Errorf("%d changes about one person were under way at a time; they arrived as %v", n, h.seqs("ann"))
	}
	if got := h.seqs("ann"); len(got) != 3 || got[0] != 2 {
		t.Errorf("arrived %v", got)
	}
}

// TestReplayGoesBeforeNewer: what is replayed about a person goes before the person's changes that are in hand and not
// begun, also while all places for old changes are taken.
func TestReplayGoesBeforeNewer(t *testing.T) {
	t.Parallel()
	looks, arrived, release := make(chan struct{}), make(chan int64, 10), map[int64]chan struct{}{2: make(chan struct{}), 3: make(chan struct{})}
	r := newReceiver(t, func(_ http.ResponseWriter, c directory.Change) {
		arrived <- c.Seq
		if wait := release[c.Seq]; wait != nil {
			<-wait
		}
	})
	o := newProduct(t, func(o *deliver.CourierOptions) {
		o.Parallel, o.TurnTime, o.Box = 2, time.Hour, &watchedBox{LaneBox: o.Box, looks: looks}
	})
	o.happen("ann")
	o.endpoint("a", r.URL)
	o.happen("bob", "ann", "ann")
	ended := make(chan error, 1)
	go func() { ended <- o.courier.Turn(t.Context(), directory.LaneHint{Tenant: "acme", Endpoint: "a"}) }()
	for range 2 { // bob's and ann's first
		<-arrived
	}
	if n, err := o.db.Replay(t.Context(), "acme", "a", "again", directory.ChangeQuery{Through: 1}, directory.Act{Kind: directory.ActReplay}); err != nil || n != 1 {
		t.Fatalf("%d changes are replayed, %v", n, err)
	}
	for range 4 { // it is in hand with the third look at the latest
		<-looks
	}
	close(release[3])
	if seq := <-arrived; seq != 1 {
		t.Errorf("after change 3 of the person came %d, and not the replayed one", seq)
	}
	close(release[2])
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := r.seqs("ann"); !slices.Equal(got, []int64{3, 1, 4}) {
		t.Errorf("arrived %v", got)
	}
}

// TestArrivedIsNotTakenUpAgain: what failed before and has arrived is not sent once more because that is not written
// down yet when the courier looks for more.
func TestArrivedIsNotTakenUpAgain(t *testing.T) {
	t.Parallel()
	h := newHeld(t, 2)
	answer := h.answer
	h.answers(status(422))
	h.endpoint("a", h.receiver.URL)
	h.happen("ann")
	h.turn("a")
	h.answers(answer)
	h.due("a")
	h.happen("bob")
	h.begin()
	h.end()
	if got := h.seqs("ann"); !slices.Equal(got, []int64{1, 1}) {
		t.Errorf("the change arrived as %v, and should once be refused and once be taken", got)
	}
}

// TestReplayKeepsToTheFilter: an endpoint that asked for one team, or for some types, does not get everything by way of
// a replay.
func TestReplayKeepsToTheFilter(t *testing.T) {
	t.Parallel()
	filters := map[string]func(*directory.Endpoint){
		"teams": func(e *directory.Endpoint) { e.Teams = []string{"team_sales"} },
		"types": func(e *directory.Endpoint) { e.Types = []string{"group.*"} },
	}
	for name, filter := range filters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newProduct(t, nil)
			r := newReceiver(t, nil)
			o.happen("ann", "bob")
			o.endpoint("a", r.URL)
			o.alter("a", filter)
			if n, err := o.db.Replay(t.Context(), "acme", "a", "again", directory.ChangeQuery{}, directory.Act{Kind: directory.ActReplay}); err != nil || n != 2 {
				t.Fatalf("%d changes are replayed, %v", n, err)
			}
			o.turn("a")
			if got := r.seqs(""); len(got) > 0 {
				t.Errorf("arrived %v", got)
			}
			if h := o.health("a"); h.Waiting != 0 || h.Missed != 0 {
				t.Errorf("health %+v", h)
			}
		})
	}
}
