package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

// TestHooksAlone brings the directory up with one full sync, then lets hooks
// alone follow what happens. A full sync at the end must find nothing to do.
func TestHooksAlone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		postgres bool
		org      emulator.Options
	}{
		{"PostgreSQL and Redis", true, emulator.Options{People: 200}},
		{"SQLite and embedded Redis", false, emulator.Options{People: 200}},
		{"assigned through a group, hooks doubled and out of order", true, emulator.Options{
			People: 120, AssignThroughGroup: true, Hooks: emulator.HookOptions{Parallel: 4, MaxBatch: 7, Window: -1},
		}},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := setup{postgres: tt.postgres, org: tt.org}
			if tt.postgres {
				s.redis = startRedis(t)
			}
			w := newWorld(t, s)
			w.start()
			w.synced(2 * time.Minute)
			w.compare()
			w.hook()
			if strings.Contains(tt.name, "doubled") {
				for _, f := range []emulator.Fault{
					{Kind: emulator.FaultHookDuplicate, Probability: 0.3, Seed: 1},
					{Kind: emulator.FaultHookDelay, Probability: 0.3, Seed: 2, Delay: emulator.Duration(300 * time.Millisecond)},
					{Kind: emulator.FaultHookReorder, Probability: 0.2, Seed: 3, Delay: emulator.Duration(300 * time.Millisecond)},
				} {
					must[string](t)(w.org.AddFault(f))
				}
			}

			tell := newStory(w, uint64(i)+11)
			tell.joinGroupOfStrangers(t)
			tell.tell(150)
			w.settled(90 * time.Second)
			w.org.ClearFaults()
			if runs := w.number("select count(*) from runs where scope_kind = 'full'"); runs != 1 {
				t.Fatalf("%d full syncs were made, want the first alone", runs)
			}
			w.compare()
			w.everyEventStored()

			changes := w.number("select count(*) from changes where subject <> 'run'")
			out, status := w.cli("resync", "--full", "--wait")
			if status != 0 || !strings.Contains(out, "Nothing differed") {
				t.Errorf("a full sync after all hooks ended with status %d and found differences:\n%s", status, out)
			}
			if after := w.number("select count(*) from changes where subject <> 'run'"); after != changes {
				t.Errorf("the full sync wrote %d changes", after-changes)
			}
			w.compare()
			w.eventsAreDescribed()
		})
	}
}

// TestDeletedGroup has groups become teams, and deletes a group with more members than the guard lets go from
// a group that is still there.
func TestDeletedGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{org: emulator.Options{People: 100, GroupSize: 40}, settings: map[string]any{"teams.from": groupsAsTeams()}})
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	w.hook()
	w.followGroupsAsTeams()
	for _, g := range w.org.Groups() {
		if g.Type == "OKTA_GROUP" {
			w.act(w.org.DeleteGroup(g.ID))
			break
		}
	}
	w.settled(30 * time.Second)
	w.compare()
}
