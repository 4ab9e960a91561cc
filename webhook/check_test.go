package webhook

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// recorder keeps the headers that went over the wire.
type recorder struct {
	mu   sync.Mutex
	seen []string
}

func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	r.mu.Lock()
	for name, values := range q.Header {
		r.seen = append(r.seen, name+": "+strings.Join(values, ","))
	}
	r.mu.Unlock()
	return http.DefaultTransport.RoundTrip(q)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	r := start(t, defaultTenants(), nil)
	echo := serve(t, func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.WriteString(w, `{"verification":"`+q.Header.Get(challengeHeader)+`"}`)
	})
	site := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>welcome") })
	moved := serve(t, func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, r.url+q.URL.Path, http.StatusFound) })
	// It answers with what it was asked, having no secret.
	parrot := serve(t, func(w http.ResponseWriter, q *http.Request) {
		_, mac, _ := strings.Cut(q.Header.Get(checkHeader), " ")
		w.Header().Set(checkHeader, mac)
		_, _ = io.WriteString(w, `{"verification":"`+q.Header.Get(challengeHeader)+`"}`)
	})
	for name, test := range map[string]struct {
		address, secret string
		want            Checked
		says            string
	}{
		"right":                          {r.url + Path + "/acme", secretOld, "", ""},
		"right, the newer one":           {r.url + Path + "/acme", secretNew, "", ""},
		"another header does not matter": {r.url + Path + "/globex", "globex-secret", "", ""},
		"another secret":                 {r.url + Path + "/acme", "another-secret-0123", CheckRefused, "does not accept the secret"},
		"another tenant's":               {r.url + Path + "/globex", secretOld, CheckRefused, "names another tenant"},
		"no such tenant":                 {r.url + Path + "/nobody", secretOld, CheckRefused, "names another tenant"},
		"several tenants, none told":     {r.url + Path, secretOld, CheckRefused, "names another tenant"},
		"another receiver":               {echo + Path, secretOld, CheckForeign, "is not this installation"},
		"a receiver that parrots":        {parrot + Path, secretOld, CheckForeign, "is not this installation"},
		"a web site":                     {site + Path, secretOld, CheckForeign, "answered by something else (status 200)"},
		"a path that is not there":       {r.url + "/webhooks", secretOld, CheckForeign, "(status 404)"},
		"a redirect":                     {moved + Path + "/acme", secretOld, CheckForeign, "Okta does not follow"},
		"nobody there":                   {"http://" + closedPort(t) + Path, secretOld, CheckUnreachable, "connection refused"},
		"no address":                     {"http://[", secretOld, CheckUnreachable, "no address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Check(t.Context(), test.address, test.secret, nil)
			var failed *CheckError
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (!errors.As(err, &failed) || failed.Reason != test.want || !strings.Contains(err.Error(), test.says)):
				t.Errorf("got %v, want %s: %s", err, test.want, test.says)
			}
		})
	}
}

// Neither the question nor the answer holds the secret, and nobody without it gets an answer.
func TestCheckGivesNothingAway(t *testing.T) {
	t.Parallel()
	r := start(t, defaultTenants(), nil)
	wire := &recorder{}
	if err := Check(t.Context(), r.url+Path+"/acme", secretOld, wire); err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(wire.seen, "\n"); strings.Contains(all, secretOld) || !strings.Contains(all, checkHeader) {
		t.Errorf("on the wire:\n%s", all)
	}
	for name, question := range map[string]string{
		"no proof":            "abc",
		"an empty proof":      "abc ",
		"the answer as proof": "abc " + checkMAC(secretOld, "answer", "abc"),
		"another nonce's":     "abc " + checkMAC(secretOld, "ask", "abd"),
		"far too long":        "abc " + strings.Repeat("f", maxChallenge),
	} {
		a := r.do(http.MethodGet, Path+"/acme", nil, challengeHeader, "abc", checkHeader, question, "X-Real-Source", "198.51.100.7")
		if a.status != http.StatusUnauthorized || a.header.Get(checkHeader) != "" {
			t.Errorf("%s: %d, %q", name, a.status, a.header.Get(checkHeader))
		}
	}
	// Guesses are limited as everywhere.
	for range DefaultFailures {
		r.do(http.MethodGet, Path+"/acme", nil, checkHeader, "abc def", "X-Real-Source", "198.51.100.8")
	}
	if a := r.do(http.MethodGet, Path+"/acme", nil, checkHeader, "abc def", "X-Real-Source", "198.51.100.8"); a.status != http.StatusTooManyRequests {
		t.Errorf("guess %d: %d, want 429", DefaultFailures+1, a.status)
	}
}

// An unknown tenant costs as many comparisons as a known one with one secret.
func TestCheckOfUnknownTenantLooksTheSame(t *testing.T) {
	t.Parallel()
	r := start(t, defaultTenants(), nil)
	known := r.do(http.MethodGet, Path+"/globex", nil, checkHeader, "abc def", "X-Real-Source", "198.51.100.1")
	unknown := r.do(http.MethodGet, Path+"/nobody", nil, checkHeader, "abc def", "X-Real-Source", "198.51.100.2")
	if known.status != unknown.status || known.body != unknown.body {
		t.Errorf("known %d %s, unknown %d %s", known.status, known.body, unknown.status, unknown.body)
	}
}

func serve(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s.URL
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

func (l *TenantList) first() string {
	t, _ := l.Unnamed()
	return t.Slug
}

func TestAddress(t *testing.T) {
	t.Parallel()
	one, err := NewTenantList([]Tenant{{Slug: "default", Secrets: []string{secretOld}, Main: true}})
	if err != nil {
		t.Fatal(err)
	}
	grown, err := NewTenantList(append(defaultTenants(), Tenant{Slug: "default", Secrets: []string{secretOld}, Main: true}))
	if err != nil {
		t.Fatal(err)
	}
	first, err := NewTenantList(defaultTenants()[:1])
	if err != nil {
		t.Fatal(err)
	}
	several, err := NewTenantList(defaultTenants())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		list       *TenantList
		slug, base string
		want       string // empty: refused
	}{
		"one tenant":            {one, "default", "https://sync.example.com", "https://sync.example.com/webhooks/okta"},
		"when others have come": {grown, "default", "https://sync.example.com", "https://sync.example.com/webhooks/okta"},
		"others beside it":      {grown, "globex", "https://sync.example.com", "https://sync.example.com/webhooks/okta/globex"},
		"before others come":    {first, first.first(), "https://sync.example.com", "https://sync.example.com/webhooks/okta/" + first.first()},
		"a slash":               {one, "default", "https://sync.example.com/", "https://sync.example.com/webhooks/okta"},
		"by path":               {several, "globex", "https://sync.example.com", "https://sync.example.com/webhooks/okta/globex"},
		"by host":               {several, "acme", "https://hooks.acme.example", "https://hooks.acme.example/webhooks/okta"},
		"another tenant's host": {several, "globex", "https://hooks.acme.example", "https://hooks.acme.example/webhooks/okta/globex"},
		"a path of its own":     {one, "default", "https://gate.example.com/in/okta/", "https://gate.example.com/in/okta"},
		"this machine":          {one, "default", "http://127.0.0.1:8080", "http://127.0.0.1:8080/webhooks/okta"},
		"not https":             {one, "default", "http://sync.example.com", ""},
		"no scheme":             {one, "default", "sync.example.com", ""},
		"a password":            {one, "default", "https://me:secret@sync.example.com", ""},
		"a query":               {one, "default", "https://sync.example.com?x=1", ""},
	} {
		got, err := Address(test.list, test.slug, test.base)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %q, %v; want %q", name, got, err, test.want)
		}
		if err != nil {
			continue
		}
		if tenant, found := TenantOf(test.list, got); strings.Contains(got, Path) && (!found || tenant.Slug != test.slug) {
			t.Errorf("%s: %s leads to %q", name, got, tenant.Slug)
		}
	}
	for _, elsewhere := range []string{"https://x.example/webhooks/okta/a/b", "https://x.example/webhooks", "/webhooks/okta", "https://x.example/webhooks/okta/nobody", "::"} {
		if tenant, found := TenantOf(several, elsewhere); found {
			t.Errorf("%s leads to %q", elsewhere, tenant.Slug)
		}
	}
}
