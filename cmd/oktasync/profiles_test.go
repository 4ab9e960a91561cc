package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

// TestRulesTest: a configuration that is not in use is tried on one person, and adds no tenant and no row.
func TestRulesTest(t *testing.T) {
	t.Parallel()
	org, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Options{People: 3, Groups: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { org.Close(context.Background()) })
	ada := must(t)(org.Org.Join(emulator.NewPerson{FirstName: "Ada", Login: "ada@acme.example", Profile: map[string]any{
		"title": "swe", "profileUrl": "javascript:alert(1)", "costCenter": nil,
	}}))
	file := filepath.Join(t.TempDir(), "other.yml")
	rules := `tenants:
  other:
    mapping:
      title: {from: user.title, map: {SWE: Software Engineer}}
      location: {from: [], join: [user.city, user.countryCode], with: ", "}
    custom_fields: [{name: cost, type: number, from: user.costCenter}]
    required: [email, custom.cost]
`
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{
		"OKTASYNC_DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "d.db"),
		"OKTASYNC_TENANTS_OTHER_OKTA_URL=" + org.URL, "OKTASYNC_TENANTS_OTHER_OKTA_ALLOW_HTTP=true",
		"OKTASYNC_TENANTS_OTHER_OKTA_TOKEN=" + emulator.DefaultToken, "OKTASYNC_TENANTS_OTHER_OKTA_APP_ID=" + org.Org.AppID(),
		"OKTASYNC_TENANTS_OTHER_HOOK_SECRETS=" + testHookSecret,
	}
	command := func(args ...string) (int, string, string) {
		var out, problems strings.Builder
		status := run(t.Context(), args, environ, &out, &problems)
		return status, out.String(), problems.String()
	}
	if status, out, problems := command("migrate", "--config", file); status != 0 {
		t.Fatalf("migrate: %s%s", out, problems)
	}
	status, out, problems := command("rules", "test", "--person", "ada@acme.example", "--tenant", "other", "--config", file)
	if status != 0 {
		t.Fatalf("status %d: %s", status, problems)
	}
	for _, want := range []string{
		`user.title = "swe"`, `from user.title; map of 1`, `"Software Engineer"`,
		`nothing (what Okta has is not an https address)`,
		`It would be kept in quarantine: Okta has no custom.cost for this person`, "Nothing was written.",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
	if problems != "" {
		t.Errorf("the log says: %s", problems)
	}
	status, out, problems = command("rules", "test", "--person", "ada@acme.example", "--tenant", "other", "--config", file, "--json")
	var answer v1.RulesTest
	if err := json.Unmarshal([]byte(out), &answer); err != nil || status != 0 || answer.PersonID != ada.ID || len(answer.Fields) != 14 || len(answer.Quarantine) != 1 {
		t.Errorf("status %d, %v, %+v: %s", status, err, answer, problems)
	}
	must(t)(org.Org.Join(emulator.NewPerson{FirstName: "Un", Login: "un@acme.example", Unassigned: true}))
	if status, out, problems = command("rules", "test", "--person", "un@acme.example", "--tenant", "other", "--config", file); status != 0 || !strings.Contains(out, "would not be in the directory (Okta: ACTIVE)") {
		t.Errorf("of who is not assigned: status %d, %s%s", status, out, problems)
	}
	if status, _, problems = command("rules", "test", "--person", "nobody@acme.example", "--tenant", "other", "--config", file); status == 0 || !strings.Contains(problems, "Okta has nobody with this id or login") {
		t.Errorf("of nobody: status %d, %s", status, problems)
	}
	if status, _, problems = command("rules", "test", "--person", "x", "--config", file); status == 0 || !strings.Contains(problems, "there is no tenant default") {
		t.Errorf("of no tenant: status %d, %s", status, problems)
	}
}
