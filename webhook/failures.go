package webhook

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// The defaults of FailureLimit.
const (
	DefaultFailures  = 20
	DefaultWindow    = time.Minute
	DefaultAddresses = 10_000
)

// FailureLimit counts failed authentications per source address. Its memory is
// bounded: the address that failed longest ago is forgotten first. It is safe
// for concurrent use.
//
// Callers check the secret first and count only what failed, so that nobody
// with a right secret is refused for what others do behind the same address.
type FailureLimit struct {
	limit     int
	window    time.Duration
	addresses int

	mu     sync.Mutex
	byAddr map[string]*list.Element
	recent *list.List // of *failures, the one that failed last in front
}

type failures struct {
	addr  string
	since time.Time // start of the window
	count int
}

// NewFailureLimit allows limit failures in each window from one address and
// remembers that many addresses. Zero values mean the defaults.
func NewFailureLimit(limit int, window time.Duration, addresses int) *FailureLimit {
	if limit <= 0 {
		limit = DefaultFailures
	}
	if window <= 0 {
		window = DefaultWindow
	}
	if addresses <= 0 {
		addresses = DefaultAddresses
	}
	return &FailureLimit{
		limit: limit, window: window, addresses: addresses,
		byAddr: map[string]*list.Element{}, recent: list.New(),
	}
}

// Failed counts one failure. It returns how many failures the address has in its
// window, and how long it should stay away: zero while it is within the limit.
func (l *FailureLimit) Failed(addr string, now time.Time) (int, time.Duration) {
	addr = network(addr)
	l.mu.Lock()
	defer l.mu.Unlock()

	element, known := l.byAddr[addr]
	if !known {
		if l.recent.Len() >= l.addresses {
			oldest := l.recent.Remove(l.recent.Back()).(*failures)
			delete(l.byAddr, oldest.addr)
		}
		element = l.recent.PushFront(&failures{addr: addr, since: now})
		l.byAddr[addr] = element
	}
	l.recent.MoveToFront(element)

	f := element.Value.(*failures)
	// A clock that was set back starts a new window too: nobody waits for it.
	if age := now.Sub(f.since); age >= l.window || age < 0 {
		f.since, f.count = now, 0
	}
	f.count++
	if f.count <= l.limit {
		return f.count, 0
	}
	return f.count, l.window - now.Sub(f.since)
}

// Limit is how many failures one address may have in a window.
func (l *FailureLimit) Limit() int { return l.limit }

// network is what counts as one source: an IPv4 address, or an IPv6 /64, which
// is the least that one site is given.
func network(addr string) string {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return addr
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return addr
	}
	return prefix.String()
}
