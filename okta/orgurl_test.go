package okta

import (
	"strings"
	"testing"
)

func TestParseOrgURL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		allowHTTP  bool
		want       string
		fails      string
	}{
		{"plain", "https://acme.okta.com", false, "https://acme.okta.com", ""},
		{"slash at the end", "https://acme.okta.com//", false, "https://acme.okta.com", ""},
		{"space around, upper case", " HTTPS://Acme.Okta.com ", false, "https://acme.okta.com", ""},
		{"custom domain with port", "https://id.acme.example:8443", false, "https://id.acme.example:8443", ""},
		{"admin in the middle of a name", "https://admin-tools.okta.com", false, "https://admin-tools.okta.com", ""},
		{"emulator", "http://127.0.0.1:9000", true, "http://127.0.0.1:9000", ""},
		{"emulator by name", "http://localhost:9000/", true, "http://localhost:9000", ""},
		{"emulator on v6", "http://[::1]:9000", true, "http://[::1]:9000", ""},
		{"empty", "  ", false, "", "is empty"},
		{"no scheme", "acme.okta.com", false, "", "no scheme"},
		{"http", "http://acme.okta.com", false, "", "in the clear"},
		{"http to elsewhere", "http://acme.okta.com", true, "", "not on this machine"},
		{"http to a private address", "http://10.0.0.1", true, "", "not on this machine"},
		{"http to this machine without leave", "http://localhost:9000", false, "", "in the clear"},
		{"other scheme", "ftp://acme.okta.com", false, "", "scheme ftp"},
		{"path", "https://acme.okta.com/api/v1", false, "", "has a path"},
		{"query", "https://acme.okta.com?x=1", false, "", "query or fragment"},
		{"fragment", "https://acme.okta.com/#x", false, "", "query or fragment"},
		{"admin console", "https://acme-admin.okta.com", false, "", "admin console"},
		{"admin console of government cells", "https://acme-admin.okta-gov.com", false, "", "admin console"},
		{"twice com", "https://acme.okta.com.com", false, "", "twice"},
		{"password", "https://u:hunter2@acme.okta.com", false, "", "password"},
		{"no host", "https:///x", false, "", "no host"},
		{"not a url", "https://acme okta\x7f", false, "", "cannot be read"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseOrgURL(test.text, test.allowHTTP)
			checkFailure(t, err, test.fails)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error repeats a password: %v", err)
			}
		})
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, id, path, fails string
	}{
		{"an id", ada, ada, ""},
		{"case is kept", "00uAbC", "00uAbC", ""},
		{"empty", "", "", "empty"},
		{"slash", "a/b", "", "no Okta id has"},
		{"backslash", `a\b`, "", "no Okta id has"},
		{"question mark", "a?b", "", "no Okta id has"},
		{"hash", "a#b", "", "no Okta id has"},
		{"percent", "a%2Fb", "", "no Okta id has"},
		{"dots", "..", "", "no Okta id has"},
		{"space", "a b", "", "no Okta id has"},
		{"line break", "a\nb", "", "no Okta id has"},
		{"owner of the token", "me", "", "owner of the token"},
		{"endless", strings.Repeat("x", 101), "", "too long"},
		{"login", "ada@acme.example", "ada@acme.example", ""},
		{"login with plus, space and percent", "a+b c%@acme.example", "a+b%20c%25@acme.example", ""},
		{"login with a question mark", "a?b#c@acme.example", "a%3Fb%23c@acme.example", ""},
		{"login with a slash", "a/b@acme.example", "", "a login with a slash"},
		{"login with a line break", "a\n@acme.example", "", "control character"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path, name, err := person(test.id)
			checkFailure(t, err, test.fails)
			if err == nil && path != test.path {
				t.Errorf("got %q, want %q", path, test.path)
			}
			if isLogin(test.id) && (strings.Contains(name, "acme") || err != nil && strings.Contains(err.Error(), "acme")) {
				t.Errorf("a sentence tells the login: %q, %v", name, err)
			}
		})
	}
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	tests := []struct{ method, path, want string }{
		{"GET", "/api/v1/users?limit=200", "users"},
		{"GET", "/api/v1/users/", "users"},
		{"GET", "/api/v1/users/00u1", "user"},
		{"POST", "/api/v1/users/00u1", "other"},
		{"GET", "/api/v1/users/00u1/groups?limit=200", "user_groups"},
		{"GET", "/api/v1/users/00u1/appLinks", "other"},
		{"GET", "/api/v1/groups?limit=200", "groups"},
		{"GET", "/api/v1/groups/00g1", "group"},
		{"GET", "/api/v1/groups/00g1/users?after=x", "members"},
		{"GET", "/api/v1/groups/00g1/apps", "other"},
		{"GET", "/api/v1/apps", "apps"},
		{"GET", "/api/v1/apps/0oa1", "app"},
		{"GET", "/api/v1/apps/0oa1/users?limit=500", "apps"},
		{"GET", "/api/v1/apps/0oa1/users/00u1", "apps"},
		{"GET", "/api/v1/apps/0oa1/groups", "apps"},
		{"GET", "/api/v1/logs?since=x", "logs"},
		{"GET", "/api/v1/eventHooks", "other"},
		{"POST", "/oauth2/v1/token", "other"},
	}
	for _, test := range tests {
		if got := bucketOf(test.method, test.path); got != test.want {
			t.Errorf("%s %s: got %s, want %s", test.method, test.path, got, test.want)
		}
	}
}
