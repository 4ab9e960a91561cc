package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

// TestManyRunsCostNothing: a tenant has a run for every event about a group. What each new one asks for is
// found by an index, or the only writer would read all of them, several times for each event.
func TestManyRunsCostNothing(t *testing.T) {
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
		if len(plan) == 0 || !strings.Contains(plan[0], "USING INDEX runs_state") && !strings.Contains(plan[0], "USING INDEX runs_full") {
			t.Errorf("%s: %q", what, plan)
		}
	}
}
