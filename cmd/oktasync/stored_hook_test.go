package main

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
)

// TestHookOfAStoredTenant: the hook commands and the doctor know tenants of the database, and one command
// changes the secret of one while two processes take its hooks.
func TestHookOfAStoredTenant(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, other := h.open(), h.open()
	coal, dust := h.customer("coal"), h.customer("dust")
	p.command(0, "", "tenants", "add", "coal", "--settings", h.settings(coal))
	p.command(0, "", "tenants", "add", "dust", "--settings", h.settings(dust))
	p.synced("coal")
	p.command(1, "name one with --tenant: coal, dust", "hook", "status")
	p.command(1, `has a tenant "nobody"; there are coal, dust`, "hook", "status", "--tenant", "nobody")
	p.command(0, `resource "okta_event_hook"`, "hook", "terraform", "--tenant", "coal", "--url", "https://sync.example.com")
	p.command(0, "is active and verified", "hook", "ensure", "--tenant", "coal", "--url", p.url)
	p.command(0, "The hook does what it has to.", "hook", "status", "--tenant", "coal")

	p.command(1, "is the name of no tenant", "doctor", "--tenant", "nobody")
	if says := p.command(0, "All is well.", "doctor", "--tenant", "coal"); !strings.Contains(says, "coal: credentials") || strings.Contains(says, "dust") {
		t.Errorf("the doctor says of coal:\n%s", says)
	}
	p.command(1, "dust: event hook", "doctor")

	other.until("every process accepts the secret", func() bool { return delivery(t, other.url, coal.secret) == http.StatusNoContent })
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		people := coal.Org.PersonIDs()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-t.Context().Done():
				return
			default:
			}
			if _, err := coal.Org.Update(people[n%len(people)], map[string]any{"title": []string{"Baker", "Cook"}[n/len(people)%2]}); err != nil {
				t.Errorf("change the org: %v", err)
				return
			}
			if err := coal.Org.WaitHooks(t.Context()); err != nil {
				return
			}
		}
	}()
	says := p.command(0, "The old one is not accepted any more.", "hook", "rotate", "--tenant", "coal", "--overlap", "0s")
	close(stop)
	<-stopped
	if !strings.Contains(says, "A new secret is stored beside the present one") {
		t.Errorf("rotate says:\n%s", says)
	}
	if stats := coal.Org.HookStats(); stats.Failed > 0 || stats.Dropped > 0 {
		t.Errorf("hooks while the secret was changed: %+v", stats)
	}
	p.command(0, "The hook does what it has to.", "hook", "status", "--tenant", "coal")
	p.command(0, "command line", "acts", "--tenant", "coal")
	// Last: deliveries that are refused are a reason to doubt the secret, and so many of them that
	// went before, while a process had not heard of the tenant, that the address may have to wait.
	for _, at := range []*process{p, other} {
		at.until("the old secret is refused", func() bool {
			status := delivery(t, at.url, coal.secret)
			return status == http.StatusUnauthorized || status == http.StatusTooManyRequests
		})
	}
	person := coal.Org.PersonIDs()[3]
	done(coal.Org.Suspend(person))(t)
	p.until("events go on", func() bool { return p.status("coal", person) == "suspended" })
}

// TestRotationsAtOnce: of two commands that begin at the same moment one ends before it does anything in Okta, and
// what an admin has put first is not taken for the old secret.
func TestRotationsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.open()
	p.command(0, "", "tenants", "add", "coal", "--settings", h.settings(h.customer("coal")), "--paused", "look first")
	cfg, err := config.Load(config.Options{Environ: h.environ()})
	if err != nil {
		t.Fatal(err)
	}
	db, err := openReadyStore(t.Context(), cfg, false)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	begin := func() *hookWork {
		t.Helper()
		all, err := readTenants(t.Context(), cfg, db)
		if err != nil {
			t.Fatal(err)
		}
		tenant, err := all.the("coal")
		if err != nil {
			t.Fatal(err)
		}
		known, err := readKnownHook(t.Context(), db, tenant)
		if err != nil {
			t.Fatal(err)
		}
		return &hookWork{env: &env{out: io.Discard}, knownHook: known, all: all}
	}
	stored := func() []config.Secret { t.Helper(); return begin().tenant.Hook.Secrets }
	one, other := begin(), begin()
	if err := one.addSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := other.addSecret(t.Context()); !errors.Is(err, directory.ErrConflict) {
		t.Errorf("the other command: %v, want that the secrets were changed in between", err)
	}
	if got, want := stored(), one.tenant.Hook.Secrets; len(want) != 2 || !slices.EqualFunc(got, want, config.Secret.Equal) {
		t.Error("the secret that one command gives to Okta is not stored")
	}

	late := begin()
	if err := one.dropOld(t.Context(), one.tenant.Hook.Secrets[1]); err != nil {
		t.Fatal(err)
	}
	if err := late.dropOld(t.Context(), late.tenant.Hook.Secrets[1]); err != nil {
		t.Errorf("a command that ends a moment later: %v", err)
	}

	given := stored()[0]
	fresh := config.NewSecret("a-secret-that-an-admin-made")
	if err := begin().all.changeSecrets(t.Context(), "coal", "test", []config.Secret{given}, []config.Secret{fresh, given}); err != nil {
		t.Fatal(err)
	}
	if err := db.SaveHook(t.Context(), "coal", directory.HookRecord{ID: "who1", Secret: begin().fingerprint(given)}); err != nil {
		t.Fatal(err)
	}
	if done, err := begin().endRotation(t.Context()); done || err != nil || len(stored()) != 2 {
		t.Errorf("a secret that Okta never had was taken out: %t, %v", done, err)
	}
	if next, err := begin().newSecret(); err != nil || !next.Equal(fresh) {
		t.Errorf("the admin's secret is not the new one: %v", err)
	}
	if err := db.NoteHookUses(t.Context(), []directory.HookUse{{Tenant: "coal", Secret: begin().fingerprint(fresh), Uses: 1}}); err != nil {
		t.Fatal(err)
	}
	if done, err := begin().endRotation(t.Context()); !done || err != nil {
		t.Errorf("a rotation that was cut short is not ended: %t, %v", done, err)
	}
	if got := stored(); len(got) != 1 || !got[0].Equal(given) {
		t.Error("another secret than the one that Okta has was kept")
	}
}

// delivery is the answer to a hook without events.
func delivery(t *testing.T, url, secret string) int {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/webhooks/okta/coal", strings.NewReader(`{"eventType":"com.okta.event_hook","eventId":"e","data":{"events":[]}}`))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", secret)
	q.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}
