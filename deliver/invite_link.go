package deliver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Links signs the links in invites. A link names the tenant, the person's id, the attempt that sent it and when it ends, and nothing
// else of the person.
type Links struct{ keys [][]byte }

// linkPlace keeps a signature from meaning anything elsewhere.
const linkPlace = "oktasync invite link 1\n"

// NewLinks takes keys of 32 bytes in base64: the first one signs, all are believed, so that a key can be replaced.
func NewLinks(keys []string) (*Links, error) {
	l := &Links{}
	for i, text := range keys {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) != sha256.Size {
			return nil, fmt.Errorf("key %d for links in invites is not %d bytes in base64", i+1, sha256.Size)
		}
		l.keys = append(l.keys, key)
	}
	return l, nil
}

// Ready says whether there is a key.
func (l *Links) Ready() bool { return len(l.keys) > 0 }

// Token returns the signed part of a link.
func (l *Links) Token(tenant, person, attempt string, ends time.Time) (string, error) {
	if !l.Ready() {
		return "", errors.New("there is no key for links in invites; set mail.link_keys")
	}
	payload := base64.RawURLEncoding.EncodeToString([]byte(strings.Join([]string{tenant, person, attempt, strconv.FormatInt(ends.Unix(), 10)}, "\n")))
	return payload + "." + base64.RawURLEncoding.EncodeToString(linkMAC(l.keys[0], payload)), nil
}

func linkMAC(key []byte, payload string) []byte {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(linkPlace + payload)) // a hash takes everything
	return mac.Sum(nil)
}

// Verify returns whom a token is for. The error is a sentence for the person who followed the link.
func (l *Links) Verify(token, tenant string, now time.Time) (person string, err error) {
	const wrong = "this invite link is not valid; ask for a new invite"
	payload, signature, _ := strings.Cut(token, ".")
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		return "", errors.New(wrong)
	}
	right := false
	for _, key := range l.keys {
		right = hmac.Equal(given, linkMAC(key, payload)) || right
	}
	text, err := base64.RawURLEncoding.DecodeString(payload)
	parts := strings.Split(string(text), "\n")
	if !right || err != nil || len(parts) != 4 || parts[0] != tenant {
		return "", errors.New(wrong)
	}
	ends, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		return "", errors.New(wrong)
	}
	if !now.Before(time.Unix(ends, 0)) {
		return "", errors.New("this invite link has expired; ask for a new invite")
	}
	return parts[1], nil
}

// withToken adds the token to the product's address.
func withToken(address, token string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("invites.url is not an address")
	}
	query := u.Query()
	query.Set("invite", token)
	u.RawQuery = query.Encode()
	return u.String(), nil
}
