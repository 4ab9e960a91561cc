package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/migrations"
)

// Options says which database to use.
type Options struct {
	// URL is postgres://user:password@host:port/database?…, or the same as
	// key=value pairs. What is missing comes from libpq's PG… variables.
	URL string
	// MaxConns is the most connections at once, 0 for 20. It should be at least
	// the number of workers plus some for HTTP.
	MaxConns int
	// ConnectTimeout is how long a connection may take to come up, 0 for 5 s.
	ConnectTimeout time.Duration
}

// idleInTransaction is how long the server waits for a client that holds a
// transaction open before it ends it. No transaction of ours waits for anything but
// the database, so one that rests so long belongs to a process that froze,
// and it holds a tenant's lock.
const idleInTransaction = time.Minute

// Open connects, and fails with the server's name when it does not answer. The
// schema may be of any version: see store.DB.CheckSchema.
func Open(ctx context.Context, o Options) (*store.DB, error) {
	config, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("the URL of the Postgres database cannot be read (%s); it looks like postgres://user:password@host:5432/database", reason(err))
	}
	config.ConnectTimeout = 5 * time.Second
	if o.ConnectTimeout > 0 {
		config.ConnectTimeout = o.ConnectTimeout
	}
	steps, err := migrations.Postgres()
	if err != nil {
		return nil, fmt.Errorf("read the embedded migrations: %w", err)
	}
	// Two replicas may start at once; the second looks every second.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, fmt.Errorf("make the migration lock: %w", err)
	}
	size := o.MaxConns
	if size <= 0 {
		size = 20
	}
	forEvents := max(1, size/intakeShare)
	pool := openPool(*config, max(1, size-forEvents), prepare)
	intake := openPool(*config, forEvents, prepareIntake)
	db, err := store.New(store.Options{
		Write: pool, Read: pool, Intake: intake, Dialect: dialect{name: name(config)},
		Migrations: steps, Goose: goose.DialectPostgres, Locker: locker,
	})
	if err != nil {
		return nil, errors.Join(err, pool.Close(), intake.Close())
	}
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// intakeShare is the part of the connections, one in so many, that is for events alone.
const intakeShare = 4

func openPool(config pgx.ConnConfig, size int, prepare func(context.Context, *pgx.Conn) error) *sql.DB {
	pool := stdlib.OpenDB(config, stdlib.OptionAfterConnect(prepare))
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(time.Hour)
	return pool
}

// prepareIntake sets up a connection for events. Its one statement inserts by key, so
// that statistics do not matter: planned once, it costs the server half.
func prepareIntake(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, `select set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false)`); err != nil {
		return fmt.Errorf("set up a connection for events: %w", err)
	}
	return nil
}

// prepare sets up one connection. The tables grow from nothing to a million
// rows within one run, faster than statistics follow: a plan that was made for an empty
// table and kept would then read the whole table for each page. For the same reason
// look-ups by key, which nearly all of ours are, are made cheap in the planner's
// eyes, and bitmaps are off: to take the first few rows of an order they read all.
func prepare(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `select set_config('plan_cache_mode', 'force_custom_plan', false),
		set_config('idle_in_transaction_session_timeout', $1, false),
		set_config('random_page_cost', '0.1', false),
		set_config('enable_bitmapscan', 'off', false),
		set_config('jit', 'off', false)`, strconv.FormatInt(idleInTransaction.Milliseconds(), 10))
	if err != nil {
		return fmt.Errorf("set up a connection: %w", err)
	}
	return nil
}

// name is how errors call the server.
func name(config *pgx.ConnConfig) string {
	return fmt.Sprintf("Postgres database %q at %s",
		config.Database, net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))))
}

// reason is why a URL cannot be read, without the URL: it holds a password, and some
// errors quote it.
func reason(err error) string {
	if inner, ok := errors.AsType[*url.Error](err); ok {
		if _, isEscape := errors.AsType[url.EscapeError](inner.Err); isEscape {
			return "it holds a % that is not an escape; write %25 for a percent sign in the password"
		}
	}
	return "not a URL and not key=value pairs, or a value in it is not valid"
}
