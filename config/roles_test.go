package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const roleBlock = `
role_sets:
  - set: access
    combine: highest
    roles: [reader, editor, admin]
    keep_last: [admin]
    rules:
      - { name: base, role: reader, default: true }
      - name: editors
        role: editor
        groups: [00g1a2b3c4d5e6f7g8h9]
        group_names: ["Editors *"]
        team_from: group
      - { name: okta, attribute: app.role, values: { ReadOnly: reader, " Admin": admin } }
license_pools:
  - pool: seat
    cap: 50
    rules:
      - { name: sales, attribute: user.department, equals: [Sales, Presales] }
  - { pool: open, on_cap_decrease: stop, rules: [{ name: all, everyone: true }] }
protected: [00u1, boss@acme.example]
`

func TestRoleRules(t *testing.T) {
	t.Parallel()
	tenant := mustLoad(t, oktaBlock+hookBlock+roleBlock).Tenants[0]
	want := []RoleSet{{
		Name: "access", Combine: CombineHighest, Roles: []string{"reader", "editor", "admin"}, KeepLast: []string{"admin"},
		Rules: []GrantRule{
			{Name: "base", Line: 10, Role: "reader", Default: true},
			{Name: "editors", Line: 11, Role: "editor", Groups: []string{"00g1a2b3c4d5e6f7g8h9"}, GroupNames: []string{"Editors *"}, TeamFrom: TeamFromGroup},
			{Name: "okta", Line: 16, Attribute: "app.role", Values: map[string]string{"readonly": "reader", "admin": "admin"}},
		},
	}}
	if diff := cmp.Diff(want, tenant.RoleSets); diff != "" {
		t.Errorf("role sets (-want +got):\n%s", diff)
	}
	pools := []LicensePool{
		{Name: "seat", Cap: 50, OnCapDecrease: CapKeepOldest, Rules: []GrantRule{{Name: "sales", Line: 21, Attribute: "user.department", Values: map[string]string{"sales": "", "presales": ""}}}},
		{Name: "open", Cap: -1, OnCapDecrease: CapStop, Rules: []GrantRule{{Name: "all", Line: 22, Everyone: true}}},
	}
	if diff := cmp.Diff(pools, tenant.LicensePools); diff != "" {
		t.Errorf("pools (-want +got):\n%s", diff)
	}
	if got := strings.Join(tenant.Protected, " "); got != "00u1 boss@acme.example" {
		t.Errorf("protected: %s", got)
	}
	if got := strings.Join(tenant.Attributes(), " "); !strings.Contains(got, "app.role") {
		t.Errorf("the attributes that rules read are not among %s", got)
	}
}

func TestBadRoleRules(t *testing.T) {
	t.Parallel()
	set := func(rules string) string {
		return "role_sets:\n  - set: access\n    roles: [reader, admin]\n    rules:\n      - " + rules + "\n"
	}
	tests := map[string]struct{ block, want string }{
		"an unknown role":            {set("{ name: a, role: amdin, everyone: true }"), `line 7: "amdin" is not one of the set's roles, which are reader, admin; did you mean admin?`},
		"an unknown role of a value": {set("{ name: a, attribute: app.role, values: { X: owner } }"), `"owner" is not one of the set's roles`},
		"no role":                    {set("{ name: a, everyone: true }"), "role is missing"},
		"no source":                  {set("{ name: a, role: admin }"), "has to have one source"},
		"two sources":                {set("{ name: a, role: admin, everyone: true, default: true }"), "has to have one source"},
		"a pattern for everything":   {set("{ name: a, role: admin, group_names: ['*?'] }"), "fits every group"},
		"a name for an id":           {set("{ name: a, role: admin, groups: [Admins] }"), "is not the id of a group"},
		"an attribute of nobody":     {set("{ name: a, role: admin, attribute: role, equals: [x] }"), "attribute: "},
		"an attribute without value": {set("{ name: a, role: admin, attribute: app.role }"), "the values that count are missing"},
		"one value twice":            {set("{ name: a, attribute: app.role, values: { Admin: admin, admin: reader } }"), "is there twice"},
		"values and a role":          {set("{ name: a, role: admin, attribute: app.role, values: { Admin: admin } }"), "give values: { value: role }, or role and equals"},
		"a team of no group":         {set("{ name: a, role: admin, everyone: true, team_from: group }"), "team_from"},
		"a name twice":               {set("{ name: a, role: admin, everyone: true }\n      - { name: a, role: reader, default: true }"), "is used by two rules"},
		"a key that is not known":    {set("{ name: a, rolle: admin, everyone: true }"), `"rolle" is not known here`},
		"no set":                     {"role_sets: [{ roles: [a] }]\n", "set: "},
		"a set that is a word":       {"role_sets: [access]\n", "is not of the form"},
		"no roles":                   {"role_sets: [{ set: a }]\n", "roles is missing"},
		"a role in two sets":         {"role_sets: [{ set: a, roles: [x] }, { set: b, roles: [x] }]\n", "stands in the sets a and b"},
		"keep_last of nothing":       {"role_sets: [{ set: a, roles: [x], keep_last: [y] }]\n", "keep_last"},
		"two defaults":               {"role_sets: [{ set: a, combine: single, roles: [x, y], rules: [{ name: a, role: x, default: true }, { name: b, role: y, default: true }] }]\n", "2 rules are a default"},
		"a negative cap":             {"license_pools: [{ pool: a, cap: -1 }]\n", "is not a number of licenses"},
		"half a license":             {"license_pools: [{ pool: a, cap: 1.5 }]\n", "is not a number of licenses"},
		"a pool twice":               {"license_pools: [{ pool: a }, { pool: a }]\n", "is there twice"},
		"a role in a pool":           {"license_pools: [{ pool: a, rules: [{ name: x, role: y, everyone: true }] }]\n", `"role" is not known here`},
		"an unknown word":            {"license_pools: [{ pool: a, on_cap_decrease: shrink }]\n", "on_cap_decrease"},
		"an excluded group":          {set("{ name: a, role: admin, groups: [00g1a2b3c4d5e6f7g8h9] }") + "groups: { exclude: [00g1a2b3c4d5e6f7g8h9] }\n", "groups.exclude leaves out"},
		"one name in two lists":      {set("{ name: a, role: admin, everyone: true }") + "license_pools: [{ pool: p, rules: [{ name: a, everyone: true }] }]\n", "is used by two rules"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(oktaBlock + hookBlock + test.block)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if len(lines(err)) > 1 {
				t.Errorf("one mistake, %d problems: %v", len(lines(err)), err)
			}
		})
	}
}
