package jobs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/oktasync/oktasync/directory"
)

// payload is what a task carries: where to look, never what happened. It holds
// ids only, because Redis is no place for personal data.
type payload struct {
	Tenant string              `json:"tenant"`
	Kind   directory.ScopeKind `json:"kind,omitempty"`
	ID     string              `json:"id,omitempty"`
	// Login stands for a person who is known by login only: a digest, which
	// the worker looks up among the waiting scopes.
	Login string `json:"login,omitempty"`
	// IDs and Logins are those of a bundle, see bundle.
	IDs    []string `json:"ids,omitempty"`
	Logins []string `json:"logins,omitempty"`
	Run    string   `json:"run,omitempty"`
	// Claims is how often the run had been claimed when the task was made.
	Claims int64 `json:"claims,omitempty"`
	// Chore is set where the task is a turn of a chore.
	Chore directory.Chore `json:"chore,omitempty"`
	// Endpoint is set where the task is a turn at one; Slow is how it was when the task was made.
	Endpoint string `json:"endpoint,omitempty"`
	Slow     bool   `json:"slow,omitempty"`
	// Urgent says which rule applies.
	Urgent bool `json:"urgent,omitempty"`
	// Backlog marks a task beyond its tenant's share.
	Backlog bool `json:"backlog,omitempty"`
	// Probe marks the one task that may ask Okta while the tenant is blocked.
	Probe bool `json:"probe,omitempty"`
	// At is when the task was made, in Unix seconds. It limits how long a task
	// that costs no attempts can live.
	At int64 `json:"at"`
}

// isOktaID says whether an id has the form of Okta's ids of users and groups: 20
// characters, 00u… and 00g… It must say no to exactly the ids that
// Ledger.WaitingLogins returns, or a login would never be found again.
func isOktaID(id string) bool {
	return utf8.RuneCountInString(id) == 20 && strings.HasPrefix(id, "00")
}

// loginDigest is the reference to a login. The tenant is part of it, so that the same
// login in two tenants gives two references.
func loginDigest(tenant, login string) string {
	sum := sha256.Sum256([]byte("login\x00" + tenant + "\x00" + login))
	return hex.EncodeToString(sum[:16])
}

func scopePayload(hint directory.ScopeHint, now time.Time) payload {
	p := payload{Tenant: hint.Tenant, Kind: hint.Scope.Kind, Urgent: hint.Urgent, At: now.Unix()}
	if hint.Scope.Kind == directory.ScopePerson && !isOktaID(hint.Scope.ID) {
		p.Login = loginDigest(hint.Tenant, hint.Scope.ID)
		return p
	}
	p.ID = hint.Scope.ID
	return p
}

func runPayload(run directory.Run, now time.Time) payload {
	return payload{Tenant: run.Tenant, Kind: run.Scope.Kind, Run: run.ID, Claims: run.Claims, At: now.Unix()}
}

func (p payload) encode() ([]byte, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode a task of tenant %s: %w", p.Tenant, err)
	}
	return text, nil
}

func decodePayload(text []byte) (payload, error) {
	var p payload
	if err := json.Unmarshal(text, &p); err != nil {
		return payload{}, fmt.Errorf("decode a task: %w", err)
	}
	if p.Tenant == "" {
		return payload{}, fmt.Errorf("decode a task: it names no tenant")
	}
	return p, nil
}

// rule is the rule for the task, given its type.
func (p payload) rule(taskType string) (rule, error) {
	switch taskType {
	case typeScope, typeSpread:
		r, err := scopeRule(p.Kind, p.Urgent)
		if p.Backlog {
			r.queue = backlogQueue(p.Tenant, p.Urgent)
		}
		return r, err
	case typeRun:
		return runRule(p.Kind)
	case typeChore:
		return choreRule(), nil
	case typeTurn:
		return turnRule(p.Slow), nil
	case typeCheck:
		return checkRule(), nil
	default:
		return rule{}, fmt.Errorf("task type %q does not exist", taskType)
	}
}

// scopeDigest identifies a scope in the id of a sweeper's task.
func scopeDigest(tenant string, scope directory.Scope) string {
	sum := sha256.Sum256([]byte(tenant + "\x00" + scope.String()))
	return hex.EncodeToString(sum[:16])
}
