package okta

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

// FuzzNextLink reads any Link header. Whatever it says, the next request stays
// inside the API of the org whose credentials it carries, and names a cursor.
func FuzzNextLink(f *testing.F) {
	const first = "/api/v1/apps/0oa1/users?expand=user&limit=500"
	for _, seed := range []string{
		`<https://acme.okta.com/api/v1/apps/0oa1/users?after=00u1&limit=500>; rel="next"`,
		`<https://acme.okta.com/api/v1/users?limit=2>; rel="self", </api/v1/users?after=x>; rel=next`,
		`<https://acme.okta.com/api/v1/..?after=x>; rel="next"`,
		`<//elsewhere.example/api/v1/%2e%2e/%2e%2e/x?after=%00>; rel="last next"; title="a\"b"`,
		`<https://acme.okta.com/api/v1/logs?after=1;2&since=%zz>; rel=next; rel=self`,
		`,,<>; rel=`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		target, err := nextLink([]string{line})
		if err != nil || target == "" {
			return
		}
		next, err := follow(first, target)
		if err != nil {
			return
		}
		u, err := url.ParseRequestURI(next)
		if err != nil {
			t.Fatalf("%q leads to %q, which is no request: %v", line, next, err)
		}
		if u.Host != "" || !strings.HasPrefix(path.Clean(u.Path)+"/", "/api/v1/") {
			t.Errorf("%q leads out of the API, to %q", line, next)
		}
		if u.Query().Get("after") == "" || !u.Query().Has("expand") {
			t.Errorf("%q leads to %q, without cursor or without what the first request asked for", line, next)
		}
	})
}
