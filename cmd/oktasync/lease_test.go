package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
)

// TestHoldLeases: the lease is renewed while the work goes on, and the work ends with the lease.
func TestHoldLeases(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: storetest.SQLiteFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.EnsureTenants(t.Context(), []string{"acme"}); err != nil {
		t.Fatal(err)
	}
	run := directory.Run{ID: "r", Tenant: "acme", Scope: directory.FullScope(), Cause: directory.CauseManual}
	if _, _, err := db.CreateRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	// Free at once, if nobody renewed it.
	if _, err := db.ClaimRun(t.Context(), "acme", "r", "one", 0, time.Microsecond); err != nil {
		t.Fatal(err)
	}
	held, stop := holdLeases(db, "acme", time.Hour, time.Millisecond, slog.New(slog.DiscardHandler))(t.Context(), "r", "one")
	defer stop()
	for {
		stale, err := db.StaleRuns(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(stale) == 0 {
			break // renewed
		}
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.ClaimRun(t.Context(), "acme", "r", "two", directory.AnyClaim, time.Minute); !errors.Is(err, directory.ErrBusy) {
		t.Errorf("another process claims it: %v, want busy", err)
	}
	if held.Err() != nil {
		t.Fatal("the work was ended although the lease is held")
	}
	if err := db.FailRun(t.Context(), "acme", "r", "by somebody else"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-held.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("the work goes on although the run is over")
	}
	if cause := context.Cause(held); !errors.Is(cause, errLeaseLost) || !errors.Is(cause, directory.ErrBusy) {
		t.Errorf("the work was ended because of %v", cause)
	}
}
