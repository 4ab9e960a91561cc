package okta

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// ParseOrgURL checks the address of an Okta org and returns it in the form that
// calls are built on: scheme and host, without a slash at the end. http is
// refused unless allowHTTP is set and the host is this machine. The error is a
// sentence for an admin. Okta: "Find your Okta domain".
func ParseOrgURL(text string, allowHTTP bool) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", fmt.Errorf("okta org url is empty; it looks like https://acme.okta.com")
	}
	if !strings.Contains(text, "://") {
		return "", fmt.Errorf("okta org url %q has no scheme; write https:// in front", text)
	}
	u, err := url.Parse(text)
	if err != nil {
		// The text of err repeats the address, which may carry a password.
		return "", fmt.Errorf("okta org url cannot be read as a url; it looks like https://acme.okta.com")
	}
	if u.User != nil {
		return "", fmt.Errorf("okta org url carries a user name or password; remove it")
	}
	host := strings.ToLower(u.Hostname())
	if host == "" {
		return "", fmt.Errorf("okta org url %q has no host; it looks like https://acme.okta.com", text)
	}
	switch u.Scheme {
	case "https":
	case "http":
		if !allowHTTP {
			return "", fmt.Errorf("okta org url %q is http, so the credentials would travel in the clear; use https", text)
		}
		if !loopback(host) {
			return "", fmt.Errorf("okta org url %q is http and not on this machine; http is allowed for a local emulator only", text)
		}
	default:
		return "", fmt.Errorf("okta org url %q has the scheme %s; use https", text, u.Scheme)
	}
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return "", fmt.Errorf("okta org url %q has a query or fragment; give scheme and host only", text)
	}
	if strings.Trim(u.Path, "/") != "" {
		return "", fmt.Errorf("okta org url %q has a path; give scheme and host only", text)
	}
	if first, _, _ := strings.Cut(host, "."); strings.HasSuffix(first, "-admin") {
		return "", fmt.Errorf("okta org url %q is the address of the admin console; take -admin out of it", text)
	}
	if strings.HasSuffix(host, ".com.com") {
		return "", fmt.Errorf("okta org url %q ends in .com twice; take one out", text)
	}
	if strings.ContainsAny(host, "{}") {
		return "", fmt.Errorf("okta org url %q is a placeholder; put your own okta domain there", text)
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
