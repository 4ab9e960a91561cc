package emulator

import "net/http"

// Operations that clients call on the way, and whose answers do not depend on
// people: administrators, factors, notification settings, the org's metadata.

const scopePublic = "public" // needs no credentials

func (o *Org) adminRoutes(add adder) {
	fixed := func(scope, path, body string) {
		add(bucketOther, scope, http.MethodGet, path, func(*call) (*reply, error) { return jsonReply([]byte(body)), nil })
	}
	// Nobody but the service account is an administrator, and it is in no list.
	fixed("roles", "/api/v1/iam/assignees/users", `{"value":[],"_links":{}}`)
	fixed("roles", "/api/v1/iam/roles", `{"roles":[],"_links":{}}`)
	fixed("roles", "/api/v1/iam/resource-sets", `{"resource-sets":[],"_links":{}}`)
	fixed("rateLimits", "/api/v1/rate-limit-settings/admin-notifications", `{"notificationsEnabled":true}`)
	fixed("rateLimits", "/api/v1/rate-limit-settings/warning-threshold", `{"warningThreshold":60}`)
	fixed("rateLimits", "/api/v1/rate-limit-settings/per-client",
		`{"defaultMode":"DISABLE","useCaseModeOverrides":{}}`)
	add(bucketOther, "users", http.MethodGet, "/api/v1/users/{id}/factors", o.listUserRoles)
	add(bucketOther, "roles", http.MethodGet, "/api/v1/groups/{id}/roles", o.listGroupOwners)
	add(bucketOther, scopePublic, http.MethodGet, "/.well-known/okta-organization", o.wellKnown)
}

func (o *Org) wellKnown(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return jsonReply([]byte(`{"id":"` + o.orgID + `","cell":"ok0","_links":{"organization":{"href":"` + c.base +
		`"}},"pipeline":"idx","settings":{"analyticsCollectionEnabled":false,"bugReportingEnabled":true,"omEnabled":false,` +
		`"pssoEnabled":false,"desktopMFAEnabled":false,"itpEnabled":false}}`)), nil
}
