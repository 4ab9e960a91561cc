package deliver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Receiver is a receiver inside of one's own network that may be sent to, also without TLS: a host by its name, or
// a network, with one port or all.
type Receiver struct {
	Host    string       // in small letters; empty: by Network
	Network netip.Prefix // where Host is empty
	Port    uint16       // zero: every port
}

// guard decides which addresses may be connected to. What may be is decided when the connection is made, after the
// name was resolved, so that a name cannot mean another address than the one that was looked at.
type guard struct {
	allow    []Receiver
	resolver *net.Resolver
}

// errForbidden says that an address is not one that requests may go to.
var errForbidden = errors.New("the name stands for an address that is not public; name the receiver in deliver.allow if it is meant")

// checkURL says what is wrong with the address of an endpoint, as far as it can be told without looking it up.
func (g *guard) checkURL(text string) error {
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Hostname() == "" || parsed.Opaque != "":
		return errors.New("is not an address; give one such as https://app.example.com/webhooks/directory")
	case parsed.User != nil || parsed.Fragment != "":
		return errors.New("holds a user or a fragment; requests are signed instead")
	case parsed.Scheme != "https" && parsed.Scheme != "http":
		return errors.New("is neither https nor http")
	case parsed.Port() == "0" || len(text) > 2000:
		return errors.New("is too long, or has a port that does not exist")
	}
	address, byNumber := parseAddress(parsed.Hostname())
	port := portOf(parsed)
	if parsed.Scheme == "http" && !g.named(parsed.Hostname(), port) && (byNumber && !g.listed(address, port) || !byNumber && !g.networks()) {
		return errors.New("is not https; without TLS requests go only to receivers that are named in deliver.allow")
	}
	if byNumber && !public(address) && !g.listed(address, port) {
		return errors.New("is an address that is not public, and deliver.allow does not name it")
	}
	return nil
}

func portOf(u *url.URL) uint16 {
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(n)
	}
	if u.Scheme == "http" {
		return 80
	}
	return 443
}

func parseAddress(host string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(host)
	return address.Unmap().WithZone(""), err == nil
}

// networks says whether any network is allowed, so that a name may stand for an address in one.
func (g *guard) networks() bool {
	for _, r := range g.allow {
		if r.Host == "" {
			return true
		}
	}
	return false
}

func (g *guard) named(host string, port uint16) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, r := range g.allow {
		if r.Host != "" && r.Host == host && (r.Port == 0 || r.Port == port) {
			return true
		}
	}
	return false
}

func (g *guard) listed(address netip.Addr, port uint16) bool {
	for _, r := range g.allow {
		if r.Host == "" && r.Network.Contains(address) && (r.Port == 0 || r.Port == port) {
			return true
		}
	}
	return false
}

// dialer connects to what is allowed: with plain, only to receivers that were named, for what goes there can be read
// on its way.
func (g *guard) dialer(plain bool) func(ctx context.Context, network, address string) (net.Conn, error) {
	open := &net.Dialer{Timeout: 10 * time.Second, Resolver: g.resolver}
	guarded := &net.Dialer{Timeout: 10 * time.Second, Resolver: g.resolver, Control: func(_, address string, _ syscall.RawConn) error {
		end, err := netip.ParseAddrPort(address)
		if err != nil {
			return errForbidden
		}
		ip := end.Addr().Unmap().WithZone("")
		if g.listed(ip, end.Port()) || !plain && public(ip) {
			return nil
		}
		return errForbidden
	}}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && g.named(host, uint16(n)) {
			return open.DialContext(ctx, network, address)
		}
		return guarded.DialContext(ctx, network, address)
	}
}

// public says whether an address is one of the internet's that a receiver can have. IANA: IPv4 and IPv6
// Special-Purpose Address Registries. IPv6 addresses that stand for an IPv4 one are not: whatever they
// lead to, it has an address of its own.
func public(address netip.Addr) bool {
	address = address.Unmap()
	if !address.IsGlobalUnicast() || address.IsPrivate() {
		return false
	}
	if address.Is6() && !netip.MustParsePrefix("2000::/3").Contains(address) {
		return false
	}
	for _, special := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
	} {
		if netip.MustParsePrefix(special).Contains(address) {
			return false
		}
	}
	return true
}
