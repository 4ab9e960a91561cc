package deliver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Signer signs messages. Standard Webhooks: "Signature scheme", symmetric.
type Signer struct{ key []byte }

// NewSigner takes a secret of the form whsec_<base64>, of 24 to 64 bytes. The error does not repeat it.
func NewSigner(secret string) (*Signer, error) {
	text, found := strings.CutPrefix(secret, "whsec_")
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
	return &Signer{key: key}, nil
}

// Sign returns the headers of one attempt at a message: its id, the time of the attempt, and the
// signature of "id.timestamp.body".
func (s *Signer) Sign(id string, at time.Time, body []byte) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, s.key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body) // a hash takes everything
	header := http.Header{}
	header.Set("webhook-id", id)
	header.Set("webhook-timestamp", stamp)
	header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return header
}
