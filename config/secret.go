package config

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
)

const redacted = "[redacted]"

// Secret is a value that must not be seen. Every way of printing it (fmt with any verb,
// JSON, YAML, slog) gives "[redacted]"; only Reveal opens it.
type Secret struct {
	// A pointer, so that a printer that walks unexported fields shows an address
	// and not the value.
	value *string
}

// NewSecret wraps the value.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{value: &value}
}

// Reveal returns the value, "" when none is set.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsSet says whether there is a value.
func (s Secret) IsSet() bool { return s.value != nil }

// Equal compares in constant time.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String hides the value.
func (s Secret) String() string { return redacted }

// Format hides the value for every verb, %#v and %x included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the value from JSON and other encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalYAML hides the value from YAML.
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }

// URL is an address that may hold a password. Printing it shows the address
// without the password; Reveal returns it whole.
type URL struct {
	secret Secret
}

// NewURL wraps the address.
func NewURL(address string) URL { return URL{secret: NewSecret(address)} }

// Reveal returns the whole address.
func (u URL) Reveal() string { return u.secret.Reveal() }

// IsSet says whether there is an address.
func (u URL) IsSet() bool { return u.secret.IsSet() }

// Equal compares whole addresses.
func (u URL) Equal(other URL) bool { return u.secret.Equal(other.secret) }

// String returns the address without its password.
func (u URL) String() string {
	raw := u.Reveal()
	scheme, rest, hasScheme := strings.Cut(raw, ":")
	if !hasScheme {
		if raw == "" || raw == embedded {
			return raw
		}
		return redacted
	}
	if scheme == "sqlite" {
		return "sqlite:" + rest
	}
	parsed, err := url.Parse(raw)
	if err != nil || parsed.Opaque != "" {
		return redacted
	}
	shown := parsed.Scheme + "://"
	if parsed.User != nil {
		shown += parsed.User.Username()
		if _, has := parsed.User.Password(); has {
			shown += ":" + redacted
		}
		shown += "@"
	}
	shown += parsed.Host + parsed.EscapedPath()
	if parsed.RawQuery != "" {
		shown += "?" + withoutSecrets(parsed.RawQuery)
	}
	return shown
}

// withoutSecrets hides the values of a query but for those that are known to be
// harmless: drivers have many names for passwords.
func withoutSecrets(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, hasValue := strings.Cut(pair, "=")
		switch name {
		case "sslmode", "application_name", "connect_timeout", "search_path", "target_session_attrs", "db", "protocol":
		default:
			if hasValue {
				pairs[i] = name + "=" + redacted
			}
		}
	}
	return strings.Join(pairs, "&")
}

// Format prints what String returns, for every verb.
func (u URL) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, u.String()) }

// LogValue shows slog what String returns.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText shows encoders what String returns.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// MarshalYAML shows YAML what String returns.
func (u URL) MarshalYAML() (any, error) { return u.String(), nil }
