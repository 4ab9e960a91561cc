package deliver_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

// verifyPair checks an Ed25519 signature with the public key alone. Standard Webhooks: identifier v1a.
func verifyPair(t *testing.T, public string, header http.Header, signed string) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, "whpk_"))
	if err != nil || len(key) != ed25519.PublicKeySize {
		t.Fatalf("public key %s: %v", public, err)
	}
	signature, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(header.Get("webhook-signature"), "v1a,"))
	if err != nil || !ed25519.Verify(key, []byte(signed), signature) {
		t.Errorf("signature %s, %v", header.Get("webhook-signature"), err)
	}
}
