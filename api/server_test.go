package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/oktasync/oktasync/directory"
)

const (
	tokenAlice = "alice-token-0123456789abcdef"
	tokenBob   = "bob-token-0123456789abcdef"
	tokenCarol = "carol-token-0123456789abcdef"

	adaID   = "00u1ada0000000000001"
	graceID = "00u1grace00000000002"
	linusID = "00u1linus00000000003"
	salesID = "00g1sales00000000001"
	firstID = "00g1twin000000000002"
	otherID = "00g1twin000000000003"
	goneID  = "00g1gone000000000004"
)

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func testNow() time.Time { return time.Date(2026, 8, 20, 9, 15, 5, 0, time.UTC) }

// cet is not UTC, so that an answer which forgets to convert shows.
func cet(hour int) time.Time {
	return time.Date(2026, 8, 20, hour, 0, 0, 0, time.FixedZone("CET", 2*60*60))
}

func company() *memory {
	at := cet(10)
	sales, _ := directory.TeamFor("department", "Sales")
	sales.CreatedAt = at
	person := func(id, first, last, login string) directory.Person {
		return directory.Person{
			ID: id, Status: directory.StatusActive, OktaStatus: "ACTIVE", Assignment: "USER",
			Profile:    directory.Profile{FirstName: first, LastName: last, Login: login, Email: login},
			ObservedAt: at, CreatedAt: at, UpdatedAt: at,
		}
	}
	ada := person(adaID, "Ada", "Lovelace", "ada+x@acme.example")
	ada.TeamID, ada.ManagerID, ada.Profile.Custom = sales.ID, graceID, map[string]any{"badge": 7.0}
	ada.Profile.ManagerText = "grace@acme.example"
	linus := person(linusID, "Linus", "", "li/nus@acme.example")
	linus.Status, linus.ManagerProblem = directory.StatusSuspended, directory.ManagerUnresolved
	group := func(id, name string) directory.GroupSize {
		return directory.GroupSize{Group: directory.Group{ID: id, Name: name, Type: "OKTA_GROUP", ObservedAt: at}, Members: 2}
	}
	gone := group(goneID, "Gone")
	gone.Removed = true
	m := &memory{
		people:  []directory.Person{ada, person(graceID, "Grace", "Hopper", "grace@acme.example"), linus},
		teams:   []directory.TeamSize{{Team: sales, People: 1}},
		groups:  []directory.GroupSize{group(salesID, "Sales / EMEA"), group(firstID, "Twin"), group(otherID, "Twin"), gone},
		members: map[string][]string{salesID: {adaID, linusID}},
		states: map[string]directory.TenantState{
			"acme": {Tenant: "acme", People: 3, Waiting: 1, OldestWait: &at, LastFullSync: &at},
			"globex": {Tenant: "globex", Blocked: "the token is dead; make a new one", BlockedSince: &at, Hook: directory.HookHealth{
				HookRecord:   directory.HookRecord{ID: "who1", URL: "https://sync.example/webhooks/okta", Secret: "fingerprint", State: "inactive", Problem: "activate it", Since: &at, Checked: &at},
				LastDelivery: &at, LastRefused: &at,
			}},
		},
		held:    []directory.Quarantined{{PersonID: "00u1q000000000000001", Reason: "has no e-mail", Fields: []directory.Field{directory.FieldEmail}, Since: at, Seen: at}},
		ignored: []string{"costCenter", "nickName"},
		runs: []directory.Run{{
			ID: "run-1", Tenant: "acme", Scope: directory.FullScope(), Cause: directory.CauseNightly, Date: "2026-08-20", State: directory.RunSucceeded,
			CreatedAt: at, StartedAt: &at, FinishedAt: &at,
			Progress: directory.Progress{Pages: 3, People: 3, CallsLeft: -1, Planned: 2, Applied: 2},
			Counts:   directory.RunCounts{Changes: map[directory.ChangeType]int{directory.PersonCreated: 2}, Confirmed: 1},
		}},
		parked: []directory.Parked{
			{Scope: directory.PersonScope("ada+x@acme.example"), Events: 2, Reason: "it failed", ParkedAt: at},
			{Scope: directory.GroupScope(salesID), Events: 1, Reason: "it failed too", ParkedAt: at},
		},
	}
	for seq := int64(1); seq <= 30; seq++ {
		m.changes = append(m.changes, directory.Change{
			ID: fmt.Sprint("evt_", seq), Tenant: "acme", Seq: seq, PersonSeq: 1, At: at, Type: directory.PersonUpdated, Subject: directory.SubjectPerson,
			SubjectID: m.people[seq%2].ID, PersonID: m.people[seq%2].ID,
			Fields: []directory.FieldChange{{Field: "title", Before: nil, After: fmt.Sprint(seq)}},
			Cause:  directory.Cause{Kind: directory.CauseHook, Events: []string{"u1"}, EventTypes: []string{"user.account.update_profile"}, Published: &at},
		})
	}
	return m
}

// countFailures lets limit failures pass.
type countFailures struct {
	limit int

	mu    sync.Mutex
	count map[string]int
}

func (c *countFailures) Failed(source string, _ time.Time) (int, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = map[string]int{}
	}
	c.count[source]++
	if c.count[source] > c.limit {
		return c.count[source], 41500 * time.Millisecond
	}
	return c.count[source], 0
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type rig struct {
	t       *testing.T
	url     string
	memory  *memory
	invites *inviteBox
	book    *book
	log     *safeBuffer
}

func newRig(t *testing.T) *rig {
	m := company()
	return &rig{t: t, memory: m, invites: &inviteBox{memory: m}, book: newBook(), log: &safeBuffer{}}
}

// options are those of an API on the rig's memory.
func (r *rig) options() Options {
	return Options{
		Tokens: []Token{
			{"alice", hashOf(tokenAlice), directory.RoleApprove}, {"bob", strings.ToUpper(hashOf(tokenBob)), directory.RoleOperate},
			{"carol", hashOf(tokenCarol), directory.RoleRead},
		},
		Tenants: func() []string { return []string{"acme", "globex"} },
		Grants:  rulesOfAcme,
		Admin:   r.book, Reloader: r.book, Reader: r.memory, Resyncer: r.memory, Decider: r.memory, Invites: r.invites, Profiles: r.memory, Explainer: r.memory, Archive: r.memory, Endpoints: newDesk(), Enqueuer: r.memory,
		Failures: &countFailures{limit: 20}, Logger: slog.New(slog.NewTextHandler(r.log, nil)), Now: testNow,
	}
}

// serve makes what answers requests.
func (r *rig) serve(o Options) *echo.Echo {
	r.t.Helper()
	s, err := New(o)
	if err != nil {
		r.t.Fatal(err)
	}
	e := echo.New()
	e.HTTPErrorHandler = ErrorHandler(o.Logger)
	e.IPExtractor = echo.ExtractIPDirect()
	if err := s.Register(e); err != nil {
		r.t.Fatal(err)
	}
	return e
}

// start serves the API on a real socket.
func start(t *testing.T, change func(*Options)) *rig {
	t.Helper()
	r := newRig(t)
	o := r.options()
	if change != nil {
		change(&o)
	}
	server := httptest.NewServer(r.serve(o))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

type answer struct {
	status int
	header http.Header
	body   string
}

// do calls the API as alice, unless headers say otherwise.
func (r *rig) do(method, path, body string, headers ...string) answer {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), method, r.url+Path+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+tokenAlice)
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// decoded reads a JSON body into plain values.
func decoded(t *testing.T, body string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%q is not JSON: %v", body, err)
	}
	return v
}
