package okta

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

func TestLogIsFollowed(t *testing.T) {
	t.Parallel()
	server, r := emulated(t, emulator.Options{People: 20, Groups: 2})
	org, people := server.Org, server.Org.PersonIDs()
	place := r.LogSince(time.Now().Add(-time.Minute), directory.LogEvents())
	read := func() []string {
		t.Helper()
		page, err := r.Log(t.Context(), place)
		if err != nil {
			t.Fatal(err)
		}
		place = page.Next
		var types []string
		for _, e := range page.Events {
			if e.Via != directory.ViaLog || e.UUID == "" || time.Since(e.Published) > time.Minute {
				t.Errorf("event %+v", e)
			}
			types = append(types, e.Type)
		}
		return types
	}
	if got := read(); got != nil {
		t.Fatalf("an org where nothing happened has %v", got)
	}
	same := place
	if read(); place != same {
		t.Errorf("nothing happened and the place moved from %s to %s", same, place)
	}
	act := func(_ emulator.Act, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	act(org.Suspend(people[0]))
	act(org.Update(people[1], map[string]any{"title": "Pilot"}))
	act(org.Deactivate(people[2]))
	act(org.Delete(people[2]))    // the second event of it is for no hook
	act(org.CreateApp("Another")) // application.lifecycle.create is not asked for
	want := []string{"user.lifecycle.suspend", "user.account.update_profile", "user.lifecycle.deactivate",
		"application.user_membership.remove", "user.lifecycle.delete.initiated", "user.lifecycle.delete.completed", "application.lifecycle.activate"}
	got := read()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	if again := read(); again != nil {
		t.Errorf("read again: %v", again)
	}
}

// What stands in a next link is taken over as it is, and never leads elsewhere.
func TestLogPlaces(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, link, want string }{
		{"as it is", `<https://acme.okta.com/api/v1/logs?after=1755_2&since=2026-08-20T09%3A15%3A02Z&limit=1000>; rel="next"`,
			"/api/v1/logs?after=1755_2&since=2026-08-20T09%3A15%3A02Z&limit=1000"},
		{"another host", `<https://evil.example/api/v1/logs?after=1>; rel="next"`, "/api/v1/logs?after=1"},
		{"another path", `<https://acme.okta.com/api/v1/users?after=1>; rel="next"`, ""},
		{"out of the API", `<https://acme.okta.com/api/v1/logs/../../x?after=1>; rel="next"`, ""},
		{"no cursor", `<https://acme.okta.com/api/v1/logs?since=1>; rel="next"`, ""},
		{"a space", `<https://acme.okta.com/api/v1/logs?after=1 2>; rel="next"`, ""},
		{"none", `<https://acme.okta.com/api/v1/logs?since=1>; rel="self"`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := logServer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Link", tt.link)
				fmt.Fprint(w, "[]")
			})
			page, err := r.Log(t.Context(), r.LogSince(time.Now(), nil))
			if page.Next != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("leads to %q with error %v, want %q", page.Next, err, tt.want)
			}
		})
	}
}

func TestLogRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault emulator.Fault
		is    func(error) bool
		says  string
	}{
		{"the place", emulator.Fault{Kind: emulator.FaultBadRequest}, func(err error) bool { return errors.Is(err, directory.ErrLogPlace) }, "E0000053"},
		{"gone", emulator.Fault{Kind: emulator.FaultNotFound}, func(err error) bool { return errors.Is(err, directory.ErrLogPlace) }, "E0000007"},
		{"the right", emulator.Fault{Kind: emulator.FaultForbidden}, func(err error) bool { return errors.As(err, new(*directory.CredentialsError)) }, "Read-only Administrator"},
		{"the token", emulator.Fault{Kind: emulator.FaultRevokedToken}, func(err error) bool { return errors.As(err, new(*directory.CredentialsError)) }, "create a new API token"},
		{"the feature", emulator.Fault{Kind: emulator.FaultFeatureMissing}, func(err error) bool { return errors.As(err, new(*directory.TerminalError)) }, "not part of this Okta org's plan"},
		{"too many", emulator.Fault{Kind: emulator.FaultRateLimited}, func(err error) bool { return errors.As(err, new(*directory.RetryAfterError)) }, "E0000047"},
		{"broken", emulator.Fault{Kind: emulator.FaultServerError}, func(err error) bool { return errors.As(err, new(*passingError)) }, "E0000009"},
		{"half", emulator.Fault{Kind: emulator.FaultCutJSON}, func(err error) bool { return errors.As(err, new(*passingError)) }, "not a list"},
		{"a web page", emulator.Fault{Kind: emulator.FaultHTML}, func(err error) bool { return errors.As(err, new(*passingError)) }, "no next link"},
		// A list that ends is not an empty log.
		{"empty and over", emulator.Fault{Kind: emulator.FaultEmptyList}, func(err error) bool { return errors.As(err, new(*passingError)) }, "no next link"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server, r := emulated(t, emulator.Options{People: 3})
			if _, err := server.Org.Suspend(server.Org.PersonIDs()[0]); err != nil {
				t.Fatal(err)
			}
			if _, err := server.Org.AddFault(tt.fault); err != nil {
				t.Fatal(err)
			}
			_, err := r.Log(t.Context(), r.LogSince(time.Now().Add(-time.Minute), directory.LogEvents()))
			if err == nil || !tt.is(err) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %T %v, want one that says %q", err, err, tt.says)
			}
			if tt.name != "the place" && tt.name != "gone" && errors.Is(err, directory.ErrLogPlace) {
				t.Errorf("the place is blamed for %v", err)
			}
		})
	}
	_, r := emulated(t, emulator.Options{People: 3})
	for _, place := range []string{"", "/api/v1/users?limit=1", "https://evil.example/api/v1/logs?after=1"} {
		if _, err := r.Log(t.Context(), place); !errors.Is(err, directory.ErrLogPlace) {
			t.Errorf("the place %q: %v", place, err)
		}
	}
}

// Whatever one event looks like, the others of its page are read.
func TestLogOfOddEvents(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 20, 9, 15, 2, 0, time.UTC)
	body := `[null, 7, {"uuid":"future","eventType":"user.lifecycle.suspend","published":"2031-01-01T00:00:00.000Z","target":[{"id":"00u1","type":"User"}]},
		{"uuid":"old","eventType":"user.lifecycle.create","published":"2026-05-12T09:15:02.000Z","target":null,"outcome":null},
		{"uuid":"ancient","eventType":{"x":1},"published":"1970-01-01T00:00:00Z","target":{"id":"00u1"}},
		{"uuid":"elsewhere","eventType":"application.user_membership.remove","published":"2026-08-20T09:15:01.000Z",
		 "target":[{"id":"0oaOfAnotherOrg","type":"AppInstance"},{"id":"00uOfAnotherOrg","type":"User"}]}]`
	r := logServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", `</api/v1/logs?after=1>; rel="next"`)
		fmt.Fprint(w, body)
	})
	r.now = func() time.Time { return now }
	page, err := r.Log(t.Context(), r.LogSince(now, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := directory.LogPage{Next: "/api/v1/logs?after=1", Unreadable: 2, Events: []directory.Event{
		{UUID: "future", Type: "user.lifecycle.suspend", Published: now, Via: directory.ViaLog, Urgent: true, Scopes: []directory.Scope{directory.PersonScope("00u1")}},
		{UUID: "old", Type: "user.lifecycle.create", Published: now.AddDate(0, 0, -100), Via: directory.ViaLog},
		{UUID: "ancient", Published: now, Via: directory.ViaLog},
		{UUID: "elsewhere", Type: "application.user_membership.remove", Published: now.Add(-time.Second), Via: directory.ViaLog, Urgent: true},
	}}
	if diff := cmp.Diff(want, page); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

func TestLogAsksForWhatItShould(t *testing.T) {
	t.Parallel()
	asked := make(chan url.Values, 1)
	r := logServer(t, func(w http.ResponseWriter, q *http.Request) {
		asked <- q.URL.Query()
		w.Header().Set("Link", `</api/v1/logs?after=1>; rel="next"`)
		fmt.Fprint(w, "["+strings.TrimSuffix(strings.Repeat("{},", logLimit), ",")+"]")
	})
	since := time.Date(2026, 8, 20, 11, 15, 2, 104_000_000, time.FixedZone("", 7200))
	page, err := r.Log(t.Context(), r.LogSince(since, []string{"a.b", "c.d"}))
	if err != nil || !page.Full {
		t.Fatalf("a thousand events are a full page; %t, %v", page.Full, err)
	}
	want := url.Values{"since": {"2026-08-20T09:15:02.104Z"}, "sortOrder": {"ASCENDING"}, "limit": {"1000"}, "filter": {`eventType eq "a.b" or eventType eq "c.d"`}}
	if diff := cmp.Diff(want, <-asked); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
}

// logServer is a reader of an org whose log answers as the test says.
func logServer(t *testing.T, answer http.HandlerFunc) *Reader {
	t.Helper()
	o := newOrg(t)
	o.on(logPath, answer)
	return o.reader(t)
}
