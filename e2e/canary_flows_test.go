package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// laterFlows is what the canary goes through beside people and events: alerts, roles of tokens, changes of
// the hook's secret, erasures, and a tenant with credentials of its own that comes and goes at run time.
type laterFlows struct {
	alertSecret, encryptionKey, readerToken string
	alerts, posts                           atomic.Int32
	product                                 *httptest.Server // answers with what it was sent
	endpointKeys                            []string         // that were shown once
	office                                  *postOffice
}

// settings starts a receiver of alerts and returns what the service has to know.
func (f *laterFlows) settings(t *testing.T) map[string]any {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { f.alerts.Add(1) }))
	t.Cleanup(receiver.Close)
	f.alertSecret = base64.StdEncoding.EncodeToString([]byte("the alerts of " + canary + " are signed"))
	f.encryptionKey = base64.StdEncoding.EncodeToString([]byte(strings.Repeat(canary, 6)[:32]))
	f.readerToken = "oks_reader_" + canary
	token := func(name, secret, role string) map[string]string {
		sum := sha256.Sum256([]byte(secret))
		return map[string]string{"name": name, "sha256": hex.EncodeToString(sum[:]), "role": role}
	}
	f.product = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if f.posts.Add(1)%3 == 2 { // some are tried again
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = fmt.Fprint(w, q.Header.Get("webhook-signature"), "\n")
		_, _ = io.Copy(w, q.Body)
	}))
	t.Cleanup(f.product.Close)
	f.office = openPostOffice(t)
	settings := f.office.mailSettings()
	maps.Copy(settings, map[string]any{
		"okta.log.interval": "1s", "hook.check": "alarm", "hook.check_every": "1s", "encryption.keys": []string{f.encryptionKey},
		"alerts.webhook.url": receiver.URL + "/" + canary, "alerts.webhook.secret": "whsec_" + f.alertSecret,
		"deliver.allow": []string{"127.0.0.1"},
		"role_sets": []map[string]any{{"set": "access", "roles": []string{"reader", "editor"}, "rules": []map[string]any{
			{"name": "everybody", "role": "reader", "default": true},
			{"name": "by-city", "attribute": "user.city", "equals": []string{canary + "ville"}, "role": "editor"},
		}}},
		"license_pools": []map[string]any{{"pool": "seat", "cap": 3, "rules": []map[string]any{
			{"name": "by-phone", "attribute": "user.mobilePhone", "equals": []string{"+1 " + canary}},
		}}},
		"api.tokens": []map[string]string{token("e2e", adminToken, "approve"), token("reader", f.readerToken, "read")},
	})
	return settings
}

// run goes through all of it. gone names somebody who left, leaver somebody who is going to.
func (f *laterFlows) run(w *world, gone, leaver string) {
	w.t.Helper()
	command := func(status int, args ...string) {
		w.t.Helper()
		if out, got := w.cli(args...); got != status {
			w.t.Fatalf("%s: status %d, want %d:\n%s", strings.Join(args, " "), got, status, out)
		}
	}
	command(0, "hook", "ensure")
	command(1, "hook", "rotate", "--wait", "1s", "--overlap", "1s") // nothing happens, so both hooks deliver on
	w.cli("hook", "status")
	command(0, "people", "erase", gone, "--reason", "the person asked")
	bearer := http.Header{"Authorization": {"Bearer " + f.readerToken}}
	if got, _ := w.send(http.MethodGet, "/api/v1/tenants/default/people/"+canary+".1@example.org", "", nil, bearer); got != http.StatusOK && got != http.StatusConflict {
		w.t.Errorf("the token that may read was answered %d", got)
	}
	if got, _ := w.send(http.MethodPost, "/api/v1/tenants/default/resyncs", "", strings.NewReader(`{"scope":"full"}`), bearer); got != http.StatusForbidden {
		w.t.Errorf("the token that may read alone asked for a sync and was answered %d", got)
	}

	command(0, "invites", "release", "--everybody", "--reason", "a wave")
	eventually(w.t, 2*time.Minute, "an invite is mailed", func() string {
		if f.office.people(w.t) == 0 {
			return "none"
		}
		return ""
	})
	f.deliver(w, leaver)
	command(0, "invites", "list")
	command(0, "invites", "preview", "--everybody")

	secret := "coal-" + canary + "-secret-0001"
	settings := func(token string) string {
		w.t.Helper()
		file := filepath.Join(w.t.TempDir(), "coal.yml")
		text := fmt.Sprintf("okta: {url: %q, allow_http: true, app_id: %s, token: %s, log: {interval: 1s}}\nhook: {secrets: [%s]}\n"+
			"nightly: {at: never}\nlimits: {people: {absolute: 0, fraction: 0, floor: 0}, safety: none}\n", w.orgURL, w.org.AppID(), token, secret)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
		return file
	}
	command(0, "tenants", "add", "coal", "--settings", settings("00"+canary+"TokenThatOktaDoesNotKnow0000000000"))
	command(1, "tenants", "test", "coal")
	w.post("/webhooks/okta/coal", secret, event("user.lifecycle.suspend", "User", leaver, canary))
	w.post("/webhooks/okta/coal", "wrong-"+secret, event("user.lifecycle.suspend", "User", leaver, canary))
	command(0, "tenants", "change", "coal", "--settings", settings(oktaToken))
	command(0, "tenants", "show", "coal")
	eventually(w.t, 2*time.Minute, "the tenant that was added has its first sync", func() string {
		if state, err := w.api.Tenant(w.t.Context(), "coal"); err != nil || state.LastFullSync == nil {
			return fmt.Sprintf("it has none: %+v, %v", state, err)
		}
		return ""
	})
	w.act(w.org.Unassign("", leaver))
	if _, err := w.api.Resync(w.t.Context(), "coal", "full", ""); err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, time.Minute, "an alert arrives", func() string {
		if f.alerts.Load() == 0 {
			return "none"
		}
		return ""
	})
	command(0, "tenants", "pause", "coal", "--reason", "for a test")
	command(0, "tenants", "remove", "coal", "--confirm", "coal")
	command(0, "acts")
}

// deliver has changes posted to an endpoint of either kind, which answers with what it was sent.
func (f *laterFlows) deliver(w *world, who string) {
	w.t.Helper()
	for name, kind := range map[string]string{"shared": "hmac-sha256", "pair": "ed25519"} {
		out, status := w.cli("endpoints", "add", name, f.product.URL+"/"+canary, "--kind", kind)
		if status != 0 {
			w.t.Fatalf("endpoints add %s: status %d: %s", name, status, out)
		}
		f.endpointKeys = append(f.endpointKeys, regexp.MustCompile(`whsec_\S+|whsk_\S+`).FindAllString(out, -1)...)
		out, status = w.cli("endpoints", "rotate", name)
		if status != 0 {
			w.t.Fatalf("endpoints rotate %s: status %d: %s", name, status, out)
		}
		f.endpointKeys = append(f.endpointKeys, regexp.MustCompile(`whsec_\S+|whsk_\S+`).FindAllString(out, -1)...)
	}
	if len(f.endpointKeys) < 2 {
		w.t.Fatalf("%d secrets of endpoints were shown", len(f.endpointKeys))
	}
	before := f.posts.Load()
	w.act(w.org.Update(who, map[string]any{"title": "Delivered " + canary}))
	w.cli("replay", "--to", "shared", "--person", who)
	eventually(w.t, 2*time.Minute, "changes are posted to both endpoints, some of them twice", func() string {
		if n := f.posts.Load() - before; n < 4 {
			return fmt.Sprintf("%d requests came", n)
		}
		return ""
	})
	for _, args := range []string{"endpoints test pair", "deliveries list shared", "endpoints show pair", "roles", "licenses"} {
		w.cli(strings.Fields(args)...)
	}
}
