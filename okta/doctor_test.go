package okta

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

func TestWhoami(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.json("/api/v1/users/me", 200, userJSON("00uService", "ACTIVE"))
	who, err := o.reader(t).Whoami(t.Context())
	if diff := cmp.Diff(Identity{UserID: "00uService", UserStatus: "ACTIVE"}, who); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	o.refuse("/api/v1/users/me", 401, "E0000011")
	if _, err := o.reader(t).Whoami(t.Context()); !errors.As(err, new(*directory.CredentialsError)) {
		t.Errorf("want a credentials error: %v", err)
	}
	o.refuse("/api/v1/users/me", 404, "E0000007")
	if _, err := o.reader(t).Whoami(t.Context()); err == nil || isAbsent(err) {
		t.Errorf("want an ordinary error: %v", err)
	}
}

func TestApp(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	app, err := o.reader(t).App(t.Context())
	if diff := cmp.Diff(App{ID: testApp, Label: "Product", Name: "product", Status: "ACTIVE"}, app); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	o.refuse("/api/v1/apps/"+testApp, 404, "E0000007")
	_, err = o.reader(t).App(t.Context())
	if !errors.Is(err, directory.ErrNotFound) || isAbsent(err) {
		t.Errorf("want not found: %v", err)
	}
	checkFailure(t, err, "req-1")
}

// A service app without an admin role gets empty lists instead of a refusal.
func TestVisible(t *testing.T) {
	t.Parallel()
	look := func(r *Reader) ([]Sight, int, error) {
		users, err := r.VisibleUsers(t.Context())
		groups, err2 := r.VisibleGroups(t.Context())
		assigned, err3 := r.VisibleAppUsers(t.Context())
		return []Sight{users, groups.Sight, assigned}, groups.Selected, errors.Join(err, err2, err3, r.VisibleLog(t.Context()))
	}
	_, r := emulated(t, emulator.Options{People: 250, Groups: 4, Limits: emulator.Unlimited()}, func(o *Options) {
		o.Groups = directory.GroupSelection{Names: []string{"Everyone"}}
	})
	got, selected, err := look(r)
	if diff := cmp.Diff([]Sight{{Count: 200, More: true}, {Count: 5}, {Count: 250}}, got); diff != "" || selected != 1 || err != nil {
		t.Errorf("%d selected, %v\n%s", selected, err, diff)
	}

	o := newOrg(t)
	lists := []string{"/api/v1/users", "/api/v1/groups", appUsers, "/api/v1/logs"}
	for _, path := range lists {
		o.serveList(path, nil)
	}
	if got, _, err = look(o.reader(t)); err != nil || !cmp.Equal(got, make([]Sight, 3)) {
		t.Errorf("without a role: %+v, %v", got, err)
	}
	for _, path := range lists {
		o.refuse(path, 403, "E0000006")
		if _, _, err := look(o.reader(t)); !errors.As(err, new(*directory.CredentialsError)) {
			t.Errorf("%s refused: %v", path, err)
		}
		o.serveList(path, nil)
	}
}

// TestCheck: who may see the app alone cannot be synced, and must not be taken for well.
func TestCheck(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	lists := []string{"/api/v1/users", "/api/v1/groups", appUsers}
	for _, path := range lists {
		o.serveList(path, nil)
	}
	r := o.reader(t)
	if err := r.Check(t.Context()); err != nil {
		t.Error(err)
	}
	for _, path := range lists {
		o.refuse(path, 403, "E0000006")
		if err := r.Check(t.Context()); !errors.As(err, new(*directory.CredentialsError)) {
			t.Errorf("%s refused: %v", path, err)
		}
		o.serveList(path, nil)
	}
}

func TestUserAttributes(t *testing.T) {
	t.Parallel()
	_, r := emulated(t, emulator.Options{People: 5, Groups: -1, CustomAttributes: []emulator.Attribute{{Name: "badge", Type: "string"}}})
	got, err := r.UserAttributes(t.Context())
	if err != nil || !slices.Contains(got, "badge") || !slices.Contains(got, "employeeNumber") || !slices.IsSorted(got) {
		t.Errorf("%q, %v", got, err)
	}
	o := newOrg(t)
	o.json("/api/v1/meta/schemas/user/default", 200, map[string]any{"definitions": map[string]any{}})
	_, err = o.reader(t).UserAttributes(t.Context())
	checkFailure(t, err, "no attributes")
}

func TestClockSkew(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.on("/api/v1/apps/"+testApp, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		answerJSON(w, 200, map[string]any{"id": testApp, "status": "ACTIVE"})
	})
	skew, err := o.reader(t).ClockSkew(t.Context())
	if off := skew + time.Hour; err != nil || off < -time.Minute || off > time.Minute {
		t.Errorf("skew %s, want about -1h: %v", skew, err)
	}
	o.on("/api/v1/apps/"+testApp, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = []string{"today"}
		answerJSON(w, 200, map[string]any{"id": testApp, "status": "ACTIVE"})
	})
	_, err = o.reader(t).ClockSkew(t.Context())
	checkFailure(t, err, "no Date header")
}

func TestEventHooks(t *testing.T) {
	t.Parallel()
	_, r := emulated(t, emulator.Options{People: 5, Groups: -1, Limits: emulator.Unlimited()})
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"verification": r.Header.Get("X-Okta-Verification-Challenge")})
	}))
	t.Cleanup(receiver.Close)

	made, err := r.RegisterHook(t.Context(), NewHook{Name: "people-sync", URI: receiver.URL + "/webhooks/okta", Secret: "hunter2",
		Events: directory.GuideEvents(), Headers: []Header{{Key: "X-Env", Value: "test"}}})
	if err != nil {
		t.Fatal(err)
	}
	if made.ID == "" || made.Delivers() || made.VerificationStatus != "UNVERIFIED" {
		t.Errorf("made %+v", made)
	}
	verified, err := r.VerifyHook(t.Context(), made.ID)
	if err != nil || !verified.Delivers() {
		t.Errorf("verified %+v: %v", verified, err)
	}
	hooks, err := r.EventHooks(t.Context())
	if err != nil || len(hooks) != 1 {
		t.Fatalf("%d hooks: %v", len(hooks), err)
	}
	h := hooks[0]
	if h.ID != made.ID || h.Name != "people-sync" || !h.Delivers() || h.Channel.Config.URI != receiver.URL+"/webhooks/okta" ||
		h.Channel.Config.AuthScheme.Key != "Authorization" || h.Channel.Config.AuthScheme.Value != "" || len(h.Channel.Config.Headers) != 1 {
		t.Errorf("hook %+v", h)
	}
	if diff := cmp.Diff(directory.GuideEvents(), h.Events.Items); diff != "" {
		t.Error(diff)
	}
	if !json.Valid(h.Raw) || !strings.Contains(string(h.Raw), made.ID) {
		t.Errorf("raw %s", h.Raw)
	}

	receiver.Close()
	again, err := r.RegisterHook(t.Context(), NewHook{Name: "away", URI: receiver.URL, Secret: "hunter2", Events: []string{"user.lifecycle.create"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.VerifyHook(t.Context(), again.ID)
	if !errors.As(err, new(*directory.TerminalError)) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("want a terminal error without secret: %v", err)
	}
	checkFailure(t, err, "E0000001")

	for _, bad := range []NewHook{{}, {Name: "x", URI: "https://x", Secret: "s"}, {Name: "x", URI: "https://x", Events: []string{"user.lifecycle.create"}}} {
		_, err := r.RegisterHook(t.Context(), bad)
		checkFailure(t, err, "are needed")
	}
	_, err = r.VerifyHook(t.Context(), "who1/../x")
	checkFailure(t, err, "no Okta id has")
}

// The SDK's model loses both.
func TestEventHooksKeepFilterAndDescription(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.on(hooksPath, text("application/json", `[{"id":"who1","name":"n","description":"ours","status":"ACTIVE","verificationStatus":"VERIFIED",
		"events":{"type":"EVENT_TYPE","items":["a.b"],"filter":{"type":"EXPRESSION_LANGUAGE","eventFilterMap":[]}},
		"channel":{"type":"HTTP","version":"1.0.0","config":{"uri":"https://x.example/webhooks/okta","headers":[],"method":"POST",
		"authScheme":{"type":"HEADER","key":"X-Secret"}}},"_links":{"self":{"href":"y"}}}]`))
	hooks, err := o.reader(t).EventHooks(t.Context())
	if err != nil || len(hooks) != 1 {
		t.Fatalf("%v: %v", hooks, err)
	}
	if h := hooks[0]; h.Description == nil || *h.Description != "ours" || !strings.Contains(string(h.Events.Filter), "EXPRESSION_LANGUAGE") ||
		!strings.Contains(string(h.Raw), "_links") || h.Channel.Config.AuthScheme.Key != "X-Secret" {
		t.Errorf("%+v", h)
	}
	for name, body := range map[string]string{"no id": `[{}]`, "null": `[null]`, "wrong type": `[{"id":"who1","events":7}]`} {
		o.on(hooksPath, text("application/json", body))
		if hooks, err := o.reader(t).EventHooks(t.Context()); err == nil {
			t.Errorf("%s: %+v", name, hooks)
		}
	}
}
