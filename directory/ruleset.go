package directory

import "encoding/json"

// Ruleset is a version of a tenant's rules as it is stored.
type Ruleset struct {
	Hash string // tells rules apart, and rules that say the same in other words not
	Body json.RawMessage
	// Basis names the set of the Attributes that the rules read, as LastSeen.Basis does.
	Basis      string
	Attributes []string // sorted
}

// RulesState says which rules of a tenant stand where, by their hash. Empty means none.
type RulesState struct {
	InForce string
	Next    string // a run is to bring them into force
	Refused string // an admin has rejected their run
}

// RulesVerdict says what became of rules that were handed in.
type RulesVerdict string

// The verdicts.
const (
	RulesInForce RulesVerdict = "in_force" // they are in force already
	RulesAdopted RulesVerdict = "adopted"  // the tenant had none, so they are in force at once
	RulesNext    RulesVerdict = "next"     // a run is to bring them into force
	RulesRefused RulesVerdict = "refused"  // an admin has rejected them, and they were not handed in anew
)

// SeenSet is a set of attributes that was looked for, and how many people who are present were last seen with it.
type SeenSet struct {
	Basis      string
	Attributes []string // nil: not known
	People     int
}

// RulesMoved is the error of work that was begun under rules which are no longer in force. Nothing was
// written; it is done again under the new ones.
type RulesMoved struct{ Began, InForce string }

// Error says so.
func (e *RulesMoved) Error() string {
	return "the rules have changed since this work began (" + ShortHash(e.Began) + ", now " + ShortHash(e.InForce) + "); nothing was written, and it is done again under the new ones"
}

// ShortHash is as much of a hash of rules as a person needs to tell them apart.
func ShortHash(hash string) string {
	const enough = 12
	if len(hash) > enough {
		return hash[:enough]
	}
	return hash
}
