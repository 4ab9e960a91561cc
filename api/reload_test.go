package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/directory"
)

// Reload answers as a file would that names a tenant, or as one with two mistakes.
func (b *book) Reload(_ context.Context, by string) (Reloaded, error) {
	if by != "alice" {
		return Reloaded{}, &directory.InvalidError{Problems: []directory.InvalidSetting{
			{Key: "okta.url", Says: "is missing"}, {Key: "required", Says: "names no field"},
		}}
	}
	return Reloaded{NeedRestart: []string{"server.listen"}, Tenants: []ReloadedTenant{
		{Tenant: "acme", RulesState: directory.RulesState{InForce: "aa", Next: "bb"}},
	}}, nil
}

func TestReload(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	answer := r.do(http.MethodPost, "/config/reload", "")
	if answer.status != http.StatusOK || !strings.Contains(answer.body, `"need_restart":["server.listen"]`) || !strings.Contains(answer.body, `{"tenant":"acme","in_force":"aa","next":"bb"}`) {
		t.Errorf("the reload answered %d: %s", answer.status, answer.body)
	}
	answer = r.do(http.MethodPost, "/config/reload", "", "Authorization", "Bearer "+tokenBob)
	if answer.status != http.StatusUnprocessableEntity || !strings.Contains(answer.body, "okta.url") || !strings.Contains(answer.body, "names no field") {
		t.Errorf("a bad file was answered %d: %s", answer.status, answer.body)
	}
}
