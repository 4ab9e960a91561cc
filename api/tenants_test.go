package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// same compares an answer with JSON.
func (r *rig) same(what string, a answer, status int, want string) {
	r.t.Helper()
	if a.status != status {
		r.t.Fatalf("%s: answer %d %s, want %d", what, a.status, a.body, status)
	}
	got, ok := decoded(r.t, a.body).(map[string]any)
	if !ok {
		r.t.Fatalf("%s: %s", what, a.body)
	}
	for _, counted := range []string{"waiting", "parked", "people", "quarantined"} {
		delete(got, counted)
	}
	if diff := cmp.Diff(decoded(r.t, want), any(got)); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestTenantsAtRunTime(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	a := r.do(http.MethodPost, "/tenants", `{"tenant":"coal","settings":{"okta":{"url":"https://coal.okta.com"},"secret":"hunter2hunter2"},"paused":"look first"}`)
	const paused = `"paused":{"at":"2026-08-20T08:00:00Z","by":"alice","reason":"look first"},`
	r.same("added", a, http.StatusCreated, `{"tenant":"coal","source":"api",`+paused+`"settings":{"okta":{"url":"https://coal.okta.com"}},"secrets":["secret"]}`)
	if got := a.header.Get("Location"); got != Path+"/tenants/coal" {
		t.Errorf("location %q", got)
	}
	r.same("changed", r.do(http.MethodPatch, "/tenants/coal", `{"settings":{"teams":{"from":"none"}}}`), http.StatusOK,
		`{"tenant":"coal","source":"api",`+paused+`"settings":{"teams":{"from":"none"}}}`)
	r.same("resumed", r.do(http.MethodPost, "/tenants/coal/resume", ""), http.StatusOK, `{"tenant":"coal","source":"api","settings":{"teams":{"from":"none"}}}`)
	r.same("a tenant of the file pauses as well", r.do(http.MethodPost, "/tenants/acme/pause", `{"reason":"the org is moved"}`), http.StatusOK,
		`{"tenant":"acme","source":"file","paused":{"at":"2026-08-20T08:00:00Z","by":"alice","reason":"the org is moved"},"last_full_sync":"2026-08-20T08:00:00Z","oldest_waiting":"2026-08-20T08:00:00Z"}`)
	r.same("removed", r.do(http.MethodDelete, "/tenants/coal", `{"confirm":"coal","reason":"left us"}`), http.StatusAccepted,
		`{"tenant":"coal","source":"none","removed_at":"2026-08-20T08:00:00Z"}`)
	want := strings.Join([]string{
		"alice tenant.add coal look first", "alice tenant.change coal", "alice tenant.resume coal", "alice tenant.pause acme the org is moved", "alice tenant.remove coal left us",
	}, "\n")
	if diff := cmp.Diff(want, r.book.actsNow()); diff != "" {
		t.Errorf("acts (-want +got):\n%s", diff)
	}
	for _, said := range []string{r.log.String(), r.do(http.MethodGet, "/tenants/coal", "").body} {
		if strings.Contains(said, "hunter2") {
			t.Errorf("a secret is shown:\n%s", said)
		}
	}
}

func TestTenantsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"it exists":              {"POST", "/tenants", `{"tenant":"acme","settings":{}}`, 409, `"tenant acme exists already"`},
		"all that is wrong":      {"POST", "/tenants", `{"tenant":"coal","settings":{"bad":1}}`, 422, `"errors":[{"message":"is missing","location":"settings.okta.url"},{"message":"is bad","location":"settings.bad"}]`},
		"no settings":            {"POST", "/tenants", `{"tenant":"coal"}`, 422, "expected required property settings to be present"},
		"change of the file":     {"PATCH", "/tenants/acme", `{"settings":{}}`, 409, `"tenant acme stands in the file"`},
		"change of nobody":       {"PATCH", "/tenants/nobody", `{"settings":{}}`, 404, `there is no tenant \"nobody\"; the list is at /api/v1/tenants`},
		"pause without a reason": {"POST", "/tenants/acme/pause", `{"reason":""}`, 422, "reason"},
		"pause of nobody":        {"POST", "/tenants/nobody/pause", `{"reason":"x"}`, 404, `there is no tenant \"nobody\"`},
		"resume of nobody":       {"POST", "/tenants/nobody/resume", ``, 404, `there is no tenant \"nobody\"`},
		"remove unconfirmed":     {"DELETE", "/tenants/globex", `{"confirm":"acme"}`, 422, "removing a tenant erases everything of it"},
		"remove of the file":     {"DELETE", "/tenants/globex", `{"confirm":"globex"}`, 409, `"tenant globex stands in the file"`},
		"remove of nobody":       {"DELETE", "/tenants/nobody", `{"confirm":"nobody"}`, 404, `there is no tenant \"nobody\"`},
		"nothing to drop":        {"DELETE", "/tenants/acme/settings", ``, 404, `"tenant acme has no stored settings"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			a := r.do(test.method, test.path, test.body)
			if a.status != test.status || !strings.Contains(a.body, test.want) {
				t.Errorf("answer %d %s, want %d and %s", a.status, a.body, test.status, test.want)
			}
			if acts := r.book.actsNow(); acts != "" {
				t.Errorf("acts were recorded: %s", acts)
			}
		})
	}
}
