package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTeams(t *testing.T) {
	t.Parallel()
	const one, two = "00g1a2b3c4d5e6f7g8h9", "00g2a2b3c4d5e6f7g8h9"
	groups := func(g Groups, line int) TeamSource { return TeamSource{Groups: &g, Line: line} }
	tests := map[string]struct {
		yaml string
		want []TeamSource
	}{
		"by default":      {"", []TeamSource{{Path: []string{"department"}}}},
		"one":             {"teams: {from: location}\n", []TeamSource{{Path: []string{"location"}}}},
		"none":            {"teams: {from: none}\n", nil},
		"an empty list":   {"teams: {from: []}\n", nil},
		"an attribute":    {"teams: {from: [user.costCenter, app.unit]}\n", []TeamSource{{Path: []string{"user.costCenter"}, Line: 3}, {Path: []string{"app.unit"}, Line: 3}}},
		"a path":          {"teams:\n  from:\n    - user.division / department\n    - department\n", []TeamSource{{Path: []string{"user.division", "department"}, Line: 5}, {Path: []string{"department"}, Line: 6}}},
		"a custom field":  {"teams: {from: [custom.squad]}\ncustom_fields: [{name: squad, from: user.squad}]\n", []TeamSource{{Path: []string{"custom.squad"}, Line: 3}}},
		"groups by id":    {"teams: {from: [{groups: {ids: [" + one + ", " + two + "]}}]}\n", []TeamSource{groups(Groups{IDs: []string{one, two}}, 3)}},
		"groups by name":  {"teams:\n  from:\n    - groups: {names: ['Team *'], exclude: ['Team test']}\n    - department\n", []TeamSource{groups(Groups{Names: []string{"Team *"}, Exclude: []string{"Team test"}}, 5), {Path: []string{"department"}, Line: 6}}},
		"groups assigned": {"teams: {from: [{groups: {assigned: true, exclude: ['Team test']}}]}\n", []TeamSource{groups(Groups{Assigned: true, Exclude: []string{"Team test"}}, 3)}},
		"groups by type":  {"teams: {from: [{groups: {types: [APP_GROUP, BUILT_IN]}}]}\n", []TeamSource{groups(Groups{Types: []string{"APP_GROUP", "BUILT_IN"}}, 3)}},
		"of the longest":  {"teams: {from: [user.a/user.b/user.c/user.d/user.e/user.f/user.g/user.h]}\n", []TeamSource{{Path: strings.Split("user.a/user.b/user.c/user.d/user.e/user.f/user.g/user.h", "/"), Line: 3}}},
		"the same prefix": {"teams: {from: [department/title, department]}\n", []TeamSource{{Path: []string{"department", "title"}, Line: 3}, {Path: []string{"department"}, Line: 3}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := mustLoad(t, oktaBlock+hookBlock+test.yaml)
			if diff := cmp.Diff(test.want, c.Tenants[0].Teams); diff != "" {
				t.Errorf("teams (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTeamsFromTheEnvironment(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, oktaBlock+hookBlock, "OKTASYNC_TEAMS_FROM=user.division/department, title")
	want := []TeamSource{{Path: []string{"user.division", "department"}}, {Path: []string{"title"}}}
	if diff := cmp.Diff(want, c.Tenants[0].Teams); diff != "" {
		t.Errorf("teams (-want +got):\n%s", diff)
	}
}

func TestBadTeams(t *testing.T) {
	t.Parallel()
	const id = "00g1a2b3c4d5e6f7g8h9"
	tests := map[string]struct{ yaml, want string }{
		"an unknown field":           {"teams: {from: [departmnt]}\n", `teams.from (c.yml:3:15): line 3: "departmnt" is not known; give one of first_name`},
		"did you mean":               {"teams: {from: [departmnt]}\n", "did you mean department?"},
		"an attribute of nothing":    {"teams:\n  from:\n    - department\n    - 'user.'\n", `line 6: "user." is not an attribute`},
		"a custom field that is not": {"teams: {from: [custom.squad]}\n", "custom.squad is not declared"},
		"an empty part":              {"teams: {from: [user.division//department]}\n", `"user.division//department" has an empty part`},
		"a path without a beginning": {"teams: {from: [/department]}\n", `"/department" has an empty part`},
		"a level twice":              {"teams: {from: [department/department]}\n", "has department twice; a team cannot be below itself"},
		"too long a path":            {"teams: {from: [user.a/user.b/user.c/user.d/user.e/user.f/user.g/user.h/user.i]}\n", "has 9 levels, at most 8 are allowed"},
		"two alike":                  {"teams:\n  from:\n    - department\n    - title\n    - department\n", "line 7: department is there twice; remove one"},
		"two groups alike":           {"teams:\n  from:\n    - groups: {ids: [" + id + "]}\n    - groups: {ids: [" + id + "], names: [A]}\n", "line 6: the group " + id + " is in two sources"},
		"every group":                {"teams: {from: [{groups: {names: ['*']}}]}\n", `groups: "*" fits every group; name the groups that are teams, or give types`},
		"every group, in disguise":   {"teams: {from: [{groups: {names: ['?*']}}]}\n", `"?*" fits every group`},
		"assigned to nothing":        {"teams: {from: [{groups: {assigned: false}}]}\n", "groups: names no groups; give ids, names, types, or assigned: true"},
		"assigned to what":           {"teams: {from: [{groups: {assigned: 0oa1}}]}\n", `groups: assigned: "0oa1" is neither true nor false`},
		"no groups":                  {"teams: {from: [{groups: {exclude: [A]}}]}\n", "groups: names no groups; give ids, names, types, or assigned: true"},
		"a name for an id":           {"teams: {from: [{groups: {ids: [Sales]}}]}\n", `"Sales" is not the id of a group`},
		"an unknown type":            {"teams: {from: [{groups: {types: [TEAM]}}]}\n", `"TEAM" is not known; give one of OKTA_GROUP`},
		"a broken pattern":           {"teams: {from: [{groups: {names: ['A [']}}]}\n", `"A [" is not a pattern`},
		"another key":                {"teams: {from: [{group: {ids: []}}]}\n", `"group" is not known here; allowed are groups`},
		"a group that is left out":   {"teams: {from: [{groups: {ids: [" + id + "]}}]}\ngroups: {exclude: [" + id + "]}\n", "line 3: the group \"" + id + "\" is left out by groups.exclude"},
		"nothing is mapped":          {"teams: {from: [title]}\nmapping: {title: []}\n", "line 3: title is mapped from nothing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := load(oktaBlock + hookBlock + test.yaml); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("loading says %v, want %q", err, test.want)
			}
		})
	}
}
