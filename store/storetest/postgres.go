package storetest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// PostgresVariable names the variable that holds the URL of a superuser's
// maintenance database.
const PostgresVariable = "OKTASYNC_TEST_POSTGRES"

// PostgresDatabase makes a database on the test server and returns its URL. It is
// dropped when the test ends. template is the URL of another such database, to which
// nobody may be connected, that is copied; or empty.
func PostgresDatabase(t testing.TB, template string) string {
	t.Helper()
	server := os.Getenv(PostgresVariable)
	if server == "" {
		t.Fatalf("%s is not set: run make test, which starts a server", PostgresVariable)
	}
	address, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is not a URL", PostgresVariable)
	}
	name := "test_" + uuid.NewString()
	create := fmt.Sprintf(`create database %q`, name)
	if template != "" {
		from, err := url.Parse(template)
		if err != nil {
			t.Fatalf("the template's URL: %v", err)
		}
		create += fmt.Sprintf(` template %q`, strings.TrimPrefix(from.Path, "/"))
	}
	runSQL(t, server, create)
	t.Cleanup(func() { runSQL(t, server, fmt.Sprintf(`drop database if exists %q with (force)`, name)) })
	address.Path = "/" + name
	return address.String()
}

// runSQL runs a statement on a connection of its own. It may be called when
// the test's context is over.
func runSQL(t testing.TB, server, statement string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("connect to the test server: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
