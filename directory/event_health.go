package directory

import (
	"fmt"
	"time"
)

// Okta triggers hooks for so many events of an org within 24 hours, all of its hooks together. Past
// the limit events are neither delivered nor kept for later; at the warning Okta writes into its
// System Log. Okta: event hooks guide.
const (
	HookLimit        = 400_000
	HookLimitWarning = 280_000
)

const (
	// HookLate is how long after Okta's event a hook is late.
	HookLate = time.Minute
	// EventGrace is how long the other way of an event may take before its silence counts. Okta
	// promises no time for hooks; nearly all come within seconds.
	EventGrace = 10 * time.Minute
)

// EventHealth is how the events of a tenant came: by hook, by System Log, or by both. Times are those
// of the database's clock; those that are nil are not known.
type EventHealth struct {
	Tenant  string
	Counted time.Time     // when
	Grace   time.Duration // that the other way of an event had
	// HooksSince is when the first hook was seen to come: before that none can be lost.
	HooksSince *time.Time
	// LastHook and LastLog are when an event last came by each way.
	LastHook, LastLog *time.Time
	// LogSince is since when the System Log is read, LogRead when it was last read to its end.
	LogSince, LogRead *time.Time
	Hour, Day         EventCounts
}

// EventCounts are the events that were first seen within a while. Each is counted once: by hook
// only, by log only, or by both.
type EventCounts struct {
	HookOnly int `json:"hook_only"`
	LogOnly  int `json:"log_only"`
	Both     int `json:"both"`
	// Lost are those that only the log brought although a hook should have, and Unknown those that
	// only a hook brought although the log was read beyond them: forged, or a preview. Nil: it cannot
	// be told.
	Lost    *int `json:"lost,omitempty"`
	Unknown *int `json:"unknown,omitempty"`
	// Late are those whose hook came later than HookLate.
	Late int `json:"late"`
	// Triggering are those of the types that a hook is subscribed to: they count against HookLimit.
	Triggering int   `json:"triggering"`
	Hook       Delay `json:"hook"`
	Log        Delay `json:"log"`
}

// Delay is how long after Okta's "published" events came by one way. The clocks of both sides are in it.
type Delay struct {
	Mean time.Duration `json:"mean"`
	Most time.Duration `json:"most"`
}

// ByHook is how many came by hook, whether by the log as well or not.
func (c EventCounts) ByHook() int { return c.HookOnly + c.Both }

// ByLog is how many came by the System Log.
func (c EventCounts) ByLog() int { return c.LogOnly + c.Both }

// Unknowable says why lost hooks or forged ones cannot be told, and what to do; empty when both can.
func (h EventHealth) Unknowable() string {
	switch {
	case h.LogSince == nil:
		return "the System Log is not read, so neither lost nor forged hooks can be told: set okta.log.interval, and see what oktasync doctor says of the System Log"
	case h.LogRead == nil:
		return "the System Log has not been read to its end yet, so neither lost nor forged hooks can be told: wait, and see what oktasync doctor says of the System Log"
	case h.Hour.Unknown == nil:
		return fmt.Sprintf("the System Log was last read to its end at %s, so neither lost nor forged hooks of the last hour can be told: see what oktasync doctor says of it",
			h.LogRead.Format(time.RFC3339))
	case h.HooksSince == nil:
		return "no hook has come so far, so none counts as lost: register one with oktasync hook ensure, or look why it does not deliver with oktasync hook status"
	}
	return ""
}

// NoneLost says whether the System Log shows that all hooks of the last day came. False where that
// cannot be told.
func (h EventHealth) NoneLost() bool { return h.Day.Lost != nil && *h.Day.Lost == 0 }

// ManyLost says, in a sentence with what to do, that within the last hour so many hooks were lost that
// somebody should look: ten, or three while none came at all. Empty otherwise. Single ones are
// Okta's daily business, and the System Log makes up for them.
func (h EventHealth) ManyLost() string {
	lost := count(h.Hour.Lost)
	if lost < 10 && (lost < 3 || h.Hour.ByHook() > 0) {
		return ""
	}
	return fmt.Sprintf("lost %d hooks within an hour, while %d came; the System Log brought those events, later: look at oktasync hook status, the way from Okta to this service, and the answers to hooks in the metrics",
		lost, h.Hour.ByHook())
}

// Warnings are sentences about what somebody should look at. Each goes on from "tenant x".
func (h EventHealth) Warnings() []string {
	var all []string
	if many := h.ManyLost(); many != "" {
		all = append(all, many)
	}
	if n := count(h.Day.Unknown); n > 0 {
		all = append(all, fmt.Sprintf("got %d events by hook within a day that Okta's System Log does not know: somebody made previews in Okta, or has the hook's secret; "+
			"see them with oktasync events health, and if nobody did, change the secret with oktasync hook rotate", n))
	}
	if late, by := h.Hour.Late, h.Hour.ByHook(); late >= 10 && late*10 >= by {
		all = append(all, fmt.Sprintf("got %d of %d hooks within an hour later than %s after the event, the latest %s: if Okta's status page tells of no delay, compare the clocks with oktasync doctor",
			late, by, HookLate, h.Hour.Hook.Most.Round(time.Second)))
	}
	if n := h.Day.Triggering; n >= HookLimitWarning {
		all = append(all, fmt.Sprintf("had %d events within a day that trigger hooks, and Okta stops at %d for all hooks of the org; the System Log brings the rest, later: "+
			"take event types that nobody needs out of the org's hooks", n, HookLimit))
	}
	return all
}

func count(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// ChoreEventMeter counts how the tenant's events came.
const ChoreEventMeter Chore = "event-meter"

// StrayKind says what is odd about how an event came.
type StrayKind string

// The kinds.
const (
	StrayLost    StrayKind = "lost"    // only the log brought it
	StrayUnknown StrayKind = "unknown" // the log does not know it
	StrayLate    StrayKind = "late"    // its hook was late
)

// StrayEvent is an event that did not come as it should.
type StrayEvent struct {
	UUID      string
	Type      string
	Kind      StrayKind
	Published time.Time
	ByHook    *time.Time // nil: not
	ByLog     *time.Time
}
