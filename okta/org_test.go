package okta

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const testApp = "0oa1appAPP000000x5d7"

// org is a scripted Okta: every path has its answers, and requests are recorded.
type org struct {
	t      *testing.T
	server *httptest.Server

	mu       gosync.Mutex
	handlers map[string]http.HandlerFunc // by "GET /path", without query
	requests []*http.Request
}

func newOrg(t *testing.T) *org {
	t.Helper()
	o := &org{t: t, handlers: map[string]http.HandlerFunc{}}
	o.server = httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(o.server.Close)
	o.json("/api/v1/apps/"+testApp, 200, map[string]any{"id": testApp, "name": "product", "label": "Product", "status": "ACTIVE"})
	return o
}

func (o *org) serve(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.requests = append(o.requests, r.Clone(context.Background()))
	h := o.handlers[r.Method+" "+r.URL.EscapedPath()]
	o.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Okta-Request-Id", "req-1")
	if h == nil {
		refuse(w, 404, "E0000007")
		return
	}
	h(w, r)
}

// on sets the handler of a path, "GET " being understood.
func (o *org) on(path string, h http.HandlerFunc) {
	if !strings.Contains(path, " ") {
		path = "GET " + path
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.handlers[path] = h
}

func (o *org) json(path string, status int, body any) {
	o.on(path, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, status, body) })
}

func (o *org) refuse(path string, status int, code string) {
	o.on(path, func(w http.ResponseWriter, _ *http.Request) { refuse(w, status, code) })
}

// paths lists the recorded requests as "path?query".
func (o *org) paths() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var paths []string
	for _, r := range o.requests {
		paths = append(paths, r.URL.RequestURI())
	}
	return paths
}

func (o *org) count(prefix string) int {
	n := 0
	for _, p := range o.paths() {
		if strings.HasPrefix(p, prefix) {
			n++
		}
	}
	return n
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	answerJSON(w, status, map[string]any{"errorCode": code, "errorSummary": "refused ada@acme.example", "errorCauses": []any{}})
}

// serveList serves items in pages with next links, as Okta does.
func (o *org) serveList(path string, items []any) {
	o.on(path, func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("after"))
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		if err != nil {
			limit = 50
		}
		to := min(from+limit, len(items))
		q := r.URL.Query()
		w.Header().Add("Link", fmt.Sprintf(`<%s%s>; rel="self"`, "https://acme.okta.com", r.URL.RequestURI()))
		if to < len(items) {
			q.Set("after", strconv.Itoa(to))
			w.Header().Add("Link", fmt.Sprintf(`<%s%s?%s>; rel="next"`, "https://acme.okta.com", r.URL.Path, q.Encode()))
		}
		page := items[from:to]
		if page == nil {
			page = []any{}
		}
		answerJSON(w, 200, page)
	})
}

func userJSON(id, status string) map[string]any {
	return map[string]any{"id": id, "status": status, "profile": map[string]any{
		"firstName": "Ada", "lastName": "L", "login": id + "@acme.example", "email": id + "@acme.example", "mobilePhone": nil}}
}

func appUserJSON(id, status string) map[string]any {
	return map[string]any{"id": id, "scope": "GROUP", "status": status, "profile": map[string]any{"role": "x"},
		"credentials": map[string]any{"userName": id + "@app"}}
}

func withUser(item map[string]any) map[string]any {
	item["_embedded"] = map[string]any{"user": userJSON(item["id"].(string), "ACTIVE")}
	return item
}

func groupJSON(id, name string) map[string]any {
	return map[string]any{"id": id, "type": "OKTA_GROUP", "profile": map[string]any{"name": name, "description": nil}}
}

// testClock is a database clock that moves one second with every look.
type testClock struct {
	mu  gosync.Mutex
	now time.Time
}

func (c *testClock) read(context.Context) (time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Second)
	return c.now, nil
}

func startOfTime() time.Time { return time.Date(2026, 8, 20, 3, 0, 0, 0, time.UTC) }

// reader makes a reader of the org whose waits take no time.
func (o *org) reader(t *testing.T, change ...func(*Options)) *Reader {
	t.Helper()
	options := Options{
		Tenant: "acme", OrgURL: o.server.URL, AllowHTTP: true, Credentials: Credentials{Token: "00secretSECRET"},
		AppID: testApp, Groups: directory.GroupSelection{Types: []string{"OKTA_GROUP"}},
		Clock: (&testClock{now: startOfTime()}).read, Timeout: 5 * time.Second,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	options.Governor, _ = newTestGovernor(t, GovernorOptions{Logger: options.Logger})
	for _, c := range change {
		c(&options)
	}
	r, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	r.sleep = r.governor.sleep
	t.Cleanup(r.Close)
	return r
}
