package postgres_test

import (
	"context"
	"os"
	"testing"

	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/postgres"
	"github.com/oktasync/oktasync/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// openAsIs opens a database until the test ends.
func openAsIs(t testing.TB, address string) *store.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Options{URL: address})
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
	storetest.Run(t, func(t *testing.T) *store.DB { return openAsIs(t, storetest.PostgresDatabase(t)) })
}

// holdWhile runs fn while a transaction of tenant acme is open.
func holdWhile(t *testing.T, db *store.DB, fn func()) {
	t.Helper()
	err := db.Update(t.Context(), "acme", func(context.Context, *store.Tx) error {
		fn()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func BenchmarkFirstSync(b *testing.B) {
	storetest.BenchmarkFirstSync(b, func(b *testing.B) *store.DB {
		db, err := postgres.Open(b.Context(), postgres.Options{URL: storetest.PostgresDatabase(b)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		return db
	})
}

func BenchmarkLongHistory(b *testing.B) {
	storetest.BenchmarkLongHistory(b, func(b *testing.B) *store.DB {
		db, err := postgres.Open(b.Context(), postgres.Options{URL: storetest.PostgresDatabase(b)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		return db
	})
}
