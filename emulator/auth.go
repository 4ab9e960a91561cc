package emulator

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// principal is who makes a call.
type principal struct {
	key    string // rate limits count by it
	actor  entity
	isApp  bool
	scopes []string // of an app; an SSWS token has no scopes
	noRole bool
}

// allows checks the scope of an OAuth token. The manage scope includes reading
// (Okta: OAuth 2.0 scopes).
func (p *principal) allows(r *route) error {
	if !p.isApp || r.scope == "" {
		return nil
	}
	manage := "okta." + r.scope + ".manage"
	read := "okta." + r.scope + ".read"
	if slices.Contains(p.scopes, manage) || !r.write && slices.Contains(p.scopes, read) {
		return nil
	}
	e := errForbidden()
	e.Authenticate = `Bearer authorization_uri="https://acme.okta.example/oauth2/v1/authorize", realm="https://acme.okta.example", ` +
		`scope="` + read + `", error="insufficient_scope", error_description="The access token provided does not contain the required scopes.", resource="` +
		r.pattern + `"`
	return e
}

// authority knows tokens and service apps. It outlives a reset.
type authority struct {
	life time.Duration

	mu     sync.Mutex
	ssws   map[string]bool // token: still valid
	apps   map[string]*serviceApp
	issued map[string]*accessToken
	nonce  string
	jtis   map[string]time.Time // proofs seen, until they are too old anyway
}

func newAuthority(opt Options) (*authority, error) {
	a := &authority{life: opt.TokenLife, ssws: map[string]bool{}, apps: map[string]*serviceApp{},
		issued: map[string]*accessToken{}, jtis: map[string]time.Time{}}
	for _, t := range opt.Tokens {
		if strings.TrimSpace(t) == "" {
			return nil, fmt.Errorf("set the API tokens of the org: a token is empty")
		}
		a.ssws[t] = true
	}
	for _, app := range opt.ServiceApps {
		if err := a.addApp(app); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// AddToken makes an SSWS token valid, also one that was revoked.
func (o *Org) AddToken(token string) {
	o.auth.mu.Lock()
	o.auth.ssws[token] = true
	o.auth.mu.Unlock()
}

// RevokeToken makes an SSWS or OAuth token invalid: calls with it get 401
// E0000011. It says false when the token was not valid.
func (o *Org) RevokeToken(token string) bool {
	o.auth.mu.Lock()
	defer o.auth.mu.Unlock()
	if o.auth.ssws[token] {
		o.auth.ssws[token] = false
		return true
	}
	_, ok := o.auth.issued[token]
	delete(o.auth.issued, token)
	return ok
}

// RevokeOAuthTokens makes every OAuth token issued so far invalid.
func (o *Org) RevokeOAuthTokens() {
	o.auth.mu.Lock()
	o.auth.issued = map[string]*accessToken{}
	o.auth.mu.Unlock()
}

// check tells who calls, from the Authorization header.
func (a *authority) check(o *Org, c *call) (*principal, error) {
	scheme, token, found := strings.Cut(c.r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !found || token == "" {
		return nil, errSession()
	}
	switch strings.ToLower(scheme) {
	case "ssws":
		return a.checkSSWS(o, token)
	case "bearer", "dpop":
		return a.checkAccessToken(o, c, strings.ToLower(scheme), token)
	default:
		return nil, errSession()
	}
}

// checkSSWS: a token has the rights of the admin who made it and dies with
// that admin's deactivation (Okta: create an API token).
func (a *authority) checkSSWS(o *Org, token string) (*principal, error) {
	a.mu.Lock()
	valid := a.ssws[token]
	a.mu.Unlock()
	o.mu.RLock()
	defer o.mu.RUnlock()
	if !valid || o.admin.status == Deprovisioned {
		return nil, errToken()
	}
	return &principal{key: "ssws:" + token, actor: userEntity(o.admin)}, nil
}

func (a *authority) checkAccessToken(o *Org, c *call, scheme, token string) (*principal, error) {
	now := o.now()
	a.mu.Lock()
	t := a.issued[token]
	var app *serviceApp
	if t != nil {
		app = a.apps[t.clientID]
	}
	a.mu.Unlock()
	if t == nil || app == nil || !now.Before(t.expires) {
		return nil, errAccessToken("invalid_token", "The access token is invalid.")
	}
	if t.thumbprint != "" {
		if scheme != "dpop" {
			return nil, errAccessToken("invalid_token", "The access token is bound to a key and needs a DPoP proof.")
		}
		if err := a.checkProof(c, proofWanted{token: token, thumbprint: t.thumbprint, now: now}); err != nil {
			return nil, errAccessToken("invalid_dpop_proof", err.Error())
		}
	}
	return &principal{key: "oauth:" + t.clientID, isApp: true, scopes: t.scopes, noRole: app.NoRole,
		actor: entity{id: t.clientID, kind: "PublicClientApp", alternate: "unknown", name: app.name()}}, nil
}

func errAccessToken(code, text string) *Error {
	e := errToken()
	e.Authenticate = `Bearer authorization_uri="https://acme.okta.example/oauth2/v1/authorize", realm="https://acme.okta.example", ` +
		`scope="okta.users.read", error="` + code + `", error_description="` + text + `", resource="/api/v1"`
	return e
}
