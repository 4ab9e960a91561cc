package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

// installations are the two ways to run the service that must survive a kill.
func installations() []struct {
	name     string
	postgres bool
} {
	return []struct {
		name     string
		postgres bool
	}{{"PostgreSQL and Redis", true}, {"SQLite and embedded Redis", false}}
}

// TestKilledInFirstSync kills the service while its first full sync reads, and
// while it applies what it has read, and starts it again with the same data.
func TestKilledInFirstSync(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{"reading", "applying"} {
		for _, tt := range installations() {
			t.Run(phase+", "+tt.name, func(t *testing.T) {
				t.Parallel()
				s := setup{postgres: tt.postgres, org: emulator.Options{People: 3000, Groups: 20}}
				if tt.postgres {
					s.redis = startRedis(t)
				}
				w := newWorld(t, s)
				if phase == "reading" { // and does not come to its end
					must[string](t)(w.org.AddFault(emulator.Fault{
						Kind: emulator.FaultSlow, Endpoint: listMembers, Delay: emulator.Duration(2 * time.Second),
					}))
				}
				p := w.start()
				w.inPhase(phase)
				p.kill()
				killed := time.Now()
				w.org.ClearFaults()
				w.org.ResetCalls()
				have := w.number("select count(*) from people")
				if state := w.text("select state from runs"); state != phase || (phase == "applying") != (have > 0) {
					t.Fatalf("the service was killed at the wrong moment: the run is %s, %d people are there", state, have)
				}
				w.start()
				run := w.synced(3 * time.Minute)
				t.Logf("killed while %s, with %d people in the directory: the run had ended %s after the kill", phase, have, time.Since(killed).Round(100*time.Millisecond))
				if run.Progress.People != 3000 || run.Counts.Changes["person.created"] != 3000 {
					t.Errorf("the run says %+v, %+v, want 3000 people read and created", run.Progress, run.Counts)
				}
				if calls := w.calls(""); (phase == "applying") != (calls == 0) {
					t.Errorf("after the restart Okta was called %d times; a plan that is being applied needs none, a reading begins anew", calls)
				}
				w.compare()
				w.onlyOneFullSync()
			})
		}
	}
}

// inPhase waits until the first full sync is in the middle of a phase.
func (w *world) inPhase(phase string) {
	w.t.Helper()
	eventually(w.t, 30*time.Second, "the first full sync is "+phase, func() string {
		page, err := w.api.Runs(w.t.Context(), tenant, 1)
		if err != nil {
			return err.Error()
		}
		if len(page.Items) == 0 {
			return "there is none"
		}
		run := page.Items[0]
		middle := run.Progress.People >= 500
		if phase == "applying" {
			middle = run.Progress.Applied > 0
		}
		if run.State != phase || !middle {
			return fmt.Sprintf("it is %s: %+v", run.State, run.Progress)
		}
		return ""
	})
}

// TestKilledInHooks kills the service, and stops it, in the middle of bursts of
// hooks. Okta repeats what was not answered; what was answered is never lost.
func TestKilledInHooks(t *testing.T) {
	t.Parallel()
	for i, tt := range installations() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := setup{postgres: tt.postgres, org: emulator.Options{People: 300, Hooks: emulator.HookOptions{
				Window: -1, MaxBatch: 2, Parallel: 3, Timeout: time.Minute,
			}}}
			if tt.postgres {
				s.redis = startRedis(t)
			}
			w := newWorld(t, s)
			w.relay.SetPatient(true)
			p := w.start()
			w.synced(2 * time.Minute)
			w.compare()
			w.hook()
			must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultSlow, Delay: emulator.Duration(40 * time.Millisecond)}))

			tell := newStory(w, uint64(i)+41)
			burst := func() {
				t.Helper()
				before := w.relay.Accepted()
				tell.tell(250)
				eventually(t, 20*time.Second, "the burst arrives", func() string {
					if n := w.relay.Accepted() - before; n < 60 {
						return fmt.Sprintf("%d deliveries were taken in", n)
					}
					return ""
				})
			}
			burst()
			p.kill()
			if left := w.number("select count(*) from inbox_scopes where done_at is null"); left == 0 {
				t.Fatal("the service was killed too late: nothing was waiting")
			}
			killed := time.Now()
			p = w.start()
			w.settled(2 * time.Minute)
			t.Logf("all was worked off %s after SIGKILL", time.Since(killed).Round(100*time.Millisecond))
			w.compare()
			w.everyEventStored()

			burst()
			took := p.terminate(20*time.Second + 5*time.Second)
			t.Logf("SIGTERM in the middle of a burst: ended after %s", took.Round(10*time.Millisecond))
			stopped := time.Now()
			w.start()
			w.settled(2 * time.Minute)
			t.Logf("all was worked off %s after the restart", time.Since(stopped).Round(100*time.Millisecond))
			w.compare()
			w.everyEventStored()
			w.onlyOneFullSync()
		})
	}
}
