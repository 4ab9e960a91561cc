package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

// TestDatabaseDown stops the database under the service. Hooks are answered 503 in time
// for Okta to try again, and the service is well when the database is back.
func TestDatabaseDown(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	w := newWorld(t, setup{database: server.URL(), redis: startRedis(t), org: emulator.Options{
		Hooks: emulator.HookOptions{Timeout: time.Minute},
	}})
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	w.hook()
	tell := newStory(w, 71)
	tell.tell(20)
	w.settled(30 * time.Second)
	w.compare()

	server.stop()
	for range 3 {
		started := time.Now()
		status, _ := w.post("/webhooks/okta", hookSecret, event("user.lifecycle.suspend", "User", "00u0000000000000x5d7", "a@example.org"))
		if took := time.Since(started); status != http.StatusServiceUnavailable || took > 15*time.Second*slower {
			t.Errorf("a hook without a database was answered %d after %s, want 503 at once", status, took)
		}
	}
	if status, r := w.readiness(); status != http.StatusServiceUnavailable || !mentions(r.Problems, "the database does not answer") {
		t.Errorf("/readyz without a database: %d %+v", status, r)
	}
	if status, _ := w.get(w.listen, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz without a database: %d, want 200: a restart would not help", status)
	}
	// The relay goes on trying, as Okta does once.
	w.relay.SetPatient(true)
	tell.tell(20)

	server.start()
	back := time.Now()
	w.ready(w.service, w.listen)
	w.settled(time.Minute)
	t.Logf("all was worked off %s after the database was back", time.Since(back).Round(100*time.Millisecond))
	w.compare()
	w.everyEventStored()
	w.onlyOneFullSync()
}
