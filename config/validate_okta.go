package config

import (
	"net/url"
	"strings"
)

// checkOkta makes sure that there is an address, one way to authenticate, and
// an app.
func (l *loader) checkOkta(t *Tenant) {
	l.checkAddress(t)
	l.checkCredentials(t)
	if key := t.key("okta.app_id"); t.Okta.AppID == "" && !l.problems.has(key) {
		l.add(key, "is missing; give the id of the Okta app that stands for the product (0oa…)")
	}
}

func (l *loader) checkAddress(t *Tenant) {
	key := t.key("okta.url")
	if l.problems.has(key) {
		return
	}
	if t.Okta.URL == "" {
		l.add(key, "is missing; give the org's address, such as https://acme.okta.com")
		return
	}
	parsed, err := url.Parse(t.Okta.URL)
	if err != nil {
		l.add(key, "is not an address")
		return
	}
	if parsed.Scheme != "http" || l.problems.has(t.key("okta.allow_http")) {
		return
	}
	switch {
	case !isLoopback(parsed.Hostname()):
		l.add(key, "%s is not https, and the token would be readable on the way; did you mean https://%s?", quote(t.Okta.URL), parsed.Host)
	case !t.Okta.AllowHTTP:
		l.add(key, "%s is not https; for an emulated Okta on this machine set okta.allow_http: true", quote(t.Okta.URL))
	}
}

func (l *loader) checkCredentials(t *Tenant) {
	token, client, private := t.key("okta.token"), t.key("okta.client_id"), t.key("okta.private_key")
	if l.problems.has(token, client, private) {
		return
	}
	hasToken, hasClient, hasKey := t.Okta.Token.IsSet(), t.Okta.ClientID != "", t.Okta.PrivateKey.IsSet()
	switch {
	case hasToken && (hasClient || hasKey):
		l.add(token, "is given together with %s; choose one way to authenticate and remove the other", strings.Join(l.given(client, private), " and "))
	case hasToken:
	case hasClient && hasKey:
		if len(t.Okta.Scopes) == 0 && !l.problems.has(t.key("okta.scopes")) {
			l.add(t.key("okta.scopes"), "is empty; the service app needs at least okta.users.read, okta.groups.read and okta.apps.read")
		}
	case hasClient:
		l.add(private, "is missing; okta.client_id needs the service app's private key")
	case hasKey:
		l.add(client, "is missing; okta.private_key needs the service app's client id")
	default:
		l.add(token, "is missing; give an API token, or okta.client_id and okta.private_key of a service app")
	}
}

// given lists those of the keys that were set.
func (l *loader) given(keys ...string) []string {
	var set []string
	for _, key := range keys {
		if _, ok := l.values[key]; ok {
			set = append(set, key)
		}
	}
	return set
}
