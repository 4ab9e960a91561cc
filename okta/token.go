package okta

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/oktasync/oktasync/directory"
)

const (
	tokenPath      = "/oauth2/v1/token"
	assertionLife  = 5 * time.Minute // Okta takes up to an hour
	renewBefore    = 5 * time.Minute // before a token ends
	assertionType  = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	longestToken   = 1 << 16
	fetchToken     = "fetch an access token for the service app"
	renewalRetries = 30 * time.Second // after a failed early renewal
)

// accessToken is a token of the org's authorization server.
type accessToken struct {
	value  string
	scopes []string
	proof  bool // DPoP: each call needs a proof
	renew  time.Time
	ends   time.Time
}

// tokenSource fetches access tokens with a signed assertion, one at a time, and
// keeps the last. The SDK's own source heeds no context, renews nothing that was
// revoked, and sends the assertion in the address.
type tokenSource struct {
	endpoint string
	clientID string
	scopes   []string
	signer   jose.Signer
	client   *http.Client
	timeout  time.Duration
	now      func() time.Time
	log      *slog.Logger
	proofs   *prover

	turn  chan struct{} // holds one element: the right to look at and renew current
	token accessToken
}

func newTokenSource(o Options, app ServiceApp, client *http.Client) (*tokenSource, error) {
	key, algorithm, err := parseKey(app.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("okta service app: %w", err)
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if app.KeyID != "" {
		options = options.WithHeader("kid", app.KeyID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		return nil, fmt.Errorf("okta service app: make a signer of the private key: %w", err)
	}
	proofs, err := newProver(o.Now)
	if err != nil {
		return nil, fmt.Errorf("okta service app: %w", err)
	}
	scopes := slices.Clone(app.Scopes)
	if len(scopes) == 0 {
		scopes = DefaultScopes()
	}
	return &tokenSource{endpoint: o.OrgURL + tokenPath, clientID: app.ClientID, scopes: scopes, signer: signer, client: client,
		timeout: o.Timeout, now: o.Now, log: o.Logger.With("tenant", o.Tenant), proofs: proofs, turn: make(chan struct{}, 1)}, nil
}

// get returns a token that is good for some minutes more, fetching one if need be.
// Callers wait for one fetch together, each as long as its ctx allows.
func (s *tokenSource) get(ctx context.Context) (accessToken, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return accessToken{}, fmt.Errorf("wait for an access token: %w", context.Cause(ctx))
	}
	defer func() { <-s.turn }()
	now := s.now()
	if s.token.value != "" && now.Before(s.token.renew) {
		return s.token, nil
	}
	fresh, err := s.fetch(ctx)
	if err == nil {
		s.token = fresh
		return fresh, nil
	}
	if s.token.value != "" && now.Before(s.token.ends.Add(-time.Minute)) && ctx.Err() == nil {
		// The old one still works: the next calls try again.
		s.log.WarnContext(ctx, "the access token could not be renewed early; the old one is used until it ends", "error", err)
		s.token.renew = now.Add(renewalRetries)
		return s.token, nil
	}
	return accessToken{}, err
}

// drop forgets a token that Okta refused. A newer one stays.
func (s *tokenSource) drop(ctx context.Context, value string) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return // the next call finds out again
	}
	defer func() { <-s.turn }()
	if s.token.value == value {
		s.token = accessToken{}
	}
}

// fetch asks the org's token endpoint; once more with a proof when it wants DPoP, and once
// more when it then names a nonce. Okta: "Configure OAuth 2.0 Demonstrating
// Proof-of-Possession".
func (s *tokenSource) fetch(ctx context.Context) (accessToken, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for tries := 0; ; tries++ {
		token, err := s.request(ctx)
		var refused *Error
		if err == nil || tries == 2 || !errors.As(err, &refused) {
			return token, err
		}
		switch refused.Code {
		case "invalid_dpop_proof":
			if s.proofs.wanted() {
				return accessToken{}, err
			}
			s.proofs.want()
		case "use_dpop_nonce":
			s.proofs.want()
		default:
			return accessToken{}, err
		}
	}
}

func (s *tokenSource) request(ctx context.Context) (accessToken, error) {
	assertion, err := s.assertion()
	if err != nil {
		return accessToken{}, err
	}
	form := url.Values{
		"grant_type":            {"client_credentials"},
		"scope":                 {strings.Join(s.scopes, " ")},
		"client_assertion_type": {assertionType},
		"client_assertion":      {assertion},
	}
	x := &exchange{}
	request, err := http.NewRequestWithContext(withExchange(ctx, x), http.MethodPost, s.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return accessToken{}, fmt.Errorf("%s: %w", fetchToken, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	if s.proofs.wanted() {
		proof, err := s.proofs.proof(http.MethodPost, s.endpoint, "")
		if err != nil {
			return accessToken{}, fmt.Errorf("%s: %w", fetchToken, err)
		}
		request.Header.Set("DPoP", proof)
	}
	asked := s.now()
	response, err := s.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return accessToken{}, &passingError{err: fmt.Errorf("%s: okta could not be reached: %w", fetchToken, cause(err))}
	}
	_ = response.Body.Close() // empty: the transport has read the answer
	if nonce := x.header.Get("Dpop-Nonce"); nonce != "" {
		s.proofs.useNonce(nonce)
	}
	if x.status != http.StatusOK {
		return accessToken{}, classifyToken(x)
	}
	return readToken(x.body.Bytes(), asked)
}

// classifyToken sorts refusals of the token endpoint. There every 4xx but a rate limit is about
// our credentials.
func classifyToken(x *exchange) error {
	err := classify(call{what: fetchToken, method: http.MethodPost, path: tokenPath}, x.status, x.header, x.body.Bytes())
	var terminal *directory.TerminalError
	var refused *Error
	if x.status >= 400 && x.status < 500 && errors.As(err, &refused) && (errors.As(err, &terminal) || isAbsent(err)) {
		return refusal(refused, "", rightFor(http.MethodPost, tokenPath))
	}
	return err
}

func readToken(body []byte, asked time.Time) (accessToken, error) {
	var t struct {
		Type    string `json:"token_type"`
		Value   string `json:"access_token"`
		Scope   string `json:"scope"`
		Seconds int64  `json:"expires_in"`
	}
	if len(body) > longestToken || json.Unmarshal(body, &t) != nil || t.Value == "" || strings.ContainsFunc(t.Value, unfitForHeader) {
		return accessToken{}, &passingError{err: fmt.Errorf("%s: okta's answer holds no token that can be used", fetchToken)}
	}
	life := time.Duration(max(t.Seconds, 1)) * time.Second
	token := accessToken{value: t.Value, scopes: strings.Fields(t.Scope), ends: asked.Add(life)}
	token.renew = token.ends.Add(-min(renewBefore, life/4))
	switch {
	case strings.EqualFold(t.Type, "Bearer"):
	case strings.EqualFold(t.Type, "DPoP"):
		token.proof = true
	default:
		return accessToken{}, terminalf("%s: okta's token is of the type %q, which is not known here", fetchToken, clip(t.Type, 40))
	}
	return token, nil
}

// assertion proves who we are. Okta: "Build a JWT for client authentication".
func (s *tokenSource) assertion() (string, error) {
	now := s.now()
	claims, err := json.Marshal(map[string]any{
		"iss": s.clientID, "sub": s.clientID, "aud": s.endpoint,
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(), "jti": rand.Text(),
	})
	if err != nil {
		return "", fmt.Errorf("build the client assertion: %w", err)
	}
	return compact(s.signer, claims)
}

func compact(signer jose.Signer, claims []byte) (string, error) {
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", fmt.Errorf("sign a JWT: %w", err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("write a JWT: %w", err)
	}
	return text, nil
}

// sign puts the token into a request, with a proof where it needs one.
func (s *tokenSource) sign(request *http.Request, t accessToken) error {
	if !t.proof {
		request.Header.Set("Authorization", "Bearer "+t.value)
		return nil
	}
	address := *request.URL
	address.RawQuery, address.Fragment = "", ""
	proof, err := s.proofs.proof(request.Method, address.String(), t.value)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "DPoP "+t.value)
	request.Header.Set("DPoP", proof)
	return nil
}
