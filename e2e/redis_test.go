package e2e

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

// TestRedisGone hangs Redis, then kills it, while hooks arrive. Each hook is taken in
// at once, and when Redis is back, empty, everything is worked off.
func TestRedisGone(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	w := newWorld(t, setup{postgres: true, redis: server, org: emulator.Options{
		People: 100, Hooks: emulator.HookOptions{Window: -1, MaxBatch: 3},
	}})
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	w.hook()

	tell := newStory(w, 21)
	during := func(what string, lasts time.Duration) {
		t.Helper()
		first := w.relay.Count()
		over := time.NewTimer(lasts)
		defer over.Stop()
		pace := time.NewTicker(150 * time.Millisecond)
		defer pace.Stop()
		for on := true; on; {
			select {
			case <-over.C:
				on = false
			case <-pace.C:
				tell.tell(1)
			}
		}
		if err := w.org.WaitHooks(t.Context()); err != nil {
			t.Fatal(err)
		}
		answers := w.relay.Answers(first)
		if len(answers) < 10 {
			t.Fatalf("only %d hooks arrived while %s", len(answers), what)
		}
		for _, a := range answers {
			if a.Status != http.StatusNoContent || a.Took > time.Second*slower {
				t.Errorf("while %s a hook was answered %d after %s, want 204 within 1 s", what, a.Status, a.Took)
			}
		}
	}
	server.signal(syscall.SIGSTOP)
	during("Redis hangs", 5*time.Second)
	if _, r := w.readiness(); !r.Ready || !mentions(r.Warnings, "Redis does not answer") {
		t.Errorf("/readyz while Redis hangs: %+v, want ready with a warning", r)
	}
	server.kill()
	during("Redis is gone", 5*time.Second)
	waited := w.waiting()
	if waited == 0 {
		t.Fatal("nothing waits although Redis was gone")
	}
	server.start(t)
	back := time.Now()
	w.settled(2 * time.Minute)
	t.Logf("%d scopes waited; they were worked off %s after Redis was back", waited, time.Since(back).Round(100*time.Millisecond))
	w.compare()
	w.everyEventStored()
	w.onlyOneFullSync()
}

// TestRedisEmptied empties Redis again and again in the middle of a burst.
func TestRedisEmptied(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	w := newWorld(t, setup{postgres: true, redis: server, org: emulator.Options{People: 150}})
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	w.hook()
	must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultSlow, Delay: emulator.Duration(60 * time.Millisecond)}))
	tell := newStory(w, 31)
	client := server.client(t)
	for range 5 {
		tell.tell(40)
		if err := w.org.WaitHooks(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if w.waiting() == 0 {
		t.Fatal("nothing waits: Redis was emptied too late to test anything")
	}
	w.org.ClearFaults()
	w.settled(2 * time.Minute)
	w.compare()
	w.everyEventStored()
	w.onlyOneFullSync()
}

func (w *world) onlyOneFullSync() {
	w.t.Helper()
	if runs := w.number("select count(*) from runs where scope_kind = 'full'"); runs != 1 {
		w.t.Fatalf("%d full syncs were made, want the first alone", runs)
	}
}

func mentions(lines []string, words string) bool {
	for _, line := range lines {
		if strings.Contains(line, words) {
			return true
		}
	}
	return false
}
