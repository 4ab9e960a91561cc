package okta

import (
	"net/http"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

// Refusal is one way in which Okta refuses credentials or their rights, with what it means and
// what to do. One table for log lines, the tenant's state and the doctor.
type Refusal struct {
	Case string // its name
	// Codes are Okta's error codes, the errors of OAuth answers, and those of the challenge in
	// Www-Authenticate.
	Codes []string
	Says  string // {what} is what was asked for
	Fix   string // {role}, {scope} and {permission} are those that it takes
}

// The cases that say nothing against the credentials as such.
const (
	missingScope = "scope missing"
	weakRole     = "role too weak"
)

// Refusals lists the cases. Okta: error codes; OAuth for Okta; create an API token.
func Refusals() []Refusal {
	return []Refusal{
		{
			Case: "dead token", Codes: []string{"E0000011", "invalid_token"},
			Says: "the token is revoked, expired (30 days without use) or its owner was deactivated",
			Fix:  "create a new API token with a service account that stays, or check the service app",
		},
		{
			Case: missingScope, Codes: []string{"insufficient_scope"},
			Says: "the service app lacks the scope {scope}",
			Fix:  "grant it under Okta API Scopes, and name it in okta.scopes",
		},
		{
			Case: "proof of possession refused", Codes: []string{"invalid_dpop_proof", "use_dpop_nonce"},
			Says: "Okta wants DPoP and refused our proof",
			Fix:  "check this machine's clock, or switch off \"Require Demonstrating Proof of Possession\" in the service app",
		},
		{
			Case: "authentication failed", Codes: []string{"E0000004"},
			Says: "authentication failed",
			Fix:  "check that the token belongs to this org and was copied whole",
		},
		{
			Case: "no session", Codes: []string{"E0000005"},
			Says: "the session is not valid",
			Fix:  "check that the credentials are an API token or service app of this org, and that the org allows this machine's network zone",
		},
		{
			Case: weakRole, Codes: []string{"E0000006"},
			Says: "the credentials' admin role is too weak to {what}",
			Fix:  "give the token's owner or the service app the {role} role{permission}",
		},
		{
			Case: "client app not valid", Codes: []string{"E0000013"},
			Says: "the client app is not valid",
			Fix:  "check the client id, and that the service app is active",
		},
		{
			Case: "service app refused", Codes: []string{"invalid_client"},
			Says: "the org refuses the service app",
			Fix:  "check client id, key id and private key, and that the app is active and the key registered",
		},
		{
			Case: "scope not granted", Codes: []string{"invalid_scope", "access_denied", "unauthorized_client"},
			Says: "the service app may not have all the scopes that it asks for",
			Fix:  "grant them under Okta API Scopes and give the app an admin role",
		},
	}
}

// refusalOf finds the case. The code of the body comes before the word of the challenge.
func refusalOf(code, challenge string) Refusal {
	for _, r := range Refusals() {
		if slices.Contains(r.Codes, code) {
			return r
		}
	}
	for _, r := range Refusals() {
		if slices.ContainsFunc(r.Codes, func(word string) bool { return strings.Contains(challenge, word) }) {
			return r
		}
	}
	return Refusal{Case: "refused", Says: "Okta refuses to {what} and does not say why", Fix: "check token, role and scopes with oktasync doctor"}
}

// refusal makes the error of a refusal.
func refusal(e *Error, challenge string, needed right) error {
	r := refusalOf(e.Code, challenge)
	permission := ""
	if needed.permission != "" {
		permission = ", or a custom role with the permission " + needed.permission + " that is not limited to some of them"
	}
	fill := strings.NewReplacer("{what}", needed.what, "{role}", needed.role, "{scope}", needed.scope, "{permission}", permission)
	advice := fill.Replace(r.Says + ": " + r.Fix)
	if !needed.aside {
		advice += "; this tenant's work rests until then, and nothing was changed"
	}
	return &directory.CredentialsError{Case: r.Case, Advice: advice, Err: e}
}

// readOnly is the standard role that may read what a sync needs.
const readOnly = "Read-only Administrator"

// right is what a call needs of the credentials.
type right struct {
	scope      string // that a service app needs
	permission string // of a custom admin role; empty where none is known
	what       string // for sentences
	role       string // the standard role that has it
	aside      bool   // the directory can be kept without it
}

// rightFor tells what a call needs. Okta: OAuth 2.0 scopes; permissions of custom roles.
func rightFor(method, path string) right {
	path, _, _ = strings.Cut(path, "?")
	rest, _ := strings.CutPrefix(path, "/api/v1/")
	area, _, _ := strings.Cut(rest, "/")
	switch {
	case area == "users":
		return right{scope: "okta.users.read", permission: "okta.users.read", what: "read users", role: readOnly}
	case area == "groups":
		return right{scope: "okta.groups.read", permission: "okta.groups.read", what: "read groups", role: readOnly}
	case area == "apps":
		return right{scope: "okta.apps.read", permission: "okta.apps.read", what: "read the app and its assignments", role: readOnly}
	case area == "logs":
		return right{scope: "okta.logs.read", what: "read the System Log, from which lost events are made up", role: readOnly, aside: true}
	case area == "eventHooks" && method != http.MethodGet:
		return right{scope: "okta.eventHooks.manage", permission: "okta.eventhooks.manage", what: "change event hooks (okta.eventHooks.manage)", role: "Super Administrator", aside: true}
	case area == "eventHooks":
		return right{scope: "okta.eventHooks.read", permission: "okta.eventhooks.read", what: "see event hooks (okta.eventHooks.read)", role: "Super Administrator", aside: true}
	case strings.HasPrefix(rest, "meta/schemas/user/linkedObjects"):
		return right{scope: "okta.linkedObjects.read", what: "read what linked objects are called", role: readOnly}
	case area == "meta":
		return right{scope: "okta.schemas.read", what: "read the user schema", role: readOnly, aside: true}
	case area == "api-tokens":
		return right{scope: "okta.apiTokens.read", what: "see API tokens", role: "Super Administrator", aside: true}
	default:
		return right{scope: "that it needs", what: "do this", role: readOnly}
	}
}
