package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
)

func open(t *testing.T) *store.DB {
	t.Helper()
	return openAsIs(t, storetest.SQLiteFile(t))
}

// openFile opens a file and brings it to the newest schema.
func openFile(t *testing.T, path string) *store.DB {
	t.Helper()
	db := openAsIs(t, path)
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func openAsIs(t testing.TB, path string) *store.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, open)
}

// openEmpty makes a database for a benchmark.
func openEmpty(b *testing.B) *store.DB {
	db, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(b.TempDir(), "bench.db")})
	if err != nil {
		b.Fatal(err)
	}
	if err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return db
}

func BenchmarkFirstSync(b *testing.B) {
	storetest.BenchmarkFirstSync(b, openEmpty)
}

func BenchmarkLongHistory(b *testing.B) {
	storetest.BenchmarkLongHistory(b, openEmpty)
}
