package installation

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"
)

// OpenDatabase connects to a database, to read it beside the service. The caller
// closes it.
func OpenDatabase(databaseURL string) (*sql.DB, error) {
	driver, source := "pgx", databaseURL
	if path, found := strings.CutPrefix(databaseURL, "sqlite:"); found {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return db, nil
}

// CreateDatabase makes an empty database on a PostgreSQL server, given the URL of any
// database there, and returns its URL and what drops it.
func CreateDatabase(ctx context.Context, server string) (string, func() error, error) {
	at, err := url.Parse(server)
	if err != nil {
		return "", nil, errors.New("the address of PostgreSQL is no URL") // the error would quote a password
	}
	admin, err := OpenDatabase(server)
	if err != nil {
		return "", nil, err
	}
	name := "test_" + strings.ToLower(rand.Text())
	if _, err := admin.ExecContext(ctx, "create database "+name); err != nil {
		return "", nil, errors.Join(fmt.Errorf("make a database: %w", err), admin.Close())
	}
	at.Path = "/" + name
	drop := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_, err := admin.ExecContext(ctx, "drop database if exists "+name+" with (force)")
		return errors.Join(err, admin.Close())
	}
	return at.String(), drop, nil
}
