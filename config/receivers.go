package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Deliver says how changes are posted to the endpoints of products.
type Deliver struct {
	Allow    []Receiver
	Parallel int
}

// Receiver is a receiver inside of one's own network: a host by its name, or a network, with one port or all.
type Receiver struct {
	Host    string // in small letters; empty: by Network
	Network netip.Prefix
	Port    uint16 // zero: every port
}

func (r Receiver) String() string {
	text := r.Host
	if text == "" {
		text = r.Network.String()
		if r.Network.IsSingleIP() {
			text = r.Network.Addr().String()
		}
		if r.Port > 0 && r.Network.Addr().Is6() {
			text = "[" + text + "]"
		}
	}
	if r.Port > 0 {
		text += ":" + strconv.Itoa(int(r.Port))
	}
	return text
}

func receiversField() field {
	var texts []string
	f := listField(func(target) *[]string { return &texts }, 100, func(text string) error { _, err := parseReceiver(text); return err })
	set := f.set
	f.set = func(t target, in input) error {
		if err := set(t, in); err != nil {
			return err
		}
		t.config.Deliver.Allow = nil
		for _, text := range in.values() {
			r, err := parseReceiver(text)
			if err != nil {
				return err
			}
			t.config.Deliver.Allow = append(t.config.Deliver.Allow, r)
		}
		return nil
	}
	f.show = func(t target) string {
		var shown []string
		for _, r := range t.config.Deliver.Allow {
			shown = append(shown, r.String())
		}
		return showList(shown)
	}
	return f
}

func parseReceiver(text string) (Receiver, error) {
	var r Receiver
	host := text
	if before, port, found := cutPort(text); found {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return r, fmt.Errorf("%s has a port that does not exist", quote(text))
		}
		host, r.Port = before, uint16(n)
	}
	if address, err := netip.ParseAddr(host); err == nil && address.Zone() == "" {
		r.Network = netip.PrefixFrom(address, address.BitLen())
		return r, nil
	}
	if strings.Contains(host, "/") {
		network, err := netip.ParsePrefix(host)
		if err != nil || network.Masked() != network || network.Bits() == 0 {
			return r, fmt.Errorf("%s is not a network of receivers; give one in CIDR form, such as 10.1.2.0/24", quote(text))
		}
		r.Network = network
		return r, nil
	}
	if err := checkHost(host); err != nil {
		return r, fmt.Errorf("%s is neither a host, nor an address, nor a network; give one such as app.internal:8443, 10.1.2.3 or 10.1.2.0/24", quote(text))
	}
	r.Host = strings.ToLower(strings.TrimSuffix(host, "."))
	return r, nil
}

// cutPort takes the port off: behind the last colon, unless that is part of an IPv6 address that has no brackets.
func cutPort(text string) (host, port string, found bool) {
	at := strings.LastIndexByte(text, ':')
	if at < 0 {
		return text, "", false
	}
	host, port = text[:at], text[at+1:]
	if inner, bracket := strings.CutPrefix(host, "["); bracket {
		if inner, bracket = strings.CutSuffix(inner, "]"); bracket {
			return inner, port, true
		}
	}
	if strings.Contains(host, ":") {
		return text, "", false
	}
	return host, port, true
}
