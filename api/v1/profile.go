package v1

// ProfileRequest writes fields that the product owns.
type ProfileRequest struct {
	Fields map[string]any `json:"fields" minProperties:"1" maxProperties:"50" doc:"Values by field, custom ones as custom.<name>; null empties one. All are written or none"`
}

// RulesTestRequest says whom to try the rules on.
type RulesTestRequest struct {
	Person string `json:"person" minLength:"1" maxLength:"320" doc:"Okta user id or login"`
}

// RulesTest is what the rules make of one person as Okta shows them now. Nothing of it was written.
type RulesTest struct {
	PersonID   string           `json:"person_id"`
	Status     string           `json:"status" enum:"active,suspended,deactivated,removed" doc:"The status that follows"`
	OktaStatus string           `json:"okta_status"`
	Assigned   bool             `json:"assigned" doc:"Whether the app is assigned. Without that the person is not in scope, and the app's own profile cannot be read"`
	Fields     []RulesTestField `json:"fields" nullable:"false"`
	Quarantine []string         `json:"quarantine" nullable:"false" doc:"Why the record could not be applied; none when it could"`
	Ignored    []string         `json:"ignored" nullable:"false" doc:"Attributes with a value that no rule reads"`
	Teams      []RulesTestTeam  `json:"teams" nullable:"false" doc:"The teams that the person would be in, the primary one first. The names are Okta's"`
}

// RulesTestField is one field of a test.
type RulesTestField struct {
	Field  string          `json:"field" doc:"Custom ones as custom.<name>"`
	Okta   []AttributeSeen `json:"okta" nullable:"false" doc:"The attributes that the rule reads, in its order"`
	Rule   string          `json:"rule" doc:"The rule in words"`
	Result any             `json:"result" doc:"null when there is no value"`
	Unfit  string          `json:"unfit,omitempty" doc:"Why the value that Okta has is not taken: too_long, not_a_number, not_a_boolean, not_a_date, not_a_choice, not_https"`
	Owner  string          `json:"owner" enum:"okta,product" doc:"Who may write the field"`
	Kept   bool            `json:"kept,omitempty" doc:"The product owns the field and it has a value, or was emptied, so that Okta's does not count"`
}

// RulesTestTeam is one team of a test.
type RulesTestTeam struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Above []string `json:"above,omitempty" doc:"Names of the teams above it, from the top"`
	Rule  string   `json:"rule" doc:"Which source gives it"`
}

// AttributeSeen is an attribute as Okta has it.
type AttributeSeen struct {
	Attribute string `json:"attribute" example:"user.title"`
	Value     any    `json:"value" doc:"null when there is none"`
}
