package v1

import "time"

// TenantRequest makes a tenant.
type TenantRequest struct {
	Tenant   string         `json:"tenant" minLength:"1" maxLength:"63" doc:"The slug: small letters, digits and hyphens. It is part of hook addresses and can't be changed" example:"acme"`
	Settings map[string]any `json:"settings" doc:"The tenant's settings, as the configuration file has them below tenants.<slug>: docs/configuration.md lists them. Secrets are stored encrypted and never shown again"`
	Paused   string         `json:"paused,omitempty" maxLength:"500" doc:"When given, the tenant begins paused, for this reason: test it, then resume"`
}

// TenantChange changes a tenant's settings.
type TenantChange struct {
	Settings map[string]any `json:"settings" doc:"What is given replaces what is stored, groups of settings are merged, null takes a setting out (JSON merge patch, RFC 7396). Secrets that are not given stay"`
}

// TenantReason says why something is done.
type TenantReason struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why; it is shown wherever the tenant is, and stays in the list of acts"`
}

// TenantRemoval asks for a tenant to be erased.
type TenantRemoval struct {
	Confirm string `json:"confirm" minLength:"1" doc:"The tenant's slug once more"`
	Reason  string `json:"reason,omitempty" maxLength:"500" doc:"Why; it stays in the list of acts"`
}

// Tenant is a tenant with its health.
type Tenant struct {
	Tenant        string     `json:"tenant" doc:"The slug" example:"default"`
	Source        string     `json:"source" enum:"file,api,none" doc:"Where it is configured: in the file, by the API, or nowhere (any more, or only with another process)"`
	Problem       string     `json:"problem,omitempty" doc:"Why nothing works for it and what to do; absent when all is well"`
	Warning       string     `json:"warning,omitempty" doc:"What somebody should look at although work goes on"`
	Paused        *Pause     `json:"paused,omitempty" doc:"Its work rests because an admin wants it so; events are kept"`
	RemovedAt     *time.Time `json:"removed_at,omitempty" doc:"Since when it is being erased"`
	Blocked       string     `json:"blocked,omitempty" doc:"Why Okta refuses the credentials and what to do; absent when all is well"`
	BlockedSince  *time.Time `json:"blocked_since,omitempty"`
	LastFullSync  *time.Time `json:"last_full_sync,omitempty" doc:"End of the last full sync that succeeded"`
	Waiting       int        `json:"waiting" doc:"Event scopes not yet reconciled"`
	OldestWaiting *time.Time `json:"oldest_waiting,omitempty"`
	Parked        int        `json:"parked" doc:"Scopes in the archive"`
	People        int        `json:"people" doc:"Active and suspended people"`
	Quarantined   int        `json:"quarantined" doc:"Records that cannot be applied"`
	Hook          *Hook      `json:"hook,omitempty" doc:"The event hook in Okta; absent while nothing is known of it"`
}

// Hook is the tenant's event hook in Okta, as the last check found it.
type Hook struct {
	ID           string     `json:"id,omitempty" doc:"Okta's id of the hook; absent when none is known"`
	URL          string     `json:"url,omitempty" doc:"Where it delivers"`
	State        string     `json:"state,omitempty" doc:"sound, or what is the matter: missing, inactive, unverified, elsewhere, header, events, refused; advised and extra are harmless; unregistered: there never was one; unreadable: the credentials may not see hooks. Absent before the first check"`
	Problem      string     `json:"problem,omitempty" doc:"What is wrong and what to do"`
	Since        *time.Time `json:"since,omitempty" doc:"When the state began"`
	CheckedAt    *time.Time `json:"checked_at,omitempty"`
	LastDelivery *time.Time `json:"last_delivery,omitempty" doc:"The last delivery that was accepted"`
	LastRefused  *time.Time `json:"last_refused,omitempty" doc:"The last one with a wrong secret or none"`
}

// Pause says since when, by whom and why a tenant is paused.
type Pause struct {
	At     time.Time `json:"at"`
	By     string    `json:"by" doc:"Name of the admin token"`
	Reason string    `json:"reason"`
}

// TenantDetail is a tenant with what is stored about it.
type TenantDetail struct {
	Tenant
	Settings map[string]any `json:"settings,omitempty" doc:"Its settings without secrets, when the API manages it; those of the file are printed by: oktasync config print"`
	Secrets  []string       `json:"secrets,omitempty" doc:"The keys of the secrets that are set" example:"[\"hook.secrets\", \"okta.token\"]"`
}

// TenantTest is what a test of a tenant found.
type TenantTest struct {
	OK    bool       `json:"ok" doc:"Every part was checked and none fails"`
	Parts []TestPart `json:"parts" nullable:"false"`
}

// TestPart is one part of a test.
type TestPart struct {
	Part     string    `json:"part" enum:"read,hook,log" doc:"Reading Okta, the event hook, the System Log"`
	Result   string    `json:"result" enum:"ok,fail,not checked" doc:"Not checked: an earlier part has to be mended first"`
	Findings []Finding `json:"findings" nullable:"false"`
}

// Finding is one thing that a test looked at.
type Finding struct {
	Level string `json:"level" enum:"ok,note,fail"`
	What  string `json:"what"`
	Says  string `json:"says" doc:"What was found, and what to do"`
}
