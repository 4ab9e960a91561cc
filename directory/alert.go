package directory

import "time"

// AlertKind says what an alert is about.
type AlertKind string

// The alerts that exist.
const (
	AlertRunHeld       AlertKind = "run.held"            // a plan waits for an admin
	AlertHookBroken    AlertKind = "event_hook.broken"   // the event hook in Okta does not do its work
	AlertHookRepaired  AlertKind = "event_hook.repaired" // somebody had changed it, and it was set right
	AlertHooksLost     AlertKind = "hooks.lost"          // many events came by the System Log only
	AlertTenantBlocked AlertKind = "tenant.blocked"      // Okta refuses the credentials
	AlertAppUnusable   AlertKind = "app.unusable"        // the app in Okta is inactive or gone
	AlertRoleKept      AlertKind = "role.kept"           // no rule gives a role any more to the last person who has it
	AlertPoolOverCap   AlertKind = "license_pool.over"   // more licenses are held than there are, and none may be taken

	AlertEndpointFailing AlertKind = "endpoint.failing" // a receiver of changes has taken nothing for long
	AlertEndpointGone    AlertKind = "endpoint.gone"    // it wants no more, and was disabled
	AlertEndpointMissed  AlertKind = "endpoint.missed"  // changes were no longer kept when their turn came
	AlertDeliveryDead    AlertKind = "delivery.dead"    // a change was given up
)

// Resolved is the alert which says that what this one told of is over.
func (k AlertKind) Resolved() AlertKind { return k + ".resolved" }

// AlertChannel is a way on which alerts go out.
type AlertChannel string

// The channels. An alert is kept for each of them, whether it is configured or not.
const (
	AlertWebhook AlertChannel = "webhook"
	AlertMail    AlertChannel = "mail"
)

// Alert tells the operator of something that cannot wait for the next look at a dashboard. It is
// stored in the transaction that makes it true, and sent after the commit, at least once.
type Alert struct {
	ID       string // the same for every attempt; a second alert with it is dropped
	Tenant   string
	Kind     AlertKind
	RunID    string // the run that it is about, if any
	Sentence string // for a person; ids and figures only, no profile values
	At       time.Time
	Attempts int // of the channel, this one included
}
