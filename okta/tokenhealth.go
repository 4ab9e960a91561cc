package okta

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// tokenIdle is how long an API token lives without being used. Okta: create an API token.
const tokenIdle = 30 * 24 * time.Hour

// TokenHealth is what Okta tells of an API token.
type TokenHealth struct {
	Name     string
	Created  time.Time
	LastUsed time.Time // zero when Okta does not tell when it would end
	Expires  time.Time // unless it is used before; each call renews it
}

// errTokenUnclear says that the token cannot be told from others.
var errTokenUnclear = errors.New("its owner has no token or several, and Okta does not tell which one is in use")

// TokenHealth finds the reader's own API token among those of its owner. Okta has no call for
// "the token in use", and its value tells nothing, so it is found when the owner has one token
// only: one more reason for an account of its own. Okta: API Tokens.
func (r *Reader) TokenHealth(ctx context.Context, owner string) (TokenHealth, error) {
	type token struct {
		Name    string    `json:"name"`
		UserID  string    `json:"userId"`
		Window  string    `json:"tokenWindow"` // ISO 8601: P30D
		Created time.Time `json:"created"`
		Expires time.Time `json:"expiresAt"`
	}
	var own []token
	err := eachPage(ctx, r, plainly, "list API tokens", "/api/v1/api-tokens", func(p page[json.RawMessage]) error {
		for _, raw := range p.items {
			t, err := decodeObject[token](raw)
			if err != nil {
				return incomplete("list API tokens", err)
			}
			if t.UserID == owner {
				own = append(own, t)
			}
		}
		return nil
	})
	if err != nil {
		return TokenHealth{}, notAbsence(err)
	}
	if len(own) != 1 {
		return TokenHealth{}, errTokenUnclear
	}
	t := own[0]
	health := TokenHealth{Name: t.Name, Created: t.Created, Expires: t.Expires}
	if !t.Expires.IsZero() {
		health.LastUsed = t.Expires.Add(-idleTime(t.Window))
	}
	return health, nil
}

// idleTime reads a time in days; Okta has no other.
func idleTime(window string) time.Duration {
	days, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(window, "P"), "D"))
	if err != nil || days <= 0 {
		return tokenIdle
	}
	return time.Duration(days) * 24 * time.Hour
}
