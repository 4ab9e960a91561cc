package okta

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

const ensureSecret = "the-right-secret-0123"

// hookRig is an emulated org with a receiver that takes one secret.
type hookRig struct {
	org     *emulator.Org
	reader  *Reader
	url     string
	spec    HookSpec
	refused atomic.Int64 // calls with another secret
}

func newHookRig(t *testing.T) *hookRig {
	t.Helper()
	server, r := emulated(t, emulator.Options{People: 5, Groups: -1, Limits: emulator.Unlimited()})
	rig := &hookRig{org: server.Org, reader: r}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Hook") != ensureSecret {
			rig.refused.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"verification": r.Header.Get("X-Okta-Verification-Challenge")})
	}))
	t.Cleanup(receiver.Close)
	rig.url = receiver.URL
	rig.spec = HookSpec{Name: "oktasync", URI: receiver.URL + "/webhooks/okta", Header: "X-Hook", Events: directory.SubscribedEvents(),
		Here: func(uri string) bool {
			return strings.HasSuffix(uri, "/webhooks/okta") || strings.HasSuffix(uri, "/webhooks/okta/acme")
		}}
	return rig
}

func (h *hookRig) ensure(t *testing.T, change ...func(*EnsureOptions)) (EnsureResult, error) {
	t.Helper()
	o := EnsureOptions{Spec: h.spec, Secret: ensureSecret}
	for _, c := range change {
		c(&o)
	}
	return h.reader.EnsureHook(t.Context(), o)
}

// writes counts the calls that may change a hook.
func (h *hookRig) writes() int {
	return h.org.CallsTo("/api/v1/eventHooks/**") - h.org.CallsTo("GET /api/v1/eventHooks/**") +
		h.org.CallsTo("POST /api/v1/eventHooks")
}

// sound checks that the org has one hook of ours that is right in every part.
func (h *hookRig) sound(t *testing.T) EventHook {
	t.Helper()
	hooks, err := h.reader.EventHooks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	review := ReviewHook(h.spec, hooks)
	if review.State() != HookSound || !review.Hook.Delivers() {
		t.Fatalf("the hook is %s: %+v", review.State(), review.Problems)
	}
	return review.Hook
}

// Whatever is wrong with the hook is mended by one call, and a second one writes nothing.
func TestEnsureHook(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(t *testing.T, h *hookRig, sound EventHook)
		state HookState
		steps []string // how each begins
	}{
		{"nothing", func(*testing.T, *hookRig, EventHook) {}, HookSound, nil},
		{"deactivated", func(t *testing.T, h *hookRig, hook EventHook) {
			must2(h.reader.DeactivateHook(t.Context(), hook.ID))(t)
		}, HookInactive, []string{"activate"}},
		{"events removed", func(t *testing.T, h *hookRig, hook EventHook) {
			h.edit(t, hook, HookChange{URI: h.spec.URI, AuthHeader: "X-Hook", Secret: ensureSecret, Events: directory.GuideEvents()[1:]})
		}, HookEvents, []string{"change the hook"}},
		{"advised events removed", func(t *testing.T, h *hookRig, hook EventHook) {
			h.edit(t, hook, HookChange{URI: h.spec.URI, AuthHeader: "X-Hook", Secret: ensureSecret, Events: directory.GuideEvents()})
		}, HookAdvised, []string{"change the hook"}},
		{"events added", func(t *testing.T, h *hookRig, hook EventHook) {
			h.edit(t, hook, HookChange{URI: h.spec.URI, AuthHeader: "X-Hook", Secret: ensureSecret, Events: append(directory.SubscribedEvents(), "user.session.start")})
		}, HookExtra, []string{"change the hook"}},
		{"another header", func(t *testing.T, h *hookRig, hook EventHook) {
			h.edit(t, hook, HookChange{URI: h.spec.URI, AuthHeader: "Authorization", Secret: ensureSecret, Events: directory.SubscribedEvents()})
		}, HookHeader, []string{"change the hook", "have Okta verify"}},
		{"another secret, so not verified", func(t *testing.T, h *hookRig, hook EventHook) {
			h.edit(t, hook, HookChange{URI: h.spec.URI, AuthHeader: "X-Hook", Secret: "another-secret-0123", Events: directory.SubscribedEvents()})
		}, HookUnverified, nil},
		{"another address, known by id", func(t *testing.T, h *hookRig, hook EventHook) {
			h.spec.ID = hook.ID
			h.edit(t, hook, HookChange{URI: h.url + "/elsewhere", AuthHeader: "X-Hook", Secret: ensureSecret, Events: directory.SubscribedEvents()})
		}, HookElsewhere, []string{"change the hook", "have Okta verify"}},
		{"all at once", func(t *testing.T, h *hookRig, hook EventHook) {
			h.spec.ID = hook.ID
			h.edit(t, hook, HookChange{URI: h.url + "/elsewhere", AuthHeader: "Authorization", Secret: "another-secret-0123", Events: []string{"user.session.start"}})
			must2(h.reader.DeactivateHook(t.Context(), hook.ID))(t)
		}, HookInactive, []string{"change the hook", "activate", "have Okta verify"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHookRig(t)
			first, err := h.ensure(t)
			if err != nil || first.Before.State() != HookMissing || len(first.Steps) != 2 {
				t.Fatalf("registering: %q, %v", first.Steps, err)
			}
			others := must2(h.reader.RegisterHook(t.Context(), NewHook{Name: "somebody else's", URI: h.url + "/other", Secret: "x", Events: []string{"user.lifecycle.create"}}))(t)
			tt.spoil(t, h, h.sound(t))
			resend := func(o *EnsureOptions) { o.Resend = tt.steps == nil && tt.state != HookSound }

			before := h.writes()
			planned, err := h.ensure(t, resend, func(o *EnsureOptions) { o.DryRun = true })
			if err != nil {
				t.Fatal(err)
			}
			if h.writes() != before {
				t.Error("the dry run wrote")
			}
			if planned.Before.State() != tt.state {
				t.Errorf("the hook is %s, want %s", planned.Before.State(), tt.state)
			}
			result, err := h.ensure(t, resend)
			if err != nil {
				t.Fatal(err)
			}
			if h.writes()-before != len(result.Steps) {
				t.Errorf("%d writes for the steps %q", h.writes()-before, result.Steps)
			}
			if diff := cmp.Diff(planned.Steps, result.Steps); diff != "" {
				t.Errorf("the dry run planned otherwise:\n%s", diff)
			}
			for i, begin := range tt.steps {
				if len(result.Steps) != len(tt.steps) || !strings.HasPrefix(result.Steps[i], begin) {
					t.Fatalf("steps %q, want them to begin with %q", result.Steps, tt.steps)
				}
			}
			h.sound(t)
			before = h.writes()
			again, err := h.ensure(t)
			if err != nil || len(again.Steps) != 0 || h.writes() != before {
				t.Errorf("the second run did %q: %v", again.Steps, err)
			}
			hooks := must2(h.reader.EventHooks(t.Context()))(t)
			i := slices.IndexFunc(hooks, func(e EventHook) bool { return e.ID == others.ID })
			if len(hooks) != 2 || string(hooks[i].Raw) != string(others.Raw) {
				t.Errorf("the hook of somebody else was touched, or there is one more: %d hooks", len(hooks))
			}
		})
	}
}

func (h *hookRig) edit(t *testing.T, hook EventHook, c HookChange) {
	t.Helper()
	changed := must2(h.reader.UpdateHook(t.Context(), hook, c))(t)
	if changed.VerificationStatus != "VERIFIED" && c.Secret == ensureSecret && c.URI == h.spec.URI && c.AuthHeader == "X-Hook" {
		must2(h.reader.VerifyHook(t.Context(), hook.ID))(t)
	}
}

func must2[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// A hook that only has our name may be another installation's.
func TestEnsureHookLeavesAlike(t *testing.T) {
	t.Parallel()
	h := newHookRig(t)
	stranger := must2(h.reader.RegisterHook(t.Context(), NewHook{Name: "OktaSync", URI: "https://old.example/webhooks/okta", Secret: "x", Events: []string{"user.lifecycle.create"}}))(t)
	before := h.writes()
	_, err := h.ensure(t)
	checkFailure(t, err, "--adopt "+stranger.ID)
	if h.writes() != before {
		t.Error("it was written to all the same")
	}
	result, err := h.ensure(t, func(o *EnsureOptions) { o.Spec.ID = stranger.ID })
	if err != nil || result.Hook.ID != stranger.ID {
		t.Fatalf("adopting: %q, %v", result.Steps, err)
	}
	h.sound(t)
}

// The endpoint is asked before a hook that works gets other settings.
func TestEnsureHookAsksFirst(t *testing.T) {
	t.Parallel()
	h := newHookRig(t)
	hook := must2(h.ensure(t))(t).Hook
	h.spec.ID, h.spec.URI = hook.ID, strings.Replace(h.spec.URI, "127.0.0.1", "localhost", 1)
	before := h.writes()
	away := func(o *EnsureOptions) {
		o.Check = func(context.Context) error { return errors.New("nothing answers there") }
	}
	_, err := h.ensure(t, away)
	checkFailure(t, err, "nothing answers there")
	checkFailure(t, err, "nothing was changed")
	if h.writes() != before {
		t.Error("the hook was changed")
	}
	result, err := h.ensure(t, away, func(o *EnsureOptions) { o.Force = true })
	if err != nil || len(result.Doubts) != 1 {
		t.Fatalf("by force: %q, doubts %q, %v", result.Steps, result.Doubts, err)
	}
	h.sound(t)
}

func TestEnsureHookWithoutRights(t *testing.T) {
	t.Parallel()
	h := newHookRig(t)
	if _, err := h.org.AddFault(emulator.Fault{Kind: emulator.FaultForbidden, Endpoint: "POST /api/v1/eventHooks"}); err != nil {
		t.Fatal(err)
	}
	_, err := h.ensure(t)
	if !errors.As(err, new(*directory.CredentialsError)) {
		t.Errorf("want a credentials error: %v", err)
	}
	checkFailure(t, err, "okta.eventHooks.manage")
	checkFailure(t, err, "nothing was changed")
}

// What Okta keeps and we do not know of survives a change.
func TestChangedHookKeepsTheRest(t *testing.T) {
	t.Parallel()
	raw := `{"id":"who1","status":"ACTIVE","verificationStatus":"VERIFIED","name":"n","description":"ours","created":"2026-01-01T00:00:00.000Z",
		"createdBy":"00u1","lastUpdated":"2026-01-01T00:00:00.000Z","future":{"a":[1]},"_links":{},
		"events":{"type":"EVENT_TYPE","items":["a.b"],"filter":{"type":"EXPRESSION_LANGUAGE","eventFilterMap":[{"event":"a.b"}]}},
		"channel":{"type":"HTTP","version":"1.0.0","config":{"uri":"https://old.example","method":"POST","headers":[{"key":"X-Env","value":"p"},{"key":"x-hook","value":"left over"}],
		"authScheme":{"type":"HEADER","key":"Authorization"}}}}`
	h, err := readHook(json.RawMessage(raw))
	if err != nil {
		t.Fatal(err)
	}
	body, err := changed(h, HookChange{URI: "https://new.example", AuthHeader: "X-Hook", Secret: "s", Events: []string{"c.d"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"channel":{"config":{"authScheme":{"type":"HEADER","key":"X-Hook","value":"s"},"headers":[{"key":"X-Env","value":"p"}],"uri":"https://new.example"},"type":"HTTP","version":"1.0.0"},` +
		`"description":"ours","events":{"filter":{"eventFilterMap":[{"event":"a.b"}],"type":"EXPRESSION_LANGUAGE"},"items":["c.d"],"type":"EVENT_TYPE"},"future":{"a":[1]},"name":"n"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestReviewHook(t *testing.T) {
	t.Parallel()
	hook := func(id, name, uri string, sound bool) EventHook {
		h := EventHook{ID: id, Name: name, Status: "ACTIVE", Events: Subscription{Items: directory.SubscribedEvents()},
			Channel: Channel{Config: ChannelConfig{URI: uri, AuthScheme: AuthScheme{Key: "authorization"}}}}
		if h.VerificationStatus = "UNVERIFIED"; sound {
			h.VerificationStatus = "VERIFIED"
		}
		return h
	}
	const wanted = "https://sync.example.com/webhooks/okta"
	here := func(uri string) bool { return strings.HasSuffix(uri, "/webhooks/okta") }
	tests := []struct {
		name    string
		id, uri string
		hooks   []EventHook
		want    string
		state   HookState
		alike   int
		notes   int
	}{
		{"none", "", wanted, nil, "", HookMissing, 0, 0},
		{"others only", "", wanted, []EventHook{hook("who1", "x", "https://other.example/hook", true)}, "", HookMissing, 0, 0},
		{"by address", "", wanted, []EventHook{hook("who1", "x", "https://SYNC.example.com:443/webhooks/okta/", true)}, "who1", HookSound, 0, 0},
		{"another host is another installation's", "", wanted, []EventHook{hook("who1", "x", "https://staging.example.com/webhooks/okta", true)}, "", HookMissing, 0, 0},
		{"our name elsewhere is no proof", "", wanted, []EventHook{hook("who1", "oktasync", "https://staging.example.com/webhooks/okta", true)}, "", HookMissing, 1, 0},
		{"known by id", "who1", wanted, []EventHook{hook("who1", "x", "https://old.example.com/", true)}, "who1", HookElsewhere, 0, 0},
		{"the known id is gone, the address is there", "who9", wanted, []EventHook{hook("who1", "x", wanted, true)}, "who1", HookSound, 0, 0},
		{"two here", "", wanted, []EventHook{hook("who1", "x", wanted, false), hook("who2", "y", wanted, true)}, "who2", HookSound, 0, 1},
		{"no address wanted", "", "", []EventHook{hook("who1", "x", "https://any.example/webhooks/okta", true)}, "who1", HookSound, 0, 0},
		{"unverified", "", wanted, []EventHook{hook("who1", "x", wanted, false)}, "who1", HookUnverified, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ReviewHook(HookSpec{ID: tt.id, Name: "oktasync", URI: tt.uri, Header: "Authorization", Events: directory.SubscribedEvents(), Here: here}, tt.hooks)
			if got.Hook.ID != tt.want || got.State() != tt.state || len(got.Alike) != tt.alike || len(got.Notes) != tt.notes {
				t.Errorf("hook %q is %s, %d alike, notes %q; want %q, %s", got.Hook.ID, got.State(), len(got.Alike), got.Notes, tt.want, tt.state)
			}
		})
	}
}
