package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEndpoints: a secret is in the answers that made it and in nothing else, and every act has its kind.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	d := newDesk()
	r := start(t, func(o *Options) { o.Endpoints = d })
	const secret = "whsec_shown-once"
	team := r.memory.teams[0].ID
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
		secret             bool
	}{
		{"POST", "", `{"name":"mail","url":"https://mail.example/in"}`, 201, `"kind":"hmac-sha256"`, true},
		{"POST", "", `{"name":"mail","url":"https://mail.example/in"}`, 409, "exists already", false},
		{"POST", "", `{"name":"Mail!","url":"https://mail.example/in"}`, 422, "name", false},
		{"GET", "", "", 200, `"state":"failing"`, false},
		{"GET", "/mail", "", 200, `"state":"working"`, false},
		{"GET", "/nobody", "", 404, "there is no endpoint", false},
		{"POST", "", `{"name":"sales","url":"https://mail.example/in","types":["person.cloned"]}`, 422, "person.created, person.updated", false},
		{"POST", "", `{"name":"sales","url":"https://mail.example/in","teams":["team_1","nope"]}`, 422, `\"nope\" is no team's id: these begin with team_`, false},
		{"PATCH", "/mail", `{"teams":["Sales"]}`, 422, `\"Sales\" is no team's id`, false},
		{"PATCH", "/mail", `{"teams":["team_1","` + team + `"]}`, 200, `"unknown_teams":["team_1"],"state"`, false},
		{"PATCH", "/mail", `{"teams":["` + team + `"]}`, 200, `"teams":["` + team + `"],"state"`, false},
		{"POST", "/mail/rotate", `{}`, 200, `"secret"`, true},
		{"POST", "/mail/rotate", `{"overlap":"1000h"}`, 422, "720h", false},
		{"POST", "/mail/disable", `{"reason":"it moves"}`, 200, `"state":"disabled"`, false},
		{"POST", "/mail/enable", "", 200, `"state":"working"`, false},
		{"POST", "/crm/retire", "", 200, `"public_key":"whpk_x"`, false},
		{"POST", "/mail/test", "", 200, `"delivered":true,"status":200,"took_ms":12,"answer":"thanks"`, false},
		{"GET", "/crm/deliveries?limit=1", "", 200, `"id":"msg_feed_1","seq":1`, false},
		{"GET", "/crm/deliveries?after=3", "", 200, `"id":"msg_feed_2"`, false},
		{"GET", "/crm/deliveries?state=lost", "", 422, "state", false},
		{"GET", "/crm/deliveries/msg_feed_1", "", 200, `"message":"msg_feed_1"`, false},
		{"GET", "/crm/deliveries/msg_feed_7", "", 404, "there is no delivery", false},
		{"GET", "/crm/attempts", "", 200, `"message":"test"`, false},
		{"POST", "/crm/retry", `{}`, 200, `{"deliveries":2}`, false},
		{"POST", "/crm/redrive", `{"id":"msg_feed_1"}`, 200, `{"deliveries":2}`, false},
		{"POST", "/crm/replay", `{"person":"` + adaID + `","types":["person.created"],"since":"2026-08-20T08:00:00Z"}`, 200, `{"deliveries":2,"at_most":true}`, false},
		{"POST", "/crm/replay", `{"types":["person.cloned"]}`, 422, "person.cloned", false},
		{"POST", "/crm/replay", `{"person":"nobody"}`, 404, "nobody", false},
		{"DELETE", "/mail", "", 200, `"name":"mail"`, false},
	} {
		a := r.do(step.method, "/tenants/acme/endpoints"+step.path, step.body)
		if a.status != step.status || !strings.Contains(a.body, step.want) || strings.Contains(a.body, secret) != step.secret || strings.Contains(a.body, "sealed") {
			t.Errorf("%s %s: %d %s", step.method, step.path, a.status, a.body)
		}
	}
	var acts []string
	for _, a := range d.acts {
		acts = append(acts, strings.TrimSpace(fmt.Sprintf("%s %s %s", a.Actor, a.Kind, a.Reason)))
	}
	want := []string{
		"alice endpoint.add", "alice endpoint.change", "alice endpoint.change", "alice endpoint.rotate  24h0m0s", "alice endpoint.disable it moves", "alice endpoint.enable", "alice endpoint.retire",
		"alice endpoint.test", "alice delivery.retry", "alice delivery.redrive msg_feed_1", "alice delivery.replay true" + adaID + "[person.created]", "alice endpoint.remove",
	}
	if diff := cmp.Diff(want, acts); diff != "" {
		t.Errorf("acts (-want +got):\n%s", diff)
	}
	if log := r.log.String(); strings.Contains(log, secret) || strings.Contains(log, "mail.example") {
		t.Errorf("the log shows a secret or an address:\n%s", log)
	}
	bob := slices.Clip([]string{"Authorization", "Bearer " + tokenBob})
	if a := r.do(http.MethodPost, "/tenants/acme/endpoints/crm/rotate", `{}`, bob...); a.status != http.StatusForbidden {
		t.Errorf("rotated by one who may only operate: %d", a.status)
	}
}
