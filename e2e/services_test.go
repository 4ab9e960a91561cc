package e2e

import (
	"context"
	"database/sql"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/e2e/installation"
)

const postgresVariable = "OKTASYNC_TEST_POSTGRES"

func freeAddress(t *testing.T) string {
	t.Helper()
	return must[string](t)(ports.Free())
}

// redisServer is a Redis of the test's own: services that share one would
// take each other's tasks.
type redisServer struct {
	*process
	server *installation.Redis
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	server, err := installation.StartRedis(t.Context(), ports, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &redisServer{process: look(t, server.Process), server: server}
}

// start starts it, empty.
func (r *redisServer) start(t *testing.T) {
	t.Helper()
	if err := r.server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.process = look(t, r.server.Process)
}

func (r *redisServer) client(t *testing.T) *redis.Client {
	client := r.server.Client()
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// newDatabase makes an empty database on the tests' PostgreSQL and returns its URL.
func newDatabase(t *testing.T) string {
	t.Helper()
	server := os.Getenv(postgresVariable)
	if server == "" {
		t.Fatalf("%s is not set: this test needs PostgreSQL; run make test, which starts it", postgresVariable)
	}
	database, drop, err := installation.CreateDatabase(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Logf("drop the test's database: %v", err)
		}
	})
	return database
}

// open connects to a database as the tests read it beside the service.
func open(t *testing.T, databaseURL string) *sql.DB {
	t.Helper()
	db, err := installation.OpenDatabase(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// postgresServer is a PostgreSQL of the test's own, which the test may stop.
type postgresServer struct {
	*installation.Postgres
	t *testing.T
}

func startPostgres(t *testing.T) *postgresServer {
	t.Helper()
	// Not t.TempDir: the user postgres must be able to get there.
	dir, err := os.MkdirTemp("", "oktasync-e2e-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	server, err := installation.StartPostgres(t.Context(), ports, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	return &postgresServer{Postgres: server, t: t}
}

func (p *postgresServer) start() {
	p.t.Helper()
	if err := p.Start(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// stop ends it at once, as a crash does.
func (p *postgresServer) stop() {
	p.t.Helper()
	if err := p.Stop(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}
