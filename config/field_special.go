package config

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"
)

func logLevel(t target) *slog.Level { return &t.config.Log.Level }

func proxiesField() field {
	var texts []string
	f := listField(func(target) *[]string { return &texts }, 200, checkNetwork)
	set := f.set
	f.set = func(t target, in input) error {
		if err := set(t, in); err != nil {
			return err
		}
		t.config.Server.TrustedProxies = nil
		for _, text := range in.values() {
			network, err := parseNetwork(text)
			if err != nil {
				return err
			}
			t.config.Server.TrustedProxies = append(t.config.Server.TrustedProxies, network)
		}
		return nil
	}
	f.show = func(t target) string {
		var shown []string
		for _, network := range t.config.Server.TrustedProxies {
			shown = append(shown, network.String())
		}
		return showList(shown)
	}
	return f
}

func checkNetwork(text string) error {
	_, err := parseNetwork(text)
	return err
}

func parseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%s is not a network; give one in CIDR form, such as 10.0.0.0/8", quote(text))
	}
	if network.Masked() != network {
		return netip.Prefix{}, fmt.Errorf("%s has bits outside the network; did you mean %s?", quote(text), network.Masked())
	}
	if network.Bits() == 0 {
		return netip.Prefix{}, fmt.Errorf("%s trusts every sender; name only the networks of your proxies", quote(text))
	}
	return network, nil
}

// tokensField takes a list of objects from the file, and name:sha256 or name:sha256:role from
// the environment.
func tokensField() field {
	return field{
		kind:   "list of name, sha256 and role",
		object: true,
		list:   true,
		set: func(t target, in input) error {
			var tokens []APIToken
			add := func(name, hash, role string) error {
				token, err := newToken(name, hash, role)
				if err != nil {
					return err
				}
				for _, other := range tokens {
					if other.Name == token.Name {
						return fmt.Errorf("the name %s is used twice; give each token its own", quote(name))
					}
					if other.SHA256 == token.SHA256 {
						return fmt.Errorf("%s and %s have the same sha256; make a token for each", quote(other.Name), quote(name))
					}
				}
				tokens = append(tokens, token)
				return nil
			}
			if err := eachToken(in, add); err != nil {
				return err
			}
			t.config.API.Tokens = tokens
			return nil
		},
		show: func(t target) string {
			var shown []string
			for _, token := range t.config.API.Tokens {
				shown = append(shown, token.Name+" ("+token.Role+")")
			}
			return showList(shown)
		},
	}
}

func eachToken(in input, add func(name, hash, role string) error) error {
	if in.node == nil {
		for i, pair := range in.values() {
			name, rest, found := strings.Cut(pair, ":")
			if !found {
				return fmt.Errorf("entry %d is not of the form name:sha256 or name:sha256:role", i+1)
			}
			hash, role, _ := strings.Cut(rest, ":")
			if err := add(strings.TrimSpace(name), strings.TrimSpace(hash), strings.TrimSpace(role)); err != nil {
				return fmt.Errorf("entry %d: %w", i+1, err)
			}
		}
		return nil
	}
	for i, item := range in.node.items {
		texts, err := object(item, []string{"name", "sha256", "role"}, nil)
		if err == nil {
			err = add(first(texts["name"]), first(texts["sha256"]), first(texts["role"]))
		}
		if err != nil {
			return fmt.Errorf("entry %d: %w", i+1, err)
		}
	}
	return nil
}

// newToken reads one token. Without a role it may operate, as every token could before there
// were roles, and nothing new: deciding about plans that wait has to be given.
func newToken(name, hash, role string) (APIToken, error) {
	token := APIToken{Name: name, Role: cmp.Or(role, TokenOperate)}
	if !tokenName.MatchString(name) {
		return token, fmt.Errorf("%s is not a name; give 1 to 63 letters, digits, dots, hyphens or underscores", quote(name))
	}
	sum, err := hex.DecodeString(hash)
	// The text is not repeated: it may be the token itself.
	if err != nil || len(sum) != len(token.SHA256) {
		return token, errors.New("sha256 is not the hash of a token: it has 64 hexadecimal digits; \"oktasync token\" prints one")
	}
	copy(token.SHA256[:], sum)
	if err := oneOf(TokenRead, TokenOperate, TokenApprove)(token.Role); err != nil {
		return token, fmt.Errorf("role: %w", err)
	}
	return token, nil
}

// object reads an item of a list: single texts, and texts that may be several.
func object(item *node, single, several []string) (map[string][]string, error) {
	if item.kind != mapNode {
		return nil, fmt.Errorf("is not of the form { %s: … }", strings.Join(append(slices.Clone(single), several...), ": …, "))
	}
	known := append(slices.Clone(single), several...)
	texts := map[string][]string{}
	for _, e := range item.entries {
		if !slices.Contains(known, e.key) {
			return nil, fmt.Errorf("%s is not known here; allowed are %s%s", quote(e.key), strings.Join(known, ", "), didYouMean(e.key, known))
		}
		if _, double := texts[e.key]; double {
			return nil, fmt.Errorf("%s is given twice; remove one", e.key)
		}
		values, err := scalars(e.value, slices.Contains(several, e.key))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.key, err)
		}
		texts[e.key] = values
	}
	return texts, nil
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// privateKeyField takes a PEM block, whose lines an environment variable often joins with \n.
func privateKeyField() field {
	f := secretField(func(t target) *Secret { return &t.tenant.Okta.PrivateKey }, nil)
	f.set = func(t target, in input) error {
		text := strings.ReplaceAll(in.text, `\n`, "\n")
		if text != "" {
			if err := checkPrivateKey(text); err != nil {
				return err
			}
		}
		t.tenant.Okta.PrivateKey = NewSecret(text)
		return nil
	}
	return f
}

// off is the value of a duration that is not wanted.
const off = "off"

// offOr is a field that also takes off, which is kept as zero.
func offOr[T int | time.Duration](f field, at func(target) *T) field {
	set, show := f.set, f.show
	f.kind += ", or " + off
	f.set = func(t target, in input) error {
		if in.text == off {
			*at(t) = 0
			return nil
		}
		return set(t, in)
	}
	f.show = func(t target) string {
		if *at(t) == 0 {
			return off
		}
		return show(t)
	}
	return f
}
