package e2e

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

// TestRotateSecretUnderLoad changes the hook's secret while Okta goes on sending, with two
// replicas behind one address: no delivery is refused, and no event is missing.
func TestRotateSecretUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{
		postgres: true, redis: startRedis(t),
		org: emulator.Options{Hooks: emulator.HookOptions{Window: -1, MaxBatch: 4, Parallel: 4}},
	})
	w.settings["server.public_url"] = w.relay.URL
	if out, status := w.cli("migrate"); status != 0 {
		t.Fatalf("migrate: status %d: %s", status, out)
	}
	other := freeAddress(t)
	w.ready(w.launch(w.listen), w.listen)
	w.settings["hook.secrets"] = []string{hookSecret}
	late := w.launch(other)
	w.ready(late, other)
	w.settings["hook.secrets"] = []string{hookSecret, secondSecret}
	w.relay.SetTargets("http://"+w.listen, "http://"+other)
	w.synced(2 * time.Minute)
	hook := func(status int, says string, args ...string) string {
		t.Helper()
		out, got := w.cli(append([]string{"hook"}, args...)...)
		if got != status || !contains(out, says) {
			t.Fatalf("hook %v: status %d, want %d and %q:\n%s", args, got, status, says, out)
		}
		return out
	}
	hook(0, "is active and verified", "ensure")

	load := newLoad(w)
	defer load.stop()
	eventually(t, 20*time.Second, "events arrive", func() string {
		if w.relay.Accepted() < 20 {
			return "too few"
		}
		return ""
	})
	// One replica knows the old secret alone: Okta must not get the new one yet.
	out := hook(1, "1 of 2 processes that take hooks do not accept the new secret", "rotate", "--wait", "30s", "--overlap", "1s")
	if hooks := w.calls("POST /api/v1/eventHooks"); hooks != 1 || !contains(out, "nothing was changed") {
		t.Fatalf("%d hooks were registered:\n%s", hooks, out)
	}
	w.relay.Drain("http://" + w.listen) // a rolling restart
	late.terminate(25 * time.Second)
	w.ready(w.launch(other), other)
	w.relay.SetTargets("http://"+w.listen, "http://"+other)
	hook(0, "Okta uses the new secret", "rotate", "--wait", "60s", "--overlap", "3s")
	more := w.relay.Accepted() + 50
	eventually(t, 20*time.Second, "events go on arriving", func() string {
		if w.relay.Accepted() < more {
			return "too few"
		}
		return ""
	})
	happened := load.stop()
	w.settled(time.Minute)
	for _, a := range w.relay.Answers(0) {
		if a.Status != http.StatusNoContent {
			t.Errorf("a delivery was answered %d", a.Status)
		}
	}
	if refused := w.number("select count(*) from hook_uses where secret = ''"); refused != 0 {
		t.Error("a delivery was refused for its secret")
	}
	stored := map[string]bool{}
	rows, err := w.sql().QueryContext(t.Context(), "select uuid from inbox")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var uuid string
		if err := rows.Scan(&uuid); err != nil {
			t.Fatal(err)
		}
		stored[uuid] = true
	}
	missing := 0
	for _, uuid := range happened {
		if !stored[uuid] {
			missing++
		}
	}
	if missing > 0 || len(happened) < 70 {
		t.Errorf("%d of %d events are missing", missing, len(happened))
	}
	hook(0, "Okta does not have it", "status")
	hook(0, "Nothing was changed", "ensure")
}

// load is an org in which something happens all the time.
type load struct {
	cancel context.CancelFunc
	done   chan struct{}
	once   sync.Once
	uuids  []string
}

func newLoad(w *world) *load {
	ctx, cancel := context.WithCancel(w.t.Context())
	l := &load{cancel: cancel, done: make(chan struct{})}
	people := w.org.PersonIDs()
	go func() {
		defer close(l.done)
		for n := 0; ctx.Err() == nil; n++ {
			title := []string{"Baker", "Cook"}[n/len(people)%2]
			act, err := w.org.Update(people[n%len(people)], map[string]any{"title": title})
			if err != nil {
				w.t.Errorf("change the org: %v", err)
				return
			}
			for _, e := range act.Events {
				l.uuids = append(l.uuids, e.UUID)
			}
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond * slower): // no faster than a busy machine takes hooks, or many wait when the old one goes
			}
		}
	}()
	return l
}

// stop ends it and returns the uuids of what happened.
func (l *load) stop() []string {
	l.once.Do(l.cancel)
	<-l.done
	return l.uuids
}
