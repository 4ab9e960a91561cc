package emulator_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

func TestFaultsOfAnswers(t *testing.T) {
	t.Parallel()
	r0 := newRig(t, small())
	appUsers := "/api/v1/apps/" + r0.org.AppID() + "/users?expand=user&limit=20"
	tests := []struct {
		name  string
		fault emulator.Fault
		path  string
		check func(t *testing.T, a answer, err error)
	}{
		{"429 with reset", emulator.Fault{Kind: emulator.FaultRateLimited, Delay: emulator.Duration(5 * time.Second)}, "/api/v1/users",
			func(t *testing.T, a answer, _ error) {
				if a.status != 429 || header(t, a, "X-Rate-Limit-Remaining") != 0 || header(t, a, "X-Rate-Limit-Reset") < int(time.Now().Unix()) {
					t.Errorf("%d %v", a.status, a.header)
				}
			}},
		{"429 without reset", emulator.Fault{Kind: emulator.FaultRateNoReset}, "/api/v1/users",
			func(t *testing.T, a answer, _ error) {
				if a.status != 429 || a.header.Get("X-Rate-Limit-Reset") != "" {
					t.Errorf("%d %v", a.status, a.header)
				}
			}},
		{"concurrency", emulator.Fault{Kind: emulator.FaultConcurrency}, "/api/v1/users",
			func(t *testing.T, a answer, _ error) {
				if a.status != 429 || a.header.Get("X-Rate-Limit-Limit") != "0" {
					t.Errorf("%d %v", a.status, a.header)
				}
			}},
		{"500", emulator.Fault{Kind: emulator.FaultServerError}, "/api/v1/users", refused(500, "E0000009")},
		{"503", emulator.Fault{Kind: emulator.FaultServerError, Status: 503}, "/api/v1/users", refused(503, "E0000010")},
		{"502", emulator.Fault{Kind: emulator.FaultServerError, Status: 502}, "/api/v1/users", refused(502, "E0000009")},
		{"dead token", emulator.Fault{Kind: emulator.FaultRevokedToken}, "/api/v1/users", refused(401, "E0000011")},
		{"feature missing", emulator.Fault{Kind: emulator.FaultFeatureMissing}, "/api/v1/users", refused(401, "E0000015")},
		{"forbidden", emulator.Fault{Kind: emulator.FaultForbidden}, "/api/v1/users", refused(403, "E0000006")},
		{"not found", emulator.Fault{Kind: emulator.FaultNotFound}, "/api/v1/users/me", refused(404, "E0000007")},
		{"no role, list", emulator.Fault{Kind: emulator.FaultMissingRole}, "/api/v1/users", body(200, "[]")},
		{"no role, one", emulator.Fault{Kind: emulator.FaultMissingRole}, "/api/v1/users/me", refused(403, "E0000006")},
		{"hang-up", emulator.Fault{Kind: emulator.FaultEOF}, "/api/v1/users",
			func(t *testing.T, _ answer, err error) {
				if !errors.Is(err, io.EOF) {
					t.Errorf("error %v, want EOF", err)
				}
			}},
		{"truncated", emulator.Fault{Kind: emulator.FaultTruncated}, "/api/v1/users",
			func(t *testing.T, _ answer, err error) {
				if !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("error %v, want unexpected EOF", err)
				}
			}},
		{"half of the JSON", emulator.Fault{Kind: emulator.FaultCutJSON}, "/api/v1/users",
			func(t *testing.T, a answer, err error) {
				if err != nil || a.status != 200 || strings.HasSuffix(string(a.body), "]") {
					t.Errorf("%d %v", a.status, err)
				}
			}},
		{"web page", emulator.Fault{Kind: emulator.FaultHTML}, "/api/v1/users",
			func(t *testing.T, a answer, _ error) {
				if a.status != 200 || !strings.Contains(a.header.Get("Content-Type"), "html") || !strings.Contains(string(a.body), "<html>") {
					t.Errorf("%d %s", a.status, a.body)
				}
			}},
		{"empty list", emulator.Fault{Kind: emulator.FaultEmptyList}, "/api/v1/users?limit=5",
			func(t *testing.T, a answer, _ error) {
				if a.status != 200 || string(a.body) != "[]" || a.next() != "" {
					t.Errorf("%d %s %s", a.status, a.body, a.next())
				}
			}},
		{"empty body", emulator.Fault{Kind: emulator.FaultEmptyBody}, "/api/v1/users/me", body(200, "")},
		{"partial page", emulator.Fault{Kind: emulator.FaultPartialPage}, appUsers, page(10, true)},
		{"cut list", emulator.Fault{Kind: emulator.FaultCutPage}, appUsers, page(10, false)},
		{"repeated cursor", emulator.Fault{Kind: emulator.FaultRepeatCursor}, appUsers,
			func(t *testing.T, a answer, _ error) {
				if !strings.HasSuffix(a.next(), "?expand=user&limit=20") {
					t.Errorf("next is %s", a.next())
				}
			}},
		{"folded links", emulator.Fault{Kind: emulator.FaultFoldedLinks}, appUsers,
			func(t *testing.T, a answer, _ error) {
				if l := a.header.Values("Link"); len(l) != 1 || !strings.Contains(l[0], `rel="self", <`) {
					t.Errorf("links %q", l)
				}
			}},
		{"unquoted next", emulator.Fault{Kind: emulator.FaultUnquotedNext}, appUsers,
			func(t *testing.T, a answer, _ error) {
				if l := a.header.Values("Link"); len(l) != 2 || !strings.HasSuffix(l[1], "; rel=next") {
					t.Errorf("links %q", l)
				}
			}},
		{"slow", emulator.Fault{Kind: emulator.FaultSlow, Delay: emulator.Duration(20 * time.Millisecond)}, "/api/v1/users/me",
			func(t *testing.T, a answer, _ error) {
				if a.status != 200 {
					t.Errorf("%d", a.status)
				}
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, small())
			before := r.org.Truth()
			if _, err := r.org.AddFault(tt.fault); err != nil {
				t.Fatal(err)
			}
			a, err := r.try(t.Context(), http.MethodGet, tt.path, nil)
			tt.check(t, a, err)
			if len(r.org.Truth().People) != len(before.People) {
				t.Error("a fault changed the state")
			}
			if r.org.Faults()[0].Hits != 1 {
				t.Errorf("faults %+v", r.org.Faults())
			}
		})
	}
}

func refused(status int, code string) func(*testing.T, answer, error) {
	return func(t *testing.T, a answer, err error) {
		if err != nil || a.status != status || a.code(t) != code {
			t.Errorf("%d %s %v, want %d %s", a.status, a.body, err, status, code)
		}
	}
}

func body(status int, text string) func(*testing.T, answer, error) {
	return func(t *testing.T, a answer, err error) {
		if err != nil || a.status != status || string(a.body) != text {
			t.Errorf("%d %q %v", a.status, a.body, err)
		}
	}
}

func page(items int, more bool) func(*testing.T, answer, error) {
	return func(t *testing.T, a answer, err error) {
		if err != nil || len(decode[[]object](t, a)) != items || (a.next() != "") != more {
			t.Errorf("%d items, next %q, %v", len(decode[[]object](t, a)), a.next(), err)
		}
	}
}

func TestExpandDroppedFromTheSecondPage(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	if _, err := r.org.AddFault(emulator.Fault{Kind: emulator.FaultDropExpand}); err != nil {
		t.Fatal(err)
	}
	path := "/api/v1/apps/" + r.org.AppID() + "/users?expand=user&limit=20"
	first := r.want(200, http.MethodGet, path, nil)
	if decode[[]object](t, first)[0]["_embedded"] == nil {
		t.Error("the first page lost its users")
	}
	if strings.Contains(first.next(), "expand") {
		t.Errorf("next is %s", first.next())
	}
	// Also a client that adds the parameter again gets none.
	second := r.want(200, http.MethodGet, first.next()+"&expand=user", nil)
	if decode[[]object](t, second)[0]["_embedded"] != nil {
		t.Error("the second page has users")
	}
}

func TestCursorRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	first := r.want(200, http.MethodGet, "/api/v1/users?limit=20", nil)
	if _, err := r.org.AddFault(emulator.Fault{Kind: emulator.FaultCursorRefused, Endpoint: "/api/v1/users", Count: 1}); err != nil {
		t.Fatal(err)
	}
	r.want(200, http.MethodGet, "/api/v1/users?limit=20", nil) // has none
	refused := r.want(400, http.MethodGet, first.next(), nil)
	if code := decode[object](t, refused)["errorCode"]; code != "E0000001" {
		t.Errorf("code %v", code)
	}
	r.want(200, http.MethodGet, first.next(), nil)
}

func TestWhereAFaultStrikes(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	group := r.org.Groups()[1].ID
	tests := []struct {
		endpoint, path string
		strikes        bool
	}{
		{"", "/api/v1/users", true},
		{"/api/v1/users", "/api/v1/users", true},
		{"/api/v1/users", "/api/v1/users/me", false},
		{"GET /api/v1/users", "/api/v1/users", true},
		{"POST /api/v1/users", "/api/v1/users", false},
		{"* /api/v1/users", "/api/v1/users", true},
		{"/api/v1/groups/*/users", "/api/v1/groups/" + group + "/users", true},
		{"/api/v1/groups/{groupId}/users", "/api/v1/groups/" + group + "/users", true},
		{"/api/v1/groups/" + group, "/api/v1/groups/" + group, true},
		{"/api/v1/groups/00g0other", "/api/v1/groups/" + group, false},
		{"/api/v1/groups/**", "/api/v1/groups/" + group + "/apps", true},
		{"/api/v1/apps/**", "/api/v1/groups/" + group + "/apps", false},
	}
	for _, tt := range tests {
		t.Run(tt.endpoint+" on "+tt.path, func(t *testing.T) {
			if err := r.org.SetFaults([]emulator.Fault{{Kind: emulator.FaultForbidden, Endpoint: tt.endpoint}}); err != nil {
				t.Fatal(err)
			}
			if a := r.do(http.MethodGet, tt.path, nil); (a.status == 403) != tt.strikes {
				t.Errorf("status %d", a.status)
			}
		})
	}
}

func TestHowOftenAFaultStrikes(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	run := func(f emulator.Fault) string {
		f.Kind = emulator.FaultForbidden
		if err := r.org.SetFaults([]emulator.Fault{f}); err != nil {
			t.Fatal(err)
		}
		var s strings.Builder
		for range 40 {
			if r.do(http.MethodGet, "/api/v1/users/me", nil).status == 403 {
				s.WriteByte('x')
				continue
			}
			s.WriteByte('.')
		}
		return s.String()
	}
	if s := run(emulator.Fault{Count: 2, Skip: 3}); s != "...xx"+strings.Repeat(".", 35) {
		t.Errorf("count and skip: %s", s)
	}
	one, two, three := run(emulator.Fault{Probability: 0.3, Seed: 5}), run(emulator.Fault{Probability: 0.3, Seed: 5}), run(emulator.Fault{Probability: 0.3, Seed: 6})
	if n := strings.Count(one, "x"); n < 3 || n > 25 {
		t.Errorf("a chance of 0.3 struck %d times in 40", n)
	}
	if one != two || one == three {
		t.Errorf("the seed must decide: %s %s %s", one, two, three)
	}
	if err := r.org.SetFaults([]emulator.Fault{{Kind: "nonsense"}}); err == nil {
		t.Error("an unknown fault was accepted")
	}
	if _, err := r.org.AddFault(emulator.Fault{Kind: emulator.FaultEOF, Probability: 2}); err == nil {
		t.Error("a probability of 2 was accepted")
	}
	r.org.ClearFaults()
	id, err := r.org.AddFault(emulator.Fault{Kind: emulator.FaultForbidden})
	if err != nil {
		t.Fatal(err)
	}
	if !r.org.RemoveFault(id) || r.org.RemoveFault(id) || len(r.org.Faults()) != 0 {
		t.Error("a fault cannot be removed once and only once")
	}
}

// For a while after a change reads are answered as before it, but only those that were made before.
func TestStaleReads(t *testing.T) {
	t.Parallel()
	clock := newClock()
	opt := small()
	opt.Now = clock.now
	r := newRig(t, opt)
	known, other := r.org.PersonIDs()[0], r.org.PersonIDs()[1]
	status := func(id string) string {
		var user struct{ Status string }
		if err := json.Unmarshal(r.do("GET", "/api/v1/users/"+id, nil).body, &user); err != nil {
			t.Fatal(err)
		}
		return user.Status
	}
	if _, err := r.org.AddFault(emulator.Fault{Kind: emulator.FaultStale, Delay: emulator.Duration(30 * time.Second)}); err != nil {
		t.Fatal(err)
	}
	if got := status(known); got != "ACTIVE" {
		t.Fatalf("at first %v", got)
	}
	for _, id := range []string{known, other} {
		if _, err := r.org.Suspend(id); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := status(known), status(other); a != "ACTIVE" || b != "SUSPENDED" {
		t.Errorf("right after the change %v and %v, want the old status of the one that was read before", a, b)
	}
	clock.advance(31)
	if got := status(known); got != "SUSPENDED" {
		t.Errorf("after a while %v", got)
	}
}
