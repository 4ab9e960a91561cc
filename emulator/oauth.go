package emulator

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// ServiceApp is an API service app: it gets OAuth tokens with private_key_jwt.
// Give its public key in one of the three forms.
type ServiceApp struct {
	ClientID string
	Name     string // empty = the client id
	// Keys are RSA or EC P-256/384/521 public keys.
	Keys []any
	// PEM holds public keys in PKIX form, one or more blocks.
	PEM string
	// JWKS is a JSON Web Key Set.
	JWKS string
	// Scopes are the okta.* scopes granted to the app.
	Scopes []string
	// NoRole leaves the app without an admin role: lists are empty then, and
	// the rest is refused.
	NoRole bool
	// DPoP requires a proof of possession, as Okta sets for new apps.
	DPoP bool
}

type serviceApp struct {
	ServiceApp
	keys []jose.JSONWebKey
}

func (a *serviceApp) name() string {
	if a.Name != "" {
		return a.Name
	}
	return a.ClientID
}

type accessToken struct {
	clientID   string
	scopes     []string
	expires    time.Time
	thumbprint string // of the DPoP key
}

// AddServiceApp registers a service app, or replaces the one with its id.
func (o *Org) AddServiceApp(app ServiceApp) error { return o.auth.addApp(app) }

func (a *authority) addApp(app ServiceApp) error {
	if app.ClientID == "" {
		return fmt.Errorf("register a service app of the org: the client id is empty")
	}
	keys, err := app.readKeys()
	if err != nil {
		return fmt.Errorf("register the service app %s of the org: %w", app.ClientID, err)
	}
	if len(keys) == 0 {
		return fmt.Errorf("register the service app %s of the org: it has no public key", app.ClientID)
	}
	a.mu.Lock()
	a.apps[app.ClientID] = &serviceApp{ServiceApp: app, keys: keys}
	a.mu.Unlock()
	return nil
}

func (app ServiceApp) readKeys() ([]jose.JSONWebKey, error) {
	var keys []jose.JSONWebKey
	for _, k := range app.Keys {
		switch k.(type) {
		case *rsa.PublicKey, *ecdsa.PublicKey:
			keys = append(keys, jose.JSONWebKey{Key: k})
		default:
			return nil, fmt.Errorf("a key is a %T, it must be an RSA or EC public key", k)
		}
	}
	for rest := []byte(app.PEM); len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		k, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read a PEM block: %w", err)
		}
		keys = append(keys, jose.JSONWebKey{Key: k})
	}
	if app.JWKS == "" {
		return keys, nil
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(app.JWKS), &set); err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	for _, k := range set.Keys {
		keys = append(keys, k.Public())
	}
	return keys, nil
}

// oauthError is a refusal in the form of RFC 6749.
type oauthError struct {
	status      int
	code, text  string
	nonceHeader string
}

func (e *oauthError) Error() string { return e.code + ": " + e.text }

func (e *oauthError) reply() *reply {
	b := append([]byte(nil), `{"error":`...)
	b = appendText(b, e.code)
	b = append(b, `,"error_description":`...)
	b = appendText(b, e.text)
	rep := &reply{status: e.status, body: append(b, '}')}
	if e.nonceHeader != "" {
		rep.header = http.Header{"Dpop-Nonce": {e.nonceHeader}}
	}
	return rep
}

func errOAuth(code, text string) *oauthError {
	status := http.StatusBadRequest
	if code == "invalid_client" {
		status = http.StatusUnauthorized
	}
	return &oauthError{status: status, code: code, text: text}
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// issueToken answers POST /oauth2/v1/token. Parameters are taken from the body
// and from the query, where some clients put them.
func (o *Org) issueToken(c *call) (*reply, error) {
	form := c.query
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err == nil && kind == "application/x-www-form-urlencoded" {
		body, err := url.ParseQuery(string(c.body))
		if err != nil {
			return nil, errOAuth("invalid_request", "The request body is not a form.")
		}
		for k, v := range body {
			form[k] = v
		}
	}
	if form.Get("grant_type") != "client_credentials" {
		return nil, errOAuth("unsupported_grant_type", "The authorization grant type is not supported by the authorization server.")
	}
	if form.Get("client_assertion_type") != assertionType {
		return nil, errOAuth("invalid_client", "The client_assertion_type must be "+assertionType+".")
	}
	now := o.now()
	app, err := o.auth.checkAssertion(form.Get("client_assertion"), c.base+"/oauth2/v1/token", now)
	if err != nil {
		return nil, err
	}
	scopes := strings.Fields(form.Get("scope"))
	if len(scopes) == 0 {
		return nil, errOAuth("invalid_scope", "The scope parameter is missing.")
	}
	for _, s := range scopes {
		if !slices.Contains(app.Scopes, s) {
			return nil, errOAuth("invalid_scope", "The requested scope is invalid, unknown, or malformed: "+s+" is not granted to the client.")
		}
	}
	t := &accessToken{clientID: app.ClientID, scopes: scopes, expires: now.Add(o.auth.life)}
	tokenType := "Bearer"
	if app.DPoP {
		if t.thumbprint, err = o.auth.proofForToken(c, now); err != nil {
			return nil, err
		}
		tokenType = "DPoP"
	}
	return jsonReply(o.keepToken(t, tokenType)), nil
}

func (o *Org) keepToken(t *accessToken, tokenType string) []byte {
	text := "eyJ" + anyText(60)
	o.auth.mu.Lock()
	o.auth.issued[text] = t
	o.auth.mu.Unlock()
	b := append([]byte(nil), `{"token_type":"`+tokenType+`","expires_in":`...)
	b = fmt.Appendf(b, "%d", int(o.auth.life/time.Second))
	b = append(b, `,"access_token":"`+text+`","scope":`...)
	b = appendText(b, strings.Join(t.scopes, " "))
	return append(b, '}')
}

func assertionAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}
}

// checkAssertion verifies a client assertion: signature, audience, issuer and
// subject, and a life of at most an hour (Okta: OAuth for Okta, service apps).
func (a *authority) checkAssertion(text, audience string, now time.Time) (*serviceApp, error) {
	token, err := jwt.ParseSigned(text, assertionAlgorithms())
	if err != nil {
		return nil, errOAuth("invalid_client", "The client_assertion cannot be parsed as a signed JWT.")
	}
	var claims jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return nil, errOAuth("invalid_client", "The client_assertion has no readable claims.")
	}
	a.mu.Lock()
	app := a.apps[claims.Issuer]
	a.mu.Unlock()
	if app == nil || claims.Issuer != claims.Subject {
		return nil, errOAuth("invalid_client", "The issuer and subject of the client_assertion must both be the id of a known client.")
	}
	if !app.verifies(token) {
		return nil, errOAuth("invalid_client", "The client_assertion signature is invalid.")
	}
	if !slices.ContainsFunc(claims.Audience, func(s string) bool { return sameAddress(s, audience) }) {
		return nil, errOAuth("invalid_client", "The audience claim for client_assertion must be the endpoint invoked for the request.")
	}
	if claims.Expiry == nil || !now.Before(claims.Expiry.Time()) {
		return nil, errOAuth("invalid_client", "The client_assertion token is expired.")
	}
	if claims.Expiry.Time().Sub(now) > time.Hour+time.Minute {
		return nil, errOAuth("invalid_client", "The client_assertion token has an expiration too far into the future.")
	}
	return app, nil
}

// verifies tries the app's keys, first the one that the token names.
func (a *serviceApp) verifies(token *jwt.JSONWebToken) bool {
	var claims jwt.Claims
	for _, k := range a.keys {
		if token.Claims(k.Key, &claims) == nil {
			return true
		}
	}
	return false
}

// sameAddress compares without the scheme: a proxy may speak https outside.
func sameAddress(x, y string) bool {
	_, x, _ = strings.Cut(x, "://")
	_, y, _ = strings.Cut(y, "://")
	return x == y
}
