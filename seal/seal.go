package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	keyBytes = 32 // AES-256
	version  = "s1"
)

// Keys are the master keys. The zero value has none. They are safe for concurrent use.
type Keys struct {
	ids    []string // the first one seals
	master map[string]cipher.AEAD
}

// NewKey returns a random master key, as NewKeys takes it.
func NewKey() string { return base64.StdEncoding.EncodeToString(randomKey()) }

// NewKeys takes master keys of 32 bytes in base64. The first one seals, all of them open.
func NewKeys(keys []string) (*Keys, error) {
	k := &Keys{master: make(map[string]cipher.AEAD, len(keys))}
	for i, text := range keys {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != keyBytes {
			return nil, fmt.Errorf("encryption key %d is not %d bytes in base64", i+1, keyBytes)
		}
		id := keyID(raw)
		if k.master[id] != nil {
			return nil, fmt.Errorf("encryption key %s is there twice", id)
		}
		if k.master[id], err = newAEAD(raw); err != nil {
			return nil, fmt.Errorf("use encryption key %s: %w", id, err)
		}
		k.ids = append(k.ids, id)
	}
	return k, nil
}

// IDs returns the ids of the keys, the one that seals first.
func (k *Keys) IDs() []string { return k.ids }

// ErrNoKey says that there is no key to seal with.
var ErrNoKey = errors.New("there is no encryption key; set encryption.keys (oktasync keys new makes one)")

// KeyError says that a secret can't be opened with the keys at hand.
type KeyError struct {
	Wanted string   // id of the key that it was sealed with
	Have   []string // ids of the keys at hand
}

// Error names the keys by their ids.
func (e *KeyError) Error() string {
	have := "none is configured"
	if len(e.Have) > 0 {
		have = "configured are " + strings.Join(e.Have, ", ")
	}
	return fmt.Sprintf("encryption key %s is needed and %s; add it to encryption.keys, or enter the secrets anew", e.Wanted, have)
}

// Seal encrypts a secret for the place: the same parts must be given to open it.
func (k *Keys) Seal(secret string, place ...string) (string, error) {
	if len(k.ids) == 0 {
		return "", ErrNoKey
	}
	dataKey := randomKey()
	data, err := newAEAD(dataKey)
	if err != nil {
		return "", fmt.Errorf("seal a secret: %w", err)
	}
	return k.envelope(dataKey, data.Seal(nil, nil, []byte(secret), bound("secret", place)), place), nil
}

// Open decrypts what Seal made. It fails with *KeyError when the key is missing.
func (k *Keys) Open(sealed string, place ...string) (string, error) {
	e, err := k.unwrap(sealed, place)
	if err != nil {
		return "", err
	}
	data, err := newAEAD(e.dataKey)
	if err != nil {
		return "", fmt.Errorf("open a secret: %w", err)
	}
	secret, err := data.Open(nil, nil, e.secret, bound("secret", place))
	if err != nil {
		return "", errDamaged
	}
	return string(secret), nil
}

// Rewrap returns the sealed text under the key that seals now. It is the same text when that is
// the case already.
func (k *Keys) Rewrap(sealed string, place ...string) (string, error) {
	if len(k.ids) == 0 {
		return "", ErrNoKey
	}
	if KeyID(sealed) == k.ids[0] {
		return sealed, nil
	}
	e, err := k.unwrap(sealed, place)
	if err != nil {
		return "", err
	}
	return k.envelope(e.dataKey, e.secret, place), nil
}

// KeyID returns the id of the key that a text was sealed with, or nothing when it is no
// sealed text.
func KeyID(sealed string) string {
	parts := strings.Split(sealed, ".")
	if len(parts) != 4 || parts[0] != version {
		return ""
	}
	return parts[1]
}

// errDamaged is said of all that is not what Seal made: why is nobody's business.
var errDamaged = errors.New("a stored secret is damaged, or was moved from another place; enter it anew")

type opened struct {
	dataKey []byte
	secret  []byte // still encrypted, with the data key
}

// envelope encrypts the data key with the first master key and puts the parts together.
func (k *Keys) envelope(dataKey, secret []byte, place []string) string {
	id := k.ids[0]
	wrapped := k.master[id].Seal(nil, nil, dataKey, bound("key "+id, place))
	encode := base64.RawURLEncoding.EncodeToString
	return strings.Join([]string{version, id, encode(wrapped), encode(secret)}, ".")
}

func (k *Keys) unwrap(sealed string, place []string) (opened, error) {
	id := KeyID(sealed)
	if id == "" {
		return opened{}, errDamaged
	}
	master := k.master[id]
	if master == nil {
		return opened{}, &KeyError{Wanted: id, Have: k.ids}
	}
	parts := strings.Split(sealed, ".")
	wrapped, wrappedErr := base64.RawURLEncoding.DecodeString(parts[2])
	secret, secretErr := base64.RawURLEncoding.DecodeString(parts[3])
	if wrappedErr != nil || secretErr != nil {
		return opened{}, errDamaged
	}
	dataKey, err := master.Open(nil, nil, wrapped, bound("key "+id, place))
	if err != nil {
		return opened{}, errDamaged
	}
	return opened{dataKey: dataKey, secret: secret}, nil
}

// newAEAD makes a cipher that puts a random nonce before what it encrypts. A data key encrypts
// once; a master key some thousand times, far below what random nonces of 96 bits allow
// (NIST SP 800-38D, 8.3: 2^32).
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// bound is what is authenticated beside the encrypted text. Lengths keep ("ab","c")
// from being ("a","bc").
func bound(purpose string, place []string) []byte {
	text := "oktasync " + version + " " + purpose
	for _, part := range place {
		text += fmt.Sprintf("|%d:%s", len(part), part)
	}
	return []byte(text)
}

func keyID(key []byte) string {
	sum := sha256.Sum256(append([]byte("oktasync encryption key id\x00"), key...))
	return hex.EncodeToString(sum[:4])
}

func randomKey() []byte {
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // it never fails: it ends the program instead
	return key
}
