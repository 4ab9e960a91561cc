package directory

import "time"

// HookRecord is what is known here of a tenant's event hook in Okta. Okta never shows a
// hook's secret, so the fingerprint of the one that it was given is kept.
type HookRecord struct {
	ID     string // empty: none was registered from here
	URL    string
	Secret string // fingerprint; empty when it was set by hand
	// Next is the hook that takes over while the secret is being changed.
	NextID     string
	NextSecret string
	// State is that of the last check: a word, empty before the first one.
	State   string
	Problem string // a sentence with what to do; empty when all is well
	Since   *time.Time
	Checked *time.Time
}

// HookHealth is how a tenant's event hook does.
type HookHealth struct {
	HookRecord
	LastDelivery *time.Time // the last one that was accepted
	LastRefused  *time.Time // the last one whose secret was missing or wrong
}

// HookUse says how often and when hooks came with a secret.
type HookUse struct {
	Tenant string
	Secret string // fingerprint; empty: they were refused
	Uses   int64
	Age    time.Duration // of the last use, when it is noted
	Last   time.Time     // database's clock, when it is read
}

// HookDoor is a process that takes hooks.
type HookDoor struct {
	Owner   string
	Seen    time.Time           // database's clock
	Secrets map[string][]string // fingerprints of the secrets that it accepts, by tenant
}

// ChoreHookCheck looks at the tenant's event hook in Okta.
const ChoreHookCheck Chore = "hook-check"
