package okta

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// hangUp closes the connection without an answer: the client sees EOF.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// text answers 200 with a body as it is.
func text(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte(body))
	}
}

// brokenOff promises more than it sends.
func brokenOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte(`[{"id":"00u1"}`))
}

// Each of these is trouble, and must never look like "nobody" or "no groups".
func TestBrokenAnswersAreErrors(t *testing.T) {
	t.Parallel()
	link := func(value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", value)
			_, _ = w.Write([]byte(`[]`))
		}
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		says   string
	}{
		{"hang up", hangUp, "could not be reached"},
		{"broken off", brokenOff, "broke off"},
		{"empty", text("application/json", ""), "empty"},
		{"only space", text("application/json", " \n"), "empty"},
		{"null", text("application/json", "null"), "not JSON that begins with"},
		{"HTML", text("text/html", "<html>sign in</html>"), "not JSON that begins with"},
		{"half of it", text("application/json", `[{"id":"00g1","profile":{"name":"a`), "not whole JSON"},
		{"two answers", text("application/json", `[] []`), "not whole JSON"},
		{"wrong shape", text("application/json", `{"id":"00g1"}`), "begins with ["},
		{"wrong type", text("application/json", `[{"id":7777}]`), "wrong type"},
		{"no id", text("application/json", `[{"type":"OKTA_GROUP"}]`), "has no id"},
		{"null item", text("application/json", `[null]`), "has no id"},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "empty"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/api/v1/groups", http.StatusFound) }, "another address"},
		{"link not readable", link(`next is https://x`), "link header"},
		{"link without brackets that the SDK panics on", link(`<http://[::1>; rel="next"`), "not a url"},
		{"link without cursor", link(`<https://acme.okta.com/api/v1/groups?limit=200>; rel="next"`), "no cursor"},
		{"link elsewhere", link(`<https://acme.okta.com/evil?after=1>; rel=next`), "does not lead to"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := newOrg(t)
			o.json("/api/v1/users/"+ada, 200, userJSON(ada, "DEPROVISIONED"))
			o.on("/api/v1/users/"+ada+"/groups", test.answer)
			seen, err := o.reader(t).Person(t.Context(), directory.PersonRequest{Ref: ada})
			checkFailure(t, err, test.says)
			if seen.GroupsRead || seen.Exists {
				t.Errorf("trouble looks like an answer: %+v", seen)
			}
			if err != nil && (strings.Contains(err.Error(), "7777") || !strings.Contains(err.Error(), ada)) {
				t.Errorf("%q tells a value, or not whom it is about", err)
			}
			// net/http itself asks once more when a connection that it had kept is closed.
			if n := o.count("/api/v1/users/" + ada + "/groups"); n < 1 || n > 2 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func TestListsThatGoInACircle(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.json("/api/v1/users/"+ada, 200, userJSON(ada, "DEPROVISIONED"))
	o.on("/api/v1/users/"+ada+"/groups", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", `<https://acme.okta.com/api/v1/users/`+ada+`/groups?after=same&limit=200>; rel="next"`)
		answerJSON(w, 200, []any{groupJSON("00g1", "Sales")})
	})
	_, err := o.reader(t).Person(t.Context(), directory.PersonRequest{Ref: ada})
	checkFailure(t, err, "second time")
	if n := len(o.paths()); n != 3 {
		t.Errorf("%d requests, want 3: %v", n, o.paths())
	}
}

func TestListsThatNeverEnd(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	var n atomic.Int64
	o.json("/api/v1/users/"+ada, 200, userJSON(ada, "DEPROVISIONED"))
	o.on("/api/v1/users/"+ada+"/groups", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", `<https://acme.okta.com/api/v1/users/`+ada+`/groups?after=`+strings.Repeat("x", int(n.Add(1)))+`>; rel="next"`)
		answerJSON(w, 200, []any{})
	})
	_, err := o.reader(t, func(o *Options) { o.MaxPages = 7 }).Person(t.Context(), directory.PersonRequest{Ref: ada})
	checkFailure(t, err, "more than 7 pages")
}

func TestEachReadAsksOkta(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.json("/api/v1/groups/00g1", 200, groupJSON("00g1", "Sales"))
	r := o.reader(t)
	for range 3 {
		if _, err := r.Group(t.Context(), "00g1", false); err != nil {
			t.Fatal(err)
		}
	}
	if n := o.count("/api/v1/groups/00g1"); n != 3 {
		t.Errorf("%d requests for 3 reads: something answers from memory", n)
	}
}

func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	o.on("/api/v1/groups/00g1", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	r := o.reader(t, func(o *Options) { o.Timeout = 50 * time.Millisecond })
	_, err := r.Group(t.Context(), "00g1", false)
	checkFailure(t, err, "did not answer within 50ms")
	if !errors.As(err, new(*passingError)) {
		t.Errorf("a time-out may pass: %v", err)
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("shutting down")
	cancel(why)
	_, err = r.Group(ctx, "00g1", false)
	if !errors.Is(err, why) {
		t.Errorf("the caller's own end is lost: %v", err)
	}
	if errors.As(err, new(*passingError)) {
		t.Errorf("the caller's own end is not Okta's trouble: %v", err)
	}
}

func TestAnswersOfAnySize(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.on("/api/v1/groups/00g1", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat(" ", 2000))) // the client hangs up in between
	})
	r := o.reader(t)
	r.transport.longest = 1000
	_, err := r.Group(t.Context(), "00g1", false)
	checkFailure(t, err, "is over 1000 bytes")
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	r := o.reader(t)
	o.server.Close()
	_, err := r.Person(t.Context(), directory.PersonRequest{Ref: "ada@acme.example"})
	checkFailure(t, err, "could not be reached")
	if strings.Contains(err.Error(), "ada") {
		t.Errorf("%q tells the login", err)
	}
}

func TestPanicsOfTheSDKAreErrors(t *testing.T) {
	t.Parallel()
	broken := &sdkClient{} // has no client: the SDK panics on nil, as it does on links that are no url
	checkFailure(t, broken.do(t.Context(), "GET", "/api/v1/groups", nil, nil), "panicked")
}

func TestRefusalsKeepTheTokenToThemselves(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.refuse("/api/v1/users/"+ada, 401, "E0000011")
	_, err := o.reader(t).Person(t.Context(), directory.PersonRequest{Ref: ada})
	if !errors.As(err, new(*directory.CredentialsError)) {
		t.Fatalf("want a credentials error: %v", err)
	}
	if strings.Contains(err.Error(), "secretSECRET") {
		t.Errorf("%q tells the token", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if got := o.requests[0].Header.Get("Authorization"); got != "SSWS 00secretSECRET" {
		t.Errorf("Authorization %q", got)
	}
	if got := o.requests[0].Header.Get("User-Agent"); !strings.HasSuffix(got, " oktasync") {
		t.Errorf("User-Agent %q", got)
	}
}
