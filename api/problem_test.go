package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/oktasync/oktasync/directory"
)

func TestErrorsAreMappedOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		status int
		want   string
	}{
		"not found":   {fmt.Errorf("find run: %w", directory.ErrNotFound), 404, "find run: not found"},
		"ambiguous":   {fmt.Errorf("ask by id (a, b): %w", directory.ErrAmbiguous), 409, "ask by id (a, b): more than one matches"},
		"conflict":    {fmt.Errorf("the run is over: %w", directory.ErrConflict), 409, "the run is over: conflict"},
		"busy":        {fmt.Errorf("run r: %w", directory.ErrBusy), 409, "run r: another worker is at it"},
		"held":        {fmt.Errorf("apply: %w", &directory.HeldError{Reasons: []string{"600 people would leave"}}), 409, "600 people would leave"},
		"refused":     {fmt.Errorf("decide: %w", directory.Refuse(directory.ErrConflict, "it was rejected already")), 409, `"it was rejected already"`},
		"terminal":    {fmt.Errorf("run: %w", &directory.TerminalError{Err: errors.New("the app does not exist")}), 422, "the app does not exist"},
		"retry after": {fmt.Errorf("call: %w", &directory.RetryAfterError{Wait: 2100 * time.Millisecond, Err: errors.New("10.0.0.5 says 429")}), 503, "try again in 3 s"},
		"explained":   {fmt.Errorf("inner: %w", explain(directory.ErrNotFound, "there is no such thing")), 404, `"there is no such thing"`},
		"anything":    {errors.New("dial tcp 10.0.0.5: password wrong"), 500, "the log has the reason under request "},
		"deadline":    {fmt.Errorf("query 10.0.0.5: %w", context.DeadlineExceeded), 500, "the log has the reason under request "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			r.memory.fail = test.err
			a := r.do(http.MethodGet, "/tenants/acme/runs", "")
			if a.status != test.status || !strings.Contains(a.body, test.want) {
				t.Errorf("answer %d %s, want %d and %q", a.status, a.body, test.status, test.want)
			}
			if a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("content type %q", a.header.Get("Content-Type"))
			}
			if strings.Contains(a.body, "10.0.0.5") {
				t.Errorf("internals got out: %s", a.body)
			}
			if want := map[bool]string{true: "3"}[test.status == 503]; a.header.Get("Retry-After") != want {
				t.Errorf("Retry-After %q, want %q", a.header.Get("Retry-After"), want)
			}
			id := a.header.Get("X-Request-Id")
			if test.status != http.StatusInternalServerError {
				return
			}
			if !strings.Contains(a.body, id) || !strings.Contains(r.log.String(), "request="+id) || !strings.Contains(r.log.String(), "10.0.0.5") {
				t.Errorf("request %s: answer %s, log:\n%s", id, a.body, r.log)
			}
		})
	}
}

// Every operation passes on what its reader says, whichever it asks first.
func TestEveryOperationFailsCleanly(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.memory.fail = errors.New("dial tcp 10.0.0.5: password wrong")
	for _, path := range []string{
		"/tenants", "/tenants/acme", "/tenants/acme/people", "/tenants/acme/people/x", "/tenants/acme/people/x/changes", "/tenants/acme/teams",
		"/tenants/acme/groups", "/tenants/acme/groups/x/members", "/tenants/acme/changes", "/tenants/acme/quarantine",
		"/tenants/acme/ignored-attributes", "/tenants/acme/roles", "/tenants/acme/licenses", "/tenants/acme/archive", "/tenants/acme/runs", "/tenants/acme/acts",
	} {
		if a := r.do(http.MethodGet, path, ""); a.status != http.StatusInternalServerError || strings.Contains(a.body, "10.0.0.5") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for _, body := range []string{`{"scope":"full"}`, `{"scope":"person","id":"x"}`, `{"scope":"group","id":"x"}`} {
		if a := r.do(http.MethodPost, "/tenants/acme/resyncs", body); a.status != http.StatusInternalServerError {
			t.Errorf("resync %s: %d %s", body, a.status, a.body)
		}
	}
}

// The queue being down does not undo a retry: its events wait again.
func TestRetryWithoutQueue(t *testing.T) {
	t.Parallel()
	down := &memory{fail: errors.New("connection refused")}
	r := start(t, func(o *Options) { o.Enqueuer = down })
	a := r.do(http.MethodPost, "/tenants/acme/archive/retry", `{"scope":"group:`+salesID+`"}`)
	if a.status != http.StatusOK || r.memory.parkedNow() != 1 {
		t.Errorf("answer %d %s, %d parked", a.status, a.body, r.memory.parkedNow())
	}
	if !strings.Contains(r.log.String(), "the sweeper will do it") {
		t.Errorf("log:\n%s", r.log)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for name, test := range map[string]struct {
		method, path string
		status       int
		want         string
	}{
		"unknown tenant":          {"GET", "/tenants/nobody", 404, `there is no tenant \"nobody\"`},
		"unknown tenant, resync":  {"POST", "/tenants/nobody/resyncs", 404, "there is no tenant"},
		"unknown person":          {"GET", "/tenants/acme/people/nobody@acme.example", 404, "nobody in the directory"},
		"unknown person, changes": {"GET", "/tenants/acme/people/nobody/changes", 404, "nobody in the directory"},
		"unknown group":           {"GET", "/tenants/acme/groups/00g1none/members", 404, "no group of this id"},
		"removed group":           {"GET", "/tenants/acme/groups/" + goneID + "/members", 404, "no group of this id"},
		"unknown run":             {"GET", "/tenants/acme/runs/none", 404, "no run of this id"},
		"limit too large":         {"GET", "/tenants/acme/people?limit=1001", 422, "limit"},
		"limit zero":              {"GET", "/tenants/acme/changes?limit=0", 422, "limit"},
		"limit no number":         {"GET", "/tenants/acme/teams?limit=many", 422, "limit"},
		"unknown status":          {"GET", "/tenants/acme/people?status=ACTIVE", 422, "status"},
		"negative cursor":         {"GET", "/tenants/acme/changes?after=-1", 400, "neither a cursor"},
		"a filter that is none":   {"GET", "/tenants/acme/people?state=active", 422, "state"},
		"grace that is none":      {"GET", "/tenants/acme/events/health?grace=soon", 422, "grace"},
		"grace too long":          {"GET", "/tenants/acme/events/health?grace=25h", 422, "24h"},
		"events of nobody":        {"GET", "/tenants/nobody/events/health", 404, "there is no tenant"},
		"unknown address":         {"GET", "/nothing/here", 404, "no such address"},
		"wrong method":            {"PUT", "/tenants/acme", 404, "does not take this method"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := ""
			if test.method == "POST" {
				body = `{"scope":"full"}`
			}
			a := r.do(test.method, test.path, body)
			if a.status != test.status || !strings.Contains(a.body, test.want) {
				t.Errorf("answer %d %s, want %d and %q", a.status, a.body, test.status, test.want)
			}
			if a.header.Get("Content-Type") != "application/problem+json" || decoded(t, a.body).(map[string]any)["status"] != float64(test.status) {
				t.Errorf("content type %q, body %s", a.header.Get("Content-Type"), a.body)
			}
		})
	}
}

func TestErrorHandler(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"an HTTP error":         {echo.ErrNotFound, 404},
		"a wrapped HTTP error":  {fmt.Errorf("look up: %w", echo.ErrForbidden), 403},
		"a wrapped size error":  {fmt.Errorf("read: %w", &http.MaxBytesError{Limit: 1}), 413},
		"anything else":         {errors.New("10.0.0.5 refused"), 500},
		"an internal HTTPError": {echo.NewHTTPError(500, "10.0.0.5 refused"), 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &safeBuffer{}
			e := echo.New()
			e.HTTPErrorHandler = ErrorHandler(slog.New(slog.NewTextHandler(log, nil)))
			e.GET("/", func(echo.Context) error { return test.err })
			w := httptest.NewRecorder()
			e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			if w.Code != test.status || w.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(w.Body.String(), "10.0.0.5") {
				t.Errorf("answer %d %s", w.Code, w.Body)
			}
			if logged := strings.Contains(log.String(), "10.0.0.5"); logged != (test.status == 500) {
				t.Errorf("log:\n%s", log)
			}
		})
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		header string
		status int
		reason string
	}{
		"first token":         {"Bearer " + tokenAlice, 200, ""},
		"second token":        {"Bearer " + tokenBob, 200, ""},
		"scheme in lowercase": {"bearer " + tokenBob, 200, ""},
		"no header":           {"", 401, "missing"},
		"no scheme":           {tokenAlice, 401, "missing"},
		"another scheme":      {"Basic " + tokenAlice, 401, "missing"},
		"empty token":         {"Bearer ", 401, "missing"},
		"wrong token":         {"Bearer guess", 401, "wrong"},
		"the hash itself":     {"Bearer " + hashOf(tokenAlice), 401, "wrong"},
		"part of a token":     {"Bearer " + tokenAlice[:10], 401, "wrong"},
		"both tokens":         {"Bearer " + tokenAlice + " " + tokenBob, 401, "wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			counted := make(chan string, 2)
			r := start(t, func(o *Options) { o.AuthFailed = func(reason string) { counted <- reason } })
			a := r.do(http.MethodGet, "/tenants", "", "Authorization", test.header)
			if a.status != test.status {
				t.Fatalf("answer %d %s, want %d", a.status, a.body, test.status)
			}
			if test.reason == "" {
				if len(counted) > 0 {
					t.Errorf("counted as failure: %s", <-counted)
				}
				return
			}
			if reason := <-counted; reason != test.reason || len(counted) > 0 {
				t.Errorf("counted as %s, want once %s", reason, test.reason)
			}
			if a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("headers %v", a.header)
			}
			for _, secret := range []string{tokenAlice, "guess"} {
				if strings.Contains(r.log.String(), secret) {
					t.Errorf("a token is in the log:\n%s", r.log)
				}
			}
		})
	}
}

func TestAuthenticationCoversEveryOperation(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Failures = &countFailures{limit: 1000} })
	for _, op := range operations(t, r) {
		path := strings.NewReplacer("{tenant}", "acme", "{who}", adaID, "{id}", "x").Replace(op.path)
		if a := r.do(op.method, path, "", "Authorization", "Bearer guess"); a.status != http.StatusUnauthorized {
			t.Errorf("%s %s: %d, want 401", op.method, op.path, a.status)
		}
	}
	if r.memory.runsNow() != 1 || r.memory.parkedNow() != 2 {
		t.Error("something was done all the same")
	}
}

// TestRolesCoverEveryOperation asks with each token for each operation of the document. What an
// operation does to a request without a body shows that its guard let the token pass.
func TestRolesCoverEveryOperation(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	tokens := map[directory.Role]string{directory.RoleRead: tokenCarol, directory.RoleOperate: tokenBob, directory.RoleApprove: tokenAlice}
	for _, op := range operations(t, r) {
		needed := directory.Role(fmt.Sprint(op.described[roleExtension]))
		switch {
		case !directory.RoleApprove.Allows(needed):
			t.Errorf("%s %s needs the role %q, which does not exist", op.method, op.path, needed)
		case op.method != http.MethodGet && needed == directory.RoleRead:
			t.Errorf("%s %s changes something and may be used to read", op.method, op.path)
		case !strings.Contains(fmt.Sprint(op.described["description"]), "the role "+string(needed)):
			t.Errorf("%s %s does not say which role it needs", op.method, op.path)
		}
		path := strings.NewReplacer("{tenant}", "acme", "{who}", adaID, "{id}", "x").Replace(op.path)
		for role, token := range tokens {
			a := r.do(op.method, path, "", "Authorization", "Bearer "+token)
			if role.Allows(needed) != (a.status != http.StatusForbidden) || a.status == http.StatusUnauthorized {
				t.Errorf("%s %s with the role %s: %d, needed is %s", op.method, op.path, role, a.status, needed)
			}
			if a.status == http.StatusForbidden && !strings.Contains(a.body, "this needs a token with the role "+string(needed)+", and the token ") {
				t.Errorf("%s %s with the role %s: %s", op.method, op.path, role, a.body)
			}
		}
	}
	if r.memory.runsNow() != 1 || r.memory.parkedNow() != 2 || len(r.memory.actsNow()) != 0 {
		t.Error("something was done all the same")
	}
	if log := r.log.String(); !strings.Contains(log, "admin API refused") || !strings.Contains(log, "by=carol role=read needed=operate") {
		t.Errorf("log:\n%s", log)
	}
}

func TestFailuresAreLimited(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Failures = &countFailures{limit: 2} })
	var statuses []int
	var last answer
	for range 3 {
		last = r.do(http.MethodGet, "/tenants", "", "Authorization", "Bearer guess")
		statuses = append(statuses, last.status)
	}
	if !slices.Equal(statuses, []int{401, 401, 429}) || last.header.Get("Retry-After") != "42" {
		t.Errorf("answers %v, Retry-After %q", statuses, last.header.Get("Retry-After"))
	}
	if a := r.do(http.MethodGet, "/tenants", ""); a.status != http.StatusOK {
		t.Errorf("a right token from the same address: %d %s", a.status, a.body)
	}
}

func TestNewChecksItsOptions(t *testing.T) {
	t.Parallel()
	m := company()
	good := Options{
		Tenants: func() []string { return nil }, Admin: newBook(), Reloader: newBook(), Reader: m, Resyncer: m, Decider: m, Invites: &inviteBox{memory: m}, Profiles: m, Explainer: m, Archive: m, Endpoints: newDesk(), Enqueuer: m,
		Failures: &countFailures{}, Logger: slog.New(slog.DiscardHandler),
	}
	if _, err := New(good); err != nil {
		t.Fatalf("good options: %v", err)
	}
	for name, test := range map[string]struct {
		tokens []Token
		want   string
	}{
		"no name":    {[]Token{{"", hashOf("x"), "read"}}, "admin token 1 has no name"},
		"name twice": {[]Token{{"a", hashOf("x"), "read"}, {"a", hashOf("y"), "read"}}, "admin token 2"},
		"no hash":    {[]Token{{"a", "secret", "read"}}, "not 64 hex digits"},
		"short hash": {[]Token{{"a", hashOf("x")[:62], "read"}}, "not 64 hex digits"},
		"no role":    {[]Token{{"a", hashOf("x"), ""}}, "give read, operate or approve"},
		"odd role":   {[]Token{{"a", hashOf("x"), "root"}}, `the role "root" does not exist`},
	} {
		o := good
		o.Tokens = test.tokens
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("an API without parts was made")
	}
}
