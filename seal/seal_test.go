package seal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const secret = "00-the-token-of-acme"

func keys(t *testing.T, texts ...string) *Keys {
	t.Helper()
	k, err := NewKeys(texts)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sealed(t *testing.T, k *Keys, place ...string) string {
	t.Helper()
	text, err := k.Seal(secret, place...)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, secret) {
		t.Fatalf("the secret is readable: %s", text)
	}
	return text
}

func opens(t *testing.T, k *Keys, text string, place ...string) {
	t.Helper()
	if got, err := k.Open(text, place...); err != nil || got != secret {
		t.Fatalf("opened %q, error %v", got, err)
	}
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	k := keys(t, NewKey())
	text := sealed(t, k, "acme", "okta.token")
	opens(t, k, text, "acme", "okta.token")
	if again := sealed(t, k, "acme", "okta.token"); again == text {
		t.Error("the same secret looks the same twice")
	}
	if KeyID(text) != k.IDs()[0] {
		t.Errorf("key id %q, want %q", KeyID(text), k.IDs()[0])
	}
}

// A sealed text opens in its place alone, and not at all when a single character differs.
func TestOnlyInItsPlace(t *testing.T) {
	t.Parallel()
	k := keys(t, NewKey())
	text := sealed(t, k, "acme", "okta.token")
	for _, place := range [][]string{{"zenith", "okta.token"}, {"acme", "hook.secrets"}, {"acmeo", "kta.token"}, {"acme"}, {"acme", "okta.token", ""}, nil} {
		if got, err := k.Open(text, place...); err == nil {
			t.Errorf("opened as %q in place %q", got, place)
		}
	}
	for i := range text {
		other := byte('A')
		if text[i] == other {
			other = 'B'
		}
		changed := text[:i] + string(other) + text[i+1:]
		got, err := k.Open(changed, "acme", "okta.token")
		// The last character of a part has bits that encode nothing.
		if err == nil && got != secret || err == nil && i < len(text)-1 && text[i+1] != '.' {
			t.Errorf("opened as %q with character %d changed", got, i)
		}
	}
	for _, text := range []string{"", "s1", "s1.a.b", secret, strings.Replace(text, "s1.", "s2.", 1), "s1." + KeyID(text) + "..", text + "."} {
		if _, err := k.Open(text, "acme", "okta.token"); err == nil {
			t.Errorf("opened %q", text)
		}
	}
}

func TestWrongKeyIsNamed(t *testing.T) {
	t.Parallel()
	first, other := keys(t, NewKey()), keys(t, NewKey(), NewKey())
	text := sealed(t, first, "acme", "okta.token")
	tests := map[string]struct {
		keys *Keys
		want string
	}{
		"others": {other, fmt.Sprintf("encryption key %s is needed and configured are %s, %s;", first.IDs()[0], other.IDs()[0], other.IDs()[1])},
		"none":   {keys(t), fmt.Sprintf("encryption key %s is needed and none is configured;", first.IDs()[0])},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := test.keys.Open(text, "acme", "okta.token")
			if wrong := (*KeyError)(nil); !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
	if _, err := keys(t).Seal(secret); !errors.Is(err, ErrNoKey) {
		t.Errorf("sealed without a key: %v", err)
	}
}

func TestReplaceAKey(t *testing.T) {
	t.Parallel()
	oldKey, newKey := NewKey(), NewKey()
	before, both, after := keys(t, oldKey), keys(t, newKey, oldKey), keys(t, newKey)
	text := sealed(t, before, "acme", "okta.token")
	opens(t, both, text, "acme", "okta.token")
	renewed, err := both.Rewrap(text, "acme", "okta.token")
	if err != nil {
		t.Fatal(err)
	}
	opens(t, after, renewed, "acme", "okta.token")
	if _, err := before.Open(renewed, "acme", "okta.token"); err == nil {
		t.Error("the old key still opens it")
	}
	if again, err := both.Rewrap(renewed, "acme", "okta.token"); err != nil || again != renewed {
		t.Errorf("rewrapped once more: %v", err)
	}
	if _, err := both.Rewrap(text, "zenith", "okta.token"); err == nil {
		t.Error("rewrapped for another place")
	}
	if _, err := after.Rewrap(text, "acme", "okta.token"); !errors.As(err, new(*KeyError)) {
		t.Errorf("rewrapped without the old key: %v", err)
	}
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	good := NewKey()
	for name, texts := range map[string][]string{"short": {"c2hvcnQ="}, "no base64": {"?"}, "twice": {good, good}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := NewKeys(texts); err == nil || strings.Contains(err.Error(), good) {
				t.Errorf("error %v", err)
			}
		})
	}
}
