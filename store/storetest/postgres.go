package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/oktasync/oktasync/store/postgres"
)

// PostgresVariable names the variable that holds the URL of a superuser's
// maintenance database.
const PostgresVariable = "OKTASYNC_TEST_POSTGRES"

// PostgresEmpty makes an empty database on the test server and returns its URL. It is
// dropped when the test ends.
func PostgresEmpty(t testing.TB) string {
	t.Helper()
	return postgresDatabase(t, "")
}

// PostgresDatabase makes a database with the newest schema and no rows on the test server and returns its URL.
// It is dropped when the test ends. It is a copy: TestMain of the package has to call Main, which drops the original.
func PostgresDatabase(t testing.TB) string {
	t.Helper()
	newestDatabase.once.Do(newestDatabase.make)
	if newestDatabase.err != nil {
		t.Fatalf("make a Postgres database with the newest schema: %v", newestDatabase.err)
	}
	return postgresDatabase(t, newestDatabase.name)
}

// Main runs the tests of a package that calls PostgresDatabase. It returns the status to exit with.
func Main(m *testing.M) int {
	newestDatabase.owned = true
	status := m.Run()
	if newestDatabase.name == "" {
		return status
	}
	if err := runSQL(context.Background(), fmt.Sprintf(`drop database if exists %q with (force)`, newestDatabase.name)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// newestDatabase is that of this process which the others are copies of. To migrate each of them takes longer
// than most tests.
var newestDatabase original

type original struct {
	once  sync.Once
	owned bool   // by Main, which drops it
	name  string // set when there may be such a database
	err   error
}

func (o *original) make() {
	if !o.owned {
		o.err = errors.New("nobody would drop it: TestMain of the package has to call storetest.Main")
		return
	}
	ctx := context.Background() // of no test: the next one uses it as well
	address, err := postgresURL("newest_" + uuid.NewString())
	if err != nil {
		o.err = err
		return
	}
	o.name = strings.TrimPrefix(address.Path, "/")
	if o.err = runSQL(ctx, fmt.Sprintf(`create database %q`, o.name)); o.err != nil {
		return
	}
	db, err := postgres.Open(ctx, postgres.Options{URL: address.String()})
	if err != nil {
		o.err = err
		return
	}
	// Nobody may be connected to a database that is copied.
	o.err = errors.Join(db.Migrate(ctx), db.Close())
}

func postgresURL(name string) (*url.URL, error) {
	server := os.Getenv(PostgresVariable)
	if server == "" {
		return nil, fmt.Errorf("%s is not set: run make test, which starts a server", PostgresVariable)
	}
	address, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("%s is not a URL", PostgresVariable) // the error would quote a password
	}
	address.Path = "/" + name
	return address, nil
}

// postgresDatabase makes a database, a copy of another unless that is empty.
func postgresDatabase(t testing.TB, original string) string {
	t.Helper()
	address, err := postgresURL("test_" + uuid.NewString())
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(address.Path, "/")
	create := fmt.Sprintf(`create database %q`, name)
	if original != "" {
		create += fmt.Sprintf(` template %q`, original)
	}
	if err := runSQL(t.Context(), create); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := runSQL(context.WithoutCancel(t.Context()), fmt.Sprintf(`drop database if exists %q with (force)`, name)); err != nil {
			t.Error(err)
		}
	})
	return address.String()
}

// runSQL runs a statement on a connection of its own to the server's maintenance database.
func runSQL(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, os.Getenv(PostgresVariable))
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
