package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"

	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/migrations"
)

// Options says which file to use.
type Options struct {
	// Path is the file, which is made when it does not exist. Its folder must.
	Path string
	// Readers is how many connections read at once, 0 for 4.
	Readers int
	// Clock tells the time, nil for time.Now. All times of the store come from it.
	Clock func() time.Time
	// MaxPages is how many pages of 4 KiB the file may have, 0 for any number.
	MaxPages int
}

// cachePages is SQLite's page cache per connection. At 4 KiB a page the writer
// takes 32 MiB however large the file grows.
const (
	cachePages       = 8192
	readerCachePages = 2048
)

// busyTimeout is how long to wait for a lock that another process holds on the
// file.
const busyTimeout = 10 * time.Second

// Open opens or makes the file. The schema may be of any version: see
// store.DB.CheckSchema.
func Open(ctx context.Context, o Options) (*store.DB, error) {
	if o.Path == "" || o.Path == ":memory:" {
		return nil, errors.New("a SQLite database needs the path of a file")
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("find the SQLite file %s: %w", o.Path, err)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("the folder of the SQLite file %s cannot be used; make it first: %w", path, err)
	}
	steps, err := migrations.SQLite()
	if err != nil {
		return nil, fmt.Errorf("read the embedded migrations: %w", err)
	}
	write, err := pool(dsn(path, false, o.MaxPages), 1)
	if err != nil {
		return nil, err
	}
	readers := o.Readers
	if readers <= 0 {
		readers = 4
	}
	read, err := pool(dsn(path, true, 0), readers)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	clock := o.Clock
	if clock == nil {
		clock = time.Now
	}
	db, err := store.New(store.Options{
		Write: write, Read: read, Dialect: dialect{name: "SQLite file " + path, clock: clock},
		Migrations: steps, Goose: goose.DialectSQLite3,
	})
	if err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	// The writer goes first: only it may turn a new file to the write-ahead log.
	if err := write.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the SQLite file %s: %w", path, err), db.Close())
	}
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// dsn holds everything that each connection needs: a PRAGMA that is run later
// reaches one connection of the pool only.
func dsn(path string, reader bool, maxPages int) string {
	q := url.Values{}
	q.Set("_busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()))
	q.Add("_pragma", "foreign_keys(1)")
	q.Add("_pragma", "temp_store(memory)")
	if maxPages > 0 {
		q.Add("_pragma", fmt.Sprintf("max_page_count(%d)", maxPages))
	}
	if reader {
		q.Add("_pragma", fmt.Sprintf("cache_size(%d)", readerCachePages))
		q.Set("_query_only", "1")
	} else {
		q.Add("_pragma", fmt.Sprintf("cache_size(%d)", cachePages))
		q.Add("_pragma", "journal_size_limit(67108864)")
		q.Set("_journal_mode", "WAL")
		q.Set("_txlock", "immediate")
	}
	q.Set("_synchronous", "NORMAL")
	file := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return file.String()
}

func pool(dsn string, size int) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("set up SQLite: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}
