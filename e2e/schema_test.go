package e2e

import "testing"

// TestNewerSchema: a binary that is older than the database says so and touches nothing, whichever command
// is called.
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{})
	if out, status := w.cli("migrate"); status != 0 {
		t.Fatalf("migrate: status %d: %s", status, out)
	}
	if _, err := w.sql().ExecContext(t.Context(), "insert into goose_db_version (version_id, is_applied) values (99999, true)"); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"serve"}, {"serve", "--migrate"}, {"migrate"}} {
		out, status := w.cli(command...)
		if status != 1 || !contains(out, "this binary is older than the database") || !contains(out, "use the newer binary, nothing was changed") {
			t.Errorf("%v: status %d: %s", command, status, out)
		}
	}
	if n := w.number("select count(*) from runs"); n != 0 {
		t.Errorf("%d runs were made all the same", n)
	}
}
