package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

// TestTenThousand reads 10,000 people and 200 groups of 50 with the fewest calls
// that Okta's page sizes allow, and writes nothing when nothing has changed.
func TestTenThousand(t *testing.T) {
	w := newWorld(t, setup{postgres: true, redis: startRedis(t), org: emulator.Options{
		People: 10_000, Groups: 200, GroupSize: 50, Departments: 300,
	}})
	// 20 pages of 500 people, the app, one page of groups, and each group's members.
	w.twoSyncs(20+2+200, 5*time.Minute)
	w.compare()
}

// TestManyPeople does the same for the number of people of the flag -people, on both
// databases.
func TestManyPeople(t *testing.T) {
	for _, tt := range installations() {
		t.Run(tt.name, func(t *testing.T) {
			s := setup{postgres: tt.postgres, org: emulator.Options{People: *people, Groups: 200, GroupSize: 50, Departments: 300}}
			if tt.postgres {
				s.redis = startRedis(t)
			}
			w := newWorld(t, s)
			w.twoSyncs((*people+499)/500+2+200, 2*time.Hour)
		})
	}
}

// twoSyncs checks the first full sync and one with nothing to do.
func (w *world) twoSyncs(calls int, limit time.Duration) {
	t := w.t
	t.Helper()
	w.start()
	first := w.synced(limit)
	if got := w.calls(""); got != calls || first.Progress.Calls != calls {
		t.Errorf("the first full sync made %d calls and says %d, want %d", got, first.Progress.Calls, calls)
	}
	w.report("first full sync", first.FinishedAt.Sub(*first.StartedAt))
	if have := w.number("select count(*) from people where status = 'active'"); have != w.org.People() {
		t.Errorf("the directory has %d active people, want %d", have, w.org.People())
	}

	written := w.written()
	w.org.ResetCalls()
	out, status := w.cli("resync", "--full", "--wait")
	if status != 0 || !contains(out, "Nothing differed") {
		t.Fatalf("the second full sync: status %d: %s", status, out)
	}
	if got := w.calls(""); got != calls {
		t.Errorf("the second full sync made %d calls, want %d", got, calls)
	}
	if after := w.written(); after != written {
		t.Errorf("the second full sync wrote rows: %s before, %s after", written, after)
	}
	page, err := w.api.Runs(t.Context(), tenant, 1)
	if err != nil {
		t.Fatal(err)
	}
	second := page.Items[0]
	if len(second.Counts.Changes) > 0 || second.Progress.Planned > 0 {
		t.Errorf("the second full sync planned %d changes and made %v", second.Progress.Planned, second.Counts.Changes)
	}
	took := second.FinishedAt.Sub(*second.StartedAt)
	w.report("second full sync", took)
	// It reads the same and writes nothing. The slack is for machines that do much else.
	if before := first.FinishedAt.Sub(*first.StartedAt); took > before+before/2+2*time.Second {
		t.Errorf("the second full sync took %s and the first, which wrote everything, %s", took, before)
	}
}

// written tells the rows' states apart: for PostgreSQL by the transaction that wrote
// each row last, which shows a row written anew with the same content too.
func (w *world) written() string {
	w.t.Helper()
	state := "max(updated_at)"
	if strings.HasPrefix(w.database, "postgres:") {
		state = "md5(string_agg(xmin::text || ctid::text, ',' order by id))"
	}
	var text string
	for _, table := range []string{"people", "groups"} {
		var count int
		var marks any
		if err := w.sql().QueryRowContext(w.t.Context(), "select count(*), "+state+" from "+table).Scan(&count, &marks); err != nil {
			w.t.Fatal(err)
		}
		text += fmt.Sprintf("%s: %d rows, %v; ", table, count, marks)
	}
	return text + fmt.Sprintf("%d memberships, %d changes, %d teams", w.number("select count(*) from memberships"),
		w.number("select count(*) from changes where type not like 'sync.%'"), w.number("select count(*) from teams"))
}

// report shows how long it took and what it needed.
func (w *world) report(what string, took time.Duration) {
	w.t.Helper()
	w.t.Logf("%s of %d people: %s, %.0f people/s, peak RSS %d MiB", what, w.org.People(),
		took.Round(time.Millisecond), float64(w.org.People())/took.Seconds(), peakRSS(w.t, w.service)>>20)
}

// peakRSS is the most memory that the process ever had, in bytes.
func peakRSS(t *testing.T, p *process) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("/proc does not tell the peak RSS")
	return 0
}
