package emulator

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Proofs of possession, RFC 9449, as Okta asks for them: the token endpoint
// wants a nonce, calls of the API want the hash of the token (Okta: DPoP guide).

const proofAge = 5 * time.Minute

// proofError says what is wrong with a proof, in the words that clients see.
type proofError string

func (e proofError) Error() string { return string(e) }

// proofWanted is what a proof must fit.
type proofWanted struct {
	token      string // that the proof must name by its hash
	thumbprint string
	now        time.Time
}

type proofClaims struct {
	Method   string           `json:"htm"`
	URL      string           `json:"htu"`
	Nonce    string           `json:"nonce"`
	Hash     string           `json:"ath"`
	ID       string           `json:"jti"`
	IssuedAt *jwt.NumericDate `json:"iat"`
}

// proofForToken checks the proof of a token request and gives the thumbprint of
// its key. The first request lacks the nonce and is told it.
func (a *authority) proofForToken(c *call, now time.Time) (string, error) {
	text := c.r.Header.Get("DPoP")
	if text == "" {
		return "", errOAuth("invalid_dpop_proof", "The DPoP proof JWT header is missing.")
	}
	a.mu.Lock()
	if a.nonce == "" {
		a.nonce = c.requestID // random, and as good a nonce as any
	}
	nonce := a.nonce
	a.mu.Unlock()
	claims, thumbprint, err := a.readProof(c, text, now)
	if err != nil {
		return "", errOAuth("invalid_dpop_proof", err.Error())
	}
	if claims.Nonce != nonce {
		e := errOAuth("use_dpop_nonce", "Authorization server requires nonce in DPoP proof.")
		e.nonceHeader = nonce
		return "", e
	}
	return thumbprint, nil
}

// checkProof checks the proof of an API call.
func (a *authority) checkProof(c *call, want proofWanted) error {
	text := c.r.Header.Get("DPoP")
	if text == "" {
		return proofError("The DPoP proof JWT header is missing.")
	}
	claims, thumbprint, err := a.readProof(c, text, want.now)
	if err != nil {
		return err
	}
	if thumbprint != want.thumbprint {
		return proofError("The DPoP proof is signed with another key than the token is bound to.")
	}
	sum := sha256.Sum256([]byte(want.token))
	if claims.Hash != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return proofError("The ath claim of the DPoP proof does not fit the access token.")
	}
	return nil
}

// readProof verifies a proof with the key that it carries.
func (a *authority) readProof(c *call, text string, now time.Time) (proofClaims, string, error) {
	var claims proofClaims
	token, err := jwt.ParseSigned(text, assertionAlgorithms())
	if err != nil || len(token.Headers) != 1 {
		return claims, "", proofError("The DPoP proof cannot be parsed as a signed JWT.")
	}
	h := token.Headers[0]
	if typ, ok := h.ExtraHeaders[jose.HeaderType].(string); !ok || typ != "dpop+jwt" {
		return claims, "", proofError("The typ header of the DPoP proof must be dpop+jwt.")
	}
	if h.JSONWebKey == nil || !h.JSONWebKey.Valid() || !h.JSONWebKey.IsPublic() {
		return claims, "", proofError("The jwk header of the DPoP proof must hold a public key.")
	}
	if err := token.Claims(h.JSONWebKey.Key, &claims); err != nil {
		return claims, "", proofError("The signature of the DPoP proof is invalid.")
	}
	if claims.Method != c.r.Method {
		return claims, "", proofError("The htm claim of the DPoP proof must be the method of the request.")
	}
	address, _, _ := strings.Cut(claims.URL, "?")
	if !sameAddress(address, c.base+c.r.URL.EscapedPath()) {
		return claims, "", proofError("The htu claim of the DPoP proof must be the address of the request.")
	}
	if claims.IssuedAt == nil || now.Sub(claims.IssuedAt.Time()).Abs() > proofAge {
		return claims, "", proofError("The iat claim of the DPoP proof is missing or too far from the present.")
	}
	if err := a.firstUse(claims.ID, now); err != nil {
		return claims, "", err
	}
	sum, err := h.JSONWebKey.Thumbprint(crypto.SHA256)
	if err != nil {
		return claims, "", fmt.Errorf("take the thumbprint of the key: %w", err)
	}
	return claims, base64.RawURLEncoding.EncodeToString(sum), nil
}

// firstUse refuses a proof that was used before.
func (a *authority) firstUse(id string, now time.Time) error {
	if id == "" {
		return proofError("The jti claim of the DPoP proof is missing.")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.jtis) > 10_000 {
		for k, seen := range a.jtis {
			if now.Sub(seen) > proofAge {
				delete(a.jtis, k)
			}
		}
	}
	if _, used := a.jtis[id]; used {
		return proofError("The DPoP proof has been used before.")
	}
	a.jtis[id] = now
	return nil
}
