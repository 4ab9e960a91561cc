package okta

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// parseKey reads a private key in PEM form, PKCS#1, SEC 1 or PKCS#8, RSA or EC, and
// names the algorithm that it signs with. Literal \n, as they stand in environment
// variables, count as line breaks. No error repeats any of the text.
func parseKey(text string) (crypto.Signer, jose.SignatureAlgorithm, error) {
	block, _ := pem.Decode([]byte(strings.ReplaceAll(text, `\n`, "\n")))
	if block == nil {
		return nil, "", errors.New("private key is not PEM; it begins with -----BEGIN PRIVATE KEY-----")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, "", errors.New("private key is encrypted; give it without a pass phrase")
	case "PUBLIC KEY", "CERTIFICATE":
		return nil, "", fmt.Errorf("private key is a %s; give the private half", strings.ToLower(block.Type))
	default:
		return nil, "", fmt.Errorf("private key is of the PEM type %q; give an RSA or EC key in PKCS#1 or PKCS#8", clip(block.Type, 40))
	}
	if err != nil {
		return nil, "", errors.New("private key cannot be read; copy the PEM text whole")
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < 2048 {
			return nil, "", fmt.Errorf("private key has %d bits; Okta wants an RSA key of at least 2048", k.N.BitLen())
		}
		return k, jose.RS256, nil
	case *ecdsa.PrivateKey:
		switch k.Curve {
		case elliptic.P256():
			return k, jose.ES256, nil
		case elliptic.P384():
			return k, jose.ES384, nil
		case elliptic.P521():
			return k, jose.ES512, nil
		default:
			return nil, "", fmt.Errorf("private key is on the curve %s; use P-256", k.Curve.Params().Name)
		}
	default:
		return nil, "", fmt.Errorf("private key is of the kind %T; give an RSA or EC key", key)
	}
}
