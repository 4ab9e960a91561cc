package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
)

// tokenScheme is the security scheme's name in the OpenAPI document.
const tokenScheme = "token"

// Token is an admin token. The configuration holds only its hash: tokens are
// long and random, so a plain SHA-256 tells nothing about them.
type Token struct {
	Name   string // appears in the history and the log
	SHA256 string // hex
}

type tokenSet struct {
	names  []string
	hashes [][]byte
}

func newTokenSet(tokens []Token) (*tokenSet, error) {
	set := &tokenSet{}
	seen := map[string]bool{}
	for i, t := range tokens {
		if t.Name == "" || seen[t.Name] {
			return nil, fmt.Errorf("admin token %d has no name, or one that is taken; name each token", i+1)
		}
		seen[t.Name] = true
		hash, err := hex.DecodeString(t.SHA256)
		if err != nil || len(hash) != sha256.Size {
			return nil, fmt.Errorf("admin token %q: its hash is not 64 hex digits; write the SHA-256 of the token", t.Name)
		}
		set.names = append(set.names, t.Name)
		set.hashes = append(set.hashes, hash)
	}
	return set, nil
}

// find returns the name of the token presented. It compares with every hash,
// whichever matches, so that the time tells nothing.
func (s *tokenSet) find(presented string) (string, bool) {
	given := sha256.Sum256([]byte(presented))
	match := -1
	for i, hash := range s.hashes {
		match = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(given[:], hash), i, match)
	}
	if match < 0 {
		return "", false
	}
	return s.names[match], true
}

type contextKey int

const (
	keyToken contextKey = iota
	keyRequestID
)

// tokenName returns the name of the token that a request came with.
func tokenName(ctx context.Context) string {
	name, _ := ctx.Value(keyToken).(string)
	return name
}

// authenticate lets only requests with a right token pass. The token is checked
// first and failures are counted after, so that nobody with a right one is
// refused for what others do behind the same address.
func (s *Server) authenticate(described huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		presented, sent := bearer(ctx.Header("Authorization"))
		if name, right := s.tokens.find(presented); right && sent {
			next(huma.WithValue(ctx, keyToken, name))
			return
		}
		reason := "wrong"
		if !sent {
			reason = "missing"
		}
		source := humaecho.Unwrap(ctx).RealIP()
		_, wait := s.failures.Failed(source, s.now())
		status, sentence := http.StatusUnauthorized, "a bearer token of an admin is needed; this one is missing or wrong"
		if wait > 0 {
			reason = "limited"
			status, sentence = http.StatusTooManyRequests, "too many requests without a right token from this address; try again later"
			ctx.SetHeader("Retry-After", retryAfter(wait.Seconds()))
		} else {
			ctx.SetHeader("WWW-Authenticate", `Bearer realm="oktasync"`)
			s.log.Warn("admin API refused: the token is missing or wrong", slog.String("reason", reason), slog.String("source", source))
		}
		s.authFailed(reason)
		_ = huma.WriteErr(described, ctx, status, sentence)
	}
}

// bearer returns the token of an Authorization header.
func bearer(header string) (string, bool) {
	scheme, token, found := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	return token, found && token != "" && strings.EqualFold(scheme, "Bearer")
}

// retryAfter rounds up to the whole seconds of a Retry-After header.
func retryAfter(seconds float64) string {
	return strconv.Itoa(max(1, int(math.Ceil(seconds))))
}
