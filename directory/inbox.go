package directory

import (
	"slices"
	"time"
)

// Via says by which way an event reached us.
type Via string

// The ways of an event.
const (
	ViaHook Via = "hook"
	ViaLog  Via = "log"
)

// Event is one received Okta event, keyed by Okta's uuid. It keeps no payload:
// what is true is read back from Okta.
type Event struct {
	UUID       string
	Type       string
	Published  time.Time
	Received   time.Time
	Via        Via
	DeliveryID string // eventId of the hook delivery
	Outcome    string
	Scopes     []Scope // what to reconcile; empty for events that touch nothing of ours
	Urgent     bool    // may take access away: goes to the leavers' queue
}

// Waiting is an event of a scope that no commit has marked yet.
type Waiting struct {
	UUID      string
	Type      string
	Published time.Time
	Via       Via
	Urgent    bool      // may take access away
	Received  time.Time // database's clock
	// ReadBy is the full run that has read Okta, or is about to, after this event was known; empty: none.
	ReadBy string
}

// Ticket is what was known about a scope before Okta was asked. Marking exactly
// its events in the commit that writes the answer loses no event that arrives in between.
type Ticket struct {
	Tenant string
	Scope  Scope
	Events []Waiting
	// SecondLook is when a second look at the scope became due; zero when none is.
	SecondLook time.Time
}

// Idle says that nothing waits for the scope.
func (t Ticket) Idle() bool { return len(t.Events) == 0 && t.SecondLook.IsZero() }

// AsksSecondLook says whether one of the events is of a kind that Okta may show only later. A second
// look itself asks for none, so that there is an end.
func (t Ticket) AsksSecondLook() bool {
	return slices.ContainsFunc(t.Events, func(w Waiting) bool { return SlowEvent(w.Type) })
}

// Urgent says whether one of the events may take access away. The table tells it, not the task:
// whichever task comes first, the one of an ordinary event too, works as fast as a leaver needs.
func (t Ticket) Urgent() bool {
	return slices.ContainsFunc(t.Events, func(w Waiting) bool { return w.Urgent })
}

// ScopeHint says that a scope of a tenant has work.
type ScopeHint struct {
	Tenant string
	Scope  Scope
	Urgent bool
}

// HintsOf lists each scope of the events once, urgent if any of its events is.
func HintsOf(tenant string, events []Event) []ScopeHint {
	var all []ScopeHint
	byScope := map[Scope]int{}
	for _, e := range events {
		for _, s := range e.Scopes {
			i, known := byScope[s]
			if !known {
				i = len(all)
				byScope[s] = i
				all = append(all, ScopeHint{Tenant: tenant, Scope: s})
			}
			all[i].Urgent = all[i].Urgent || e.Urgent
		}
	}
	return all
}

// Parked is a scope whose work failed for good: the sweeper leaves it, an admin
// retries or discards it.
type Parked struct {
	Scope    Scope     `json:"scope"`
	Events   int       `json:"events"`
	Reason   string    `json:"reason"`
	ParkedAt time.Time `json:"parked_at"`
}
