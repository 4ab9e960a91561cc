package emulator_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/emulator"
)

// endpoint is a real hook receiver.
type endpoint struct {
	t   *testing.T
	url string

	mu       sync.Mutex
	requests []request
	// answer decides what a delivery gets; nil = 204.
	answer func(n int, w http.ResponseWriter, r *http.Request)
	// challenge answers the verification; nil = rightly.
	challenge func(w http.ResponseWriter, word string)
}

type request struct {
	method string
	header http.Header
	body   delivery
}

type delivery struct {
	EventType string `json:"eventType"`
	EventID   string `json:"eventId"`
	Source    string `json:"source"`
	Data      struct {
		Events []object `json:"events"`
	} `json:"data"`
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{t: t}
	s := httptest.NewServer(http.HandlerFunc(e.serve))
	t.Cleanup(s.Close)
	e.url = s.URL + "/webhooks/okta"
	return e
}

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	q := request{method: r.Method, header: r.Header}
	if r.Method == http.MethodPost {
		if err := json.Unmarshal(raw, &q.body); err != nil {
			e.t.Errorf("a delivery is not JSON: %v", err)
		}
	}
	e.mu.Lock()
	e.requests = append(e.requests, q)
	n := len(e.requests)
	answer, challenge := e.answer, e.challenge
	e.mu.Unlock()
	if r.Method == http.MethodGet {
		word := r.Header.Get("X-Okta-Verification-Challenge")
		if challenge != nil {
			challenge(w, word)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"verification":%q}`, word)
		return
	}
	if answer != nil {
		answer(n, w, r)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// posts gives the deliveries received so far.
func (e *endpoint) posts() []request {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []request
	for _, q := range e.requests {
		if q.method == http.MethodPost {
			out = append(out, q)
		}
	}
	return out
}

// uuids gives the events received, in order.
func (e *endpoint) uuids() []string {
	var out []string
	for _, q := range e.posts() {
		for _, ev := range q.body.Data.Events {
			out = append(out, ev["uuid"].(string))
		}
	}
	return out
}

func uuidsOf(acts ...emulator.Act) []string {
	var out []string
	for _, a := range acts {
		for _, e := range a.Events {
			out = append(out, e.UUID)
		}
	}
	return out
}

func (r *rig) drain() {
	r.t.Helper()
	ctx, cancel := contextFor(r.t, 20*time.Second)
	defer cancel()
	if err := r.org.WaitHooks(ctx); err != nil {
		r.t.Fatal(err)
	}
}

func hooked(t *testing.T, opt emulator.Options) (*rig, *endpoint) {
	t.Helper()
	e := newEndpoint(t) // first, so that it is closed last
	r := newRig(t, opt)
	must(t)(r.org.RegisterHook(emulator.NewHook{URL: e.url, Secret: "Basic c2VjcmV0", Extra: map[string]string{"X-Env": "test"}}))
	return r, e
}

func TestHookLifeOverHTTP(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	r := newRig(t, small())
	body := object{"name": "people", "description": "mine",
		"events": object{"type": "EVENT_TYPE", "items": []string{"user.lifecycle.suspend"}},
		"channel": object{"type": "HTTP", "version": "1.0.0", "config": object{"uri": e.url,
			"headers":    []object{{"key": "X-Env", "value": "prod"}},
			"authScheme": object{"type": "HEADER", "key": "Authorization", "value": "a secret"}}}}
	a := r.want(200, http.MethodPost, "/api/v1/eventHooks", body)
	hook := decode[object](t, a)
	path := "/api/v1/eventHooks/" + hook["id"].(string)
	if hook["status"] != "ACTIVE" || hook["verificationStatus"] != "UNVERIFIED" || strings.Contains(string(a.body), "a secret") {
		t.Errorf("a new hook: %s", a.body)
	}
	must(t)(r.org.Suspend(r.org.PersonIDs()[0]))
	r.drain()
	if len(e.posts()) != 0 {
		t.Error("an unverified hook received events")
	}
	if v := decode[object](t, r.want(200, http.MethodPost, path+"/lifecycle/verify", nil)); v["verificationStatus"] != "VERIFIED" {
		t.Errorf("after verification: %v", v)
	}
	act := must(t)(r.org.Suspend(r.org.PersonIDs()[1]))
	must(t)(r.org.Unsuspend(r.org.PersonIDs()[1])) // not subscribed
	r.drain()
	if d := cmp.Diff(uuidsOf(act), e.uuids()); d != "" {
		t.Error(d)
	}
	// A new name keeps the verification, a new channel does not.
	body["name"] = "other"
	if v := decode[object](t, r.want(200, http.MethodPut, path, body)); v["verificationStatus"] != "VERIFIED" || v["name"] != "other" {
		t.Errorf("renamed: %v", v)
	}
	body["channel"].(object)["config"].(object)["uri"] = e.url + "2"
	if v := decode[object](t, r.want(200, http.MethodPut, path, body)); v["verificationStatus"] != "UNVERIFIED" {
		t.Errorf("new address: %v", v)
	}
	r.want(400, http.MethodDelete, path, nil)
	if v := decode[object](t, r.want(200, http.MethodPost, path+"/lifecycle/deactivate", nil)); v["status"] != "INACTIVE" {
		t.Errorf("deactivated: %v", v)
	}
	r.want(400, http.MethodPost, path+"/lifecycle/verify", nil)
	r.want(200, http.MethodPost, path+"/lifecycle/activate", nil)
	r.want(200, http.MethodPost, path+"/lifecycle/deactivate", nil)
	r.want(204, http.MethodDelete, path, nil)
	r.want(404, http.MethodGet, path, nil)
	if list, _ := r.all("/api/v1/eventHooks"); len(list) != 0 {
		t.Errorf("%d hooks left", len(list))
	}
}

func TestHooksThatAreRefused(t *testing.T) {
	t.Parallel()
	opt := small()
	opt.Hooks.RequireHTTPS = true
	r := newRig(t, opt)
	hook := func(uri string, items ...string) object {
		return object{"name": "x", "events": object{"type": "EVENT_TYPE", "items": items},
			"channel": object{"type": "HTTP", "version": "1.0.0", "config": object{"uri": uri}}}
	}
	filtered := hook("https://x.example", "user.lifecycle.create")
	filtered["events"].(object)["filter"] = object{"type": "EXPRESSION_LANGUAGE"}
	tests := []struct {
		name   string
		body   any
		status int
		code   string
	}{
		{"http address", hook("http://x.example/", "user.lifecycle.create"), 400, "E0000001"},
		{"no address", hook("", "user.lifecycle.create"), 400, "E0000001"},
		{"no events", hook("https://x.example"), 400, "E0000001"},
		{"type not eligible", hook("https://x.example", "user.lifecycle.delete.completed"), 400, "E0000001"},
		{"import type not eligible", hook("https://x.example", "system.import.user.create"), 400, "E0000001"},
		{"too many types", hook("https://x.example", slices.Repeat([]string{"user.lifecycle.create"}, 301)...), 400, "E0000001"},
		{"filter", filtered, 401, "E0000015"},
		{"nothing", object{}, 400, "E0000001"},
		{"no JSON", "x", 400, "E0000003"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if a := r.want(tt.status, http.MethodPost, "/api/v1/eventHooks", tt.body); a.code(t) != tt.code {
				t.Errorf("%s", a.body)
			}
		})
	}
}

func TestVerificationFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer func(w http.ResponseWriter, word string)
		calls  int
	}{
		{"other word", func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{"verification":"x"}`) }, 2},
		{"HTML", func(w http.ResponseWriter, word string) { fmt.Fprint(w, "<p>"+word) }, 2},
		{"not found", func(w http.ResponseWriter, _ string) { w.WriteHeader(404) }, 2},
		{"redirect", func(w http.ResponseWriter, _ string) { w.Header().Set("Location", "/"); w.WriteHeader(302) }, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t)
			e.challenge = tt.answer
			r := newRig(t, small())
			_, err := r.org.RegisterHook(emulator.NewHook{URL: e.url})
			if err == nil || !strings.Contains(err.Error(), "Unable to verify event hook") {
				t.Errorf("error %v", err)
			}
			if len(e.requests) != tt.calls {
				t.Errorf("%d challenges, want %d", len(e.requests), tt.calls)
			}
		})
	}
}

func TestDeliveryCarriesSecretAndEnvelope(t *testing.T) {
	t.Parallel()
	r, e := hooked(t, small())
	verification := e.requests[0]
	act := must(t)(r.org.Join(emulator.NewPerson{}))
	r.drain()
	posts := e.posts()
	if len(posts) == 0 {
		t.Fatal("no delivery")
	}
	for _, q := range append(posts, verification) {
		if q.header.Get("Authorization") != "Basic c2VjcmV0" || q.header.Get("X-Env") != "test" ||
			q.header.Get("User-Agent") != "Okta-Integrations" || q.header.Get("Accept") != "application/json" {
			t.Errorf("headers of a %s: %v", q.method, q.header)
		}
	}
	if posts[0].body.EventType != "com.okta.event_hook" || !strings.HasPrefix(posts[0].body.Source, r.url+"/api/v1/eventHooks/who") {
		t.Errorf("envelope: %+v", posts[0].body)
	}
	if d := cmp.Diff(uuidsOf(act), e.uuids()); d != "" {
		t.Error(d)
	}
}

func TestBatching(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		set        emulator.HookOptions
		deliveries func(n int) bool
	}{
		{"merged", emulator.HookOptions{Window: 300 * time.Millisecond}, func(n int) bool { return n == 1 }},
		{"cut at the maximum", emulator.HookOptions{Window: 300 * time.Millisecond, MaxBatch: 4}, func(n int) bool { return n == 3 }},
		{"one by one", emulator.HookOptions{Window: -1}, func(n int) bool { return n == 10 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			opt := small()
			opt.Hooks = tt.set
			r, e := hooked(t, opt)
			var want []string
			for i := range 10 {
				want = append(want, uuidsOf(must(t)(r.org.Suspend(r.org.PersonIDs()[i])))...)
			}
			r.drain()
			if d := cmp.Diff(want, e.uuids()); d != "" {
				t.Errorf("events in order: %s", d)
			}
			if n := len(e.posts()); !tt.deliveries(n) {
				t.Errorf("%d deliveries", n)
			}
		})
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	status := func(codes ...int) func(int, http.ResponseWriter, *http.Request) {
		return func(n int, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(codes[min(n-2, len(codes)-1)]) // the first request is the challenge
		}
	}
	tests := []struct {
		name     string
		answer   func(int, http.ResponseWriter, *http.Request)
		requests int
		lost     bool
	}{
		{"204", status(204), 1, false},
		{"200", status(200), 1, false},
		{"4xx is not retried", status(400), 1, true},
		{"redirect is not followed", status(302), 1, true},
		{"5xx once more", status(503, 204), 2, false},
		{"5xx twice", status(503, 500), 2, true},
		{"5xx then 4xx", status(503, 404), 2, true},
		{"timeout once more", func(n int, w http.ResponseWriter, r *http.Request) {
			if n == 2 {
				<-r.Context().Done()
				return
			}
			w.WriteHeader(204)
		}, 2, false},
		{"hang-up twice", func(int, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 2, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			opt := small()
			opt.Hooks = emulator.HookOptions{Timeout: 200 * time.Millisecond, RetryPause: time.Millisecond}
			r, e := hooked(t, opt)
			e.mu.Lock()
			e.answer = tt.answer
			e.mu.Unlock()
			must(t)(r.org.Suspend(r.org.PersonIDs()[0]))
			r.drain()
			posts := e.posts()
			if len(posts) != tt.requests {
				t.Errorf("%d requests, want %d", len(posts), tt.requests)
			}
			if len(posts) == 2 && posts[0].body.EventID != posts[1].body.EventID {
				t.Error("the retry has another eventId")
			}
			list := decode[[]object](t, r.want(200, http.MethodGet, "/api/v1/logs?filter=eventType+eq+%22event_hook.delivery%22", nil))
			if (len(list) == 1) != tt.lost {
				t.Errorf("%d event_hook.delivery events, lost: %v", len(list), tt.lost)
			}
		})
	}
}

func TestHookFaults(t *testing.T) {
	t.Parallel()
	opt := small()
	opt.Hooks.Window = -1
	suspendThree := func(t *testing.T, r *rig) []string {
		var all []string
		for i := range 3 {
			all = append(all, uuidsOf(must(t)(r.org.Suspend(r.org.PersonIDs()[i])))...)
		}
		r.drain()
		return all
	}
	tests := []struct {
		name  string
		fault emulator.Fault
		check func(sent, got []string) bool
	}{
		{"drop one", emulator.Fault{Kind: emulator.FaultHookDrop, Count: 1},
			func(sent, got []string) bool { return slices.Equal(got, sent[1:]) }},
		{"drop all", emulator.Fault{Kind: emulator.FaultHookDrop},
			func(_, got []string) bool { return len(got) == 0 }},
		{"duplicate", emulator.Fault{Kind: emulator.FaultHookDuplicate, Count: 1},
			func(sent, got []string) bool { return slices.Equal(got, append([]string{sent[0]}, sent...)) }},
		{"delay", emulator.Fault{Kind: emulator.FaultHookDelay, Count: 1, Delay: emulator.Duration(300 * time.Millisecond)},
			func(sent, got []string) bool { return len(got) == 3 && got[2] == sent[0] }},
		{"reorder", emulator.Fault{Kind: emulator.FaultHookReorder, Count: 1},
			func(sent, got []string) bool { return slices.Equal(got, []string{sent[1], sent[0], sent[2]}) }},
		{"skip", emulator.Fault{Kind: emulator.FaultHookDrop, Skip: 2},
			func(sent, got []string) bool { return slices.Equal(got, sent[:2]) }},
		{"another hook", emulator.Fault{Kind: emulator.FaultHookDrop, Endpoint: "who0other"},
			func(sent, got []string) bool { return slices.Equal(got, sent) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, e := hooked(t, opt)
			if _, err := r.org.AddFault(tt.fault); err != nil {
				t.Fatal(err)
			}
			sent := suspendThree(t, r)
			if got := e.uuids(); !tt.check(sent, got) {
				t.Errorf("sent %v, received %v", sent, got)
			}
			log := decode[[]object](t, r.want(200, http.MethodGet, "/api/v1/logs?filter=eventType+eq+%22user.lifecycle.suspend%22", nil))
			if len(log) != 3 {
				t.Errorf("the log has %d of 3 events; a fault must not touch it", len(log))
			}
		})
	}
}

func TestDailyCap(t *testing.T) {
	t.Parallel()
	clock := newClock()
	opt := small()
	opt.Now = clock.now
	opt.Hooks.DailyCap = 2
	r, e := hooked(t, opt)
	for i := range 4 {
		must(t)(r.org.Suspend(r.org.PersonIDs()[i]))
	}
	r.drain()
	if n := len(e.uuids()); n != 2 || r.org.HookStats().OverCap != 2 {
		t.Errorf("%d events delivered, stats %+v; the cap is 2", n, r.org.HookStats())
	}
	clock.advance(24 * 3600)
	must(t)(r.org.Suspend(r.org.PersonIDs()[5]))
	r.drain()
	if n := len(e.uuids()); n != 3 {
		t.Errorf("%d events delivered a day later, want 3", n)
	}
}

func TestCloseEndsDeliveries(t *testing.T) {
	t.Parallel()
	opt := small()
	opt.Hooks.Window = -1
	r, e := hooked(t, opt)
	arrived := make(chan struct{}, 8)
	e.mu.Lock()
	e.answer = func(_ int, _ http.ResponseWriter, q *http.Request) {
		arrived <- struct{}{}
		<-q.Context().Done()
	}
	e.mu.Unlock()
	must(t)(r.org.Suspend(r.org.PersonIDs()[0]))
	must(t)(r.org.Suspend(r.org.PersonIDs()[1]))
	select {
	case <-arrived:
	case <-time.After(5 * time.Second):
		t.Fatal("nothing was delivered")
	}
	if err := r.org.Close(); err != nil {
		t.Fatal(err)
	}
	must(t)(r.org.Suspend(r.org.PersonIDs()[2]))
	if n := len(e.posts()); n != 1 {
		t.Errorf("%d deliveries, want the one that was under way", n)
	}
}

func TestResetForgetsHooksAndQueue(t *testing.T) {
	t.Parallel()
	opt := small()
	opt.Hooks.Window = time.Hour
	r, e := hooked(t, opt)
	before := r.org.Truth().People
	must(t)(r.org.Suspend(r.org.PersonIDs()[0]))
	if err := r.org.Reset(); err != nil {
		t.Fatal(err)
	}
	r.drain()
	if len(e.posts()) != 0 {
		t.Error("a queued event was delivered after the reset")
	}
	if d := cmp.Diff(before, r.org.Truth().People); d != "" {
		t.Errorf("the reset org differs: %s", d)
	}
}
