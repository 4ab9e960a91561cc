package config

import (
	"slices"
	"strings"
	"testing"
)

// TestWithTenantsOf: tenants and presets are taken over, everything else is named, secrets by their section, and a tenant
// that fits only with the others is refused.
func TestWithTenantsOf(t *testing.T) {
	t.Parallel()
	load := func(changes ...string) Config {
		t.Helper()
		environ := []string{
			"OKTASYNC_OKTA_URL=https://acme.okta.com", "OKTASYNC_OKTA_TOKEN=00token-of-acme-0123456789", "OKTASYNC_OKTA_APP_ID=0oa1gjh63g214q0Hq0g4",
			"OKTASYNC_HOOK_SECRETS=a-long-secret-of-acme", "OKTASYNC_DEPROVISION_POLICY=delete",
		}
		c, err := Load(Options{Environ: append(environ, changes...)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := load()
	next := load("OKTASYNC_REQUIRED=email", "OKTASYNC_SERVER_LISTEN=127.0.0.1:9999", "OKTASYNC_WORKERS_BULK=1",
		"OKTASYNC_ENCRYPTION_KEYS=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	got, restart, err := before.WithTenantsOf(next)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"encryption.keys", "server.listen", "workers.bulk"}; !slices.Equal(restart, want) {
		t.Errorf("a restart is needed for %v, want %v", restart, want)
	}
	if !slices.Equal(got.Tenants[0].Required, []string{"email"}) || got.Server.Listen != before.Server.Listen || got.Workers != before.Workers {
		t.Errorf("taken over: required %v, listen %s", got.Tenants[0].Required, got.Server.Listen)
	}
	if len(before.Tenants[0].Required) == 1 {
		t.Error("the configuration before was changed as well")
	}
	if _, same, err := before.WithTenantsOf(load()); err != nil || len(same) > 0 {
		t.Errorf("the same configuration: %v, %v", same, err)
	}
	secret := load("OKTASYNC_DATABASE_URL=postgres://u@h/d", "OKTASYNC_DATABASE_PASSWORD=one")
	if _, keys, err := secret.WithTenantsOf(load("OKTASYNC_DATABASE_URL=postgres://u@h/d", "OKTASYNC_DATABASE_PASSWORD=two")); err != nil || !slices.Equal(keys, []string{"database"}) {
		t.Errorf("another password: %v, %v", keys, err)
	}
	long := load("OKTASYNC_RETENTION_TOMBSTONES=900d", "OKTASYNC_DEPROVISION_GRACE=800d")
	if _, _, err := before.WithTenantsOf(long); err == nil || !strings.Contains(err.Error(), "retention.tombstones") {
		t.Errorf("a grace that needs the other retention: %v", err)
	}
}
