package api

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/oktasync/oktasync/directory"
)

type operation struct {
	method, path string
	described    map[string]any
}

// document returns the OpenAPI document as it is served, which takes no token.
func document(t *testing.T, r *rig) map[string]any {
	t.Helper()
	a := r.do(http.MethodGet, "/openapi.json", "", "Authorization", "")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("answer %d %q", a.status, a.header.Get("Content-Type"))
	}
	return decoded(t, a.body).(map[string]any)
}

// operations lists what the document describes, in order.
func operations(t *testing.T, r *rig) []operation {
	t.Helper()
	var list []operation
	for path, methods := range document(t, r)["paths"].(map[string]any) {
		for method, described := range methods.(map[string]any) {
			list = append(list, operation{strings.ToUpper(method), path, described.(map[string]any)})
		}
	}
	slices.SortFunc(list, func(a, b operation) int {
		return strings.Compare(a.path+" "+a.method, b.path+" "+b.method)
	})
	return list
}

func TestOpenAPIListsEverything(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	var got []string
	ids := map[any]bool{}
	for _, op := range operations(t, r) {
		got = append(got, op.method+" "+op.path)
		if op.described["summary"] == "" || op.described["security"] == nil || ids[op.described["operationId"]] {
			t.Errorf("%s %s lacks a summary, its security or an id of its own", op.method, op.path)
		}
		ids[op.described["operationId"]] = true
		for _, part := range strings.Split(op.path, "/") {
			if strings.HasPrefix(part, "{") && !strings.Contains(string(marshal(t, op.described["parameters"])), `"name":"`+strings.Trim(part, "{}")+`"`) {
				t.Errorf("%s %s does not describe %s", op.method, op.path, part)
			}
		}
	}
	want := []string{
		"POST /config/reload",
		"GET /tenants",
		"POST /tenants",
		"DELETE /tenants/{tenant}",
		"GET /tenants/{tenant}",
		"PATCH /tenants/{tenant}",
		"GET /tenants/{tenant}/acts",
		"GET /tenants/{tenant}/archive",
		"POST /tenants/{tenant}/archive/discard",
		"POST /tenants/{tenant}/archive/retry",
		"GET /tenants/{tenant}/changes",
		"GET /tenants/{tenant}/endpoints",
		"POST /tenants/{tenant}/endpoints",
		"DELETE /tenants/{tenant}/endpoints/{endpoint}",
		"GET /tenants/{tenant}/endpoints/{endpoint}",
		"PATCH /tenants/{tenant}/endpoints/{endpoint}",
		"GET /tenants/{tenant}/endpoints/{endpoint}/attempts",
		"GET /tenants/{tenant}/endpoints/{endpoint}/deliveries",
		"GET /tenants/{tenant}/endpoints/{endpoint}/deliveries/{message}",
		"POST /tenants/{tenant}/endpoints/{endpoint}/disable",
		"POST /tenants/{tenant}/endpoints/{endpoint}/enable",
		"POST /tenants/{tenant}/endpoints/{endpoint}/redrive",
		"POST /tenants/{tenant}/endpoints/{endpoint}/replay",
		"POST /tenants/{tenant}/endpoints/{endpoint}/retire",
		"POST /tenants/{tenant}/endpoints/{endpoint}/retry",
		"POST /tenants/{tenant}/endpoints/{endpoint}/rotate",
		"POST /tenants/{tenant}/endpoints/{endpoint}/test",
		"GET /tenants/{tenant}/events/health",
		"GET /tenants/{tenant}/groups",
		"GET /tenants/{tenant}/groups/{id}/members",
		"GET /tenants/{tenant}/ignored-attributes",
		"GET /tenants/{tenant}/invites",
		"POST /tenants/{tenant}/invites/accept-link",
		"POST /tenants/{tenant}/invites/accepted",
		"GET /tenants/{tenant}/invites/counts",
		"POST /tenants/{tenant}/invites/hold",
		"GET /tenants/{tenant}/invites/preview",
		"POST /tenants/{tenant}/invites/recover",
		"POST /tenants/{tenant}/invites/release",
		"POST /tenants/{tenant}/invites/resend",
		"POST /tenants/{tenant}/invites/revoke",
		"POST /tenants/{tenant}/invites/sent",
		"GET /tenants/{tenant}/licenses",
		"GET /tenants/{tenant}/manager-problems",
		"GET /tenants/{tenant}/merged-teams",
		"POST /tenants/{tenant}/pause",
		"GET /tenants/{tenant}/people",
		"GET /tenants/{tenant}/people/{who}",
		"GET /tenants/{tenant}/people/{who}/changes",
		"POST /tenants/{tenant}/people/{who}/erase",
		"GET /tenants/{tenant}/people/{who}/explain",
		"DELETE /tenants/{tenant}/people/{who}/manager",
		"PUT /tenants/{tenant}/people/{who}/manager",
		"PATCH /tenants/{tenant}/people/{who}/profile",
		"GET /tenants/{tenant}/quarantine",
		"POST /tenants/{tenant}/resume",
		"POST /tenants/{tenant}/resyncs",
		"GET /tenants/{tenant}/roles",
		"POST /tenants/{tenant}/rules/test",
		"GET /tenants/{tenant}/runs",
		"GET /tenants/{tenant}/runs/{id}",
		"POST /tenants/{tenant}/runs/{id}/approve",
		"GET /tenants/{tenant}/runs/{id}/plan",
		"POST /tenants/{tenant}/runs/{id}/reject",
		"DELETE /tenants/{tenant}/settings",
		"GET /tenants/{tenant}/snapshot",
		"GET /tenants/{tenant}/teams",
		"DELETE /tenants/{tenant}/teams/{id}/manager",
		"PUT /tenants/{tenant}/teams/{id}/manager",
		"DELETE /tenants/{tenant}/teams/{id}/merge",
		"PUT /tenants/{tenant}/teams/{id}/merge",
		"DELETE /tenants/{tenant}/teams/{id}/name",
		"PUT /tenants/{tenant}/teams/{id}/name",
		"POST /tenants/{tenant}/test",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	d := document(t, r)
	if d["openapi"] != "3.1.0" || gocmp.Diff(d["servers"], []any{map[string]any{"url": Path}}) != "" {
		t.Errorf("openapi %v, servers %v", d["openapi"], d["servers"])
	}
	if text := string(marshal(t, d)); !strings.Contains(text, "Okta user id; it never changes") || strings.Contains(text, "$schema") {
		t.Error("the descriptions are missing, or links to schemas that are not served are there")
	}
}

// What the API answers is what its document says, unknown members excluded.
func TestAnswersFollowTheDocument(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	d := document(t, r)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("https://api.example/openapi.json", d); err != nil {
		t.Fatal(err)
	}
	of := map[string]string{"remove-tenant": "dust", "change-tenant": "coal", "drop-tenant-settings": "coal"}
	endpointOf := map[string]string{"remove-endpoint": "old"}
	for _, slug := range []string{"coal", "dust"} {
		r.book.tenants[slug] = directory.TenantDetail{
			TenantListing: directory.TenantListing{Tenant: slug, Source: directory.TenantOfAPI}, Settings: []byte(`{"a":1}`), Secrets: []string{"secret"},
		}
	}
	for i, id := range []string{"wait-approve-run", "wait-reject-run"} {
		at := cet(10 + i)
		r.memory.runs = append(r.memory.runs, directory.Run{ID: id, Tenant: "acme", Scope: directory.FullScope(), Cause: directory.CauseNightly,
			State: directory.RunHeld, CreatedAt: at, PlannedAt: &at, WaitsUntil: &at, Error: "too many would leave"})
	}
	examples := map[string]string{
		"add-endpoint": `{"name":"mail","url":"https://mail.example/in"}`, "change-endpoint": `{"types":["person.*"]}`, "disable-endpoint": `{"reason":"it moves"}`,
		"rotate-endpoint-secret": `{"overlap":"1h"}`, "retry-deliveries": `{}`, "replay-changes": `{"since":"2026-08-20T08:00:00Z"}`, "redrive-deliveries": `{"id":"msg_feed_1"}`,
		"add-tenant":    `{"tenant":"ember","settings":{"okta":{"url":"https://ember.okta.com"},"secret":"x"},"paused":"first"}`,
		"write-profile": `{"fields":{"title":"Countess"}}`, "test-rules": `{"person":"` + adaID + `"}`,
		"change-tenant": `{"settings":{}}`, "pause-tenant": `{"reason":"x"}`, "remove-tenant": `{"confirm":"dust"}`,
		"release-invites": `{"everybody":true}`, "hold-invites": `{"everybody":true}`, "revoke-invites": `{"everybody":true}`, "note-sent-invites": `{"everybody":true}`,
		"note-accepted-invites": `{"everybody":true}`, "resend-invites": `{"states":["failed"]}`,
		"accept-invite-link": `{"token":"` + adaID + `"}`, "recover-invites": `{"database":"restored","reason":"the disk broke"}`,
		"approve-run": `{"reason":"it is right"}`, "reject-run": `{"reason":"it is wrong"}`, "erase-person": `{"reason":"they asked"}`,
		"choose-manager": `{"manager":"` + graceID + `"}`, "set-team-manager": `{"manager":"` + graceID + `"}`, "rename-team": `{"name":"Field Sales"}`, "merge-team": `{"into":"` + r.memory.teams[0].ID + `","reason":"one team","dry_run":true}`,
		"request-resync": `{"scope":"full"}`, "retry-archived": `{"scope":"group:` + salesID + `"}`, "discard-archived": `{"scope":"person:ada+x@acme.example"}`,
	}
	check := func(t *testing.T, schema any, body string) {
		t.Helper()
		ref, _ := schema.(map[string]any)["$ref"].(string)
		if ref == "" {
			t.Fatalf("no named schema: %v", schema)
		}
		compiled, err := compiler.Compile("https://api.example/openapi.json" + ref)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(instance); err != nil {
			t.Errorf("%s\nbody: %s", err, body)
		}
	}
	schemaOf := func(described map[string]any, status, kind string) any {
		response, _ := described["responses"].(map[string]any)[status].(map[string]any)
		if response == nil {
			response, _ = described["responses"].(map[string]any)["default"].(map[string]any)
		}
		content, _ := response["content"].(map[string]any)[kind].(map[string]any)
		return content["schema"]
	}
	// The acts empty the archive, so that they come after what lists it.
	list := operations(t, r)
	slices.SortStableFunc(list, func(a, b operation) int { return strings.Compare(a.method, b.method) })
	for _, op := range list {
		id := op.described["operationId"].(string)
		run := "run-1"
		if op.method == http.MethodPost {
			run = "wait-" + id
		}
		path := strings.NewReplacer("{tenant}", cmp.Or(of[id], "acme"), "{who}", adaID, "{endpoint}", cmp.Or(endpointOf[id], "crm"), "{message}", "msg_feed_1", "groups/{id}", "groups/"+salesID, "teams/{id}", "teams/"+r.memory.teams[0].ID, "runs/{id}", "runs/"+run).Replace(op.path)
		t.Run(id, func(t *testing.T) {
			a := r.do(op.method, path, examples[id])
			if a.status > 299 {
				t.Fatalf("answer %d %s", a.status, a.body)
			}
			status := "200"
			if a.status != http.StatusOK {
				status = strconv.Itoa(a.status)
			}
			if a.header.Get("Content-Type") == ndjson {
				for line := range strings.Lines(a.body) {
					check(t, schemaOf(op.described, status, ndjson), line)
				}
			} else {
				check(t, schemaOf(op.described, status, "application/json"), a.body)
			}

			a = r.do(op.method, path, examples[id], "Authorization", "")
			check(t, schemaOf(op.described, "401", "application/problem+json"), a.body)
		})
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
