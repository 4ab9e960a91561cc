package emulator

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"time"
)

// Okta ids are opaque strings of 20 letters and digits whose first three tell
// the kind (Okta: core API, and recorded traffic).
const (
	prefixUser       = "00u"
	prefixGroup      = "00g"
	prefixApp        = "0oa"
	prefixAppUser    = "0ua"
	prefixAppGroup   = "gaa"
	prefixHook       = "who"
	prefixUserType   = "oty"
	prefixSchema     = "osc"
	prefixOrg        = "00o"
	prefixToken      = "00T"
	prefixTokenOwner = "00u0"

	idLength  = 20
	idDigits  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	orgSuffix = "x5d7"
)

// makeID gives the n-th id of a kind. Ids of one kind sort in the order of n,
// because the digits are in ASCII order and the counter comes first.
func makeID(prefix string, seed, n uint64) string {
	var b [idLength]byte
	copy(b[:], prefix)
	// The first counter digit is 1, so that no id looks like a small number.
	v := n + 62*62*62*62*62*62
	for i := 9; i >= 3; i-- {
		b[i] = idDigits[v%62]
		v /= 62
	}
	h := mix(seed ^ mix(n^uint64(prefix[2])<<56))
	for i := 10; i < 16; i++ {
		b[i] = idDigits[h%62]
		h /= 62
	}
	copy(b[16:], orgSuffix)
	return string(b[:])
}

// mix is the finalizer of splitmix64: a cheap, well spread hash of one number.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

// newUUID gives a version 4 UUID from the org's own seeded source, so that a
// replay with the same seed has the same events.
func newUUID(r *rand.Rand) string {
	var b [16]byte
	for i := 0; i < 16; i += 8 {
		v := r.Uint64()
		for j := range 8 {
			b[i+j] = byte(v >> (8 * j))
		}
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var s [36]byte
	hex.Encode(s[0:8], b[0:4])
	s[8] = '-'
	hex.Encode(s[9:13], b[4:6])
	s[13] = '-'
	hex.Encode(s[14:18], b[6:8])
	s[18] = '-'
	hex.Encode(s[19:23], b[8:10])
	s[23] = '-'
	hex.Encode(s[24:36], b[10:16])
	return string(s[:])
}

// randomText gives n letters and digits, for request, error and transaction ids.
func randomText(r *rand.Rand, n int) string {
	var s strings.Builder
	s.Grow(n)
	for range n {
		s.WriteByte(idDigits[r.IntN(len(idDigits))])
	}
	return s.String()
}

// anyText is randomText for what need not be repeatable, such as request ids. It
// needs no lock, so that a slow reader of the state holds up no request.
func anyText(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = idDigits[rand.IntN(len(idDigits))]
	}
	return string(b)
}

// millis is a point in time as UTC milliseconds since 1970; 0 is null.
type millis int64

const timeLayout = "2006-01-02T15:04:05.000Z"

// toSecond drops the milliseconds: recorded objects carry whole seconds, and
// only System Log events carry milliseconds.
func toSecond(t time.Time) millis { return millis(t.Unix() * 1000) }

func toMillis(t time.Time) millis { return millis(t.UnixMilli()) }

func (m millis) time() time.Time { return time.UnixMilli(int64(m)).UTC() }

func (m millis) timeOrZero() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return m.time()
}
