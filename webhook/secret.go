package webhook

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
)

// maxSecrets is how many secrets of a tenant are valid at once.
const maxSecrets = 2

// proof is the outcome of comparing a presented secret.
type proof int

const (
	proofWrong   proof = iota // a secret that is not the tenant's, or no such tenant
	proofMissing              // no secret at all
	proofRight
)

// keyring compares secrets in a time that tells nothing about them.
type keyring struct {
	// dummy stands in for each secret that is not there, so that one secret,
	// two secrets and an unknown tenant cost the same. It is random, and a match with
	// it is never a proof.
	dummy string
}

func newKeyring() (*keyring, error) {
	raw := make([]byte, 24)
	if _, err := rand.Read(raw); err != nil {
		return nil, fmt.Errorf("make a stand-in for absent secrets: %w", err)
	}
	return &keyring{dummy: fmt.Sprintf("%x", raw)}, nil
}

// Fingerprint tells one secret of a tenant from another without telling the secret. It is
// short, so that a guess cannot be proved with it; a secret must be random all the same.
func Fingerprint(tenant, secret string) string {
	sum := sha256.Sum256([]byte("oktasync hook secret\n" + tenant + "\n" + secret))
	return hex.EncodeToString(sum[:6])
}

// prove compares what a caller presented with the tenant's secrets. known is
// false for an unknown tenant, which then takes as long as a wrong secret.
//
// Both sides are hashed first: equal lengths are what makes the comparison
// constant in time. All comparisons are made whatever the first one says.
func (k *keyring) prove(t Tenant, known bool, presented string) proof {
	given := sha256.Sum256([]byte(presented))
	match := 0
	for i := range maxSecrets {
		secret, real := k.dummy, 0
		if known && i < len(t.Secrets) && t.Secrets[i] != "" {
			secret, real = t.Secrets[i], 1
		}
		want := sha256.Sum256([]byte(secret))
		match |= subtle.ConstantTimeCompare(given[:], want[:]) & real
	}
	if match == 1 {
		return proofRight
	}
	return proofWrong
}
