package config

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironmentWins(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, oktaBlock+hookBlock+"log: {level: warn, format: text}\nroles: [web, worker, scheduler]\nmapping: {title: user.title}\n",
		"OKTASYNC_LOG_LEVEL=debug", "OKTASYNC_OKTA_URL=https://globex.okta.com", "OKTASYNC_REDIS_URL=redis://cache:6379",
		"OKTASYNC_ROLES=web, worker,", "OKTASYNC_MAPPING_TITLE_FROM=app.title,user.title", "OKTASYNC_LOG_FORMAT=",
		"OKTASYNC_API_TOKENS=ops:"+hash+",ci:"+strings.Repeat("0", 64)+":read")
	if got := c.Log.Level.String() + " " + c.Log.Format; got != "DEBUG text" {
		t.Errorf("log = %s, want DEBUG from the environment and text from the file, the empty variable counting as not set", got)
	}
	if got := c.Tenants[0].Okta.URL; got != "https://globex.okta.com" {
		t.Errorf("okta.url = %s, want the environment's", got)
	}
	if diff := cmp.Diff([]string{"web", "worker"}, c.Roles); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"app.title", "user.title"}, c.Tenants[0].Mapping["title"].From); diff != "" {
		t.Errorf("title (-want +got):\n%s", diff)
	}
	if len(c.API.Tokens) != 2 || c.API.Tokens[0].Name != "ops" || c.API.Tokens[0].SHA256[0] != 0x9f ||
		c.API.Tokens[0].Role != TokenOperate || c.API.Tokens[1].Role != TokenRead {
		t.Errorf("tokens = %v, want ops and ci", c.API.Tokens)
	}
}

func TestEverythingFromTheEnvironment(t *testing.T) {
	t.Parallel()
	c, err := Load(Options{
		Environ: []string{
			"OKTASYNC_TENANTS_ACME_EU_OKTA_URL=https://acme.okta.com",
			"OKTASYNC_TENANTS_ACME_EU_OKTA_CLIENT_ID=0oa1clientCLIENT0x5d7",
			"OKTASYNC_TENANTS_ACME_EU_OKTA_PRIVATE_KEY_FILE=key.pem",
			"OKTASYNC_TENANTS_ACME_EU_OKTA_APP_ID=0oa1appAPPAPPAPPx5d7",
			"OKTASYNC_TENANTS_ACME_EU_HOOK_SECRETS_FILE=one, two",
		},
		ReadFile: files("", map[string]string{
			"key.pem": testKey(t, "PRIVATE KEY"), "one": "first-hook-secret-1\n", "two": "second-hook-secret-2\r\n",
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	acme, ok := c.Tenant("acme-eu")
	if !ok || len(c.Tenants) != 1 {
		t.Fatalf("tenants = %v, want acme-eu alone", c.Tenants)
	}
	want := []Secret{NewSecret("first-hook-secret-1"), NewSecret("second-hook-secret-2")}
	if diff := cmp.Diff(want, acme.Hook.Secrets); diff != "" {
		t.Errorf("the secrets of the two files differ (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(acme.Okta.PrivateKey.Reveal(), "-----BEGIN") {
		t.Error("the private key is not the file's")
	}
}

func TestFileFromTheEnvironment(t *testing.T) {
	t.Parallel()
	c, err := Load(Options{Environ: []string{"OKTASYNC_CONFIG=c.yml"}, ReadFile: files(oktaBlock+hookBlock+"log: {format: text}\n", nil)})
	if err != nil {
		t.Fatal(err)
	}
	if c.Log.Format != LogText {
		t.Errorf("log.format = %s, want the file's", c.Log.Format)
	}
}

func TestBadEnvironment(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, content string
		environ, want []string
	}{
		{"unknown", oktaBlock + hookBlock, []string{"OKTASYNC_OKTA_TOKN=x"}, []string{"OKTASYNC_OKTA_TOKN: there is no such variable; did you mean OKTASYNC_OKTA_TOKEN?"}},
		{"nothing like it", oktaBlock + hookBlock, []string{"OKTASYNC_XYZZY=x"}, []string{"OKTASYNC_XYZZY: there is no such variable; docs/configuration.md lists the names"}},
		{"unknown of a tenant", tenants("acme-eu", ""), []string{"OKTASYNC_TENANTS_ACME_EU_OKTA_TOKN=x"}, []string{"OKTASYNC_TENANTS_ACME_EU_OKTA_TOKN: there is no such variable; did you mean OKTASYNC_TENANTS_ACME_EU_OKTA_TOKEN?"}},
		{"a slip in the slug", tenants("acme", ""), []string{"OKTASYNC_TENANTS_ACNE_OKTA_RATE_SHARE=0.3"}, []string{
			"tenants.acne.okta.url: is missing; give the org's address, such as https://acme.okta.com",
			"tenants.acne.okta.token: is missing; give an API token, or okta.client_id and okta.private_key of a service app",
			"tenants.acne.okta.app_id: is missing; give the id of the Okta app that stands for the product (0oa…)",
			`tenants.acne.hook.secrets: is missing; make one, for example with "openssl rand -hex 32", and enter the same in Okta`,
			"tenants.acne (OKTASYNC_TENANTS_ACNE_OKTA_RATE_SHARE): this tenant is known from the environment alone; if that is not meant, correct the name of the variable",
		}},
		{"value and file", oktaBlock + hookBlock, []string{"OKTASYNC_OKTA_TOKEN=00abcdefghijklmnop", "OKTASYNC_OKTA_TOKEN_FILE=t"}, []string{"okta.token (OKTASYNC_OKTA_TOKEN_FILE): is given by OKTASYNC_OKTA_TOKEN as well; remove one"}},
		{"missing file", oktaBlock + hookBlock, []string{"OKTASYNC_OKTA_TOKEN_FILE=gone"}, []string{`okta.token (OKTASYNC_OKTA_TOKEN_FILE): can't read the secret file "gone": there is no such file`}},
		{"file for what is no secret", oktaBlock + hookBlock, []string{"OKTASYNC_LOG_LEVEL_FILE=x"}, []string{"OKTASYNC_LOG_LEVEL_FILE: there is no such variable; docs/configuration.md lists the names"}},
		{"list of objects", oktaBlock + hookBlock, []string{"OKTASYNC_CUSTOM_FIELDS=x"}, []string{"OKTASYNC_CUSTOM_FIELDS: there is no such variable; docs/configuration.md lists the names"}},
		{"single tenant beside several", tenants("a", ""), []string{"OKTASYNC_OKTA_RATE_SHARE=0.4"}, []string{"tenants (c.yml:1:1): is given together with the settings of a single tenant (okta); move them to tenants.default"}},
		{"token without hash", oktaBlock + hookBlock, []string{"OKTASYNC_API_TOKENS=ops"}, []string{"api.tokens (OKTASYNC_API_TOKENS): entry 1 is not of the form name:sha256 or name:sha256:role"}},
		{"bad value", oktaBlock + hookBlock, []string{"OKTASYNC_WORKERS_PEOPLE=1e3"}, []string{`workers.people (OKTASYNC_WORKERS_PEOPLE): "1e3" is not a whole number from 1 to 200`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(test.content, test.environ...)
			if diff := cmp.Diff(test.want, lines(err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// Kubernetes sets variables for each service, and a service called oktasync gets ours as prefix.
func TestForeignVariables(t *testing.T) {
	t.Parallel()
	_, err := Load(Options{
		Path: "c.yml", ReadFile: files(oktaBlock+hookBlock, nil), KnownEnv: []string{"OKTASYNC_TOKEN"},
		Environ: []string{
			"OKTASYNC_SERVICE_HOST=10.0.0.1", "OKTASYNC_SERVICE_PORT=8080", "OKTASYNC_SERVICE_PORT_HTTP=8080", "OKTASYNC_PORT=tcp://10.0.0.1:8080",
			"OKTASYNC_PORT_8080_TCP=tcp://10.0.0.1:8080", "OKTASYNC_PORT_8080_TCP_PROTO=tcp", "OKTASYNC_WEB_SERVICE_HOST=10.0.0.2", "OKTASYNC_WEB_PORT_80_TCP_ADDR=10.0.0.2",
			"OKTASYNC_TEST_REDIS=127.0.0.1:6379", "OKTASYNC_TOKEN=abc", "OKTASYNCX=1", "oktasync_log=1", "PATH=/bin", "=C:=C:\\", "OKTASYNC_XYZZY=",
		},
	})
	if err != nil {
		t.Errorf("foreign variables are refused:\n%v", err)
	}
	_, err = load(oktaBlock+hookBlock, "OKTASYNC_PORT=8080")
	want := []string{"OKTASYNC_PORT: there is no such variable; docs/configuration.md lists the names"}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Errorf("a port that a person set (-want +got):\n%s", diff)
	}
}

// A variable of a named tenant is cut into slug and setting. That is possible in one way only
// as long as no setting's name ends with another's.
func TestVariablesCanBeToldApart(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	claim := func(name, key string) {
		if other, taken := names[name]; taken {
			t.Errorf("%s sets both %s and %s", name, key, other)
		}
		names[name] = key
	}
	for _, s := range settings() {
		claim(s.variable(), s.key)
		if s.fromFile {
			claim(s.variable()+fileSuffix, s.key)
		}
	}
	tenant := map[string]bool{}
	for _, s := range tenantSettings() {
		claim(s.variable(), s.key)
		tenant[s.variable()] = true
		if s.fromFile {
			claim(s.variable()+fileSuffix, s.key)
			tenant[s.variable()+fileSuffix] = true
		}
	}
	for _, long := range slices.Sorted(maps.Keys(tenant)) {
		for _, short := range slices.Sorted(maps.Keys(tenant)) {
			if strings.HasSuffix(long, "_"+short) {
				t.Errorf("%s ends with %s, so the slug before it is not clear", long, short)
			}
		}
	}
}
