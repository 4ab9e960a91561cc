package webhook

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("c", maxChallenge)
	for name, test := range map[string]struct {
		path    string
		headers []string
		want    int
		body    string
	}{
		"with the secret":                {"/acme", []string{"Authorization", secretOld, challengeHeader, "abc"}, 200, `{"verification":"abc"}`},
		"with the newer secret":          {"/acme", []string{"Authorization", secretNew, challengeHeader, "abc"}, 200, `{"verification":"abc"}`},
		"without a secret":               {"/acme", []string{challengeHeader, "abc"}, 200, `{"verification":"abc"}`},
		"secret in the tenant's header":  {"/globex", []string{"X-Hook-Secret", "globex-secret", challengeHeader, "abc"}, 200, `{"verification":"abc"}`},
		"wrong secret":                   {"/acme", []string{"Authorization", "no", challengeHeader, "abc"}, 401, `{"error":"the secret is missing or wrong"}`},
		"wrong secret in another header": {"/globex", []string{"Authorization", "no", challengeHeader, "abc"}, 401, `{"error":"the secret is missing or wrong"}`},
		"another tenant's secret":        {"/globex", []string{"X-Hook-Secret", secretOld, challengeHeader, "abc"}, 401, `{"error":"the secret is missing or wrong"}`},
		"unknown tenant, with secret":    {"/nobody", []string{"Authorization", secretOld, challengeHeader, "abc"}, 401, `{"error":"the secret is missing or wrong"}`},
		"no challenge":                   {"/acme", []string{"Authorization", secretOld}, 400, `{"error":"the header X-Okta-Verification-Challenge is missing"}`},
		"longest challenge":              {"/acme", []string{challengeHeader, long}, 200, `{"verification":"` + long + `"}`},
		"challenge too long":             {"/acme", []string{challengeHeader, long + "c"}, 400, `{"error":"the challenge is too long or not text"}`},
		"challenge that is not text":     {"/acme", []string{challengeHeader, "\xff\xfe"}, 400, `{"error":"the challenge is too long or not text"}`},
		"challenge with markup":          {"/acme", []string{challengeHeader, `<script>"x"</script>`}, 200, `{"verification":"\u003cscript\u003e\"x\"\u003c/script\u003e"}`},
		"by host":                        {"", []string{"Host", "HOOKS.acme.example:8443", "Authorization", secretOld, challengeHeader, "abc"}, 200, `{"verification":"abc"}`},
		"by another host":                {"", []string{"Host", "www.acme.example", "Authorization", secretOld, challengeHeader, "abc"}, 401, `{"error":"the secret is missing or wrong"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, defaultTenants(), nil).do(http.MethodGet, Path+test.path, nil, test.headers...)
			if a.status != test.want || strings.TrimSpace(a.body) != test.body {
				t.Errorf("answer %d %s, want %d %s", a.status, a.body, test.want, test.body)
			}
			if kind := a.header.Get("Content-Type"); kind != "application/json" {
				t.Errorf("content type %q, want application/json", kind)
			}
			if a.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Error("browsers may guess the type")
			}
		})
	}
}

// Whatever a stranger sends, the answers of an unknown tenant are those of a
// known one, to the last header.
func TestUnknownTenantLooksLikeWrongSecret(t *testing.T) {
	t.Parallel()
	r := start(t, defaultTenants(), nil)
	for name, headers := range map[string][]string{
		"no secret":                    {challengeHeader, "abc"},
		"a secret":                     {"Authorization", "guess", challengeHeader, "abc"},
		"a secret in another header":   {"X-Hook-Secret", "guess", challengeHeader, "abc"},
		"no secret and no challenge":   {},
		"a header that nobody uses":    {"X-Other", "guess", challengeHeader, "abc"},
		"an empty secret":              {"Authorization", "", challengeHeader, "abc"},
		"a secret and a far too large": {"Authorization", "guess", challengeHeader, strings.Repeat("x", 3000)},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			unknown := r.do(method, Path+"/nobody", nil, append(headers, "X-Real-Source", "198.51.100.1")...)
			unknown.header.Del("Date")
			for _, tenant := range []string{"acme", "globex"} {
				known := r.do(method, Path+"/"+tenant, nil, append(headers, "X-Real-Source", "198.51.100.2")...)
				known.header.Del("Date")
				if diff := cmp.Diff(known, unknown, cmp.AllowUnexported(answer{})); diff != "" {
					t.Errorf("%s, %s: tenant %s and unknown tenant differ:\n%s", name, method, tenant, diff)
				}
			}
		}
	}
}

func TestDeliverAuthentication(t *testing.T) {
	t.Parallel()
	single := []Tenant{{Slug: "default", AppID: ourApp, Secrets: []string{"Basic dXNlcjpwYXNz"}}}
	body := string(deliveryBody("d1", event("u1", "user.session.start")))
	for name, test := range map[string]struct {
		tenants []Tenant
		path    string
		headers []string
		want    int
		tenant  string
	}{
		"older secret":                 {defaultTenants(), "/acme", []string{"Authorization", secretOld}, 204, "acme"},
		"newer secret":                 {defaultTenants(), "/acme", []string{"Authorization", secretNew}, 204, "acme"},
		"own header":                   {defaultTenants(), "/globex", []string{"X-Hook-Secret", "globex-secret"}, 204, "globex"},
		"no secret":                    {defaultTenants(), "/acme", nil, 401, ""},
		"empty secret":                 {defaultTenants(), "/acme", []string{"Authorization", ""}, 401, ""},
		"a prefix of the secret":       {defaultTenants(), "/acme", []string{"Authorization", secretNew[:20]}, 401, ""},
		"the secret and more":          {defaultTenants(), "/acme", []string{"Authorization", secretNew + "x"}, 401, ""},
		"the secret with a scheme":     {defaultTenants(), "/acme", []string{"Authorization", "Bearer " + secretNew}, 401, ""},
		"right secret, wrong header":   {defaultTenants(), "/globex", []string{"Authorization", "globex-secret"}, 401, ""},
		"another tenant's secret":      {defaultTenants(), "/acme", []string{"Authorization", "globex-secret"}, 401, ""},
		"unknown tenant":               {defaultTenants(), "/nobody", []string{"Authorization", secretNew}, 401, ""},
		"tenant told by host":          {defaultTenants(), "", []string{"Host", "hooks.acme.example", "Authorization", secretNew}, 204, "acme"},
		"host with port and final dot": {defaultTenants(), "", []string{"Host", "Hooks.Acme.example.:443", "Authorization", secretNew}, 204, "acme"},
		"no tenant told, two exist":    {defaultTenants(), "", []string{"Authorization", secretNew}, 401, ""},
		"no tenant told, one exists":   {single, "", []string{"Authorization", "Basic dXNlcjpwYXNz"}, 204, "default"},
		"no tenant told, final slash":  {single, "/", []string{"Authorization", "Basic dXNlcjpwYXNz"}, 204, "default"},
		"slug goes before host":        {defaultTenants(), "/globex", []string{"Host", "hooks.acme.example", "X-Hook-Secret", "globex-secret"}, 204, "globex"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, test.tenants, nil)
			a := r.do(http.MethodPost, Path+test.path, strings.NewReader(body), test.headers...)
			if a.status != test.want {
				t.Fatalf("answer %d %s, want %d", a.status, a.body, test.want)
			}
			if n := len(r.inbox.stored(test.tenant)); test.want == 204 && n != 1 {
				t.Errorf("%d events stored for %s, want 1", n, test.tenant)
			}
			if test.want != 204 && r.inbox.called() != 0 {
				t.Error("something was stored all the same")
			}
		})
	}
}

func TestFailuresAreLimitedPerSource(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(testNow().UnixNano())
	var limited, wrong, missing atomic.Int64
	r := start(t, defaultTenants(), func(o *Options) {
		o.Now = func() time.Time { return time.Unix(0, now.Load()).UTC() }
		o.Metrics.AuthFailed = func(reason string) {
			map[string]*atomic.Int64{"limited": &limited, "wrong": &wrong, "missing": &missing}[reason].Add(1)
		}
	})
	body := string(deliveryBody("d1", event("u1", "user.session.start")))
	try := func(source, secret string) answer {
		return r.do(http.MethodPost, Path+"/acme", strings.NewReader(body), "X-Real-Source", source, "Authorization", secret)
	}
	for i := range DefaultFailures {
		if a := try("198.51.100.9", "guess"); a.status != http.StatusUnauthorized {
			t.Fatalf("failure %d: answer %d, want 401", i+1, a.status)
		}
	}
	now.Add(int64(20 * time.Second))
	a := try("198.51.100.9", "guess")
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "40" {
		t.Errorf("answer %d, Retry-After %q, want 429 and 40", a.status, a.header.Get("Retry-After"))
	}
	if a := try("198.51.100.9", secretNew); a.status != http.StatusNoContent {
		t.Errorf("a right secret from the same address: answer %d, want 204", a.status)
	}
	if a := try("198.51.100.10", ""); a.status != http.StatusUnauthorized {
		t.Errorf("another address: answer %d, want 401", a.status)
	}
	for range 5 {
		try("198.51.100.9", "guess")
	}
	if n := strings.Count(r.log.String(), "source=198.51.100.9"); n != DefaultFailures+1 {
		t.Errorf("%d lines in the log, want %d", n, DefaultFailures+1)
	}
	now.Add(int64(time.Minute))
	if a := try("198.51.100.9", "guess"); a.status != http.StatusUnauthorized {
		t.Errorf("a minute later: answer %d, want 401", a.status)
	}
	if wrong.Load() != DefaultFailures+1 || limited.Load() != 6 || missing.Load() != 1 {
		t.Errorf("counted %d wrong, %d limited, %d missing", wrong.Load(), limited.Load(), missing.Load())
	}
}

func TestFailureLimitForgetsTheOldest(t *testing.T) {
	t.Parallel()
	l := NewFailureLimit(1, time.Minute, 3)
	now := testNow()
	for i := range 1000 {
		l.Failed(fmt.Sprintf("198.51.%d.%d", i/250, i%250), now)
	}
	if len(l.byAddr) != 3 || l.recent.Len() != 3 {
		t.Fatalf("remembers %d and %d addresses, want 3", len(l.byAddr), l.recent.Len())
	}
	if count, _ := l.Failed("198.51.3.249", now); count != 2 {
		t.Errorf("the newest address has %d failures, want 2", count)
	}
	if count, _ := l.Failed("198.51.0.0", now); count != 1 {
		t.Errorf("a forgotten address has %d failures, want 1", count)
	}
}

func TestFailureLimitSources(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		one, other string
		same       bool
	}{
		"two of IPv4":               {"198.51.100.1", "198.51.100.2", false},
		"one IPv6 network":          {"2001:db8:1:2::1", "2001:db8:1:2:ffff::2", true},
		"two IPv6 networks":         {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		"IPv4 within IPv6":          {"::ffff:198.51.100.1", "198.51.100.1", true},
		"not an address, the same":  {"unix", "unix", true},
		"not an address, different": {"unix", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := NewFailureLimit(0, 0, 0)
			l.Failed(test.one, testNow())
			count, _ := l.Failed(test.other, testNow())
			if (count == 2) != test.same {
				t.Errorf("%q and %q: second failure counts as %d", test.one, test.other, count)
			}
		})
	}
}

func TestNewTenantList(t *testing.T) {
	t.Parallel()
	good := Tenant{Slug: "a", Secrets: []string{"s"}, Hosts: []string{"a.example"}}
	for name, test := range map[string]struct {
		tenants []Tenant
		want    string
	}{
		"good":               {[]Tenant{good, {Slug: "b", Secrets: []string{"s", "t"}}}, ""},
		"out of service":     {[]Tenant{good, {Slug: "b", OutOfService: true}}, ""},
		"no slug":            {[]Tenant{{Secrets: []string{"s"}}}, "has no slug"},
		"slug twice":         {[]Tenant{good, {Slug: "a", Secrets: []string{"s"}}}, "is there twice"},
		"no secret":          {[]Tenant{{Slug: "a"}}, "has 0 hook secrets"},
		"three secrets":      {[]Tenant{{Slug: "a", Secrets: []string{"s", "t", "u"}}}, "has 3 hook secrets"},
		"an empty secret":    {[]Tenant{{Slug: "a", Secrets: []string{"s", ""}}}, "hook secret 2"},
		"a secret with edge": {[]Tenant{{Slug: "a", Secrets: []string{"s\n"}}}, "hook secret 1"},
		"a host twice":       {[]Tenant{good, {Slug: "b", Secrets: []string{"s"}, Hosts: []string{"A.example."}}}, `host "A.example."`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewTenantList(test.tenants)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// Hooks of a tenant whose secrets are not at hand are refused so that they come again. Who sends them is not
// known, so they cannot fill the log.
func TestOutOfService(t *testing.T) {
	t.Parallel()
	r := start(t, []Tenant{{Slug: "acme", OutOfService: true}}, nil)
	for range DefaultFailures + 10 {
		if a := r.do(http.MethodPost, Path+"/acme", nil); a.status != http.StatusServiceUnavailable {
			t.Fatalf("answer %d, want 503", a.status)
		}
	}
	if lines := strings.Count(r.log.String(), "is out of service here"); lines != DefaultFailures {
		t.Errorf("%d lines in the log, want %d", lines, DefaultFailures)
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{}); err == nil {
		t.Error("an endpoint without parts was made")
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 10)
	r := start(t, defaultTenants(), func(o *Options) {
		o.Metrics.Answered = func(tenant, method string, status int, _ time.Duration) {
			seen <- fmt.Sprintf("%q %s %d", tenant, method, status)
		}
		o.Metrics.Stored = func(tenant string, events int, lag time.Duration) {
			seen <- fmt.Sprintf("%q stored %d, oldest %s", tenant, events, lag)
		}
	})
	r.post(string(deliveryBody("d1", groupAdds(3)...)))
	r.do(http.MethodPost, Path+"/acme", nil)
	r.do(http.MethodGet, Path+"/acme", nil, challengeHeader, "x")
	want := []string{`"" GET 200`, `"" POST 401`, `"acme" POST 204`, `"acme" stored 3, oldest 2.896s`}
	var got []string
	for range want {
		got = append(got, <-seen) // an answer is counted after it was sent
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}
