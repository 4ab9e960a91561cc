package postgres_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/oktasync/oktasync/store/postgres"
	"github.com/oktasync/oktasync/store/storetest"
)

func TestSchema(t *testing.T) {
	t.Parallel()
	storetest.Schema(t, func(t *testing.T) storetest.Empty { return empty(t) })
}

func empty(t testing.TB) storetest.Empty {
	t.Helper()
	address := storetest.PostgresEmpty(t)
	return storetest.Empty{
		DB: openAsIs(t, address), Second: openAsIs(t, address),
		SQL:  func(statement string) { run(t, address, statement) },
		Hour: "interval '1 hour'",
	}
}

func BenchmarkEventHealth(b *testing.B) { storetest.BenchmarkEventHealth(b, empty(b)) }

func BenchmarkGroupsOfPeople(b *testing.B) { storetest.BenchmarkGroupsOfPeople(b, empty(b)) }

func BenchmarkLicenses(b *testing.B) { storetest.BenchmarkLicenses(b, empty(b)) }

func run(t testing.TB, address, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()

	for name, address := range map[string]string{"closed": closed, "silent": silent.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			db, err := postgres.Open(t.Context(), postgres.Options{
				URL: "postgres://user:sesame@" + address + "/people?sslmode=disable", ConnectTimeout: 200 * time.Millisecond,
			})
			if err == nil {
				_ = db.Close()
				t.Fatal("opened a database that is not there")
			}
			if !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), `"people"`) || !strings.Contains(err.Error(), "does not answer") {
				t.Errorf("the error does not say what does not answer: %v", err)
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestBadURL(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"a percent sign in the password": "postgres://user:100%sesame@localhost/people",
		"a port that is none":            "postgres://user:sesame@localhost:many/people",
		"another kind of text":           "sesame",
		"a setting that is not valid":    "host=localhost password=sesame sslmode=perhaps",
		"an unknown mode":                "postgres://user:sesame@localhost/people?sslmode=perhaps",
	}
	for name, address := range tests {
		t.Run(name, func(t *testing.T) {
			db, err := postgres.Open(t.Context(), postgres.Options{URL: address})
			if err == nil {
				_ = db.Close()
				t.Fatal("opened")
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Errorf("the error shows the password: %v", err)
			}
			if !strings.Contains(err.Error(), "postgres://user:password@host:5432/database") {
				t.Errorf("the error does not say what a URL looks like: %v", err)
			}
		})
	}
}

// TestPoolIsNotExhausted holds as many transactions as there are connections:
// the rest waits no longer than its context.
func TestPoolIsNotExhausted(t *testing.T) {
	t.Parallel()
	address := storetest.PostgresDatabase(t)
	db, err := postgres.Open(t.Context(), postgres.Options{URL: address, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.EnsureTenants(t.Context(), []string{"acme"}); err != nil {
		t.Fatal(err)
	}
	holdWhile(t, db, func() {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := db.Now(ctx); err == nil {
			t.Error("a second connection was made")
		}
	})
	if _, err := db.Now(t.Context()); err != nil {
		t.Error(err)
	}
}
