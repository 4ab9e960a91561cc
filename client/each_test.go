package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
)

// place is a Copy that only keeps the cursor.
type place struct{ cursor string }

func (p *place) Cursor(context.Context) (string, error)                { return p.cursor, nil }
func (p *place) Replace(context.Context, iter.Seq2[Line, error]) error { return nil }
func (p *place) SetCursor(_ context.Context, cursor string) error      { p.cursor = cursor; return nil }

// Events of one person come in order, those of nobody after all before and before all after, and the place is
// stored only when everything was handled.
func TestEach(t *testing.T) {
	t.Parallel()
	var events []Event
	for seq := range int64(300) {
		e := Event{Seq: seq, PersonID: fmt.Sprint("p", seq%7)}
		if seq%50 == 49 {
			e.PersonID = ""
		}
		events = append(events, e)
	}
	for _, parallel := range []int{0, 1, 4, 100} {
		var mu sync.Mutex
		last, handled := map[string]int64{}, int64(0)
		to := &place{}
		consumer := Each(to, parallel, func(_ context.Context, e Event) error {
			mu.Lock()
			defer mu.Unlock()
			if before, seen := last[e.PersonID]; seen && before >= e.Seq {
				t.Errorf("%s: event %d came after %d", e.PersonID, e.Seq, before)
			}
			if e.PersonID == "" && handled != e.Seq {
				t.Errorf("event %d of nobody came after %d others", e.Seq, handled)
			}
			last[e.PersonID] = e.Seq
			handled++
			return nil
		})
		if err := consumer.Apply(t.Context(), events, "c1"); err != nil || handled != 300 || to.cursor != "c1" {
			t.Errorf("%d at once: %v, %d handled, cursor %q", parallel, err, handled, to.cursor)
		}
	}
}

func TestEachFails(t *testing.T) {
	t.Parallel()
	failure := errors.New("no mail server")
	events := []Event{{Seq: 1, PersonID: "a"}, {Seq: 2, PersonID: "b"}, {Seq: 3, PersonID: "a"}, {Seq: 4}}
	for _, bad := range []int64{1, 3, 4} {
		to := &place{}
		var mu sync.Mutex
		handled := map[int64]bool{}
		err := Each(to, 2, func(_ context.Context, e Event) error {
			mu.Lock()
			defer mu.Unlock()
			handled[e.Seq] = true
			if e.Seq == bad {
				return failure
			}
			return nil
		}).Apply(t.Context(), events, "c1")
		if !errors.Is(err, failure) || to.cursor != "" || bad == 1 && handled[3] || bad < 4 && handled[4] {
			t.Errorf("event %d fails: %v, cursor %q, handled %v", bad, err, to.cursor, handled)
		}
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	to := &place{}
	if err := Each(to, 2, func(context.Context, Event) error { return nil }).Apply(ended, events, "c1"); !errors.Is(err, context.Canceled) || to.cursor != "" {
		t.Errorf("after the end: %v, cursor %q", err, to.cursor)
	}
}
