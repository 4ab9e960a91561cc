package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/e2e/installation"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/webhook"
)

// TestDoctor breaks one thing at a time and expects the line that says so.
func TestDoctor(t *testing.T) {
	t.Parallel()
	set := func(pairs ...string) func(*testing.T, *emulator.Server) []string {
		return func(*testing.T, *emulator.Server) []string { return pairs }
	}
	fails := func(kind emulator.FaultKind, endpoint string) func(*testing.T, *emulator.Server) []string {
		return func(t *testing.T, org *emulator.Server) []string {
			if _, err := org.Org.AddFault(emulator.Fault{Kind: kind, Endpoint: endpoint}); err != nil {
				t.Fatal(err)
			}
			return nil
		}
	}
	forbidden := func(endpoint string) func(*testing.T, *emulator.Server) []string {
		return fails(emulator.FaultForbidden, endpoint)
	}
	tests := []struct {
		name string
		hook func(*emulator.NewHook) // nil: verified and complete
		// broken changes the org, and returns variables that replace sound ones.
		broken func(t *testing.T, org *emulator.Server) []string
		want   string
		says   bool // it is told, and no problem
	}{
		{name: "all well", want: "All is well."},
		{name: "revoked token", want: "E0000011", broken: func(_ *testing.T, org *emulator.Server) []string {
			org.Org.RevokeToken(emulator.DefaultToken)
			return nil
		}},
		{name: "unknown app", want: "does not know the app", broken: set("OKTASYNC_OKTA_APP_ID=0oa1unknownAPP00x5d7")},
		{name: "inactive app", want: "activate it in Okta", broken: func(t *testing.T, org *emulator.Server) []string {
			must(t)(org.Org.SetAppActive(org.Org.AppID(), false))
			return nil
		}},
		{name: "nobody assigned", want: "nobody is assigned", broken: func(t *testing.T, org *emulator.Server) []string {
			return []string{"OKTASYNC_OKTA_APP_ID=" + must(t)(org.Org.CreateApp("Empty")).ID}
		}},
		{name: "no rights", want: "Okta shows no users at all", broken: func(t *testing.T, org *emulator.Server) []string {
			if _, err := org.Org.AddFault(emulator.Fault{Kind: emulator.FaultEmptyList, Endpoint: "GET /api/v1/users"}); err != nil {
				t.Fatal(err)
			}
			return nil
		}},
		{name: "hook elsewhere", want: "none of the org's 1 hooks", hook: func(h *emulator.NewHook) { h.URL += "/of-somebody-else"; h.Unverified = true }},
		{name: "log refused", want: "too weak to read the System Log", broken: func(t *testing.T, org *emulator.Server) []string {
			if _, err := org.Org.AddFault(emulator.Fault{Kind: emulator.FaultForbidden, Endpoint: "GET /api/v1/logs"}); err != nil {
				t.Fatal(err)
			}
			return nil
		}},
		{name: "hook not verified", want: "is UNVERIFIED, so Okta delivers nothing", hook: func(h *emulator.NewHook) { h.Unverified = true }},
		{name: "hook without leavers", want: "is not subscribed to user.lifecycle.deactivate", hook: func(h *emulator.NewHook) {
			h.Events = slices.DeleteFunc(h.Events, func(e string) bool { return e == "user.lifecycle.deactivate" })
		}},
		{name: "admin console's address", want: "admin console", broken: set("OKTASYNC_OKTA_URL=https://acme-admin.okta.com", "OKTASYNC_OKTA_ALLOW_HTTP=false")},
		{name: "nobody at Okta's address", want: "could not be reached", broken: set("OKTASYNC_OKTA_URL=http://127.0.0.1:1")},
		{name: "not Okta at the address", want: "does not look like Okta's", broken: func(t *testing.T, _ *emulator.Server) []string {
			return []string{"OKTASYNC_OKTA_URL=" + answering(t, http.NotFound)}
		}},
		{name: "no right to users", want: "role too weak: list users", broken: forbidden("GET /api/v1/users")},
		{name: "no right to the app", want: "role too weak: read app", broken: forbidden("GET /api/v1/apps/{appId}")},
		{name: "no right to assignments", want: "role too weak: list the users of app", broken: forbidden("GET /api/v1/apps/{appId}/users")},
		{name: "no right to groups", want: "role too weak: list groups", broken: forbidden("GET /api/v1/groups")},
		{name: "no right to the log", want: "role too weak: read the System Log", broken: forbidden("GET /api/v1/logs")},
		{name: "no right to hooks", says: true, want: "could not be read (role too weak: list event hooks", broken: forbidden("GET /api/v1/eventHooks")},
		{name: "a role without groups", want: "Okta shows no groups", broken: fails(emulator.FaultEmptyList, "GET /api/v1/groups")},
		{name: "rules that select no group", says: true, want: "the rules select none of them", broken: set("OKTASYNC_GROUPS_NAMES=no-such-group")},
		{name: "groups that are assigned", want: "1 of the first page selected by the rules, 1 assigned to the app", says: true, broken: func(t *testing.T, org *emulator.Server) []string {
			must(t)(org.Org.AssignGroup("", org.Org.Groups()[1].ID))
			return []string{"OKTASYNC_GROUPS_ASSIGNED=true"}
		}},
		{name: "no group is assigned", says: true, want: "none is assigned to the app, and the rules select no others", broken: set("OKTASYNC_GROUPS_ASSIGNED=true")},
		{name: "federation broker mode", want: "in federation broker mode", broken: func(t *testing.T, org *emulator.Server) []string {
			fails(emulator.FaultEmptyList, "GET /api/v1/apps/{appId}/users")(t, org)
			return []string{"OKTASYNC_OKTA_URL=" + between(t, org, func(body string, _ http.Header) string {
				return strings.Replace(body, `"implicitAssignment":false`, `"implicitAssignment":true`, 1)
			})}
		}},
		{name: "this machine's clock", want: "off Okta's", broken: func(t *testing.T, org *emulator.Server) []string {
			return []string{"OKTASYNC_OKTA_URL=" + between(t, org, func(body string, header http.Header) string {
				header.Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
				return body
			})}
		}},
		{
			name: "a linked object that Okta does not have", want: "the org has no linked object of this name",
			broken: set("OKTASYNC_MAPPING_MANAGER_LINK_FROM=link.boss", "OKTASYNC_MANAGERS_RESOLVE=linked_object,login"),
		},
		{name: "an attribute that Okta does not have", want: "the rules read user.noSuchThing, which Okta's user schema does not have", broken: set("OKTASYNC_MAPPING_TITLE_FROM=user.noSuchThing")},
		{name: "hook inactive", want: "is INACTIVE, so Okta delivers nothing", broken: func(t *testing.T, org *emulator.Server) []string {
			oktaAdmin(t, org, http.MethodPost, "/api/v1/eventHooks/"+firstHook(t, org)+"/lifecycle/deactivate", "")
			return nil
		}},
		{name: "hook with another header", want: `in the header "X-Other", and hook.header is "Authorization"`, hook: func(h *emulator.NewHook) { h.Header = "X-Other" }},
		{name: "hook to another host", want: "delivers to http://127.0.0.1:1/webhooks/okta;", broken: set("OKTASYNC_SERVER_PUBLIC_URL=http://127.0.0.1:1")},
		{name: "public address unreachable", want: "nothing answers at http://127.0.0.1:1/webhooks/okta", broken: set("OKTASYNC_SERVER_PUBLIC_URL=http://127.0.0.1:1")},
		{name: "another secret", want: "does not accept the secret of this configuration", broken: set("OKTASYNC_HOOK_SECRETS=another-hook-secret-for-tests")},
		{name: "somebody else's receiver", want: "is not this installation", broken: func(t *testing.T, _ *emulator.Server) []string {
			return []string{"OKTASYNC_SERVER_PUBLIC_URL=" + answering(t, func(w http.ResponseWriter, q *http.Request) {
				fmt.Fprintf(w, `{"verification":%q}`, q.Header.Get("X-Okta-Verification-Challenge"))
			})}
		}},
		{name: "schema too old", want: "run oktasync migrate", broken: func(t *testing.T, _ *emulator.Server) []string {
			return []string{"OKTASYNC_DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "empty.db")}
		}},
		{name: "redis that evicts", want: "maxmemory-policy is allkeys-lru", broken: func(t *testing.T, _ *emulator.Server) []string {
			return []string{"OKTASYNC_REDIS_URL=redis://" + evictingRedis(t) + "/0"}
		}},
		{name: "database elsewhere", want: "FAIL  database", broken: set("OKTASYNC_DATABASE_URL=postgres://nobody@127.0.0.1:1/none")},
		{name: "redis elsewhere", want: "FAIL  redis", broken: set("OKTASYNC_REDIS_URL=redis://127.0.0.1:1/0")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			org, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Options{People: 20, Groups: 3})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { org.Close(context.Background()) })
			endpoint := hookEndpoint(t, testHookSecret)
			environ := []string{
				"OKTASYNC_DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "d.db"),
				"OKTASYNC_OKTA_URL=" + org.URL, "OKTASYNC_OKTA_ALLOW_HTTP=true",
				"OKTASYNC_OKTA_TOKEN=" + emulator.DefaultToken, "OKTASYNC_OKTA_APP_ID=" + org.Org.AppID(),
				"OKTASYNC_HOOK_SECRETS=" + testHookSecret,
			}
			var out strings.Builder
			if status := run(t.Context(), []string{"migrate"}, environ, &out, &out); status != 0 {
				t.Fatalf("migrate: %s", out.String())
			}
			hook := emulator.NewHook{URL: endpoint + webhook.Path, Secret: testHookSecret, Events: directory.SubscribedEvents()}
			if tt.hook != nil {
				tt.hook(&hook)
			}
			must(t)(org.Org.RegisterHook(hook))
			if tt.broken != nil {
				for _, pair := range tt.broken(t, org) {
					environ = override(environ, pair)
				}
			}
			out.Reset()
			status := run(t.Context(), []string{"doctor"}, environ, &out, &out)
			if (status == 0) != (tt.name == "all well" || tt.says) || !strings.Contains(out.String(), tt.want) {
				t.Errorf("status %d; want %q in:\n%s", status, tt.want, out.String())
			}
			if strings.Contains(out.String(), emulator.DefaultToken) {
				t.Error("the report contains the token")
			}
		})
	}
}

func override(environ []string, pair string) []string {
	name, _, _ := strings.Cut(pair, "=")
	var kept []string
	for _, e := range environ {
		if !strings.HasPrefix(e, name+"=") {
			kept = append(kept, e)
		}
	}
	return append(kept, pair)
}

func must(t *testing.T) func(emulator.Act, error) emulator.Act {
	return func(act emulator.Act, err error) emulator.Act {
		t.Helper()
		if err != nil {
			t.Fatal(fmt.Errorf("prepare the org: %w", err))
		}
		return act
	}
}

// answering is the address of a server that answers so.
func answering(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s.URL
}

// between is the address of a proxy before the org that changes its answers.
func between(t *testing.T, org *emulator.Server, change func(body string, header http.Header) string) string {
	t.Helper()
	target, err := url.Parse(org.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		text := change(string(body), r.Header)
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		r.Header.Set("Content-Length", fmt.Sprint(len(text)))
		return nil
	}
	return answering(t, proxy.ServeHTTP)
}

// oktaAdmin does something in the org by hand.
func oktaAdmin(t *testing.T, org *emulator.Server, method, path, body string) string {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, org.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "SSWS "+emulator.DefaultToken)
	q.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s, %v", method, path, answer.StatusCode, text, err)
	}
	return string(text)
}

func firstHook(t *testing.T, org *emulator.Server) string {
	t.Helper()
	var hooks []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(oktaAdmin(t, org, http.MethodGet, "/api/v1/eventHooks", "")), &hooks); err != nil || len(hooks) == 0 {
		t.Fatalf("%d hooks: %v", len(hooks), err)
	}
	return hooks[0].ID
}

// evictingRedis starts a Redis of its own that throws keys away when memory runs out.
func evictingRedis(t *testing.T) string {
	t.Helper()
	ports := installation.Ports{}
	address, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(address, ":")
	server := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(), "--maxmemory-policy", "allkeys-lru")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill() // it keeps nothing
		_ = server.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return address
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestDoctorNewerSchema(t *testing.T) {
	t.Parallel()
	s := newHookScene(t)
	db, err := sql.Open("sqlite", strings.TrimPrefix(s.environ[5], "OKTASYNC_DATABASE_URL=sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "insert into goose_db_version (version_id, is_applied) values (99999, true)"); err != nil {
		t.Fatal(err)
	}
	s.run(t, 1, "this binary is older than the database", "doctor")
}

func TestDoctorDatabaseClock(t *testing.T) {
	t.Parallel()
	for skew, want := range map[time.Duration]string{time.Second: "", 10 * time.Second: "note", 5 * time.Minute: "FAIL"} {
		var out strings.Builder
		d := &doctor{tell: func(f directory.Finding) { out.WriteString(string(f.Level)) }}
		d.tellDatabaseClock(skew)
		if !strings.HasPrefix(out.String(), want) || (out.String() == "") != (want == "") || (d.failed > 0) != (want == "FAIL") {
			t.Errorf("%s: %q", skew, out.String())
		}
	}
}
