package e2e

import "github.com/oktasync/oktasync/e2e/installation"

// compare reads the whole directory and compares every person, team, group,
// membership and manager with what the org says is true.
func (w *world) compare() {
	w.t.Helper()
	lines, have, err := installation.Comparison{
		API: w.api, Tenant: tenant, App: w.org.AppID(), Before: w.before,
		Loose: func(id string) bool { return w.loose[id] },
	}.Differences(w.t.Context(), w.org.Truth())
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
