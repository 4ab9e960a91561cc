package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const readyPool = `
teams: {from: none}
role_sets:
  - set: access
    roles: [reader, editor]
    rules:
      - { name: base, role: reader, default: true }
      - { name: editors, role: editor, group_names: ["Editors"] }
license_pools:
  - pool: seats
    cap: 0
    rules:
      - { name: sales, groups: [00g1a2b3c4d5e6f7g8h9] }
`

func loadReady(content, ready string) (Config, error) {
	return Load(Options{Path: "c.yml", ReadFile: files(content, nil), Presets: map[string][]byte{"ready": []byte(ready)}})
}

// TestReadyPreset: a preset that comes with the program is used without any in the file, and fitted to the org.
func TestReadyPreset(t *testing.T) {
	t.Parallel()
	type fitted struct {
		Team   string
		Groups map[string][][]string // by rule: ids, names
		Caps   []int
	}
	tests := map[string]struct {
		more string
		want fitted
	}{
		"as it is": {"", fitted{"none", map[string][][]string{"editors": {nil, {"Editors"}}, "sales": {{"00g1a2b3c4d5e6f7g8h9"}, nil}}, []int{0}}},
		"fitted to the org": {
			"rule_groups: {editors: [00g2a2b3c4d5e6f7g8h9, 'Edit *'], sales: Sales}\nlicense_caps: {seats: 50}\n",
			fitted{"none", map[string][][]string{"editors": {{"00g2a2b3c4d5e6f7g8h9"}, {"Edit *"}}, "sales": {nil, {"Sales"}}}, []int{50}},
		},
		"no end of them":         {"license_caps: {seats: none}\n", fitted{"none", map[string][][]string{"editors": {nil, {"Editors"}}, "sales": {{"00g1a2b3c4d5e6f7g8h9"}, nil}}, []int{-1}}},
		"another of the file":    {"presets: {ready: {teams: {from: title}}}\n", fitted{"[title]", map[string][][]string{}, nil}},
		"the tenant's own value": {"teams: {from: department}\nrole_sets: []\n", fitted{"[department]", map[string][][]string{"sales": {{"00g1a2b3c4d5e6f7g8h9"}, nil}}, []int{0}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := loadReady(oktaBlock+hookBlock+"preset: ready\n"+test.more, readyPool)
			if err != nil {
				t.Fatal(err)
			}
			check := func(tenant Tenant) {
				t.Helper()
				got := fitted{Team: teamsShown(tenant), Groups: map[string][][]string{}}
				for _, rule := range tenant.grantRules() {
					if len(rule.Groups)+len(rule.GroupNames) > 0 {
						got.Groups[rule.Name] = [][]string{rule.Groups, rule.GroupNames}
					}
				}
				for _, pool := range tenant.LicensePools {
					got.Caps = append(got.Caps, pool.Cap)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("rules (-want +got):\n%s", diff)
				}
			}
			check(c.Tenants[0])
			// A tenant that the API manages takes it as well.
			document, err := ParseDocument([]byte(oktaBlock + hookBlock + "preset: ready\n"))
			if err != nil {
				t.Fatal(err)
			}
			stored, err := c.LoadTenant("coal", document, nil)
			if err != nil || stored.Preset != "ready" {
				t.Errorf("a tenant of the database has the preset %q: %v", stored.Preset, err)
			}
		})
	}
}

func TestBadFitting(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		ready, more string
		want        []string
	}{
		"a rule that is not there": {readyPool, "rule_groups: {editor: 00g2a2b3c4d5e6f7g8h9}\n", []string{
			`rule_groups (c.yml:4:14): "editor" is not the name of a rule of the tenant, which are base, editors, sales; did you mean editors?`,
		}},
		"a rule without groups": {readyPool, "rule_groups: {base: 00g2a2b3c4d5e6f7g8h9}\n", []string{
			`rule_groups (c.yml:4:14): the rule base does not go by groups, so that it can have none`,
		}},
		"a slip in an id, and a pattern that fits all": {readyPool, "rule_groups: {editors: 00g2a2b3, sales: '*'}\n", []string{
			`rule_groups (c.yml:4:14): "editors": "00g2a2b3" is not the id of a group: it begins with 00g and has 20 letters and digits; names go under groups.names`,
			`rule_groups (c.yml:4:14): "sales": group_names: "*" fits every group; write everyone: true if that is meant`,
		}},
		"no groups": {readyPool, "rule_groups: {editors: []}\n", []string{
			`rule_groups (c.yml:4:14): "editors": has no groups; give their ids, or names with * and ?`,
		}},
		"a pool that is not there": {readyPool, "license_caps: {seat: 5}\n", []string{
			`license_caps (c.yml:4:15): "seat" is not the name of a license pool of the tenant, which are seats; did you mean seats?`,
		}},
		"a negative cap": {readyPool, "license_caps: {seats: -1}\n", []string{
			`license_caps (c.yml:4:15): "seats": "-1" is not a number of licenses; give a whole number from 0 to 10000000, or none when there is no end of them`,
		}},
		"caps without pools": {"teams: {from: none}", "license_caps: {seats: 1}\n", []string{
			`license_caps (c.yml:4:15): "seats" is not the name of a license pool of the tenant; there are none`,
		}},
		"a ready preset that cannot be read": {"a:\n\tb", "", []string{
			"presets.ready (ready preset ready:2:1): is not valid YAML: found character '\t' that cannot start any token",
		}},
		"a ready preset with an org": {"hook: {hosts: [a.example]}", "", []string{
			`presets.ready.hook.hosts (ready preset ready:1:8): there is no such setting; allowed here are check, check_every, header`,
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := loadReady(oktaBlock+hookBlock+"preset: ready\n"+test.more, test.ready)
			if diff := cmp.Diff(test.want, lines(err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
