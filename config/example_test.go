package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const exampleFile = "../config.example.yml"

// exampleSecrets answers for the secret files that the example names.
func exampleSecrets(path string) ([]byte, error) {
	switch path {
	case "secrets/okta-token":
		return []byte("00abcdefghijklmnopqrstuvwxyz\n"), nil
	case "secrets/hook-secret":
		return []byte("f00dcafe00112233445566778899aabb\n"), nil
	default:
		return os.ReadFile(path)
	}
}

func TestExampleLoads(t *testing.T) {
	t.Parallel()
	c, err := Load(Options{Path: exampleFile, ReadFile: exampleSecrets})
	if err != nil {
		t.Fatalf("the example does not load:\n%v", err)
	}
	if len(c.Tenants) != 1 || c.Tenants[0].Slug != DefaultSlug {
		t.Fatalf("tenants = %v, want the default one alone", c.Tenants)
	}
}

// The example shows the defaults, so a person who changes nothing but the
// credentials must get the same as one who leaves everything out.
func TestExampleShowsDefaults(t *testing.T) {
	t.Parallel()
	example, err := Load(Options{Path: exampleFile, ReadFile: exampleSecrets})
	if err != nil {
		t.Fatal(err)
	}
	bare, err := Load(Options{ReadFile: exampleSecrets, Environ: []string{
		"OKTASYNC_OKTA_URL=https://acme.okta.com",
		"OKTASYNC_OKTA_TOKEN_FILE=secrets/okta-token",
		"OKTASYNC_OKTA_APP_ID=0oa1appAPPAPPAPPx5d7",
		"OKTASYNC_HOOK_SECRETS_FILE=secrets/hook-secret",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shown(bare), shown(example)); diff != "" {
		t.Errorf("the example differs from the defaults (-default +example):\n%s", diff)
	}
}

// shown is every setting as it is printed, by key.
func shown(c Config) map[string]string {
	all := map[string]string{}
	for _, s := range settings() {
		all[s.key] = s.show(target{config: &c})
	}
	for i := range c.Tenants {
		for _, s := range tenantSettings() {
			all[c.Tenants[i].key(s.key)] = s.show(target{config: &c, tenant: &c.Tenants[i]})
		}
	}
	return all
}

func TestExampleMentionsEveryKey(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	keys := keysOf(t, content)
	// Lines that are commented out stand for a choice; each alone is looked at below
	// its section, so the text is enough to know that it is mentioned and where.
	for _, s := range append(settings(), tenantSettings()...) {
		want := []string{s.key}
		if s.fromFile {
			want = append(want, s.key+"_file")
		}
		for _, key := range want {
			if step, isStep := mappingStep(key); isStep && step != "from" {
				key = "mapping.department." + step // the same for all fields
			}
			if !slices.Contains(keys, key) {
				t.Errorf("config.example.yml does not mention %s", key)
			}
		}
	}
	known := byKey(append(settings(), tenantSettings()...))
	for _, key := range keys {
		if _, ok := known[key]; !ok {
			t.Errorf("config.example.yml mentions %s, which is no setting", key)
		}
	}
}

// keysOf lists the keys that the file mentions, in use or commented out.
func keysOf(t *testing.T, content []byte) []string {
	t.Helper()
	line := regexp.MustCompile(`^( *)#?([a-z_]+):(.*)$`)
	known := byKey(append(settings(), tenantSettings()...))
	var keys []string
	var path []string
	for _, text := range strings.Split(string(content), "\n") {
		found := line.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		depth := len(found[1]) / 2
		if depth > len(path) {
			t.Fatalf("line %q is indented too far", text)
		}
		path = append(path[:depth:depth], found[2])
		if path[0] == "tenants" || path[0] == "presets" {
			continue
		}
		key := strings.Join(path, ".")
		if field, isField := strings.CutPrefix(key, "mapping."); isField && slices.Contains(fields(), field) && found[3] != "" {
			key += ".from"
		}
		_, isSetting := known[key]
		if isSetting || found[3] != "" {
			keys = append(keys, key)
		}
	}
	return keys
}
