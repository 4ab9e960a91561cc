package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

// readAgain is how many calls more than once an interruption may cost beside a tenth of a
// reading: the pages that were under way (8) or waited to be kept (4), one more look at the
// app, and one to spare.
const readAgain = 14

// TestKilledAtSixtyPercent kills the service when it has read 60 % of everything: what it had
// read is not fetched again.
func TestKilledAtSixtyPercent(t *testing.T) {
	t.Parallel()
	for _, tt := range installations() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := worldOf(t, tt.postgres, emulator.Options{People: 3000, Groups: 100, GroupSize: 30})
			must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultSlow, Endpoint: listMembers, Delay: emulator.Duration(200 * time.Millisecond)}))
			const pages = 6 + 1 + 100
			p := w.start()
			w.reads(func(run v1.Run) bool { return run.Progress.Pages >= pages*6/10 })
			p.kill()
			before := w.calls("")
			w.org.ClearFaults()
			w.start()
			run := w.synced(3 * time.Minute)
			calls := w.calls("")
			t.Logf("%d calls before the kill, %d in all; %s", before, calls, run.Progress.Note)
			if run.Progress.Resumed != 1 || run.Progress.Pages != pages || run.Progress.People != 3000 {
				t.Errorf("the run says %+v, want one interruption, %d pages and 3000 people", run.Progress, pages)
			}
			w.compare()
			w.org.ResetCalls()
			w.ended(w.asked().ID, 90*time.Second)
			if whole := w.calls(""); calls > whole*11/10+readAgain || calls < whole {
				t.Errorf("%d calls in all, a reading without interruption makes %d", calls, whole)
			}
		})
	}
}

// TestKilledAndCursorRefused: Okta no longer takes the cursor where the reading was.
func TestKilledAndCursorRefused(t *testing.T) {
	t.Parallel()
	w := worldOf(t, false, emulator.Options{People: 3000, Groups: 5})
	must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultSlow, Endpoint: listAppUsers, Delay: emulator.Duration(time.Second)}))
	p := w.start()
	w.reads(func(run v1.Run) bool { return run.Progress.People >= 1500 })
	p.kill()
	w.org.ClearFaults()
	must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultCursorRefused, Endpoint: listAppUsers, Count: 1}))
	p = w.start()
	run := w.synced(3 * time.Minute)
	if !strings.Contains(run.Progress.Note, "started over") || !strings.Contains(run.Progress.Note, "E0000001") {
		t.Errorf("the run says %q, want why it started over", run.Progress.Note)
	}
	if !contains(p.Out.String(), "a reading had been interrupted") {
		t.Error("the log says nothing of it")
	}
	w.compare()
}

func worldOf(t *testing.T, postgres bool, org emulator.Options) *world {
	t.Helper()
	s := setup{postgres: postgres, org: org}
	if postgres {
		s.redis = startRedis(t)
	}
	return newWorld(t, s)
}

// reads waits until the first full sync has read as much as it should.
func (w *world) reads(enough func(v1.Run) bool) {
	w.t.Helper()
	eventually(w.t, time.Minute, "the first full sync has read enough", func() string {
		page, err := w.api.Runs(w.t.Context(), tenant, 1)
		if err != nil || len(page.Items) == 0 {
			return fmt.Sprintf("no run: %v", err)
		}
		run := page.Items[0]
		if run.State == "reading" && enough(run) {
			return ""
		}
		return fmt.Sprintf("it is %s: %+v", run.State, run.Progress)
	})
}
