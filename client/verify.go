package client

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Prefixes of keys (Standard Webhooks specification, "Signature scheme").
const (
	secretPrefix = "whsec_"
	publicPrefix = "whpk_"
)

// tolerance is how far the time of a webhook may be from ours, so that nobody can send an old one again.
const tolerance = 5 * time.Minute

// ErrNotGenuine is what all reasons wrap for which a webhook is not believed.
var ErrNotGenuine = errors.New("the webhook is not genuine")

// Verifier tells genuine webhooks from others, by the Standard Webhooks specification. It is safe for concurrent use.
type Verifier struct {
	secrets [][]byte
	publics []ed25519.PublicKey
	now     func() time.Time
}

// NewVerifier takes the endpoint's keys as they were shown: secrets (whsec_…), or public keys (whpk_…) of an endpoint that
// signs with Ed25519. While a key is being replaced, give both. now is nil, or a clock.
func NewVerifier(now func() time.Time, keys ...string) (*Verifier, error) {
	v := &Verifier{now: now}
	if now == nil {
		v.now = time.Now
	}
	for i, key := range keys {
		text, public := strings.CutPrefix(strings.TrimSpace(key), publicPrefix)
		if !public {
			text = strings.TrimPrefix(text, secretPrefix)
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		switch {
		case err != nil:
			return nil, fmt.Errorf("key %d is not base64 behind %s or %s", i+1, secretPrefix, publicPrefix) // without the key
		case public && len(raw) != ed25519.PublicKeySize:
			return nil, fmt.Errorf("key %d has %d bytes; an Ed25519 public key has %d", i+1, len(raw), ed25519.PublicKeySize)
		case public:
			v.publics = append(v.publics, raw)
		case len(raw) < 24:
			return nil, fmt.Errorf("key %d has %d bytes; a secret has at least 24", i+1, len(raw))
		default:
			v.secrets = append(v.secrets, raw)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no key was given to verify webhooks with")
	}
	return v, nil
}

// Verify returns the event of a webhook, given its headers and its body as it came, byte by byte. One of the
// signatures must fit one of the keys, and the time must be within five minutes of now. Any reason not to believe it
// is ErrNotGenuine; the other error is a genuine body that is not an event.
func (v *Verifier) Verify(header http.Header, body []byte) (Event, error) {
	id, stamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || err != nil {
		return Event{}, fmt.Errorf("%w: webhook-id or webhook-timestamp is missing or is none", ErrNotGenuine)
	}
	if age := v.now().Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return Event{}, fmt.Errorf("%w: it was sent %s from now, and %s is allowed; is the clock right?", ErrNotGenuine, age.Round(time.Second), tolerance)
	}
	if !v.signed([]byte(id+"."+stamp+"."+string(body)), header.Values("webhook-signature")) {
		return Event{}, fmt.Errorf("%w: no signature fits a key", ErrNotGenuine)
	}
	var event Event
	if err := json.Unmarshal(body, &event); err != nil {
		return Event{}, fmt.Errorf("read the event of webhook %s: %w", id, err)
	}
	return event, nil
}

func (v *Verifier) signed(content []byte, headers []string) bool {
	genuine := false
	for _, signature := range strings.Fields(strings.Join(headers, " ")) {
		version, text, _ := strings.Cut(signature, ",")
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			continue
		}
		switch version {
		case "v1":
			for _, secret := range v.secrets {
				mac := hmac.New(sha256.New, secret)
				mac.Write(content)
				genuine = hmac.Equal(mac.Sum(nil), raw) || genuine // in constant time
			}
		case "v1a":
			for _, public := range v.publics {
				genuine = ed25519.Verify(public, content, raw) || genuine
			}
		}
	}
	return genuine
}
