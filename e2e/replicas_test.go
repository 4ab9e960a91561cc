package e2e

import (
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

// TestTwoReplicas runs two whole services on one database and one Redis.
func TestTwoReplicas(t *testing.T) {
	t.Parallel()
	// A time of day that is half a day away, so that no other night falls into the test.
	night := time.Now().UTC().Add(12 * time.Hour).Format("15:04")
	w := newWorld(t, setup{
		postgres: true, redis: startRedis(t), settings: map[string]any{"nightly.at": night},
		org: emulator.Options{People: 250, Hooks: emulator.HookOptions{Window: -1, MaxBatch: 4, Parallel: 4}},
	})
	other := freeAddress(t)
	// One after the other brings the schema; then both start at once.
	if out, status := w.cli("migrate"); status != 0 {
		t.Fatalf("migrate: status %d: %s", status, out)
	}
	one, two := w.launch(w.listen), w.launch(other)
	w.ready(one, w.listen)
	w.ready(two, other)
	w.relay.SetTargets("http://"+w.listen, "http://"+other)
	w.synced(2 * time.Minute)
	w.compare()
	if runs := w.number("select count(*) from runs where cause = 'nightly'"); runs != 1 {
		t.Fatalf("two replicas made %d nightly runs, want 1", runs)
	}
	w.hook()
	tell := newStory(w, 61)
	tell.tell(250) // beyond one tenant's share of the slots: the last of them wait in the backlog
	w.settled(time.Minute)
	w.compare()
	w.everyEventStored()
	for name, p := range map[string]*process{"the first": one, "the second": two} {
		if !contains(p.Out.String(), `"msg":"hook taken in"`) || !contains(p.Out.String(), `"msg":"reconciled"`) {
			t.Errorf("%s replica took no hook in, or worked on nothing", name)
		}
	}

	// One goes while work is there; the other does it.
	tell.tell(100)
	w.relay.SetTargets("http://" + w.listen)
	two.terminate(25 * time.Second)
	tell.tell(20)
	w.settled(time.Minute)
	w.compare()
	w.onlyOneFullSync()
}
