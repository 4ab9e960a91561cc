package e2e

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

const postgresVariable = "OKTASYNC_TEST_POSTGRES"

// nextPort counts through ports below those that the system gives to outgoing
// connections: a service that is started again finds its port free.
var nextPort atomic.Int64

func freePort(t *testing.T) int {
	t.Helper()
	nextPort.CompareAndSwap(0, int64(20000+os.Getpid()%9000))
	for range 500 {
		port := 20000 + int(nextPort.Add(1))%10000
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("no port is free between 20000 and 30000")
	return 0
}

// redisServer is a Redis of the test's own: services that share one would
// take each other's tasks.
type redisServer struct {
	*process
	address string
	dir     string
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	r := &redisServer{address: net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t))), dir: t.TempDir()}
	r.start(t)
	return r
}

// start starts it, empty.
func (r *redisServer) start(t *testing.T) {
	t.Helper()
	_, port, _ := net.SplitHostPort(r.address)
	r.process = begin(t, "redis-server", exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port,
		"--dir", r.dir, "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"))
	client := r.client(t)
	eventually(t, 10*time.Second, "redis-server answers", func() string { return reason(client.Ping(t.Context()).Err()) })
}

func (r *redisServer) client(t *testing.T) *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: r.address, MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func (r *redisServer) url() string { return "redis://" + r.address + "/0" }

// newDatabase makes an empty database on the tests' PostgreSQL and returns its URL.
func newDatabase(t *testing.T) string {
	t.Helper()
	maintenance := os.Getenv(postgresVariable)
	if maintenance == "" {
		t.Fatalf("%s is not set: this test needs PostgreSQL; run make test, which starts it", postgresVariable)
	}
	return createDatabase(t, maintenance)
}

func createDatabase(t *testing.T, maintenance string) string {
	t.Helper()
	at, err := url.Parse(maintenance)
	if err != nil {
		t.Fatalf("%s is no URL: %v", postgresVariable, err)
	}
	admin := open(t, maintenance)
	name := "e2e_" + strings.ToLower(rand.Text())
	if _, err := admin.ExecContext(t.Context(), "create database "+name); err != nil {
		t.Fatalf("make a database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if _, err := admin.ExecContext(ctx, "drop database if exists "+name+" with (force)"); err != nil {
			t.Logf("drop the test's database: %v", err)
		}
	})
	at.Path = "/" + name
	return at.String()
}

// open connects to a database as the tests read it beside the service.
func open(t *testing.T, databaseURL string) *sql.DB {
	t.Helper()
	driver, source := "pgx", databaseURL
	if path, found := strings.CutPrefix(databaseURL, "sqlite:"); found {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatalf("open the database: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// postgresServer is a PostgreSQL of the test's own, which the test may stop.
type postgresServer struct {
	t         *testing.T
	bin, data string
	port      int
}

func startPostgres(t *testing.T) *postgresServer {
	t.Helper()
	// Not t.TempDir: the user postgres must be able to get there.
	dir, err := os.MkdirTemp("", "oktasync-e2e-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &postgresServer{t: t, bin: postgresBin(t), data: filepath.Join(dir, "data"), port: freePort(t)}
	if err := os.Mkdir(p.data, 0o700); err != nil {
		t.Fatal(err)
	}
	if uid, gid, other := p.user(); other {
		for _, path := range []string{dir, p.data} {
			if err := os.Chown(path, int(uid), int(gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.run("initdb", "-D", p.data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	t.Cleanup(func() { _ = p.command("pg_ctl", "-D", p.data, "-m", "immediate", "stop").Run() })
	p.start()
	return p
}

// postgresBin finds the server's programs, which Debian keeps out of PATH.
func postgresBin(t *testing.T) string {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		t.Fatal("initdb is not there: install PostgreSQL, or run make test, which does")
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1])
}

// user is who runs the server: PostgreSQL refuses to run as root.
func (p *postgresServer) user() (uid, gid uint32, other bool) {
	if os.Geteuid() != 0 {
		return 0, 0, false
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		p.t.Fatalf("as root the server needs a user postgres: %v", err)
	}
	id, _ := strconv.ParseUint(u.Uid, 10, 32)
	group, _ := strconv.ParseUint(u.Gid, 10, 32)
	return uint32(id), uint32(group), true
}

func (p *postgresServer) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.Dir = "/"
	if uid, gid, other := p.user(); other {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	}
	return cmd
}

func (p *postgresServer) run(name string, args ...string) {
	p.t.Helper()
	// To a file: the server inherits a pipe and would keep it open.
	out, err := os.CreateTemp(p.t.TempDir(), name)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd := p.command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		p.t.Fatalf("%s: %v\n%s", name, err, text)
	}
}

func (p *postgresServer) start() {
	p.t.Helper()
	options := fmt.Sprintf("-h 127.0.0.1 -p %d -k %s -c fsync=off -c max_connections=100", p.port, p.data)
	p.run("pg_ctl", "-D", p.data, "-l", filepath.Join(p.data, "log"), "-w", "-o", options, "start")
}

// stop ends it at once, as a crash does.
func (p *postgresServer) stop() {
	p.t.Helper()
	p.run("pg_ctl", "-D", p.data, "-m", "immediate", "-w", "stop")
}

func (p *postgresServer) url() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", p.port)
}
