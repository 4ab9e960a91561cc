package config

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// checkPlaceholder refuses what was left over from an example.
func checkPlaceholder(value, advice string) error {
	word := strings.ToLower(strings.Trim(value, "<>{}[]$ "))
	word = strings.NewReplacer("-", "", "_", "", " ", "", ".", "").Replace(word)
	leftOver := strings.HasPrefix(value, "${") || (strings.HasPrefix(value, "<") && strings.HasSuffix(value, ">"))
	for _, sign := range []string{"changeme", "changethis", "replaceme", "replacethis", "placeholder", "yourtoken", "yoursecret", "yourokta", "yourpassword", "todo", "fixme"} {
		leftOver = leftOver || strings.HasPrefix(word, sign)
	}
	if leftOver || strings.Trim(word, word[:min(1, len(word))]) == "" {
		return errors.New("looks like a placeholder; " + advice)
	}
	return nil
}

func checkPrintable(value string) error {
	if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("holds a space, a line break or a character outside ASCII; it was probably copied with something around it")
	}
	return nil
}

func checkPassword(value string) error {
	if err := cleanText(value); err != nil {
		return err
	}
	return checkPlaceholder(value, "put the real password here")
}

// checkOktaToken can't know a token from its looks, but the usual slips have theirs.
func checkOktaToken(value string) error {
	if strings.HasPrefix(strings.ToUpper(value), "SSWS ") {
		return errors.New("begins with the word SSWS; give the token alone")
	}
	if err := checkPrintable(value); err != nil {
		return err
	}
	if len(value) < 8 {
		return errors.New("is too short for an API token; copy it from Okta again")
	}
	return checkPlaceholder(value, "put the API token from Okta here")
}

// minHookSecret is how long a hook's secret must be to be no guess.
const minHookSecret = 16

func checkHookSecret(value string) error {
	// Okta sends the value as it was entered, and "Basic …" holds a space.
	if err := cleanText(value); err != nil {
		return err
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r > '~' }) {
		return errors.New("holds a character outside ASCII, which a header can't carry")
	}
	if len(value) < minHookSecret {
		return fmt.Errorf("has %d characters; give at least %d, for example from: openssl rand -hex 32", len(value), minHookSecret)
	}
	return checkPlaceholder(value, "make one, for example with: openssl rand -hex 32")
}

// encryptionKeyBytes is what AES-256 takes.
const encryptionKeyBytes = 32

func checkEncryptionKey(value string) error {
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(raw) != encryptionKeyBytes {
		return fmt.Errorf("holds an entry that is not %d bytes in base64; make one with: oktasync keys new", encryptionKeyBytes)
	}
	if bytes.Count(raw, raw[:1]) == len(raw) {
		return errors.New("holds a key whose bytes are all the same; make one with: oktasync keys new")
	}
	return nil
}

// checkPrivateKey makes sure that the key can sign, before Okta is asked.
func checkPrivateKey(value string) error {
	const convert = "; give a PEM block that begins with -----BEGIN PRIVATE KEY-----"
	if strings.HasPrefix(strings.TrimSpace(value), "{") {
		return errors.New("is a key in JSON form (JWK); choose PEM when you save the key in Okta")
	}
	block, _ := pem.Decode([]byte(value))
	if block == nil {
		return errors.New("is not a private key in PEM form" + convert)
	}
	if strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "" {
		return errors.New("is protected with a passphrase; remove it, for example with: openssl pkey -in key.pem -out plain.pem")
	}
	switch block.Type {
	case "PUBLIC KEY", "CERTIFICATE":
		return fmt.Errorf("is a %s, not the private key%s", strings.ToLower(block.Type), convert)
	case "RSA PRIVATE KEY":
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return errors.New("is a damaged RSA key; save it from Okta again")
		}
		return checkSigner(key)
	case "EC PRIVATE KEY":
		key, err := x509.ParseECPrivateKey(block.Bytes)
		if err != nil {
			return errors.New("is a damaged EC key; save it from Okta again")
		}
		return checkSigner(key)
	case "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return errors.New("is a damaged key; save it from Okta again")
		}
		return checkSigner(key)
	default:
		return errors.New("is not a private key" + convert)
	}
}

// Okta: private_key_jwt takes RS256 to RS512 and ES256 to ES512.
func checkSigner(key any) error {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < 2048 {
			return fmt.Errorf("is an RSA key of %d bits; make one of at least 2048", k.N.BitLen())
		}
		return nil
	case *ecdsa.PrivateKey:
		if k.Curve.Params().BitSize < 256 {
			return errors.New("is an EC key on a curve that Okta does not take; use P-256, P-384 or P-521")
		}
		return nil
	default:
		return errors.New("is of a kind that Okta does not take; make an RSA or EC key")
	}
}
