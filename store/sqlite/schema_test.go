package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
)

func TestSchema(t *testing.T) {
	t.Parallel()
	storetest.Schema(t, func(t *testing.T) storetest.Empty { return empty(t) })
}

func empty(t testing.TB) storetest.Empty {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	return storetest.Empty{
		DB: openAsIs(t, path), Second: openAsIs(t, path),
		Hour: "3600000000", // microseconds
		SQL: func(statement string) {
			t.Helper()
			db, err := sql.Open("sqlite", path+"?_busy_timeout=10000")
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func BenchmarkEventHealth(b *testing.B) { storetest.BenchmarkEventHealth(b, empty(b)) }

func BenchmarkGroupsOfPeople(b *testing.B) { storetest.BenchmarkGroupsOfPeople(b, empty(b)) }

func BenchmarkLicenses(b *testing.B) { storetest.BenchmarkLicenses(b, empty(b)) }

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	tests := []struct{ name, path, want string }{
		{"no path", "", "needs the path of a file"},
		{"in memory", ":memory:", "needs the path of a file"},
		{"no folder", filepath.Join(folder, "missing", "x.db"), "make it first"},
		{"a folder", folder, folder},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			db, err := sqlite.Open(t.Context(), sqlite.Options{Path: test.path})
			if err == nil {
				_ = db.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
		})
	}
}

// TestOddPath opens a file whose name means something in a URI.
func TestOddPath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?c#d%20&e=1.db")
	openFile(t, path)
	matches, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.db"))
	if err != nil {
		t.Fatal(err)
	}
	if len(matches) != 1 || matches[0] != path {
		t.Errorf("files are %q, want %q", matches, path)
	}
}

// TestReopen checks that what was committed is there after a restart.
func TestReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.EnsureTenants(t.Context(), []string{"acme"}); err != nil {
		t.Fatal(err)
	}
	put := func(ctx context.Context, tx *store.Tx) error {
		return tx.PutPeople(ctx, []directory.Person{{ID: "u1", Status: directory.StatusActive}})
	}
	if err := db.Update(t.Context(), "acme", put); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := openFile(t, path).FindPerson(t.Context(), "acme", "u1"); err != nil {
		t.Error(err)
	}
}
