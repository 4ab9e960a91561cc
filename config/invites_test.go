package config

import (
	"strings"
	"testing"
)

func TestInvitesAreChecked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		settings string
		want     []string
	}{
		"on hold nothing is needed": {"invites: {mode: hold}", nil},
		"by the product neither":    {"invites: {mode: automatic, send_by: product}", nil},
		"automatic by mail": {"invites: {mode: automatic}", []string{
			"mail.server: is missing", "mail.from: is missing", "mail.link_keys: is missing", "invites.url: is missing", "invites.product: is missing",
		}},
		"a day that is no field":   {"invites: {not_before: start}", []string{`"start" is none of the custom_fields`}},
		"a day that is a number":   {"invites: {not_before: n}\ncustom_fields: [{name: n, type: number, from: user.n}]", []string{"a day is text or date"}},
		"a day that is one":        {"invites: {not_before: d}\ncustom_fields: [{name: d, type: date, from: user.d}]", nil},
		"an address in the open":   {"invites: {url: http://app.example.com}", []string{"is not an https address"}},
		"an address with fragment": {"invites: {url: 'https://app.example.com/#welcome'}", []string{"a fragment"}},
		"a mode that is none":      {"invites: {mode: on}", []string{"is not known"}},
		"a key that is none":       {"mail: {link_keys: [short]}", []string{"32 bytes in base64"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(Options{Path: "c.yml", ReadFile: files(oktaBlock+hookBlock+test.settings+"\n", nil)})
			if (err == nil) != (test.want == nil) {
				t.Fatalf("problems: %v, want %q", err, test.want)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("problems: %v, want %q", err, want)
				}
			}
		})
	}
}
