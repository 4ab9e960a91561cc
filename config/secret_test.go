package config

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// testKey makes a private key in the PEM form that the block type names.
func testKey(t *testing.T, kind string) string {
	t.Helper()
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var der []byte
	switch kind {
	case "RSA PRIVATE KEY":
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		fail(err)
		der = x509.MarshalPKCS1PrivateKey(key)
	case "EC PRIVATE KEY":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		fail(err)
		der, err = x509.MarshalECPrivateKey(key)
		fail(err)
	case "PRIVATE KEY":
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		fail(err)
		der, err = x509.MarshalPKCS8PrivateKey(key)
		fail(err)
	default:
		t.Fatalf("no key of the kind %s", kind)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestPrivateKeys(t *testing.T) {
	t.Parallel()
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.MarshalPKCS8PrivateKey(edwards)
	if err != nil {
		t.Fatal(err)
	}
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	smallDER, err := x509.MarshalECPrivateKey(small)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	const convert = "; give a PEM block that begins with -----BEGIN PRIVATE KEY-----"
	tests := []struct{ name, key, want string }{
		{"PKCS#1", testKey(t, "RSA PRIVATE KEY"), ""},
		{"PKCS#8", testKey(t, "PRIVATE KEY"), ""},
		{"EC", testKey(t, "EC PRIVATE KEY"), ""},
		{"on one line", strings.ReplaceAll(testKey(t, "PRIVATE KEY"), "\n", `\n`), ""},
		{"JSON", `{"kty":"RSA","d":"x"}`, "is a key in JSON form (JWK); choose PEM when you save the key in Okta"},
		{"text", "not a key", "is not a private key in PEM form" + convert},
		{"public", block("PUBLIC KEY", []byte("x")), "is a public key, not the private key" + convert},
		{"encrypted", block("ENCRYPTED PRIVATE KEY", []byte("x")), "is protected with a passphrase; remove it, for example with: openssl pkey -in key.pem -out plain.pem"},
		{"damaged", block("PRIVATE KEY", []byte("x")), "is a damaged key; save it from Okta again"},
		{"damaged RSA", block("RSA PRIVATE KEY", []byte("x")), "is a damaged RSA key; save it from Okta again"},
		{"damaged EC", block("EC PRIVATE KEY", []byte("x")), "is a damaged EC key; save it from Okta again"},
		{"other block", block("NONSENSE", []byte("x")), "is not a private key" + convert},
		{"Ed25519", block("PRIVATE KEY", other), "is of a kind that Okta does not take; make an RSA or EC key"},
		{"small curve", block("EC PRIVATE KEY", smallDER), "is an EC key on a curve that Okta does not take; use P-256, P-384 or P-521"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var tenant Tenant
			got := ""
			if err := privateKeyField().set(target{tenant: &tenant}, input{text: test.key}); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if test.want == "" && strings.Contains(tenant.Okta.PrivateKey.Reveal(), `\n`) {
				t.Error("the lines are still joined")
			}
		})
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	content := "okta: {url: https://acme.okta.com, token_file: t, app_id: 0oa1appAPPAPPAPPx5d7}\nhook: {secrets_file: [h1, h2]}\ndatabase: {url: 'postgres://u@h/d', password_file: p}\n"
	good := map[string]string{"t": "00abcdefghijklmnop\n", "h1": "Basic b2t0YTpzZWNyZXQ=\r\n", "h2": "second-hook-secret", "p": "topsecretpass"}
	tests := []struct {
		name, file, text string
		want             []string
	}{
		{"as they should be", "p", "topsecretpass\n", nil},
		{"empty", "t", "\n", []string{`okta.token (c.yml:1:48): the secret file "t" is empty`}},
		{"two lines", "h2", "first-line-of-secret\nsecond", []string{"hook.secrets (c.yml:2:22): holds a line break or another control character; give one line of plain text"}},
		{"space before", "p", " leading", []string{"database.password (c.yml:3:52): begins or ends with a space; remove it"}},
		{"token with a note", "t", "00abcdefghijklmnop # mine\n", []string{"okta.token (c.yml:1:48): holds a space, a line break or a character outside ASCII; it was probably copied with something around it"}},
		{"far too long", "t", strings.Repeat("x", 70_000), []string{`okta.token (c.yml:1:48): the secret file "t" has 70000 bytes; a secret has at most 65536`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			others := maps.Clone(good)
			others[test.file] = test.text
			c, err := Load(Options{Path: "c.yml", ReadFile: files(content, others)})
			if diff := cmp.Diff(test.want, lines(err)); diff != "" {
				t.Fatalf("problems (-want +got):\n%s", diff)
			}
			if err != nil {
				return
			}
			if got := c.Database.URL.Reveal(); got != "postgres://u:topsecretpass@h/d" {
				t.Errorf("database url = %s", got)
			}
			if got := c.Tenants[0].Hook.Secrets[0].Reveal(); got != "Basic b2t0YTpzZWNyZXQ=" {
				t.Errorf("first hook secret = %q", got)
			}
		})
	}
	_, err := load(oktaBlock + hookBlock + "redis: {url: 'redis://h', password: abcdefgh, password_file: x}\n")
	want := []string{"redis.password (c.yml:3:62): is given both as a value and as a file; remove one"}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// Nothing that prints a configuration may show a secret.
func TestSecretsStayHidden(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
okta: {url: https://acme.okta.com, token: 00okta-TOPSECRET, app_id: 0oa1appAPPAPPAPPx5d7}
hook: {secrets: [hook-TOPSECRET-1, hook-TOPSECRET-2]}
database: {url: "postgres://u@h/d?sslpassword=TOPSECRET&sslmode=require", password: db-TOPSECRET}
redis: {url: "rediss://u:redis-TOPSECRET@h:6379/1"}
alerts: {webhook: {url: "https://ops.example/hook?key=TOPSECRET", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}}
`)
	var printed bytes.Buffer
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "config", c, "token", c.Tenants[0].Okta.Token, "url", c.Database.URL)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "config", c, "token", c.Tenants[0].Okta.Token, "url", c.Database.URL)
	outputs := map[string]string{
		"Print": printed.String(), "JSON": string(asJSON), "YAML": string(asYAML), "slog": logged.String(),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		outputs[verb] = fmt.Sprintf(verb, c) + fmt.Sprintf(verb, &c) + fmt.Sprintf(verb, c.Tenants) + fmt.Sprintf(verb, c.Tenants[0].Okta.Token) +
			fmt.Sprintf(verb, c.Database.URL) + fmt.Sprintf(verb, &c.Redis.Password) + fmt.Sprintf(verb, struct{ hidden Secret }{c.Redis.Password})
	}
	hexed := fmt.Sprintf("%x", "TOPSECRET")
	for name, output := range outputs {
		if strings.Contains(output, "TOPSECRET") || strings.Contains(strings.ToLower(output), hexed) {
			t.Errorf("%s shows a secret:\n%s", name, output)
		}
		if name != "%d" && name != "%x" && name != "%X" && !strings.Contains(output, redacted) {
			t.Errorf("%s does not say that something was left out:\n%s", name, output)
		}
	}
	if got, want := c.Database.URL.String(), "postgres://u:[redacted]@h/d?sslpassword=[redacted]&sslmode=require"; got != want {
		t.Errorf("database url is shown as %s, want %s", got, want)
	}
	if c.Redis.Password.Reveal() != "redis-TOPSECRET" || !c.Redis.Password.IsSet() || (Secret{}).IsSet() {
		t.Error("Reveal and IsSet do not tell what is there")
	}
}

// A secret in the wrong place, or one that is wrong, is not repeated either.
func TestProblemsKeepSecrets(t *testing.T) {
	t.Parallel()
	contents := []string{
		"okta: {tokn: TOPSECRET}\n",
		"okta: {token: 'SSWS TOPSECRET'}\n",
		"okta: {token: [TOPSECRET]}\n",
		"okta: {token: *TOPSECRET}\n",
		"okta: {token: !TOPSECRET x}\n",
		"okta: {token: \"TOPSECRET}\n",
		"okta: {token: 'TOPSECRET\\n\n",
		"okta:\n  token: TOPSECRET\n url: x\n",
		"okta: {token: \"TOP\\SECRET TOPSECRET\"}\n",
		"okta: {private_key: TOPSECRET}\n",
		"okta: {url: 'https://u:TOPSECRET@acme.okta.com'}\n",
		"okta: {url: 'https://u:TOPSECRET@acme.okta.com:x'}\n",
		"server: {public_url: 'https://u:TOPSECRET@sync.example.com'}\n",
		"hook: {secrets: {TOPSECRET: x}}\n",
		"hook: {secrets: [TOPSECRET]}\n",
		"database: {url: 'postgres://u:TOPSECRET#1@h/d'}\n",
		"database: {url: 'postgres://u:TOP%SECRET TOPSECRET@h/d'}\n",
		"database: {url: 'TOPSECRET'}\n",
		"redis: {url: 'http://:TOPSECRET@h'}\n",
		"redis: {password: ' TOPSECRET'}\n",
		"api: {tokens: [{name: a, sha256: TOPSECRET}]}\n",
	}
	for _, content := range contents {
		_, err := load(content)
		if err == nil {
			t.Errorf("no problem with %q", content)
			continue
		}
		// A secret that stands where a key should is the one thing that can't be known.
		if strings.Contains(err.Error(), "TOPSECRET") {
			t.Errorf("a problem shows the secret:\n%v", err)
		}
	}
	_, err := load(oktaBlock+hookBlock, "OKTASYNC_OKTA_TOKN=TOPSECRET", "OKTASYNC_API_TOKENS=TOPSECRET", "OKTASYNC_OKTA_TOKEN=SSWS TOPSECRET")
	if err == nil || strings.Contains(err.Error(), "TOPSECRET") {
		t.Errorf("a problem with the environment shows the secret:\n%v", err)
	}
}

func TestPrintTellsOrigins(t *testing.T) {
	t.Parallel()
	if _, err := Load(Options{
		Path: "c.yml", Environ: []string{"OKTASYNC_LOG_LEVEL=debug", "OKTASYNC_OKTA_TOKEN_FILE=/run/secrets/t"},
		ReadFile: files("okta: {url: https://acme.okta.com, app_id: 0oa1appAPPAPPAPPx5d7}\n"+hookBlock+"mapping: {title: {default: \"a\\u001b[2Jb\\\"\"}}\n",
			map[string]string{"/run/secrets/t": "00abcdefghijklmnop"}),
	}); err == nil {
		t.Fatal("a control character in a default was accepted")
	}
	c, err := Load(Options{
		Path: "c.yml", Environ: []string{"OKTASYNC_LOG_LEVEL=debug", "OKTASYNC_OKTA_TOKEN_FILE=/run/secrets/t"},
		ReadFile: files("okta: {url: https://acme.okta.com, app_id: 0oa1appAPPAPPAPPx5d7}\n"+hookBlock+"mapping: {title: {default: \"a \\u202e b\"}}\n",
			map[string]string{"/run/secrets/t": "00abcdefghijklmnop"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, line := range strings.Split(out.String(), "\n") {
		if words := strings.Fields(line); len(words) > 1 {
			got[words[0]] = strings.Join(words[1:], " ")
		}
	}
	for key, want := range map[string]string{
		"log.level": "debug environment OKTASYNC_LOG_LEVEL", "okta.url": "https://acme.okta.com file c.yml:1", "okta.token": "[redacted] secret file /run/secrets/t",
		"redis.url": "embedded default", "okta.client_id": "- not set", "mapping.title.default": `"a \u202e b" file c.yml:3`,
	} {
		if got[key] != want {
			t.Errorf("%s is printed as %q, want %q", key, got[key], want)
		}
	}
}
