package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/webhook"
)

// TestDoctor breaks one thing at a time and expects the line that says so.
func TestDoctor(t *testing.T) {
	t.Parallel()
	set := func(pairs ...string) func(*testing.T, *emulator.Server) []string {
		return func(*testing.T, *emulator.Server) []string { return pairs }
	}
	tests := []struct {
		name string
		hook func(*emulator.NewHook) // nil: verified and complete
		// broken changes the org, and returns variables that replace sound ones.
		broken func(t *testing.T, org *emulator.Server) []string
		want   string
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
		{name: "hook not verified", want: "is UNVERIFIED, so Okta delivers nothing", hook: func(h *emulator.NewHook) { h.Unverified = true }},
		{name: "hook without leavers", want: "is not subscribed to user.lifecycle.deactivate", hook: func(h *emulator.NewHook) {
			h.Events = slices.DeleteFunc(h.Events, func(e string) bool { return e == "user.lifecycle.deactivate" })
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
			if (status == 0) != (tt.name == "all well") || !strings.Contains(out.String(), tt.want) {
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
