package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPlaces: whoever explains a value can say where its rule stands.
func TestPlaces(t *testing.T) {
	t.Parallel()
	file := `okta:
  url: https://acme.okta.com
  token: 00abcdefghijklmnopqrstuvwxyz
  app_id: 0oa1a2b3c4d5e6f7g8h9
hook:
  secrets: [a-secret-that-is-long-enough-0123456789]
mapping:
  title: user.grade
  location:
    # Where they sit.
    default: Home
    from: app.city
custom_fields:
  - name: badge
    from: user.badge
  - { name: desk, from: user.desk }
preset: mine
presets:
  mine:
    mapping:
      language: user.lang
    role_sets:
      - set: access
        rules:
          - { name: all, role: reader, default: true }
        roles: [reader]
`
	ready := "mapping:\n  department: user.unit\nlicense_pools:\n  - pool: seat\n    rules:\n      - { name: everybody, everyone: true }\n"
	load := func(text string) Tenant {
		t.Helper()
		c, err := Load(Options{
			Path: "c.yml", ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
			Environ: []string{"OKTASYNC_MAPPING_PICTURE_FROM=user.photo"}, Presets: map[string][]byte{"sales": []byte(ready)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return c.Tenants[0]
	}
	mine := load(file)
	got := map[string]string{"access": mine.GrantPlace("role_sets", mine.RoleSets[0].Rules[0])}
	for _, field := range []string{"title", "location", "language", "picture", "email", "custom.badge", "custom.desk"} {
		got[field] = mine.FieldPlace(field)
	}
	sales := load(file[:strings.Index(file, "preset: mine")] + "preset: sales\n")
	got["department"], got["seat"] = sales.FieldPlace("department"), sales.GrantPlace("license_pools", sales.LicensePools[0].Rules[0])
	want := map[string]string{
		"title": "line 8 of the configuration file", "location": "line 11 of the configuration file", "language": "line 21 of the configuration file",
		"picture": "the variable OKTASYNC_MAPPING_PICTURE_FROM", "email": "",
		"custom.badge": "line 14 of the configuration file", "custom.desk": "line 16 of the configuration file",
		"access": "line 25 of the configuration file", "department": "line 2 of the preset sales", "seat": "line 6 of the preset sales",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}
