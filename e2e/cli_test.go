package e2e

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/seal"
)

// TestCommands uses the command line against a running service.
func TestCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{org: emulator.Options{People: 1200}, settings: map[string]any{
		"deliver.allow": []string{"127.0.0.1"}, "encryption.keys": []string{seal.NewKey()},
	}})
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	w.hook()
	people := w.org.PersonIDs()
	who, _ := w.org.Person(people[40])
	boss, _ := w.org.Person(people[5])
	w.act(w.org.Move(who.ID, "Lighthouse Keeping", boss.ID))
	w.act(w.org.Deactivate(people[50]))
	w.settled(20 * time.Second)
	w.compare()

	for _, name := range []string{who.ID, who.Login, strings.ToUpper(who.Text("email"))} {
		out, status := w.cli("people", "show", name)
		if status != 0 {
			t.Fatalf("people show: status %d: %s", status, out)
		}
		for _, part := range []string{
			who.ID, who.Text("firstName"), "active (Okta: ACTIVE)", "Lighthouse Keeping",
			boss.Text("firstName") + " " + boss.Text("lastName") + " (" + boss.ID + ")",
			"person.updated by hook (user.account.update_profile)", "person.manager_changed", `department: `, "person.created by nightly",
		} {
			if !contains(out, part) {
				t.Errorf("people show lacks %q:\n%s", part, out)
			}
		}
	}
	if out, status := w.cli("people", "show", "nobody@acme.example"); status != 1 || !contains(out, "nobody in the directory has this id, login or e-mail") {
		t.Errorf("people show of nobody: status %d: %s", status, out)
	}
	out, status := w.cli("people", "list")
	if lines := strings.Count(out, "\n"); status != 0 || lines != 1200+1 {
		t.Errorf("people list: status %d, %d lines, want 1201", status, lines)
	}
	out, status = w.cli("people", "list", "--status", "deactivated")
	if status != 0 || strings.Count(out, "\n") != 2 || !contains(out, people[50]) {
		t.Errorf("people list --status deactivated: status %d: %s", status, out)
	}
	out, status = w.cli("resync", "--person", who.Login, "--wait")
	if status != 0 || !contains(out, "succeeded") || !contains(out, "Nothing differed") {
		t.Errorf("resync --person: status %d: %s", status, out)
	}
	group := w.org.Groups()[3]
	out, status = w.cli("resync", "--group", group.Name, "--wait")
	if status != 0 || !contains(out, "succeeded") {
		t.Errorf("resync --group: status %d: %s", status, out)
	}
	out, status = w.cli("runs")
	if status != 0 || !contains(out, "manual") || !contains(out, "nightly") || !contains(out, "succeeded") || !contains(out, "group:"+group.ID) {
		t.Errorf("runs: status %d: %s", status, out)
	}
	if out, status := w.cli("quarantine"); status != 0 || !contains(out, "Every record can be applied.") {
		t.Errorf("quarantine: status %d: %s", status, out)
	}
	if out, status := w.cli("archive"); status != 0 || !contains(out, "Nothing failed for good.") {
		t.Errorf("archive: status %d: %s", status, out)
	}
	if out, status := w.cli("healthcheck"); status != 0 {
		t.Errorf("healthcheck: status %d: %s", status, out)
	}
	if out, status := w.cli("resync"); status != 2 || !contains(out, "--full") {
		t.Errorf("resync without a scope: status %d, want 2: %s", status, out)
	}
	w.exports(1200)
	w.webhooks(who.ID, people[6])
	w.hungUp(who.ID)
	w.service.terminate(25 * time.Second)
	if out, status := w.cli("runs"); status != 1 || !contains(out, "is it running") {
		t.Errorf("runs without a service: status %d: %s", status, out)
	}
	if out, status := w.cli("healthcheck"); status != 1 {
		t.Errorf("healthcheck without a service: status %d: %s", status, out)
	}
}

// exports writes the directory to files.
func (w *world) exports(people int) {
	w.t.Helper()
	all, table := filepath.Join(w.dir, "directory.ndjson"), filepath.Join(w.dir, "people.csv")
	for _, args := range [][]string{{"export", "--out", all}, {"export", "--format", "csv", "--table", "people", "--out", table}} {
		if out, status := w.cli(args...); status != 0 || !contains(out, fmt.Sprintf("%d people", people)) {
			w.t.Fatalf("%s: status %d: %s", args, status, out)
		}
	}
	text := string(must[[]byte](w.t)(os.ReadFile(all)))
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if n := strings.Count(text, `{"kind":"person",`); n != people || !strings.HasPrefix(lines[len(lines)-1], `{"kind":"end",`) {
		w.t.Errorf("the exported directory has %d people, and ends with %s", n, lines[len(lines)-1])
	}
	rows, err := csv.NewReader(bytes.NewReader(must[[]byte](w.t)(os.ReadFile(table)))).ReadAll()
	if err != nil || len(rows) != people+1 {
		w.t.Errorf("the exported table has %d rows with its head, %v", len(rows), err)
	}
	if out, status := w.cli("export", "--out", all); status != 1 || !contains(out, "exists") {
		w.t.Errorf("export over a file: status %d: %s", status, out)
	}
}

// hungUp changes the configuration file under the running service: one with mistakes leaves all as it was, one with other
// rules has them applied.
func (w *world) hungUp(who string) {
	w.t.Helper()
	calls := w.calls("/api/v1/apps/{app}/users")
	reload := func(key string, value any) {
		w.settings[key] = value
		w.configure(w.settings)
		w.service.signal(syscall.SIGHUP)
	}
	reload("teams", map[string]any{"from": "clan"})
	eventually(w.t, time.Minute, "the mistake is told", func() string {
		if log := w.service.Out.String(); !contains(log, "the configuration was not reloaded") || !contains(log, "teams.from") {
			return "the log has no word of it"
		}
		return ""
	})
	delete(w.settings, "teams")
	reload("mapping.title.from", []string{"user.department"})
	eventually(w.t, time.Minute, "the new rules are applied", func() string {
		if out, status := w.cli("people", "show", who); status != 0 || !contains(out, "person.updated by rule_change") {
			return out
		}
		return ""
	})
	if now := w.calls("/api/v1/apps/{app}/users"); now != calls {
		w.t.Errorf("Okta was asked for the app's people %d times", now-calls)
	}
}

// TestConfigCheck makes several mistakes at once and wants to hear of all.
func TestConfigCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{})
	if out, status := w.cli("config", "check"); status != 0 || !contains(out, "valid: 1 tenant") {
		t.Fatalf("config check of a sound file: status %d: %s", status, out)
	}
	out, status := w.cli("config", "print")
	if status != 0 || contains(out, hookSecret) || contains(out, oktaToken) || !contains(out, w.orgURL) {
		t.Errorf("config print: status %d, or a secret in it:\n%s", status, out)
	}
	for key, value := range map[string]any{
		"okta.url": "https://acme-admin.okta.com/", "okta.app_id": "the app", "nightly.at": "25:00",
		"hook.secrets": []string{"short"}, "okta.rate_share": 7, "okta.colour": "blue",
	} {
		w.settings[key] = value
	}
	out, status = w.cli("config", "check")
	if status != 1 {
		t.Errorf("config check of a bad file: status %d, want 1", status)
	}
	for _, part := range []string{"okta.url", "okta.app_id", "nightly.at", "hook.secrets", "okta.rate_share", "okta.colour"} {
		if !contains(out, part) {
			t.Errorf("config check does not speak of %s:\n%s", part, out)
		}
	}
	if out, status := w.cli("serve"); status != 1 || !contains(out, "okta.colour") {
		t.Errorf("serve with a bad file: status %d: %s", status, out)
	}
}

// TestSchema has the service refuse a database that is not of its schema.
func TestSchema(t *testing.T) {
	t.Parallel()
	for _, tt := range installations() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{postgres: tt.postgres})
			out, status := w.cli("serve")
			if status != 1 || !contains(out, "oktasync migrate") {
				t.Errorf("serve on an empty database: status %d: %s", status, out)
			}
			if out, status := w.cli("migrate"); status != 0 || !contains(out, "schema version") {
				t.Fatalf("migrate: status %d: %s", status, out)
			}
			if out, status := w.cli("migrate"); status != 0 {
				t.Errorf("migrate again: status %d: %s", status, out)
			}
			if _, err := w.sql().ExecContext(t.Context(),
				"insert into goose_db_version (version_id, is_applied) values (99999, true)"); err != nil {
				t.Fatal(err)
			}
			out, status = w.cli("serve")
			if status != 1 || !contains(out, "newer") {
				t.Errorf("serve on a newer database: status %d: %s", status, out)
			}
		})
	}
}

// TestDemo runs the demo as CI does, and again with the same data.
func TestDemo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{})
	data := filepath.Join(w.dir, "demo")
	for range 2 {
		out, status := w.cli("demo", "--data", data, "--once", "--people", "150")
		if status != 0 {
			t.Fatalf("demo: status %d: %s", status, out)
		}
		for _, part := range []string{"Full sync", "a joiner", "a mover", "a suspension", "a leaver", "person.deactivated", "membership.added", "curl"} {
			if !contains(out, part) {
				t.Errorf("the demo does not show %q:\n%s", part, out)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(data, "oktasync.db")); err != nil {
		t.Errorf("the demo's data: %v", err)
	}
}
