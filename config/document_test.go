package config

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func document(t *testing.T, text string) Document {
	t.Helper()
	var d Document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func written(t *testing.T, d Document) string {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const goodDocument = `{
	"preset": "standard",
	"okta": {"url": "https://coal.okta.com", "token": "00abcdefghijklmnopqrst", "app_id": "0oa1appAPPAPPAPPx5d7", "rate_share": 0.25},
	"hook": {"secrets": ["f00dcafe00112233445566778899aabb", "f00dcafe00112233445566778899aabc"], "hosts": ["coal.example"]}
}`

// The same settings make the same tenant, whether they stand in the file or come by the API.
func TestDocumentAndFileAgree(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
presets:
  standard: {teams: {from: location}, groups: {names: ["007", "true", "app-*"]}}
tenants:
  coal:
    preset: standard
    okta: {url: https://coal.okta.com, token: 00abcdefghijklmnopqrst, app_id: 0oa1appAPPAPPAPPx5d7, rate_share: 0.25}
    hook: {secrets: [f00dcafe00112233445566778899aabb, f00dcafe00112233445566778899aabc], hosts: [Coal.example]}
`)
	got, err := c.LoadTenant("coal", document(t, strings.Replace(goodDocument, "coal.example", "Coal.example", 1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := c.Tenant("coal")
	want.prefix, want.places = "", nil
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Tenant{}), cmp.Comparer(Secret.Equal)); diff != "" {
		t.Errorf("file and document (-file +document):\n%s", diff)
	}
}

func TestDocumentReportsEverything(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "presets: {standard: {}}\n"+oktaBlock+hookBlock)
	tests := map[string]struct {
		slug, text string
		taken      map[string]string
		want       []string
	}{
		"empty": {"coal", `{}`, nil, []string{
			"okta.url: is missing; give the org's address, such as https://acme.okta.com",
			"okta.token: is missing; give an API token, or okta.client_id and okta.private_key of a service app",
			"okta.app_id: is missing; give the id of the Okta app that stands for the product (0oa…)",
			`hook.secrets: is missing; make one, for example with "openssl rand -hex 32", and enter the same in Okta`,
		}},
		"everything at once": {"Coal!", `{"okta": {"url": "coal.okta.com", "tokn": "x", "rate_share": 2}, "workers": {"people": 3}, "hook": ["x"]}`, nil, []string{
			`slug: "Coal!" is not a slug: it has 1 to 63 small letters, digits and hyphens, and does not begin with a hyphen`,
			`hook: is a group of settings; write them indented on the lines below`,
			`hook.secrets: is missing; make one, for example with "openssl rand -hex 32", and enter the same in Okta`,
			`okta.rate_share: "2" is not a fraction from 0.01 to 1, such as 0.5`,
			`okta.tokn: there is no such setting; did you mean okta.token?`,
			`okta.url: "coal.okta.com" has no scheme; did you mean https://coal.okta.com?`,
			`workers: there is no such setting; allowed here are custom_fields, deprovision, groups, hook, invites, license_caps, license_pools, limits, managers, mapping, nightly, okta, owned, preset, protected, required, role_sets, rule_groups, teams, unique`,
			"okta.token: is missing; give an API token, or okta.client_id and okta.private_key of a service app",
			"okta.app_id: is missing; give the id of the Okta app that stands for the product (0oa…)",
		}},
		"a file of the server": {"coal", strings.Replace(goodDocument, `"token"`, `"token_file"`, 1), nil, []string{
			"okta.token_file: there is no such setting; allowed here are allow_http, app_id, burst, client_id, concurrency, key_id, log, private_key, rate_share, scopes, second_look, token, url",
			"okta.token: is missing; give an API token, or okta.client_id and okta.private_key of a service app",
		}},
		"a host of somebody else": {"coal", goodDocument, map[string]string{"coal.example": "tenant acme"}, []string{
			`hook.hosts: "coal.example" belongs to tenant acme as well; a host can be given to one tenant only`,
		}},
		"an unknown preset": {"coal", strings.Replace(goodDocument, "standard", "standrad", 1), nil, []string{
			`preset: "standrad" is not one of the presets, which are standard; did you mean standard?`,
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.LoadTenant(test.slug, document(t, test.text), test.taken)
			got := lines(err)
			if name == "everything at once" {
				got, test.want = sortedLines(got), sortedLines(test.want)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDocumentSecrets(t *testing.T) {
	t.Parallel()
	d := document(t, goodDocument)
	public, secrets := d.TakeSecrets()
	if got, want := written(t, public), `{"hook":{"hosts":["coal.example"]},"okta":{"app_id":"0oa1appAPPAPPAPPx5d7","rate_share":0.25,"url":"https://coal.okta.com"},"preset":"standard"}`; got != want {
		t.Errorf("public part:\n got %s\nwant %s", got, want)
	}
	want := map[string][]Secret{
		"okta.token":   {NewSecret("00abcdefghijklmnopqrst")},
		"hook.secrets": {NewSecret("f00dcafe00112233445566778899aabb"), NewSecret("f00dcafe00112233445566778899aabc")},
	}
	if diff := cmp.Diff(want, secrets, cmp.Comparer(Secret.Equal)); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if got, want := written(t, public.WithSecrets(secrets)), written(t, d); got != want {
		t.Errorf("together again:\n got %s\nwant %s", got, want)
	}
	if got := written(t, d); !strings.Contains(got, "00abcdefghijklmnopqrst") {
		t.Errorf("taking the secrets changed the original: %s", got)
	}
	// A single secret need not be written as a list.
	if _, secrets := document(t, `{"hook": {"secrets": "one-of-them-is-enough"}}`).TakeSecrets(); len(secrets["hook.secrets"]) != 1 {
		t.Errorf("single secret: %v", secrets)
	}
}

func TestDocumentMerge(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ base, patch, want string }{
		"replace and add": {`{"a":{"b":1,"c":"x"}}`, `{"a":{"b":2,"d":[1]}}`, `{"a":{"b":2,"c":"x","d":[1]}}`},
		"take out":        {`{"a":{"b":1,"c":"x"},"e":1}`, `{"a":{"b":null},"e":null,"f":null}`, `{"a":{"c":"x"}}`},
		"list as a whole": {`{"a":[1,2]}`, `{"a":[3]}`, `{"a":[3]}`},
		"group for value": {`{"a":1}`, `{"a":{"b":{"c":null,"d":1}}}`, `{"a":{"b":{"d":1}}}`},
		"nothing":         {`{"a":1}`, `{}`, `{"a":1}`},
		"onto nothing":    {`{}`, `{"a":1}`, `{"a":1}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := document(t, test.base)
			if got := written(t, base.Merge(document(t, test.patch))); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if got := written(t, base); got != test.base {
				t.Errorf("the original became %s", got)
			}
		})
	}
}

// Texts that look like numbers or switches come back as they were written.
func TestDocumentKeepsTexts(t *testing.T) {
	t.Parallel()
	d, err := ParseDocument([]byte("a: 007\nb: 1.50\nc: true\nd: '12'\ne: 0.5\nf: 1e5\ng: ~\nh: yes\n"))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"a":"007","b":"1.50","c":true,"d":12,"e":0.5,"f":"1e5","g":null,"h":"yes"}`
	if got := written(t, d); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := written(t, document(t, want)); got != want {
		t.Errorf("read and written again: %s", got)
	}
}

func TestBadDocuments(t *testing.T) {
	t.Parallel()
	const secret = "hunter2hunter2"
	for name, text := range map[string]string{
		"not JSON": `{"okta": {"token": "` + secret + `"`, "a list": `["` + secret + `"]`, "a text": `"` + secret + `"`,
		"too deep": strings.Repeat(`{"a":`, 40) + `"` + secret + `"` + strings.Repeat("}", 40),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d Document
			err := d.UnmarshalJSON([]byte(text))
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
	if _, err := ParseDocument([]byte("okta:\n\ttoken: x\n")); err == nil || !strings.HasPrefix(err.Error(), "line 2, column 1: ") {
		t.Errorf("YAML error %v", err)
	}
}

func TestEncryptionKeys(t *testing.T) {
	t.Parallel()
	const good, wrong = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "c2hvcnQ="
	c := mustLoad(t, "", "OKTASYNC_ENCRYPTION_KEYS="+good)
	if len(c.Tenants) != 0 || len(c.Encryption.Keys) != 1 || c.Encryption.Keys[0].Reveal() != good {
		t.Errorf("tenants %d, keys %d", len(c.Tenants), len(c.Encryption.Keys))
	}
	for name, test := range map[string]struct{ value, want string }{
		"short":      {wrong, "encryption.keys (OKTASYNC_ENCRYPTION_KEYS): holds an entry that is not 32 bytes in base64; make one with: oktasync keys new"},
		"same bytes": {strings.Repeat("A", 43) + "=", "encryption.keys (OKTASYNC_ENCRYPTION_KEYS): holds a key whose bytes are all the same; make one with: oktasync keys new"},
		"twice":      {good + "," + good, "encryption.keys (OKTASYNC_ENCRYPTION_KEYS): holds the same secret twice; remove one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(oktaBlock+hookBlock, "OKTASYNC_ENCRYPTION_KEYS="+test.value)
			if diff := cmp.Diff([]string{test.want}, lines(err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func sortedLines(lines []string) []string {
	slices.Sort(lines)
	return lines
}

func TestDocumentWithFiles(t *testing.T) {
	t.Parallel()
	read := files("", map[string]string{"token": "00abcdefghijklmnopqrst\n", "one": "f00dcafe00112233445566778899aabb", "two": "f00dcafe00112233445566778899aabc", "empty": "\n"})
	d := document(t, `{"okta":{"url":"https://coal.okta.com","token_file":"token"},"hook":{"secrets_file":["one","two"]}}`).With("teams.from", "none").With("okta.app_id", "0oa1appAPPAPPAPPx5d7")
	got, err := d.WithFiles(read)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"hook":{"secrets":["f00dcafe00112233445566778899aabb","f00dcafe00112233445566778899aabc"]},` +
		`"okta":{"app_id":"0oa1appAPPAPPAPPx5d7","token":"00abcdefghijklmnopqrst","url":"https://coal.okta.com"},"teams":{"from":"none"}}`
	if text := written(t, got); text != want {
		t.Errorf("got %s\nwant %s", text, want)
	}
	for text, want := range map[string]string{
		`{"okta":{"token_file":"nowhere"}}`: `okta.token_file: can't read the secret file "nowhere": there is no such file`,
		`{"okta":{"token_file":"empty"}}`:   `okta.token_file: the secret file "empty" is empty`,
		`{"okta":{"token_file":["a","b"]}}`: `okta.token_file is not a single value; give one text or number`,
	} {
		if _, err := document(t, text).WithFiles(read); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", text, err, want)
		}
	}
}
