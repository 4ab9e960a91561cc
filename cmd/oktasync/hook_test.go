package main

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/webhook"
)

const testHookSecret = "a-long-hook-secret-for-tests"

// hookEndpoint serves the real endpoint of the tenant default with these secrets.
func hookEndpoint(t *testing.T, secrets ...string) string {
	t.Helper()
	list, err := webhook.NewTenantList([]webhook.Tenant{{Slug: config.DefaultSlug, Secrets: secrets}})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := webhook.New(webhook.Options{Tenants: list, Inbox: nowhere{}, Enqueuer: nowhere{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	handler.Register(e)
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	return server.URL
}

// nowhere takes events and forgets them.
type nowhere struct{}

func (nowhere) AddEvents(context.Context, string, []directory.Event) error { return nil }
func (nowhere) Enqueue(context.Context, []directory.ScopeHint) error       { return nil }

// hookScene is an org, an endpoint, and the environment of the commands.
type hookScene struct {
	org      *emulator.Server
	endpoint string
	environ  []string
}

func newHookScene(t *testing.T) *hookScene {
	t.Helper()
	org, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Options{People: 5, Groups: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { org.Close(context.Background()) })
	s := &hookScene{org: org, endpoint: hookEndpoint(t, testHookSecret), environ: []string{
		"OKTASYNC_OKTA_URL=" + org.URL, "OKTASYNC_OKTA_ALLOW_HTTP=true",
		"OKTASYNC_OKTA_TOKEN=" + emulator.DefaultToken, "OKTASYNC_OKTA_APP_ID=" + org.Org.AppID(),
		"OKTASYNC_HOOK_SECRETS=" + testHookSecret,
		"OKTASYNC_DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "d.db"),
	}}
	s.run(t, 0, "schema version", "migrate")
	return s
}

// run runs a command and checks its status and what it says; secrets it must not say.
func (s *hookScene) run(t *testing.T, status int, says string, args ...string) string {
	t.Helper()
	var out strings.Builder
	got := run(t.Context(), args, s.environ, &out, &out)
	if got != status || !strings.Contains(out.String(), says) {
		t.Errorf("%s: status %d, want %d and %q in:\n%s", strings.Join(args, " "), got, status, says, out.String())
	}
	for _, secret := range []string{testHookSecret, emulator.DefaultToken} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s: the output holds a secret:\n%s", strings.Join(args, " "), out.String())
		}
	}
	return out.String()
}

func TestHookEnsureAndStatus(t *testing.T) {
	t.Parallel()
	s := newHookScene(t)
	s.run(t, 1, "say with --url", "hook", "ensure")
	s.run(t, 1, "is not https", "hook", "ensure", "--url", "http://sync.example.com")
	s.run(t, 1, "none of the org's 0 hooks delivers to "+s.endpoint+webhook.Path, "hook", "status", "--url", s.endpoint)
	if out := s.run(t, 0, "Nothing was changed.", "hook", "ensure", "--url", s.endpoint, "--dry-run"); !strings.Contains(out, "would  register the hook") {
		t.Errorf("the dry run says:\n%s", out)
	}
	s.run(t, 1, "none of the org's 0 hooks", "hook", "status", "--url", s.endpoint)
	s.run(t, 0, "is active and verified, and delivers 26 event types to "+s.endpoint+webhook.Path, "hook", "ensure", "--url", s.endpoint)
	s.run(t, 0, "is as it should be: active, verified", "hook", "ensure", "--url", s.endpoint)
	s.run(t, 0, "accepts the configured secret", "hook", "status", "--url", s.endpoint)
	s.run(t, 0, "The hook does what it has to.", "hook", "status")

	// The service runs with another secret than this configuration has.
	other := *s
	other.environ = override(s.environ, "OKTASYNC_HOOK_SECRETS=another-hook-secret-for-tests")
	other.run(t, 1, "does not accept the secret of this configuration", "hook", "status", "--url", s.endpoint)
	other.run(t, 1, "nothing was changed; if only this machine", "hook", "ensure", "--url", s.endpoint, "--resend-secret")
	s.run(t, 0, "accepts the configured secret", "hook", "status", "--url", s.endpoint)
}

func TestHookNeedsTheRight(t *testing.T) {
	t.Parallel()
	s := newHookScene(t)
	s.org.Org.AddToken("00superAdminTokenForTheSetUpAlone00000000")
	fault, err := s.org.Org.AddFault(emulator.Fault{Kind: emulator.FaultForbidden, Endpoint: "POST /api/v1/eventHooks"})
	if err != nil {
		t.Fatal(err)
	}
	out := s.run(t, 1, "okta.eventHooks.manage", "hook", "ensure", "--url", s.endpoint)
	for _, part := range []string{"nothing was changed", "Super Administrator", "okta.eventhooks.manage", setupTokenVariable} {
		if !strings.Contains(out, part) {
			t.Errorf("it does not say %q:\n%s", part, out)
		}
	}
	s.org.Org.RemoveFault(fault)
	// The token for the set-up is used in place of the service's own.
	s.org.Org.RevokeToken(emulator.DefaultToken)
	s.run(t, 1, "E0000011", "hook", "ensure", "--url", s.endpoint)
	s.environ = append(s.environ, setupTokenVariable+"=00superAdminTokenForTheSetUpAlone00000000")
	s.run(t, 0, "is active and verified", "hook", "ensure", "--url", s.endpoint)
}

// A service app asks for the scope that changing hooks takes, and only then.
func TestHookScopes(t *testing.T) {
	t.Parallel()
	tenant := config.Tenant{Okta: config.Okta{ClientID: "0oa1", Scopes: []string{"okta.users.read"}}}
	e := &env{}
	if got := setupCredentials(e, tenant, true).Okta.Scopes; !slices.Equal(got, []string{"okta.users.read", "okta.eventHooks.manage"}) {
		t.Errorf("to change: %q", got)
	}
	if got := setupCredentials(e, tenant, false).Okta.Scopes; !slices.Equal(got, []string{"okta.users.read"}) {
		t.Errorf("to look: %q", got)
	}
	e.environ = []string{setupTokenVariable + "=00super"}
	if got := setupCredentials(e, tenant, true).Okta; got.Token.Reveal() != "00super" || got.ClientID != "" {
		t.Errorf("with a token for the set-up: %+v", got)
	}
}

func TestHookOfSeveralTenants(t *testing.T) {
	t.Parallel()
	s := newHookScene(t)
	for _, slug := range []string{"ACME", "GLOBEX"} {
		for _, pair := range s.environ[:5] {
			s.environ = append(s.environ, strings.Replace(pair, "OKTASYNC_", "OKTASYNC_TENANTS_"+slug+"_", 1))
		}
	}
	s.environ = s.environ[5:]
	s.run(t, 0, "schema version", "migrate")
	s.run(t, 1, "name one with --tenant: acme, globex", "hook", "status")
	s.run(t, 1, `has a tenant "initech"; there are acme, globex`, "hook", "status", "--tenant", "initech")
	s.run(t, 0, `register the hook "oktasync globex" for https://sync.example.com/webhooks/okta/globex`, "hook", "ensure", "--tenant", "globex", "--url", "https://sync.example.com", "--dry-run")
}

func TestHookTerraform(t *testing.T) {
	t.Parallel()
	s := newHookScene(t)
	s.run(t, 1, "say with --url", "hook", "terraform")
	s.run(t, 0, `uri     = "https://sync.example.com/webhooks/okta"`, "hook", "terraform", "--url", "https://sync.example.com")
}
