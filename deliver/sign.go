package deliver

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What secrets begin with. Standard Webhooks: "Signature scheme", secret serialization.
const (
	sharedPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// Signer signs messages. Standard Webhooks: "Signature scheme".
type Signer struct {
	shared  []byte             // HMAC-SHA256, signature identifier v1
	private ed25519.PrivateKey // Ed25519, signature identifier v1a
}

// NewSigner takes a secret of the form whsec_<base64>, of 24 to 64 bytes, or whsk_<base64>, an Ed25519 private
// key. The error does not repeat it.
func NewSigner(secret string) (*Signer, error) {
	if text, found := strings.CutPrefix(secret, privatePrefix); found {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("what follows %s is not an Ed25519 private key in base64", privatePrefix)
		}
		return &Signer{private: key}, nil
	}
	text, found := strings.CutPrefix(secret, sharedPrefix)
	if !found {
		return nil, errors.New("the secret does not begin with whsec_")
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("what follows whsec_ is not base64")
	}
	if len(key) < 24 || len(key) > 64 {
		return nil, fmt.Errorf("the secret has %d bytes; 24 to 64 are needed", len(key))
	}
	return &Signer{shared: key}, nil
}

// NewSharedSecret makes a secret that both sides know: whsec_<base64 of 32 bytes>.
func NewSharedSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails: it ends the program instead
	return sharedPrefix + base64.StdEncoding.EncodeToString(key)
}

// NewKeyPair makes an Ed25519 key pair: whsk_<base64>, which stays here, and whpk_<base64>, which receivers
// verify with.
func NewKeyPair() (private, public string, err error) {
	open, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a key pair: %w", err)
	}
	return privatePrefix + base64.StdEncoding.EncodeToString(key), publicPrefix + base64.StdEncoding.EncodeToString(open), nil
}

// Sign returns the headers of one attempt at a message: its id, the time of the attempt, and the
// signature of "id.timestamp.body".
func (s *Signer) Sign(id string, at time.Time, body []byte) http.Header {
	return signAll([]*Signer{s}, id, at, body)
}

// signAll is Sign with several signatures, for a receiver that knows only one of the secrets. Standard
// Webhooks: "Webhook headers", a list that is separated by spaces.
func signAll(signers []*Signer, id string, at time.Time, body []byte) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	signed := append([]byte(id+"."+stamp+"."), body...)
	signatures := make([]string, len(signers))
	for i, s := range signers {
		signatures[i] = s.signature(signed)
	}
	header := http.Header{}
	header.Set("webhook-id", id)
	header.Set("webhook-timestamp", stamp)
	header.Set("webhook-signature", strings.Join(signatures, " "))
	return header
}

func (s *Signer) signature(signed []byte) string {
	if s.private != nil {
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(s.private, signed))
	}
	mac := hmac.New(sha256.New, s.shared)
	_, _ = mac.Write(signed) // a hash takes everything
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
