package sqlite

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
)

// TestPragmas reads the settings back on two connections of each pool: one that
// was set on a single connection would be missing on the other.
func TestPragmas(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	both := map[string]string{
		"journal_mode": "wal", "busy_timeout": "10000", "foreign_keys": "1", "synchronous": "1", "temp_store": "2",
	}
	tests := []struct {
		name   string
		reader bool
		want   map[string]string
	}{
		// The writer first: it makes the file.
		{"writer", false, map[string]string{"cache_size": "8192", "query_only": "0", "journal_size_limit": "67108864"}},
		{"reader", true, map[string]string{"cache_size": "2048", "query_only": "1"}},
	}
	for _, test := range tests {
		db, err := pool(dsn(path, test.reader, 0), 2)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for i := range 2 {
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close() // held, so that the next one is another
			for _, wants := range []map[string]string{both, test.want} {
				for name, want := range wants {
					if got := pragma(t, conn, name); got != want {
						t.Errorf("%s, connection %d: %s is %s, want %s", test.name, i+1, name, got, want)
					}
				}
			}
		}
	}
}

func pragma(t *testing.T, conn *sql.Conn, name string) string {
	t.Helper()
	var value any
	if err := conn.QueryRowContext(t.Context(), "pragma "+name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(value)
}

// TestReadersCannotWrite and writers lock at the beginning.
func TestReadersCannotWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	write, err := pool(dsn(path, false, 0), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	if _, err := write.ExecContext(t.Context(), "create table x (y)"); err != nil {
		t.Fatal(err)
	}
	read, err := pool(dsn(path, true, 0), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if _, err := read.ExecContext(t.Context(), "insert into x values (1)"); err == nil {
		t.Error("a reader wrote")
	}

	tx, err := write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	other, err := sql.Open("sqlite", path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if second, err := other.BeginTx(t.Context(), nil); err == nil {
		_ = second.Rollback()
		t.Error("two transactions write at once")
	}
}

func TestAppendText(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":                  `""`,
		"plain":             `"plain"`,
		`"\` + "\n\x01/<é😀": `"\"\\\u000a\u0001/<é😀"`,
	}
	for text, want := range tests {
		if got := string(appendText(nil, text)); got != want {
			t.Errorf("%q is written as %s, want %s", text, got, want)
		}
	}
}
