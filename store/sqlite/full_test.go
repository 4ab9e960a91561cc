package sqlite_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
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

// TestFullWhileReading: a statement that returns rows tells of a full disk like any other, so that a run waits for
// room instead of using up its attempts.
func TestFullWhileReading(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "full.db")
	db := openFile(t, path)
	if err := db.EnsureTenants(t.Context(), []string{"acme"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.CreateRun(t.Context(), directory.Run{ID: "r1", Tenant: "acme", Scope: directory.FullScope(), Cause: directory.CauseManual}); err != nil {
		t.Fatal(err)
	}
	run, err := db.ClaimRun(t.Context(), "acme", "r1", "w1", directory.AnyClaim, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	full, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, MaxPages: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = full.Close() })
	run.State = directory.RunReading
	notes, err := json.Marshal(strings.Repeat("a note. ", 1<<17))
	if err != nil {
		t.Fatal(err)
	}
	err = full.SaveStep(t.Context(), run, "w1", time.Hour, directory.Step{Notes: notes})
	if !errors.As(err, new(*directory.StorageFullError)) || full.Full() == nil {
		t.Errorf("a step without room: %v", err)
	}
}
