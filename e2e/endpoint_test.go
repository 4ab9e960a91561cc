package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestHookEndpoint talks to the hook endpoint of the running service as strangers
// and as Okta do.
func TestHookEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{})
	w.start()
	w.synced(2 * time.Minute)
	id := w.org.PersonIDs()[20]
	body := event("user.lifecycle.suspend", "User", id, "somebody@acme.example")

	for _, secret := range []string{hookSecret, secondSecret} {
		for _, path := range []string{"/webhooks/okta", "/webhooks/okta/", "/webhooks/okta/default"} {
			if status, answer := w.post(path, secret, body); status != http.StatusNoContent {
				t.Errorf("POST %s with a valid secret: %d %s", path, status, answer)
			}
		}
	}
	wrong, wrongAnswer := w.post("/webhooks/okta/default", "wrong", body)
	stranger, strangerAnswer := w.post("/webhooks/okta/no-such-tenant", hookSecret, body)
	if wrong != http.StatusUnauthorized || stranger != wrong || strangerAnswer != wrongAnswer {
		t.Errorf("wrong secret: %d %s; unknown tenant: %d %s; want the same 401", wrong, wrongAnswer, stranger, strangerAnswer)
	}
	if status, _ := w.post("/webhooks/okta", "", body); status != http.StatusUnauthorized {
		t.Errorf("POST without a secret: %d, want 401", status)
	}
	for name, bad := range map[string][]byte{"no JSON": []byte("eventId=1"), "cut": body[:len(body)-3], "a list": []byte("[]"), "empty": nil} {
		if status, answer := w.post("/webhooks/okta", hookSecret, bad); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s, want 400", name, status, answer)
		}
	}
	for name, good := range map[string]string{
		"nothing in it": `{}`, "null events": `{"data":{"events":null}}`,
		"null target": `{"data":{"events":[{"uuid":"a","eventType":"user.lifecycle.suspend","target":null}]}}`,
		"unknown":     `{"data":{"events":[{"uuid":"b","eventType":"made.up","more":{"x":[1]},"outcome":{"result":"FAILURE"}}]},"new":true}`,
	} {
		if status, answer := w.post("/webhooks/okta", hookSecret, []byte(good)); status != http.StatusNoContent {
			t.Errorf("%s: %d %s, want 204", name, status, answer)
		}
	}
	// 4 MiB and more, without a Content-Length: the reader hides how much there is.
	large := io.MultiReader(strings.NewReader(`{"data":{"events":[]},"x":"`), io.LimitReader(endless{}, 5<<20), strings.NewReader(`"}`))
	if status, answer := w.send(http.MethodPost, "/webhooks/okta", hookSecret, large, nil); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over 4 MiB in chunks: %d %s, want 413", status, answer)
	}
	if status, _ := w.post("/webhooks/okta", hookSecret, bytes.Repeat([]byte(" "), 5<<20)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over 4 MiB with its length: %d, want 413", status)
	}

	challenge := http.Header{"X-Okta-Verification-Challenge": {`<script>alert("x")</script>`}}
	status, answer := w.send(http.MethodGet, "/webhooks/okta", hookSecret, nil, challenge)
	var echoed struct{ Verification string }
	if err := json.Unmarshal([]byte(answer), &echoed); err != nil || status != http.StatusOK || echoed.Verification != challenge["X-Okta-Verification-Challenge"][0] {
		t.Errorf("verification: %d %s", status, answer)
	}
	if status, _ := w.send(http.MethodGet, "/webhooks/okta", "wrong", nil, challenge); status != http.StatusUnauthorized {
		t.Errorf("verification with a wrong secret: %d, want 401", status)
	}
	challenge.Set("X-Okta-Verification-Challenge", strings.Repeat("x", 5000))
	if status, _ := w.send(http.MethodGet, "/webhooks/okta", hookSecret, nil, challenge); status != http.StatusBadRequest {
		t.Errorf("a challenge of 5000 characters: %d, want 400", status)
	}

	// Strangers who try on are told to stay away; whoever has the secret is not.
	limited := false
	for range 40 {
		if status, _ := w.post("/webhooks/okta", "guess", body); status == http.StatusTooManyRequests {
			limited = true
		}
	}
	if !limited {
		t.Error("40 wrong secrets in a row were not limited")
	}
	if status, _ := w.post("/webhooks/okta", hookSecret, body); status != http.StatusNoContent {
		t.Errorf("the right secret behind a limited address: %d, want 204", status)
	}
	if _, text := w.get(w.listen, "/metrics"); !contains(text, `oktasync_authentication_failures_total{door="hook"}`) {
		t.Error("/metrics does not count the refused secrets")
	}
	w.settled(20 * time.Second)
	w.compare()
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestAdminAPI is refused without a token.
func TestAdminAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{})
	w.start()
	w.synced(2 * time.Minute)
	for _, header := range []http.Header{nil, {"Authorization": {"Bearer wrong"}}, {"Authorization": {adminToken}}} {
		if status, answer := w.send(http.MethodGet, "/api/v1/tenants/default/people", "", nil, header); status != http.StatusUnauthorized {
			t.Errorf("with %v: %d %s, want 401", header, status, answer)
		}
	}
	header := http.Header{"Authorization": {"Bearer " + adminToken}}
	if status, answer := w.send(http.MethodGet, "/api/v1/tenants/nobody/people", "", nil, header); status != http.StatusNotFound {
		t.Errorf("a tenant that does not exist: %d %s, want 404", status, answer)
	}
}
