package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatEachEventAsksIsFoundByIndex: a tenant has a run for every event about a group, and many events that a
// full sync reads for. Whatever is asked with each new event must not look through all of them.
func TestWhatEachEventAsksIsFoundByIndex(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db := openAsIs(t, path)
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", path+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	for what, query := range map[string]string{
		"under way":        `select id from runs where tenant = 'a' and state in ('queued', 'reading', 'applying') and scope_kind = 'group'`,
		"outdated":         `update runs set error = '' where tenant = 'a' and id <> 'x' and state in ('held', 'planned') and (state = 'planned' or not 0)`,
		"last full sync":   `select max(finished_at) from runs where tenant = 'a' and scope_kind = 'full' and state = 'succeeded'`,
		"last full run":    `select id from runs where tenant = 'a' and scope_kind = 'full' and state <> 'planned' order by created_at desc`,
		"waits for a list": `select scope_id from inbox_scopes s where s.tenant = 'a' and s.scope_kind = 'person' and s.done_at is null and s.parked_at is null and not s.urgent and s.read_by = '' limit 5`,
		"line of a pool":   `select person_id from license_claims where tenant = 'a' and pool = 'p' and held = false and (since, person_id) > (5, 'x') order by since, person_id limit 5`,
		"waits for admins": `select id from runs where state = 'held' and waits_until > 5`,
	} {
		rows, err := raw.QueryContext(t.Context(), "explain query plan "+query)
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
		byIndex := func(name string) bool { return strings.Contains(plan[0], "INDEX "+name) }
		if len(plan) == 0 || !byIndex("runs_state") && !byIndex("runs_full") && !byIndex("inbox_scopes_unread") && (!byIndex("license_claims_line") || len(plan) > 1) {
			t.Errorf("%s: %q", what, plan)
		}
	}
}
