package v1

import "time"

// EventHealth is how the events of a tenant came. A time that is absent is not known.
type EventHealth struct {
	CountedAt  time.Time  `json:"counted_at"`
	Grace      string     `json:"grace" doc:"How long the other way of an event may be silent before the event counts as lost or unknown" example:"10m0s"`
	HooksSince *time.Time `json:"hooks_since,omitempty" doc:"When the first hook was seen to come; before that none counts as lost"`
	LastHook   *time.Time `json:"last_hook,omitempty" doc:"When an event last came by hook"`
	LastLog    *time.Time `json:"last_log,omitempty" doc:"When the System Log last brought an event, known or not"`
	LogSince   *time.Time `json:"log_since,omitempty" doc:"Since when the System Log is read; absent: it is not"`
	LogRead    *time.Time `json:"log_read,omitempty" doc:"When the System Log was last read to its end"`
	Hour       EventCount `json:"hour" doc:"Events that were first seen within the last hour"`
	Day        EventCount `json:"day" doc:"Those of the last 24 hours"`
	Limit      HookLimit  `json:"limit"`
	Unknowable string     `json:"unknowable,omitempty" doc:"Why lost and unknown hooks cannot be told, and what to do; absent when they can"`
	Warnings   []string   `json:"warnings" nullable:"false" doc:"What somebody should look at, and what to do"`
	Strays     []Stray    `json:"strays" nullable:"false" doc:"The newest 20 events of the last 24 hours that did not come as they should"`
}

// EventCount counts events. Each is one of hook_only, log_only and both.
type EventCount struct {
	HookOnly  int    `json:"hook_only" doc:"Came by hook, and the System Log has not brought them (yet)"`
	LogOnly   int    `json:"log_only" doc:"Came by System Log, and no hook has brought them (yet). Some types never come by hook"`
	Both      int    `json:"both"`
	Lost      *int   `json:"lost" doc:"Came by System Log only although a hook is subscribed to their type, longer than the grace ago; null: cannot be told"`
	Unknown   *int   `json:"unknown" doc:"Came by hook, and the System Log, read to its end after the grace, does not know them: forged, or a preview; null: cannot be told"`
	Late      int    `json:"late" doc:"Came by hook later than 60 s after Okta's 'published'"`
	HookDelay *Delay `json:"hook_delay,omitempty" doc:"From Okta's 'published' to the hook; absent without hooks"`
	LogDelay  *Delay `json:"log_delay,omitempty" doc:"From Okta's 'published' to the System Log's bringing it; absent without events by it"`
}

// Delay is how long events took. The clocks of Okta and of the database are in it, so it can be below zero.
type Delay struct {
	Mean float64 `json:"mean_seconds"`
	Most float64 `json:"most_seconds"`
}

// HookLimit is how far Okta's daily limit of events that trigger hooks is.
type HookLimit struct {
	Events int `json:"events" doc:"Events of the last 24 hours, of the types that a hook is subscribed to, however they came. Other hooks of the org count as well and are not seen here"`
	Limit  int `json:"limit" doc:"At which Okta stops delivering, for all hooks of the org together" example:"400000"`
	Left   int `json:"left"`
}

// Stray is an event that did not come as it should.
type Stray struct {
	UUID        string    `json:"uuid" doc:"Okta's id of the event: look it up in the System Log"`
	Type        string    `json:"type" example:"user.lifecycle.suspend"`
	Kind        string    `json:"kind" enum:"lost,unknown,late"`
	PublishedAt time.Time `json:"published_at"`
	// Absent: it did not come by this way.
	HookAt *time.Time `json:"hook_at,omitempty"`
	LogAt  *time.Time `json:"log_at,omitempty"`
}
