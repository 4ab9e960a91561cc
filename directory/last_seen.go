package directory

import "encoding/json"

// LastSeen is what Okta was last seen to say of a person: the attributes that the rules name, and no
// others. Changed rules are tried, planned and applied on it without a call to Okta. It
// stands in the person's row, goes with the person's data, and is shown nowhere.
type LastSeen struct {
	// Basis names the set of attributes that were looked for: what is not among the values had
	// none.
	Basis string `json:"basis,omitempty"`
	// Hash tells two sights of a person, or of different sets of attributes, apart.
	Hash string `json:"hash,omitempty"`
	// Values are the attributes that have a value, by name ("user.title", "app.userName"), as JSON.
	Values json.RawMessage `json:"values,omitempty"`
}

// RowHashes are the hashes that tell whether a row has to be compared at all.
type RowHashes struct {
	Row  string // Person.Hash
	Seen string // LastSeen.Hash, empty when nothing is kept
}
