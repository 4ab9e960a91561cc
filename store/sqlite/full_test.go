package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
)

// TestFull lets the file grow no further: SQLite reports that as it reports a disk without room.
func TestFull(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "full.db")
	openFile(t, path)
	storetest.Full(t, func(room bool) *store.DB {
		o := sqlite.Options{Path: path}
		if !room {
			o.MaxPages = 1 // what is there stays
		}
		db, err := sqlite.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	})
}
