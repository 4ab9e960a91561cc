package okta

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func pemText(t *testing.T, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pkcs8(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pemText(t, "PRIVATE KEY", der, err)
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	rsa2048 := rsaKey(t, 2048)
	p256 := ecKey(t, elliptic.P256())
	sec1, sec1Err := x509.MarshalECPrivateKey(p256)
	public, publicErr := x509.MarshalPKIXPublicKey(rsa2048.Public())
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pemText(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa2048), nil)
	tests := []struct {
		name, text string
		want       jose.SignatureAlgorithm
		fails      string
	}{
		{"PKCS#1", pkcs1, jose.RS256, ""},
		{"PKCS#1 in one line", strings.ReplaceAll(pkcs1, "\n", `\n`), jose.RS256, ""},
		{"PKCS#8 RSA", pkcs8(t, rsa2048), jose.RS256, ""},
		{"PKCS#8 EC", pkcs8(t, p256), jose.ES256, ""},
		{"SEC 1", pemText(t, "EC PRIVATE KEY", sec1, sec1Err), jose.ES256, ""},
		{"P-384", pkcs8(t, ecKey(t, elliptic.P384())), jose.ES384, ""},
		{"P-521", pkcs8(t, ecKey(t, elliptic.P521())), jose.ES512, ""},
		{"P-224", pkcs8(t, ecKey(t, elliptic.P224())), "", "use P-256"},
		{"short RSA", pemText(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey(t, 1024)), nil), "", "at least 2048"},
		{"Ed25519", pkcs8(t, ed), "", "RSA or EC"},
		{"public", pemText(t, "PUBLIC KEY", public, publicErr), "", "private half"},
		{"encrypted", pemText(t, "ENCRYPTED PRIVATE KEY", []byte("x"), nil), "", "pass phrase"},
		{"another kind", pemText(t, "OPENSSH PRIVATE KEY", []byte("x"), nil), "", "OPENSSH"},
		{"cut off", pemText(t, "PRIVATE KEY", []byte("hunter2"), nil), "", "copy the PEM text whole"},
		{"no PEM", "hunter2", "", "not PEM"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			key, algorithm, err := parseKey(test.text)
			checkFailure(t, err, test.fails)
			if algorithm != test.want || (err == nil) != (key != nil) {
				t.Errorf("algorithm %q, want %q", algorithm, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v repeats the key", err)
			}
		})
	}
}
