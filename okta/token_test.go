package okta

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/oktasync/oktasync/directory"
)

// authority is a scripted token endpoint: it gives token-1, token-2, … and checks
// each assertion.
type authority struct {
	org     *org
	key     *ecdsa.PrivateKey
	clock   *fakeTime
	fetches atomic.Int64
	seconds atomic.Int64 // life of the tokens
	revoked atomic.Int64 // tokens up to this number are refused
	fault   atomic.Pointer[http.HandlerFunc]
	ids     gosync.Map // assertions' jti
}

func newAuthority(t *testing.T, o *org) *authority {
	t.Helper()
	a := &authority{org: o, key: ecKey(t, elliptic.P256()), clock: &fakeTime{at: startOfTime()}}
	a.seconds.Store(3600)
	o.on("POST "+tokenPath, a.serve)
	o.on("/api/v1/groups/00g1", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer token-"), 10, 64)
		if err != nil || n <= a.revoked.Load() {
			w.Header().Set("Www-Authenticate", `Bearer error="invalid_token", error_description="The token has expired."`)
			w.WriteHeader(401)
			return
		}
		answerJSON(w, 200, groupJSON("00g1", "Sales"))
	})
	return a
}

func (a *authority) serve(w http.ResponseWriter, r *http.Request) {
	n := a.fetches.Add(1)
	if f := a.fault.Load(); f != nil {
		(*f)(w, r)
		return
	}
	form := func(name, want string) {
		if got := r.FormValue(name); got != want {
			a.org.t.Errorf("form %s is %q, want %q", name, got, want)
		}
	}
	form("grant_type", "client_credentials")
	form("scope", "okta.users.read okta.groups.read okta.apps.read okta.logs.read")
	form("client_assertion_type", assertionType)
	if r.URL.RawQuery != "" {
		a.org.t.Errorf("credentials travel in the address")
	}
	signed, err := jose.ParseSignedCompact(r.FormValue("client_assertion"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		a.org.t.Errorf("assertion: %v", err)
		return
	}
	payload, err := signed.Verify(a.key.Public())
	if err != nil || signed.Signatures[0].Header.KeyID != "kid-1" {
		a.org.t.Errorf("assertion by key %q: %v", signed.Signatures[0].Header.KeyID, err)
	}
	var claims struct {
		Issuer, Subject, Audience, ID string
		Issued, Expires               int64
	}
	var raw map[string]any
	if err := json.Unmarshal(payload, &raw); err != nil {
		a.org.t.Error(err)
		return
	}
	claims.Issuer, _ = raw["iss"].(string)
	claims.Subject, _ = raw["sub"].(string)
	claims.Audience, _ = raw["aud"].(string)
	claims.ID, _ = raw["jti"].(string)
	now := a.clock.now().Unix()
	iat, _ := raw["iat"].(float64)
	exp, _ := raw["exp"].(float64)
	if claims.Issuer != "0oaClient" || claims.Subject != "0oaClient" || claims.Audience != a.org.server.URL+tokenPath ||
		int64(iat) != now || int64(exp) <= now || int64(exp) > now+3600 {
		a.org.t.Errorf("claims %v", raw)
	}
	if _, known := a.ids.LoadOrStore(claims.ID, true); known || claims.ID == "" {
		a.org.t.Errorf("assertion id %q is used twice", claims.ID)
	}
	answerJSON(w, 200, map[string]any{"token_type": "Bearer", "access_token": "token-" + strconv.FormatInt(n, 10),
		"expires_in": a.seconds.Load(), "scope": "okta.users.read okta.groups.read"})
}

func (a *authority) reader(t *testing.T) *Reader {
	t.Helper()
	return a.org.reader(t, func(o *Options) {
		o.Credentials = Credentials{ServiceApp: &ServiceApp{ClientID: "0oaClient", PrivateKey: pkcs8(t, crypto.PrivateKey(a.key)), KeyID: "kid-1"}}
		o.Now = a.clock.now
	})
}

func (a *authority) group(t *testing.T, r *Reader) {
	t.Helper()
	if _, err := r.Group(t.Context(), "00g1", false); err != nil {
		t.Fatal(err)
	}
}

func (a *authority) pass(t *testing.T, d time.Duration) {
	t.Helper()
	if err := a.clock.sleep(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func (a *authority) want(t *testing.T, fetches int64, when string) {
	t.Helper()
	if got := a.fetches.Load(); got != fetches {
		t.Errorf("%s: %d tokens fetched, want %d", when, got, fetches)
	}
}

func TestTokenIsKeptAndRenewedEarly(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, newOrg(t))
	r := a.reader(t)
	var all gosync.WaitGroup
	for range 20 {
		all.Go(func() { a.group(t, r) })
	}
	all.Wait()
	a.want(t, 1, "20 calls at once")
	a.pass(t, 54*time.Minute)
	a.group(t, r)
	a.want(t, 1, "six minutes before the end")
	a.pass(t, 2*time.Minute)
	a.group(t, r)
	a.want(t, 2, "four minutes before the end")

	a.pass(t, 57*time.Minute)
	down := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, "E0000010") })
	a.fault.Store(&down)
	a.group(t, r) // the old one is still good
	a.want(t, 3, "a renewal that failed")
	a.group(t, r)
	a.want(t, 3, "right after it")
	a.pass(t, 4*time.Minute)
	_, err := r.Group(t.Context(), "00g1", false)
	checkFailure(t, err, "E0000010")
	a.fault.Store(nil)
	a.group(t, r)
}

func TestTokenIsRenewedOnceOn401(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, newOrg(t))
	r := a.reader(t)
	a.group(t, r)
	a.revoked.Store(1)
	a.group(t, r)
	a.want(t, 2, "after a revocation")
	a.revoked.Store(1000)
	_, err := r.Group(t.Context(), "00g1", false)
	if !errors.As(err, new(*directory.CredentialsError)) {
		t.Errorf("want a credentials error: %v", err)
	}
	a.want(t, 3, "when new tokens are refused too")
	if strings.Contains(err.Error(), "token-") {
		t.Errorf("%v tells the token", err)
	}
}

func TestTokenIsNotRenewedForAMissingFeature(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, newOrg(t))
	a.org.refuse("/api/v1/groups/00g1", 401, "E0000015")
	_, err := a.reader(t).Group(t.Context(), "00g1", false)
	if !errors.As(err, new(*directory.TerminalError)) {
		t.Errorf("want a terminal error: %v", err)
	}
	a.want(t, 1, "a feature that is not licensed")
}

func TestTokenEndpointRefusals(t *testing.T) {
	t.Parallel()
	oauth := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, status, map[string]any{"error": code, "error_description": "for ada@acme.example"})
		}
	}
	tests := []struct {
		name  string
		fault http.HandlerFunc
		class any
		says  string
	}{
		{"client", oauth(401, "invalid_client"), new(*directory.CredentialsError), "key id"},
		{"scope", oauth(400, "invalid_scope"), new(*directory.CredentialsError), "Okta API Scopes"},
		{"anything else about us", oauth(400, "invalid_request"), new(*directory.CredentialsError), "doctor"},
		{"429", oauth(429, "too_many_requests"), new(*directory.RetryAfterError), "429"},
		{"500", oauth(500, "server_error"), new(*passingError), "500"},
		{"hang up", hangUp, new(*passingError), "could not be reached"},
		{"HTML", text("text/html", "<html>"), new(*passingError), "holds no token"},
		{"empty", text("application/json", ""), new(*passingError), "holds no token"},
		{"no token", text("application/json", `{"token_type":"Bearer"}`), new(*passingError), "holds no token"},
		{"a token with a line break", text("application/json", `{"token_type":"Bearer","access_token":"a\nb"}`), new(*passingError), "holds no token"},
		{"another kind of token", text("application/json", `{"token_type":"MAC","access_token":"a"}`), new(*directory.TerminalError), "MAC"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t, newOrg(t))
			a.fault.Store(&test.fault)
			_, err := a.reader(t).Group(t.Context(), "00g1", false)
			checkFailure(t, err, test.says)
			if !errors.As(err, test.class) {
				t.Errorf("want %T: %v", test.class, err)
			}
			if err != nil && strings.Contains(err.Error(), "@") {
				t.Errorf("%v tells an e-mail", err)
			}
		})
	}
}

func TestTokenFetchHeedsTheContext(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, newOrg(t))
	slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // a body that was read lets the server see the client go
		<-r.Context().Done()
	})
	a.fault.Store(&slow)
	r := a.reader(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var all gosync.WaitGroup
	for range 3 {
		all.Go(func() {
			if _, err := r.Group(ctx, "00g1", false); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("want the end of the context: %v", err)
			}
		})
	}
	all.Wait()
	a.fault.Store(nil)
	a.group(t, r)
}

func TestShortTokens(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, newOrg(t))
	a.seconds.Store(60)
	r := a.reader(t)
	a.group(t, r)
	a.pass(t, 40*time.Second)
	a.group(t, r)
	a.want(t, 1, "with a third left")
	a.pass(t, 10*time.Second)
	a.group(t, r)
	a.want(t, 2, "with a sixth left")
}
