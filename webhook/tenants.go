package webhook

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
)

// DefaultHeader carries the secret when a tenant names no other header. Okta: event
// hooks guide, "authScheme".
const DefaultHeader = "Authorization"

// Tenant is what the endpoint knows about one tenant.
type Tenant struct {
	Slug  string
	AppID string // the product's Okta app, for application events
	// Header carries the secret; empty means DefaultHeader.
	Header string
	// Secrets are one or two values, each valid: two while a secret is being
	// replaced. Okta sends the value as it was entered, without a scheme.
	Secrets []string
	// Hosts are the exact host names, without port, that belong to this tenant
	// alone.
	Hosts []string
	// Main says that addresses without a slug, on a host of nobody, are this tenant's also when
	// there are others: an installation for one tenant began with them.
	Main bool
	// OutOfService says that the tenant exists and that its secrets are not at
	// hand. Its hooks are answered 503, so that Okta sends them again.
	OutOfService bool
}

func (t Tenant) header() string {
	if t.Header == "" {
		return DefaultHeader
	}
	return t.Header
}

// Tenants finds tenants. Implementations are safe for concurrent use and fast:
// they are asked before the caller has proved anything.
type Tenants interface {
	// BySlug returns the tenant of that slug.
	BySlug(slug string) (Tenant, bool)
	// ByHost returns the tenant that a host name belongs to: lower case, without
	// port and final dot.
	ByHost(host string) (Tenant, bool)
	// Headers names every header that carries the secret of some tenant,
	// DefaultHeader included.
	Headers() []string
	// Unnamed returns the tenant of an address that names none.
	Unnamed() (Tenant, bool)
}

// TenantList is a fixed set of tenants.
type TenantList struct {
	bySlug  map[string]Tenant
	byHost  map[string]Tenant
	main    string // slug of the main tenant, if there is one
	headers []string
	prints  map[string][]string
}

// NewTenantList checks the tenants and makes them findable. It fails on a missing or
// repeated slug, on a host name of two tenants, and on anything but one or two
// usable secrets.
func NewTenantList(tenants []Tenant) (*TenantList, error) {
	l := &TenantList{bySlug: map[string]Tenant{}, byHost: map[string]Tenant{}, headers: []string{DefaultHeader}, prints: map[string][]string{}}
	for _, t := range tenants {
		if t.Slug == "" {
			return nil, fmt.Errorf("list tenants: a tenant has no slug; give each one a name")
		}
		if _, twice := l.bySlug[t.Slug]; twice {
			return nil, fmt.Errorf("list tenants: slug %q is there twice; rename one", t.Slug)
		}
		if n := len(t.Secrets); !t.OutOfService && (n < 1 || n > maxSecrets) {
			return nil, fmt.Errorf("list tenants: tenant %q has %d hook secrets; give one, or two while replacing it", t.Slug, n)
		}
		for i, s := range t.Secrets {
			if !sendable(s) {
				return nil, fmt.Errorf("list tenants: hook secret %d of tenant %q is empty, or has spaces around it or control characters, so that no header can carry it; choose another", i+1, t.Slug)
			}
			l.prints[t.Slug] = append(l.prints[t.Slug], Fingerprint(t.Slug, s))
		}
		if t.Header == "" {
			t.Header = DefaultHeader
		}
		if name := http.CanonicalHeaderKey(t.Header); !slices.Contains(l.headers, name) {
			l.headers = append(l.headers, name)
		}
		l.bySlug[t.Slug] = t
		if t.Main {
			l.main = t.Slug
		}
		for _, h := range t.Hosts {
			host := hostName(h)
			if other, taken := l.byHost[host]; taken {
				return nil, fmt.Errorf("list tenants: host %q belongs to both %q and %q; give it to one", h, other.Slug, t.Slug)
			}
			l.byHost[host] = t
		}
	}
	return l, nil
}

// BySlug implements Tenants.
func (l *TenantList) BySlug(slug string) (Tenant, bool) {
	t, found := l.bySlug[slug]
	return t, found
}

// ByHost implements Tenants.
func (l *TenantList) ByHost(host string) (Tenant, bool) {
	t, found := l.byHost[host]
	return t, found
}

// Headers implements Tenants.
func (l *TenantList) Headers() []string { return l.headers }

// Unnamed implements Tenants: the main tenant, or the only one.
func (l *TenantList) Unnamed() (Tenant, bool) {
	if l.main != "" || len(l.bySlug) != 1 {
		t, found := l.bySlug[l.main]
		return t, found
	}
	for _, t := range l.bySlug {
		return t, true
	}
	return Tenant{}, false
}

// Fingerprints are those of all secrets, by slug. The map must not be changed.
func (l *TenantList) Fingerprints() map[string][]string { return l.prints }

// find tells the tenant of a request: by the slug of the path when there is
// one, else by host name, else the one of an address that names none.
func find(tenants Tenants, slug, host string) (Tenant, bool) {
	if slug != "" {
		return tenants.BySlug(slug)
	}
	if t, found := tenants.ByHost(hostName(host)); found {
		return t, true
	}
	return tenants.Unnamed()
}

// hostName strips port, brackets and final dot from a Host header.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// sendable says whether a header can carry the value unchanged.
func sendable(s string) bool {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	return s != "" && strings.TrimSpace(s) == s && strings.IndexFunc(s, control) < 0
}
