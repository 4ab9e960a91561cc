package config

import (
	"os"
	"strings"
	"testing"
)

// FuzzLoad: whatever a file and the environment hold, Load returns a usable configuration
// or problems, never both, and never shows the secret.
func FuzzLoad(f *testing.F) {
	example, err := os.ReadFile(exampleFile)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example), "")
	f.Add(oktaBlock+hookBlock, "OKTASYNC_LOG_LEVEL=debug")
	f.Add(tenants("a", "    mapping: &m {title: [app.a, user.b]}\n"), "OKTASYNC_TENANTS_A_OKTA_RATE_SHARE=1\nOKTASYNC_TENANTS__OKTA_URL=x")
	f.Add(oktaBlock+hookBlock+"mapping: {title: {join: [user.a], with: ' ', case: title, map: {a: b}, only_mapped: true, date: DD.MM.YYYY, date_as: YYYY}}\n"+
		"custom_fields: [{name: a, type: choice, choices: [x], from: app.a, map: {b: x}}]\nrequired: [custom.a]\n", "OKTASYNC_MAPPING_TITLE_DATE=D/M/YYYY")
	f.Add("a: &a [*a]\nb: *a\n", "OKTASYNC_TENANTS_A-B_OKTA_URL=x")
	f.Add("okta: {token: [}", "OKTASYNC_OKTA_TOKEN_FILE=t")
	f.Add("nightly: {at: 'TZ=0'}\nroles: !!set {web}", "OKTASYNC_NIGHTLY_AT=*/0 * * * *")
	f.Add("? a\n: b\n--- |\n x", "OKTASYNC_REDIS_URL=redis://[::1")
	f.Fuzz(func(t *testing.T, content, environ string) {
		if len(content) > 64<<10 {
			return
		}
		const secret = "zQ9-only-in-the-file"
		c, err := Load(Options{
			Path: "c.yml", Environ: strings.Split(environ, "\n"),
			ReadFile: files(content, map[string]string{"t": secret + "\x00"}),
		})
		if err != nil {
			if len(Problems(err)) == 0 {
				t.Fatalf("an error without problems: %v", err)
			}
			if strings.Contains(err.Error(), secret) {
				t.Fatalf("a problem shows a secret: %v", err)
			}
			return
		}
		var out strings.Builder
		if err := c.Print(&out); err != nil {
			t.Fatal(err)
		}
		if len(c.Tenants) == 0 || len(c.Roles) == 0 || c.Workers.Total() < 4 || strings.Contains(out.String(), "\x1b") {
			t.Fatalf("accepted, but not usable:\n%s", out.String())
		}
	})
}

// What a hostile or damaged file may do to the parser, it must do quickly and without a crash.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		n := string(rune('0' + i))
		p := string(rune('0' + i - 1))
		bomb += "a" + n + ": &a" + n + " [*a" + p + strings.Repeat(", *a"+p, 9) + "]\n"
	}
	tests := []struct{ name, content, want string }{
		{"alias bomb", bomb, "holds too many values once its aliases are filled in"},
		{"alias of itself", "roles: &r [*r]\n", "is nested too deeply"},
		{"brackets", strings.Repeat("[\n", 20_000), "has 20000 opening brackets, a configuration has at most 10000"},
		{"nested brackets", "a: " + strings.Repeat("[", 9_000), "is not valid YAML"},
		{"nested maps", "a: " + strings.Repeat("{a: ", 2_000) + strings.Repeat("}", 2_000), "is nested too deeply"},
		{"nested lists", strings.Repeat("- ", 8_000) + "x", "is nested too deeply"},
		{"long line", "a: " + strings.Repeat("x", 20_000), "the line has 20003 bytes, a line has at most 16384"},
		{"huge", strings.Repeat("# filler\n", 200_000), "has 1800000 bytes, a configuration has at most 1048576"},
		{"binary", "\x00\x01\x02\xff\xfe", "c.yml"},
		{"UTF-16", "\xff\xfeo\x00k\x00t\x00a\x00:\x00", "c.yml"},
		{"long key", strings.Repeat("k", 10_000) + ": 1\n", "there is no such setting"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(test.content)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %.300v, want it to contain %q", err, test.want)
			}
			if len(err.Error()) > 2_000 {
				t.Errorf("the problems fill %d characters", len(err.Error()))
			}
		})
	}
}
