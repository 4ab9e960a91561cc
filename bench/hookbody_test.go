package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
)

// TestHookRequest checks that each request is whole, and that its events are
// about different people and never repeat a uuid: the inbox drops repeated ones,
// and a load of them would measure nothing.
func TestHookRequest(t *testing.T) {
	t.Parallel()
	template, err := recordHook(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, events := range []int{1, 3, 100} {
		for seed := range uint64(2) {
			r := template.request("127.0.0.1:1", "/webhooks/okta", events, uint64(events)<<8|seed)
			for range 3 {
				checkHookRequest(t, r.next(), events, seen)
			}
		}
	}
}

func checkHookRequest(t *testing.T, text []byte, events int, seen map[string]bool) {
	t.Helper()
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
	if err != nil {
		t.Fatalf("read the request: %v", err)
	}
	if got := request.Header.Get("Authorization"); got != hookSecret {
		t.Errorf("Authorization is %q, want %q", got, hookSecret)
	}
	var delivery struct {
		Data struct {
			Events []struct {
				UUID   string
				Target []struct{ ID, Type string }
			}
		}
	}
	if err := json.NewDecoder(request.Body).Decode(&delivery); err != nil {
		t.Fatalf("decode the body: %v", err)
	}
	if got := len(delivery.Data.Events); got != events {
		t.Fatalf("the body has %d events, want %d", got, events)
	}
	people := map[string]bool{}
	for _, e := range delivery.Data.Events {
		if len(e.UUID) != 36 || seen[e.UUID] {
			t.Fatalf("uuid %q is no uuid, or was there before", e.UUID)
		}
		seen[e.UUID] = true
		for _, target := range e.Target {
			if target.Type == "User" {
				people[target.ID] = true
			}
		}
	}
	if len(people) < events*9/10 {
		t.Errorf("%d events are about %d people", events, len(people))
	}
}

func TestCutHook(t *testing.T) {
	t.Parallel()
	const uuid = "0a6e1f6e-0000-11f1-8000-000000000000"
	event := `{"uuid":"` + uuid + `","target":[{"id":"00u1"}]}`
	for _, c := range []struct {
		name, body string
		fails      bool
	}{
		{"one event", `{"data":{"events":[` + event + `]}}`, false},
		{"two events", `{"data":{"events":[` + event + `,` + event + `]}}`, true},
		{"no uuid", `{"data":{"events":[{"target":[{"id":"00u1"}]}]}}`, true},
		{"another person", `{"data":{"events":[{"uuid":"` + uuid + `"}]}}`, true},
		{"no JSON", `<html>`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := cutHook([]byte(c.body), "00u1")
			if (err != nil) != c.fails {
				t.Fatalf("error %v, want one: %t", err, c.fails)
			}
			if whole := string(got.before) + string(got.event) + string(got.after); err == nil && whole != c.body {
				t.Errorf("the parts are %q, want %q", whole, c.body)
			}
		})
	}
}
