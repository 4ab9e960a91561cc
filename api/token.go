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

	"github.com/oktasync/oktasync/directory"
)

const (
	// tokenScheme is the security scheme's name in the OpenAPI document.
	tokenScheme = "token"
	// roleExtension names the member of an operation that says which role it needs.
	roleExtension = "x-role"
)

// Token is an admin token. The configuration holds only its hash: tokens are
// long and random, so a plain SHA-256 tells nothing about them.
type Token struct {
	Name   string // appears in the history and the log
	SHA256 string // hex
	Role   directory.Role
}

// caller is who a request came from.
type caller struct {
	name string // of the token
	role directory.Role
}

type tokenSet struct {
	callers []caller
	hashes  [][]byte
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
		if !t.Role.Allows(directory.RoleRead) {
			return nil, fmt.Errorf("admin token %q: the role %q does not exist; give read, operate or approve", t.Name, t.Role)
		}
		set.callers = append(set.callers, caller{t.Name, t.Role})
		set.hashes = append(set.hashes, hash)
	}
	return set, nil
}

// find returns whose token was presented. It compares with every hash,
// whichever matches, so that the time tells nothing.
func (s *tokenSet) find(presented string) (caller, bool) {
	given := sha256.Sum256([]byte(presented))
	match := -1
	for i, hash := range s.hashes {
		match = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(given[:], hash), i, match)
	}
	if match < 0 {
		return caller{}, false
	}
	return s.callers[match], true
}

type contextKey int

const (
	keyCaller contextKey = iota
	keyRequestID
)

// callerOf returns who a request came from.
func callerOf(ctx context.Context) caller {
	who, _ := ctx.Value(keyCaller).(caller)
	return who
}

// actOf is what the caller does: it goes into the list of acts together with the act itself.
func actOf(ctx context.Context, kind directory.ActKind, tenant string, scope directory.Scope) directory.Act {
	who := callerOf(ctx)
	return directory.Act{Tenant: tenant, Actor: who.name, Role: who.role, Kind: kind, Subject: scope.String()}
}

// authenticate lets only requests with a right token pass. The token is checked
// first and failures are counted after, so that nobody with a right one is
// refused for what others do behind the same address.
func (s *Server) authenticate(described huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		presented, sent := bearer(ctx.Header("Authorization"))
		if who, right := s.tokens.find(presented); right && sent {
			next(huma.WithValue(ctx, keyCaller, who))
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

// require lets only callers pass whose role allows what needs the other one.
func (s *Server) require(described huma.API, needed directory.Role) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		who := callerOf(ctx.Context())
		if who.role.Allows(needed) {
			next(ctx)
			return
		}
		s.log.Warn("admin API refused: the token's role is too low", slog.String("operation", ctx.Operation().OperationID),
			slog.String("by", who.name), slog.String("role", string(who.role)), slog.String("needed", string(needed)))
		_ = huma.WriteErr(described, ctx, http.StatusForbidden, fmt.Sprintf(
			"this needs a token with the role %s, and the token %q has the role %s; use another token, or change its role in api.tokens of the configuration; nothing was done",
			needed, who.name, who.role))
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
