package okta

import (
	"context"
	"math"
	gosync "sync"
	"time"
)

// ledger counts permits per bucket and window. Asking and telling are one step, so that
// the shared one needs one round trip.
type ledger interface {
	exchange(ctx context.Context, q question) (grant, error)
}

// question asks for permits and tells what Okta's headers said.
type question struct {
	key   string
	terms terms
	want  int          // 0: only tells
	seen  *observation // nil: nothing new
	// answered is how many calls were answered since the last question, and returned how many permits
	// will not be used. What was granted beside them may still lower what remains.
	answered, returned int
}

// observation is the latest that headers said about a window.
type observation struct {
	limits           // left counts from now, padding included
	ends   time.Time // local clock
}

// grant is what the ledger gives.
type grant struct {
	known   bool // false: no limit is known, nothing needs counting
	permits int
	left    time.Duration // until the window ends
}

// memoryLedger is the ledger of one process. Its rules are those of the script
// of the shared one; the same tests run over both.
type memoryLedger struct {
	now     func() time.Time
	mu      gosync.Mutex
	windows map[string]*windowState
}

type windowState struct {
	limit, remaining int
	reset            int64     // Okta's name for the last window that it told of
	guessed          bool      // that window is over, and Okta has not told of the next
	ends             time.Time // of the window under way
	taken            int       // permits given in it
	answered         int       // of these, as far as told
}

func newMemoryLedger(now func() time.Time) *memoryLedger {
	return &memoryLedger{now: now, windows: map[string]*windowState{}}
}

func (m *memoryLedger) exchange(_ context.Context, q question) (grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	w := m.windows[q.key]
	if w != nil {
		w.roll(now)
	}
	if q.seen != nil {
		if w == nil {
			w = &windowState{}
			m.windows[q.key] = w
		}
		w.tell(now, *q.seen)
		if q.seen.reset == w.reset && !w.guessed { // otherwise they belong to a window that is over
			w.taken = max(w.taken-q.returned, 0)
			w.answered = min(w.answered+q.answered, w.taken)
		}
	}
	if w == nil {
		return grant{}, nil
	}
	return grant{known: true, permits: w.take(q), left: max(w.ends.Sub(now), 0)}, nil
}

// roll starts a new window when the old one is over. How long it lasts Okta will
// tell with its first answer.
func (w *windowState) roll(now time.Time) {
	if now.Before(w.ends) {
		return
	}
	w.guessed, w.taken, w.answered, w.remaining, w.ends = true, 0, 0, w.limit, now.Add(window)
}

// tell takes in what headers said; a window that is over says nothing any more.
func (w *windowState) tell(now time.Time, seen observation) {
	switch {
	case seen.reset > w.reset:
		if !w.guessed { // the guessed window was this one: its permits count
			w.taken, w.answered = 0, 0
		}
		w.guessed, w.reset, w.ends = false, seen.reset, now.Add(seen.left)
		w.limit, w.remaining = seen.limit, seen.remaining
	case seen.reset == w.reset && !w.guessed:
		w.limit, w.remaining = seen.limit, min(w.remaining, seen.remaining)
	}
}

// take grants what the share leaves, and what remains beyond the reserve when all calls that are
// under way have been counted. The reserve is rounded up, so that it is there in small
// buckets too; of a single call nothing can be kept back.
func (w *windowState) take(q question) int {
	limit := float64(w.limit)
	share := max(1, int(limit*q.terms.share))
	reserve := max(0, min(int(math.Ceil(limit*q.terms.reserve)), w.limit-1))
	free := w.remaining - (w.taken - w.answered) - reserve
	permits := max(0, min(q.want, share-w.taken, free))
	w.taken += permits
	return permits
}
