package e2e

import (
	"fmt"
	"time"

	"github.com/oktasync/oktasync/e2e/installation"
)

// compare reads the whole directory and compares every person, team, group,
// membership and manager with what the org says is true.
func (w *world) compare() {
	w.t.Helper()
	lines, have, err := w.differences()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, line := range lines {
		w.t.Error(line)
	}
	if w.t.Failed() {
		w.t.FailNow()
	}
	w.before, w.loose = map[string]string{}, map[string]bool{}
	for id, p := range have.People {
		w.before[id] = p.Status
	}
}

func (w *world) differences() ([]string, installation.Copy, error) {
	return installation.Comparison{
		API: w.api, Tenant: tenant, App: w.org.AppID(), Before: w.before,
		Loose: func(id string) bool { return w.loose[id] },
	}.Differences(w.t.Context(), w.org.Truth())
}

// becomesTrue waits until the directory is as the org, and compares then.
func (w *world) becomesTrue(limit time.Duration) {
	w.t.Helper()
	eventually(w.t, limit, "the directory is as the org", func() string {
		lines, _, err := w.differences()
		if err != nil {
			return err.Error()
		}
		if len(lines) > 0 {
			return fmt.Sprintf("%d differences, the first: %s", len(lines), lines[0])
		}
		return ""
	})
	w.compare()
}
