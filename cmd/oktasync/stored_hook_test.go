package main

import (
	"net/http"
	"strings"
	"testing"
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
