package directory

import (
	"errors"
	"slices"
	"time"
)

// ErrLogPlace says that Okta does not take a place in its System Log from which to read on.
var ErrLogPlace = errors.New("okta does not know this place in its System Log")

// LogRetention is how long Okta keeps its System Log. Okta: System Log API.
const LogRetention = 90 * 24 * time.Hour

// LogEvents lists the event types that are read from the System Log: those of a hook, and
// those that no hook can be subscribed to. Okta: event types catalogue, 2026.08.1.
//
// system.import.user.create and .update are left out: an import writes thousands of
// them, and system.import.complete asks for a full sync that sees the same.
func LogEvents() []string {
	return append(SubscribedEvents(),
		"user.lifecycle.delete.completed",
		"user.account.update_primary_email",
		"user.account.update_user_type",
		"application.user_membership.change_username",
		"application.user_membership.deprovision",
		"application.user_membership.restore",
		"application.user_membership.revoke",
		"system.import.user.delete",
		"system.import.user.suspend",
		"system.import.user.unsuspend",
		"event_hook.delivery", // Okta gave a delivery up
	)
}

// LogMargin is how far before the moment at which the reading of a System Log begins it is read: Okta's clock
// may be so far off ours.
const LogMargin = 15 * time.Minute

// LogPage is one answer of the System Log.
type LogPage struct {
	Events     []Event
	Unreadable int    // elements that are no events
	Next       string // where to go on, for LogCursor
	Full       bool   // as long as a page can be: more is waiting
}

// LogCursor is how far the System Log of a tenant was read.
type LogCursor struct {
	// Next is where to go on: path and query, as Okta's last next link had them.
	Next string
	// Types are the event types that it was begun with.
	Types []string
	// Since is when it was begun; what Okta published before is not looked for.
	Since time.Time
	// Published is that of the newest event that was read, Since before the first.
	Published time.Time
	// Polled is when Okta answered last, CaughtUp when it had no more last; zero:
	// never. By the database's clock.
	Polled, CaughtUp time.Time
}

// After returns the cursor after a page that was asked for at now.
func (c LogCursor) After(page LogPage, now time.Time) LogCursor {
	c.Next, c.Polled = page.Next, now
	if !page.Full {
		c.CaughtUp = now
	}
	for _, e := range page.Events {
		// Late arrivals come with older times, and an event from the future must
		// not make the cursor skip what comes until then.
		if e.Published.After(c.Published) && !e.Published.After(now) {
			c.Published = e.Published
		}
	}
	return c
}

// Reads says whether the cursor reads exactly these types.
func (c LogCursor) Reads(types []string) bool { return slices.Equal(c.Types, types) }
