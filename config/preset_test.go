package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const twoTenants = `
tenants:
  acme:
    preset: standard
    okta: {url: https://acme.okta.com, token: 00abcdefghijklmnopqrst, app_id: 0oa1appAPPAPPAPPx5d7}
    hook: {secrets: [f00dcafe00112233445566778899aabb]}
    limits: {people: {absolute: 20}}
  blue:
    okta: {url: https://blue.okta.com, token: 00abcdefghijklmnopqrst, app_id: 0oa1appAPPAPPAPPx5d7}
    hook: {secrets: [f00dcafe00112233445566778899aabb]}
`

func TestPresets(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
presets:
  standard:
    teams: { from: location }
    groups: {names: ["app-*"]}
    limits: {people: {absolute: 100, floor: 7}}
    mapping: {title: user.jobCode}
    nightly: {at: "04:30"}
  other:
`+twoTenants, "OKTASYNC_TENANTS_ACME_NIGHTLY_AT=05:00")
	acme, _ := c.Tenant("acme")
	blue, _ := c.Tenant("blue")
	type choice struct {
		Preset, Team, Nightly string
		Title, Groups, Types  []string
		People                Limit
	}
	chosen := func(t Tenant) choice {
		return choice{t.Preset, teamsShown(t), t.Nightly.At, t.Mapping["title"].From, t.Groups.Names, t.Groups.Types, t.Limits.People}
	}
	want := choice{
		Preset: "standard", Team: "[location]", Nightly: "05:00", Title: []string{"user.jobCode"}, Groups: []string{"app-*"}, Types: []string{},
		People: Limit{Absolute: 20, Fraction: 0.1, Floor: 7},
	}
	if diff := cmp.Diff(want, chosen(acme)); diff != "" {
		t.Errorf("with a preset (-want +got):\n%s", diff)
	}
	want = choice{
		Team: "[department]", Nightly: "03:00", Title: []string{"user.title"}, Types: []string{"OKTA_GROUP"},
		People: Limit{Absolute: 500, Fraction: 0.1, Floor: 5},
	}
	if diff := cmp.Diff(want, chosen(blue)); diff != "" {
		t.Errorf("without a preset (-want +got):\n%s", diff)
	}
	if got := c.origin("tenants.acme.teams.from"); got != "preset standard, file c.yml:4" {
		t.Errorf("origin %q", got)
	}
}

func TestBadPresets(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		presets string
		want    []string
	}{
		"unknown name": {"presets: {standart: {teams: {from: none}}}", []string{
			`tenants.acme.preset (c.yml:4:13): "standard" is not one of the presets, which are standart; did you mean standart?`,
		}},
		"none at all": {"", []string{
			`tenants.acme.preset (c.yml:4:13): "standard" is not there: there are no presets`,
		}},
		"bad value, once though a tenant takes it": {"presets: {standard: {teams: {from: clan}}}", []string{
			`presets.standard.teams.from (c.yml:1:36): "clan" is not known; give one of first_name, last_name, email, login, picture, title, language, location, department, employee_number, manager_id_text, manager_text, manager_link, or custom.<name>, or an attribute such as user.division`,
		}},
		"bad value that nobody takes": {"presets: {standard: {}, b: {nightly: {at: noon}}}", []string{
			`presets.b.nightly.at (c.yml:1:43): "noon" is not a schedule; give a time such as 03:00, a cron expression of five fields such as "0 3 * * 1-5", or never`,
		}},
		"a secret": {"presets: {standard: {okta: {token: 00abcdefghijklmnopqrst}}}", []string{
			`presets.standard.okta.token (c.yml:1:29): there is no such setting; allowed here are burst, concurrency, log, rate_share, scopes, second_look`,
		}},
		"an org": {"presets: {standard: {hook: {hosts: [a.example]}}}", []string{
			`presets.standard.hook.hosts (c.yml:1:29): there is no such setting; allowed here are check, check_every, header`,
		}},
		"name": {"presets: {standard: {}, Big: {}}", []string{
			`presets.Big (c.yml:1:25): is not a slug: it has 1 to 63 small letters, digits and hyphens, and does not begin with a hyphen`,
		}},
		"a list": {"presets: [standard]", []string{
			`presets (c.yml:1:10): is not a group of presets; write each one's name with its settings below it`,
			`tenants.acme.preset (c.yml:4:13): "standard" is not there: there are no presets`,
		}},
		"contradiction with the tenant's own": {"presets: {standard: {mapping: {department: []}}}", []string{
			`tenants.acme.teams.from: department is mapped from nothing, so that nobody would have a team; set mapping.department, or leave it out`,
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(test.presets + twoTenants)
			if diff := cmp.Diff(test.want, lines(err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// teamsShown is where the tenant's teams come from, as the configuration is printed.
func teamsShown(t Tenant) string { return teamsField().show(target{tenant: &t}) }
