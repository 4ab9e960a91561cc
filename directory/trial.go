package directory

// Trial is what the rules make of one person as Okta shows them now. Nothing of it is written. It
// holds values, for the admin who asked alone.
type Trial struct {
	PersonID   string
	Status     Status
	OktaStatus string
	Assigned   bool
	Fields     []TrialField
	Teams      []TrialTeam   // the primary one first
	Quarantine []Quarantined // why the record could not be applied; none when it could
	Ignored    []string      // attributes with a value that no rule reads
}

// TrialField is one field of a trial.
type TrialField struct {
	Field  Field
	Okta   []TrialValue // the attributes that the rule reads, in its order
	Rule   string       // in words
	Result any          // nil: no value
	Unfit  Unfit        // why Okta's value is not taken
	Owned  bool         // by the product
	Kept   bool         // the product's own value stays, whatever Okta has
}

// TrialTeam is a team of a trial.
type TrialTeam struct {
	Team
	Above []string // names of the teams above it, from the top
	Rule  string   // in words
}

// TrialValue is an attribute's value as Okta has it; nil when there is none.
type TrialValue struct {
	Attribute string
	Value     any
}
