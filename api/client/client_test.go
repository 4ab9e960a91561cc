package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/client"
)

// answering serves one fixed answer.
func answering(t *testing.T, status int, header http.Header, body string) *client.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, "token", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestProblemsBecomeSentences(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		header http.Header
		body   string
		want   client.Error
	}{
		"a sentence": {
			404, http.Header{"X-Request-Id": {"r1"}}, `{"title":"Not Found","status":404,"detail":"there is no run of this id"}`,
			client.Error{Status: 404, Sentence: "there is no run of this id", RequestID: "r1"},
		},
		"with details": {
			422, nil, `{"detail":"validation failed","errors":[{"message":"expected number <= 1000","location":"query.limit","value":1001},{"message":"x"}]}`,
			client.Error{Status: 422, Sentence: "validation failed: query.limit expected number <= 1000; x", Details: []string{"query.limit expected number <= 1000", "x"}},
		},
		"title only": {409, nil, `{"title":"Conflict"}`, client.Error{Status: 409, Sentence: "conflict"}},
		"come later": {
			503, http.Header{"Retry-After": {"7"}}, `{"detail":"try again in 7 s"}`,
			client.Error{Status: 503, Sentence: "try again in 7 s", RetryAfter: 7 * time.Second},
		},
		"another server": {502, nil, `<html>Bad Gateway</html>`, client.Error{Status: 502, Sentence: "the service answered 502 Bad Gateway without saying why; check that the address is that of oktasync"}},
		"a redirect":     {304, nil, ``, client.Error{Status: 304, Sentence: "the service answered 304 Not Modified without saying why; check that the address is that of oktasync"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := answering(t, test.status, test.header, test.body).Run(t.Context(), "acme", "x")
			var got *client.Error
			if !errors.As(err, &got) || !reflect.DeepEqual(*got, test.want) || err.Error() != test.want.Sentence {
				t.Errorf("error %+v, want %+v", err, test.want)
			}
			if client.NotFound(err) != (test.status == 404) {
				t.Errorf("not found: %t", client.NotFound(err))
			}
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	_, err := answering(t, 200, nil, `<html>Welcome</html>`).Run(t.Context(), "acme", "x")
	if err == nil || !strings.Contains(err.Error(), "not what oktasync would say") {
		t.Errorf("HTML with 200: %v", err)
	}
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := client.New(server.URL, "token", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Run(t.Context(), "acme", "x"); err == nil || !strings.Contains(err.Error(), "is it running") || strings.Contains(err.Error(), "token") {
		t.Errorf("nobody there: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Run(gone, "acme", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked <- q.URL.RequestURI() + " " + q.Header.Get("Authorization")
		fmt.Fprint(w, "{}")
	}))
	t.Cleanup(server.Close)
	for _, base := range []string{"", "/", "/api/v1", "/api/v1/", "/sync"} {
		c, err := client.New(" "+server.URL+base, " token\n", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Person(t.Context(), "a/c?me", "li/nus+x@acme.example"); err != nil {
			t.Fatal(err)
		}
		want := strings.TrimSuffix(strings.TrimSuffix(base, "/"), "/api/v1") + "/api/v1/tenants/a%2Fc%3Fme/people/li%2Fnus+x@acme.example Bearer token"
		if got := <-asked; got != want {
			t.Errorf("base %q: asked for %s, want %s", base, got, want)
		}
	}
	for name, bad := range map[string][2]string{
		"no scheme":  {"sync.example.org", "token"},
		"no host":    {"https://", "token"},
		"file":       {"file:///etc", "token"},
		"user":       {"https://u:p@sync.example.org", "token"},
		"query":      {"https://sync.example.org?x=1", "token"},
		"no token":   {"https://sync.example.org", "  "},
		"not an URL": {"http://[", "token"},
	} {
		if _, err := client.New(bad[0], bad[1], nil); err == nil {
			t.Errorf("%s: %q was accepted", name, bad[0])
		}
	}
}
