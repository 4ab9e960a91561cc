package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

// withLog is a world whose System Log is read every second.
func withLog(t *testing.T, s setup) *world {
	t.Helper()
	if s.settings == nil {
		s.settings = map[string]any{}
	}
	s.settings["okta.log.interval"] = "1s"
	return newWorld(t, s)
}

// TestHooksLost loses every delivery: the System Log brings all of it, and the gap meter tells each, and the one
// hook that Okta has not sent.
func TestHooksLost(t *testing.T) {
	t.Parallel()
	for i, tt := range installations() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := setup{postgres: tt.postgres, org: emulator.Options{People: 200}}
			if tt.postgres {
				s.redis = startRedis(t)
			}
			w := withLog(t, s)
			w.start()
			w.synced(2 * time.Minute)
			w.compare()
			w.hook()
			must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultHookDrop}))
			forged := event("user.lifecycle.deactivate", "User", w.org.Truth().People[0].ID, "unknown")
			if status, text := w.post("/webhooks/okta", hookSecret, forged); status != 204 {
				t.Fatalf("a forged hook was answered %d %s", status, text)
			}
			tell := newStory(w, uint64(i)+71)
			for range 3 {
				tell.tell(15)
				w.becomesTrue(30 * time.Second)
			}
			if n := w.number("select count(*) from inbox where via <> 'log'"); n != 1 {
				t.Errorf("%d events came by hook, although each but the forged one was dropped", n)
			}
			want := fmt.Sprintf("%d lost, 1 unknown", w.org.HookStats().Events)
			eventually(t, 30*time.Second, "the meter shows "+want, func() string {
				text, _ := w.cli("events", "health", "--grace", "0s", "--json")
				var h v1.EventHealth
				if err := json.Unmarshal([]byte(text), &h); err != nil || h.Unknowable != "" {
					return text
				}
				if got := fmt.Sprintf("%d lost, %d unknown", *h.Day.Lost, *h.Day.Unknown); got != want {
					return got
				}
				return ""
			})
			w.onlyOneFullSync()
		})
	}
}

// TestDownWhileThingsHappen stops and kills the service, and lets much happen before the
// next start.
func TestDownWhileThingsHappen(t *testing.T) {
	t.Parallel()
	w := withLog(t, setup{org: emulator.Options{People: 200}})
	p := w.start()
	w.synced(2 * time.Minute)
	w.compare()
	w.hook()
	tell := newStory(w, 83)
	for _, end := range []func(){p.kill, func() { w.service.terminate(20 * time.Second) }} {
		end()
		tell.tell(40)
		w.start()
		w.becomesTrue(30 * time.Second)
	}
	w.onlyOneFullSync()
}

// TestLogRefused takes the right to read the log away, and its place in it.
func TestLogRefused(t *testing.T) {
	t.Parallel()
	const logs = "GET /api/v1/logs"
	w := withLog(t, setup{})
	p := w.start()
	w.synced(2 * time.Minute)
	w.hook()
	id := must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultForbidden, Endpoint: logs}))
	eventually(t, 30*time.Second, "the service is ready and says what is missing", func() string {
		status, r := w.readiness()
		if status == 200 && mentions(r.Warnings, "too weak to read the System Log") {
			return ""
		}
		return mustText(status, r)
	})
	calls := w.calls(logs)
	eventually(t, 30*time.Second, "it was asked for more often", func() string {
		if w.calls(logs) > calls+3 {
			return ""
		}
		return "not yet"
	})
	const sentence = "Okta refuses what a chore needs"
	if n := strings.Count(p.Out.String(), sentence); n != 1 {
		t.Errorf("the log says %q %d times, want once", sentence, n)
	}
	newStory(w, 5).tell(10)
	w.settled(time.Minute) // hooks go on
	w.compare()
	w.org.RemoveFault(id)
	eventually(t, 30*time.Second, "the warning is gone", func() string {
		if status, r := w.readiness(); len(r.Warnings) > 0 {
			return mustText(status, r)
		}
		return ""
	})

	// A place that Okta refuses, with hooks lost at the same time.
	must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultHookDrop}))
	must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultCursorRefused, Endpoint: logs, Count: 3}))
	newStory(w, 6).tell(10)
	w.becomesTrue(30 * time.Second)
	w.onlyOneFullSync()
}

// TestAppAndImports lets the app be deactivated and activated: nobody is lost, and
// whatever happened meanwhile is there.
func TestAppAndImports(t *testing.T) {
	t.Parallel()
	w := withLog(t, setup{settings: map[string]any{"nightly.pause": "1s"}})
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	app := w.org.AppID()
	w.act(w.org.SetAppActive(app, false))
	eventually(t, 30*time.Second, "a full sync says that the app is inactive", func() string {
		page, err := w.api.Runs(t.Context(), tenant, 10)
		if err != nil {
			return err.Error()
		}
		for _, r := range page.Items {
			if r.State == "failed" && r.Cause == "log" && strings.Contains(r.Error, "INACTIVE") {
				return ""
			}
		}
		return "no such run"
	})
	w.compare() // nobody was touched
	w.act(w.org.SetAppActive(app, true))
	eventually(t, 30*time.Second, "a full sync has succeeded after it", func() string {
		page, err := w.api.Runs(t.Context(), tenant, 1)
		if err != nil {
			return err.Error()
		}
		if len(page.Items) == 0 || page.Items[0].State != "succeeded" || page.Items[0].Cause != "log" {
			return "not yet"
		}
		return ""
	})
	w.settled(time.Minute)
	w.compare()
}
