package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// TenantOf tells which tenant's hooks an address leads to, by the rule of the endpoint itself.
func TenantOf(tenants Tenants, address string) (Tenant, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return Tenant{}, false
	}
	path := strings.TrimSuffix(u.Path, "/")
	if path == Path {
		return find(tenants, "", u.Host)
	}
	slug, under := strings.CutPrefix(path, Path+"/")
	if !under || slug == "" || strings.Contains(slug, "/") {
		return Tenant{}, false
	}
	return tenants.BySlug(slug)
}

// Address is the full address of a tenant's endpoint below the public address of the service. A
// base with a path is taken as it is: a proxy in front may have paths of its own.
func Address(tenants Tenants, slug, base string) (string, error) {
	u, err := url.Parse(base)
	// It is not repeated: it may hold a password.
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("this is no address for a hook; give one such as https://sync.example.com, without user, query or fragment")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return "", fmt.Errorf("%s is not https; Okta delivers event hooks to https addresses only", base)
	}
	if u.Path != "" && u.Path != "/" {
		return strings.TrimSuffix(base, "/"), nil
	}
	// Without a slug only where that stays true when other tenants come.
	u.Path = Path
	if t, found := find(tenants, "", u.Host); !found || t.Slug != slug || !t.Main && !slices.Contains(t.Hosts, hostName(u.Host)) {
		u.Path = Path + "/" + slug
	}
	return u.String(), nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
