package storetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/oktasync/oktasync/store/sqlite"
)

// newest is a file with the newest schema and no rows. Migrating takes longer than most tests, so it is done once.
var newest = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "oktasync-schema-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "newest.db")
	db, err := sqlite.Open(context.Background(), sqlite.Options{Path: path})
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(context.Background()); err != nil {
		db.Close()
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	// What is beside the file would be missing in copies of it.
	if beside, err := filepath.Glob(path + "-*"); err != nil || len(beside) > 0 {
		return nil, fmt.Errorf("%v is left beside the closed file: %w", beside, err)
	}
	return os.ReadFile(path)
})

// SQLiteFile returns the path of a file of the test's own, with the newest schema and no rows.
func SQLiteFile(t testing.TB) string {
	t.Helper()
	data, err := newest()
	if err != nil {
		t.Fatalf("make a SQLite file with the newest schema: %v", err)
	}
	path := filepath.Join(t.TempDir(), "directory.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
