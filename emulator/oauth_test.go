package emulator_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/oktasync/oktasync/emulator"
)

const clientID = "0oa1serviceAPP00x5d7"

type claims = map[string]any

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, opt *jose.SignerOptions, c claims) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opt)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(s).Claims(c).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// token asks for a token and gives status, header and fields of the answer.
func (r *rig) token(assertion, scope string, headers map[string]string) (int, http.Header, object) {
	r.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {scope}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.url+"/oauth2/v1/token", strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	var fields object
	if err := json.Unmarshal(b, &fields); err != nil {
		r.t.Fatalf("%s: %v", b, err)
	}
	return resp.StatusCode, resp.Header, fields
}

func (r *rig) assertion(change func(claims)) claims {
	c := claims{"iss": clientID, "sub": clientID, "aud": r.url + "/oauth2/v1/token", "exp": time.Now().Add(5 * time.Minute).Unix()}
	if change != nil {
		change(c)
	}
	return c
}

func serviceOrg(t *testing.T, app emulator.ServiceApp) *rig {
	t.Helper()
	opt := small()
	app.ClientID = clientID
	if app.Scopes == nil {
		app.Scopes = []string{"okta.users.read", "okta.groups.manage"}
	}
	opt.ServiceApps = []emulator.ServiceApp{app}
	return newRig(t, opt)
}

func TestTokensByPrivateKey(t *testing.T) {
	t.Parallel()
	rk, ek, other := rsaKey(t), ecKey(t), rsaKey(t)
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &ek.PublicKey, KeyID: "ec"}}})
	if err != nil {
		t.Fatal(err)
	}
	r := serviceOrg(t, emulator.ServiceApp{Keys: []any{&rk.PublicKey}, JWKS: string(jwks)})
	good := "okta.users.read"
	tests := []struct {
		name   string
		alg    jose.SignatureAlgorithm
		key    any
		change func(claims)
		scope  string
		status int
		code   string
	}{
		{"RS256", jose.RS256, rk, nil, good, 200, ""},
		{"ES256", jose.ES256, ek, nil, good, 200, ""},
		{"both scopes", jose.RS256, rk, nil, good + " okta.groups.manage", 200, ""},
		{"another key", jose.RS256, other, nil, good, 401, "invalid_client"},
		{"expired", jose.RS256, rk, func(c claims) { c["exp"] = time.Now().Add(-time.Minute).Unix() }, good, 401, "invalid_client"},
		{"too long", jose.RS256, rk, func(c claims) { c["exp"] = time.Now().Add(2 * time.Hour).Unix() }, good, 401, "invalid_client"},
		{"no expiry", jose.RS256, rk, func(c claims) { delete(c, "exp") }, good, 401, "invalid_client"},
		{"wrong audience", jose.RS256, rk, func(c claims) { c["aud"] = "https://other.example/oauth2/v1/token" }, good, 401, "invalid_client"},
		{"issuer is not subject", jose.RS256, rk, func(c claims) { c["sub"] = "x" }, good, 401, "invalid_client"},
		{"unknown client", jose.RS256, rk, func(c claims) { c["iss"], c["sub"] = "x", "x" }, good, 401, "invalid_client"},
		{"scope not granted", jose.RS256, rk, nil, "okta.logs.read", 400, "invalid_scope"},
		{"no scope", jose.RS256, rk, nil, "", 400, "invalid_scope"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, _, fields := r.token(sign(t, tt.alg, tt.key, nil, r.assertion(tt.change)), tt.scope, nil)
			if status != tt.status || tt.code != "" && fields["error"] != tt.code {
				t.Fatalf("%d %v", status, fields)
			}
			if status == 200 && (fields["token_type"] != "Bearer" || fields["expires_in"] != 3600.0 || fields["scope"] != tt.scope) {
				t.Errorf("%v", fields)
			}
		})
	}
	if status, _, fields := r.token("not a token", good, nil); status != 401 || fields["error"] != "invalid_client" {
		t.Errorf("%d %v", status, fields)
	}
}

func TestWhatATokenMayDo(t *testing.T) {
	t.Parallel()
	key := rsaKey(t)
	clock := newClock()
	clock.at = time.Now()
	opt := small()
	opt.Now, opt.TokenLife = clock.now, 10*time.Minute
	opt.ServiceApps = []emulator.ServiceApp{{ClientID: clientID, Keys: []any{&key.PublicKey}, Scopes: []string{"okta.users.read", "okta.groups.manage"}}}
	r := newRig(t, opt)
	fetch := func() string {
		_, _, fields := r.token(sign(t, jose.RS256, key, nil, r.assertion(func(c claims) {
			c["exp"] = clock.now().Add(time.Minute).Unix()
		})), "okta.users.read okta.groups.manage", nil)
		return fmt.Sprint("Bearer ", fields["access_token"])
	}
	r.auth = fetch()
	group := r.org.Groups()[1].ID
	tests := []struct {
		name, method, path string
		status             int
	}{
		{"read with read", "GET", "/api/v1/users", 200},
		{"write with read", "POST", "/api/v1/users/" + r.org.PersonIDs()[0] + "/lifecycle/suspend", 403},
		{"read with manage", "GET", "/api/v1/groups", 200},
		{"write with manage", "DELETE", "/api/v1/groups/" + group + "/users/" + r.org.Groups()[1].Members[0], 204},
		{"without scope", "GET", "/api/v1/logs", 403},
		{"me is no user", "GET", "/api/v1/users/me", 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := r.want(tt.status, tt.method, tt.path, nil)
			if tt.status == 403 && !strings.Contains(a.header.Get("Www-Authenticate"), `error="insufficient_scope"`) {
				t.Errorf("headers %v", a.header)
			}
		})
	}
	clock.advance(601)
	if a := r.want(401, http.MethodGet, "/api/v1/users", nil); !strings.Contains(a.header.Get("Www-Authenticate"), "invalid_token") {
		t.Errorf("an expired token: %v", a.header)
	}
	r.auth = fetch()
	r.want(200, http.MethodGet, "/api/v1/users", nil)
	r.org.RevokeOAuthTokens()
	r.want(401, http.MethodGet, "/api/v1/users", nil)
}

func TestServiceAppWithoutRole(t *testing.T) {
	t.Parallel()
	key := rsaKey(t)
	r := serviceOrg(t, emulator.ServiceApp{Keys: []any{&key.PublicKey}, NoRole: true})
	_, _, fields := r.token(sign(t, jose.RS256, key, nil, r.assertion(nil)), "okta.users.read", nil)
	r.auth = fmt.Sprint("Bearer ", fields["access_token"])
	if a := r.want(200, http.MethodGet, "/api/v1/users", nil); string(a.body) != "[]" {
		t.Errorf("the list is %s", a.body)
	}
	if a := r.want(403, http.MethodGet, "/api/v1/users/"+r.org.PersonIDs()[0], nil); a.code(t) != "E0000006" {
		t.Errorf("%s", a.body)
	}
}

func TestDPoP(t *testing.T) {
	t.Parallel()
	key, proofKey := rsaKey(t), ecKey(t)
	r := serviceOrg(t, emulator.ServiceApp{Keys: []any{&key.PublicKey}, DPoP: true})
	var serial atomic.Int64
	proof := func(k *ecdsa.PrivateKey, method, path string, more claims) string {
		c := claims{"htm": method, "htu": r.url + path, "iat": time.Now().Unix(), "jti": fmt.Sprint("p", serial.Add(1))}
		for n, v := range more {
			c[n] = v
		}
		opt := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
		return sign(t, jose.ES256, k, opt, c)
	}
	assertion := func() string { return sign(t, jose.RS256, key, nil, r.assertion(nil)) }

	status, _, fields := r.token(assertion(), "okta.users.read", nil)
	if status != 400 || fields["error"] != "invalid_dpop_proof" {
		t.Fatalf("without a proof: %d %v", status, fields)
	}
	status, h, fields := r.token(assertion(), "okta.users.read", map[string]string{"DPoP": proof(proofKey, "POST", "/oauth2/v1/token", nil)})
	nonce := h.Get("Dpop-Nonce")
	if status != 400 || fields["error"] != "use_dpop_nonce" || nonce == "" {
		t.Fatalf("without the nonce: %d %v", status, fields)
	}
	status, _, fields = r.token(assertion(), "okta.users.read",
		map[string]string{"DPoP": proof(proofKey, "POST", "/oauth2/v1/token", claims{"nonce": nonce})})
	if status != 200 || fields["token_type"] != "DPoP" {
		t.Fatalf("with the nonce: %d %v", status, fields)
	}
	token := fields["access_token"].(string)
	sum := sha256.Sum256([]byte(token))
	ath := base64.RawURLEncoding.EncodeToString(sum[:])
	used := proof(proofKey, "GET", "/api/v1/users", claims{"ath": ath})
	tests := []struct {
		name, scheme, proof string
		status              int
	}{
		{"good", "DPoP ", used, 200},
		{"used again", "DPoP ", used, 401},
		{"no proof", "DPoP ", "", 401},
		{"as bearer", "Bearer ", proof(proofKey, "GET", "/api/v1/users", claims{"ath": ath}), 401},
		{"other key", "DPoP ", proof(ecKey(t), "GET", "/api/v1/users", claims{"ath": ath}), 401},
		{"other method", "DPoP ", proof(proofKey, "POST", "/api/v1/users", claims{"ath": ath}), 401},
		{"other address", "DPoP ", proof(proofKey, "GET", "/api/v1/groups", claims{"ath": ath}), 401},
		{"other token", "DPoP ", proof(proofKey, "GET", "/api/v1/users", claims{"ath": "x"}), 401},
		{"old", "DPoP ", proof(proofKey, "GET", "/api/v1/users", claims{"ath": ath, "iat": 1}), 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/api/v1/users", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", tt.scheme+token)
			if tt.proof != "" {
				req.Header.Set("DPoP", tt.proof)
			}
			resp, err := r.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
			}
		})
	}
}

func TestTokensOfTheAPI(t *testing.T) {
	t.Parallel()
	opt := small()
	opt.Tokens = []string{"00one", "00two"}
	r := newRig(t, opt)
	ask := func(auth string, status int, code string) {
		t.Helper()
		r.auth = auth
		a := r.want(status, http.MethodGet, "/api/v1/users/me", nil)
		if code != "" && a.code(t) != code {
			t.Errorf("%q: %s", auth, a.body)
		}
	}
	ask("SSWS 00one", 200, "")
	ask("ssws 00two", 200, "")
	ask("SSWS 00three", 401, "E0000011")
	ask("SSWS "+emulator.DefaultToken, 401, "E0000011")
	ask("Bearer x", 401, "E0000011")
	ask("", 403, "E0000005")
	ask("Basic eDp5", 403, "E0000005")
	if !r.org.RevokeToken("00one") || r.org.RevokeToken("00one") {
		t.Error("a token can be revoked once and only once")
	}
	ask("SSWS 00one", 401, "E0000011")
	ask("SSWS 00two", 200, "")
	r.org.AddToken("00one")
	ask("SSWS 00one", 200, "")

	// The token dies with its owner.
	r.auth = "SSWS 00two"
	me := decode[object](t, r.want(200, http.MethodGet, "/api/v1/users/me", nil))
	must(t)(r.org.Deactivate(me["id"].(string)))
	ask("SSWS 00two", 401, "E0000011")
}
