package directory

import (
	"fmt"
	"strings"
)

// ScopeKind says what a reconciliation covers.
type ScopeKind string

// The scopes that exist.
const (
	ScopePerson ScopeKind = "person" // one person: assignment, profile, groups
	ScopeGroup  ScopeKind = "group"  // one group with its members
	ScopeFull   ScopeKind = "full"   // everybody and everything of a tenant
	ScopeRules  ScopeKind = "rules"  // everybody as last seen, under other rules; Okta is not read
)

// Scope is the unit of work: what to read back from Okta and bring into line.
// It carries no state, so any number of triggers may name the same scope.
type Scope struct {
	Kind ScopeKind `json:"kind"`
	// ID is the Okta id, or for a person also a login where no id is known; the hash of the rules
	// for ScopeRules. It is empty for ScopeFull.
	ID string `json:"id,omitempty"`
}

// PersonScope covers one person by Okta id (or login).
func PersonScope(id string) Scope { return Scope{Kind: ScopePerson, ID: id} }

// GroupScope covers one group by Okta id.
func GroupScope(id string) Scope { return Scope{Kind: ScopeGroup, ID: id} }

// FullScope covers the whole tenant.
func FullScope() Scope { return Scope{Kind: ScopeFull} }

// ByLogin says whether the scope names a person by login: Okta's user ids have 20
// characters and begin with 00 (Okta: Users API). A login is personal data and
// belongs neither into logs nor into the queue.
func (s Scope) ByLogin() bool {
	return s.Kind == ScopePerson && (len(s.ID) != 20 || !strings.HasPrefix(s.ID, "00") || strings.ContainsAny(s.ID, "@. "))
}

// RulesScope covers everybody as last seen, under the rules with the hash.
func RulesScope(hash string) Scope { return Scope{Kind: ScopeRules, ID: hash} }

// String renders the scope as "person:00u…", "group:00g…", "rules:<hash>" or "full".
func (s Scope) String() string {
	if s.Kind == ScopeFull {
		return string(ScopeFull)
	}
	return string(s.Kind) + ":" + s.ID
}

// Public is String without a login, for errors, logs and whatever else is not the table.
func (s Scope) Public() string {
	if s.ByLogin() {
		return "person by login"
	}
	return s.String()
}

// ParseScope reads what String wrote.
func ParseScope(text string) (Scope, error) {
	if text == string(ScopeFull) {
		return FullScope(), nil
	}
	kind, id, found := strings.Cut(text, ":")
	s := Scope{Kind: ScopeKind(kind), ID: id}
	if !found || s.Validate() != nil {
		return Scope{}, fmt.Errorf("scope %q is not full, person:<id>, group:<id> or rules:<hash>", text)
	}
	return s, nil
}

// Validate reports a kind that does not exist or an id that is missing.
func (s Scope) Validate() error {
	switch s.Kind {
	case ScopeFull:
		if s.ID != "" {
			return fmt.Errorf("scope full takes no id, got %q", s.ID)
		}
	case ScopePerson, ScopeGroup, ScopeRules:
		if s.ID == "" {
			return fmt.Errorf("scope %s needs an id", s.Kind)
		}
	default:
		return fmt.Errorf("scope kind %q does not exist", s.Kind)
	}
	return nil
}
