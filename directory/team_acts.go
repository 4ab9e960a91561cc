package directory

import "strings"

// Called returns the team with an admin's name. An empty one takes an earlier one back, so that the team
// is called as in Okta again.
func (t Team) Called(name string) Team {
	name = strings.Join(strings.Fields(name), " ")
	switch {
	case name == "" && t.OktaName != "":
		t.Name, t.OktaName = t.OktaName, ""
	case name != "" && t.OktaName == "":
		t.Name, t.OktaName = name, t.Name
	case name != "":
		t.Name = name
	}
	return t
}
