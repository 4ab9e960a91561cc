package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

// TestRevokedToken takes the token away and gives it back, or gives another.
func TestRevokedToken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		mend func(w *world)
	}{
		{"the token is valid again", func(w *world) { w.org.AddToken(oktaToken) }},
		{"another token in the configuration", func(w *world) {
			w.org.AddToken("00another-token-of-the-org-000000000000001")
			w.settings["okta.token"] = "00another-token-of-the-org-000000000000001"
			w.service.terminate(25 * time.Second)
			w.start()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{})
			w.start()
			w.synced(2 * time.Minute)
			w.compare()
			w.hook()
			if !w.org.RevokeToken(oktaToken) {
				t.Fatal("the org did not know the token")
			}
			tell := newStory(w, 91)
			tell.tell(20)
			eventually(t, 20*time.Second, "/readyz says that the tenant rests, and what to do", func() string {
				status, r := w.readiness()
				if status != http.StatusOK || !mentions(r.Warnings, "tenant default rests") || !mentions(r.Warnings, "create a new API token") {
					return mustText(status, r)
				}
				return ""
			})
			tell.tell(20)
			if err := w.org.WaitHooks(t.Context()); err != nil {
				t.Fatal(err)
			}
			if w.waiting() == 0 || w.number("select count(*) from inbox") != w.org.HookStats().Events {
				t.Error("the events of the tenant that rests are not all kept")
			}
			before := w.calls("")
			state, err := w.api.Tenant(t.Context(), tenant)
			if err != nil || state.Blocked == "" || state.BlockedSince == nil || state.People == 0 {
				t.Errorf("the tenant's state: %+v, %v", state, err)
			}
			if run := w.resync(20 * time.Second); run.State != "failed" || !contains(run.Error, "create a new API token") {
				t.Errorf("a full sync with a revoked token is %s: %s", run.State, run.Error)
			}
			if calls := w.calls("") - before; calls > 6 {
				t.Errorf("Okta was asked %d times while the tenant rests", calls)
			}
			tt.mend(w)
			mended := time.Now()
			w.settled(90 * time.Second)
			t.Logf("all was worked off %s after the token was mended", time.Since(mended).Round(100*time.Millisecond))
			w.compare()
			w.everyEventStored()
			if _, r := w.readiness(); mentions(r.Warnings, "rests") {
				t.Errorf("/readyz still warns: %v", r.Warnings)
			}
		})
	}
}

func mustText(status int, r readiness) string {
	return http.StatusText(status) + " " + joined(r.Problems) + " | " + joined(r.Warnings)
}

func joined(lines []string) string {
	text := ""
	for _, l := range lines {
		text += l + "; "
	}
	return text
}

// TestNeverConnected starts a service that cannot read its org at all. It says why, and
// does its first full sync when that is mended.
func TestNeverConnected(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, key, value, says string
	}{
		{"wrong token", "okta.token", "00some-other-orgs-token-0000000000000000001", "create a new API token"},
		{"app that does not exist", "okta.app_id", "0oaNoSuchApp0000x5d7", "check the app id in the configuration"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{})
			right := w.settings[tt.key]
			w.settings[tt.key] = tt.value
			p := w.start()
			run := w.firstRun(2 * time.Minute)
			if run.State != "failed" || !contains(run.Error, tt.says) || !contains(run.Error, "nothing was changed") {
				t.Errorf("the first full sync is %s, want failed with %q: %s", run.State, tt.says, run.Error)
			}
			if _, r := w.readiness(); len(r.Warnings) == 0 {
				t.Error("/readyz warns of nothing")
			}
			p.terminate(25 * time.Second)
			if delete(w.settings, tt.key); right != nil {
				w.settings[tt.key] = right
			}
			w.start()
			eventually(t, time.Minute, "the first full sync succeeds", func() string {
				state, err := w.api.Tenant(t.Context(), tenant)
				if err != nil || state.LastFullSync == nil {
					return "none has yet: " + state.Blocked
				}
				return ""
			})
			w.compare()
		})
	}
}

// TestAppDeactivated switches the product's app off in Okta: nobody may be removed, and
// what cannot be told is parked for an admin, who lists and retries it. So is the full
// sync that the event of the app itself asks for.
func TestAppDeactivated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{settings: map[string]any{"nightly.pause": "1s"}})
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	w.hook()
	w.act(w.org.SetAppActive("", false))
	run := w.resync(time.Minute)
	if run.State != "failed" || !contains(run.Error, "activate the app in Okta") {
		t.Errorf("a full sync without an active app is %s: %s", run.State, run.Error)
	}
	w.compare()

	people := w.org.PersonIDs()
	gone, kept := people[30], people[31]
	w.act(w.org.Unassign("", gone))
	eventually(t, 20*time.Second, "both events are parked", func() string {
		state, err := w.api.Tenant(t.Context(), tenant)
		if err != nil || state.Parked != 2 {
			return "they are not"
		}
		return ""
	})
	if row, err := w.api.Person(t.Context(), tenant, gone); err != nil || row.Status != "active" {
		t.Errorf("the person is %q while the app is inactive, %v", row.Status, err)
	}
	out, status := w.cli("archive")
	if status != 0 || !contains(out, "full ") || !contains(out, "person:"+gone) || !contains(out, "activate the app in Okta") {
		t.Errorf("archive: status %d: %s", status, out)
	}
	if out, status := w.cli("archive", "retry", "person:"+kept); status == 0 {
		t.Errorf("the retry of a scope that is not parked succeeded: %s", out)
	}
	w.act(w.org.SetAppActive("", true))
	if out, status := w.cli("archive", "retry", "person:"+gone); status != 0 || !contains(out, "retried") {
		t.Errorf("archive retry: status %d: %s", status, out)
	}
	w.waitingAndParked(0, 0)
	w.compare()

	// The same again, given up this time; the full sync finds it all the same.
	w.act(w.org.SetAppActive("", false))
	w.act(w.org.Unassign("", kept))
	w.waitingAndParked(0, 2)
	for _, scope := range []string{"full", "person:" + kept} {
		if out, status := w.cli("archive", "discard", scope); status != 0 || !contains(out, "discarded") {
			t.Errorf("archive discard %s: status %d: %s", scope, status, out)
		}
	}
	if out, _ := w.cli("archive"); !contains(out, "Nothing failed for good.") {
		t.Errorf("archive after the discard: %s", out)
	}
	w.act(w.org.SetAppActive("", true))
	if run := w.resync(time.Minute); run.State != "succeeded" { // or the one that the event asks for
		t.Errorf("the full sync is %s with %v: %s", run.State, run.Counts.Changes, run.Error)
	}
	w.compare()
}

// waitingAndParked waits until so many scopes wait and so many are parked.
func (w *world) waitingAndParked(waiting, parked int) {
	w.t.Helper()
	eventually(w.t, 30*time.Second, fmt.Sprintf("%d scopes wait and %d are parked", waiting, parked), func() string {
		state, err := w.api.Tenant(w.t.Context(), tenant)
		if err != nil {
			return err.Error()
		}
		if state.Waiting != waiting || state.Parked != parked {
			return fmt.Sprintf("%d wait, %d are parked: %s", state.Waiting, state.Parked, w.parked())
		}
		return ""
	})
}

// TestForbidden takes the role away: 403 is never "gone".
func TestForbidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{})
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	w.hook()
	people := w.org.PersonIDs()
	for _, at := range []string{readUserByID, appUserByID, groupsOfAUser} {
		must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultForbidden, Endpoint: at}))
	}
	for _, id := range people[20:25] {
		w.act(w.org.Suspend(id))
	}
	eventually(t, 20*time.Second, "/readyz names the role", func() string {
		_, r := w.readiness()
		if !mentions(r.Warnings, "Read-only Administrator") {
			return "it warns of: " + joined(r.Warnings)
		}
		return ""
	})
	if !slices.ContainsFunc(people[20:25], func(id string) bool {
		row, err := w.api.Person(t.Context(), tenant, id)
		return err == nil && row.Status == "active"
	}) {
		t.Error("the directory changed although nothing could be read")
	}
	w.org.ClearFaults()
	w.settled(90 * time.Second)
	w.compare()
}
