package okta

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	gosync "sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// prover makes DPoP proofs: a service app that wants them ties its tokens to a key pair, and
// every call shows that it holds the key. The pair lives in memory only; after a
// restart there is another, and another token. RFC 9449; Okta: "Configure OAuth 2.0
// Demonstrating Proof-of-Possession".
type prover struct {
	signer jose.Signer
	now    func() time.Time

	mu    gosync.Mutex
	on    bool   // the org wants proofs
	nonce string // of the token endpoint; changes daily
}

func newProver(now func() time.Time) (*prover, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key pair for proofs: %w", err)
	}
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		return nil, fmt.Errorf("make a signer of proofs: %w", err)
	}
	return &prover{signer: signer, now: now}, nil
}

func (p *prover) wanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.on
}

func (p *prover) want() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = true
}

func (p *prover) useNonce(nonce string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nonce = nonce
}

// proof signs one request. With a token the proof is for a call to the API and is
// bound to that token; without, it is for the token endpoint and carries its nonce.
func (p *prover) proof(method, address, token string) (string, error) {
	claims := map[string]any{"htm": method, "htu": address, "iat": p.now().Unix(), "jti": rand.Text()}
	if token == "" {
		p.mu.Lock()
		nonce := p.nonce
		p.mu.Unlock()
		if nonce != "" {
			claims["nonce"] = nonce
		}
	} else {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("build a proof: %w", err)
	}
	return compact(p.signer, text)
}
