package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Options is what a database brings along. Packages postgres and sqlite fill it in.
type Options struct {
	// Write is the pool that transactions and statements that write use, Read
	// the one for everything else. They may be the same.
	Write, Read *sql.DB
	// Intake is the pool that events come in through, so that they never wait for
	// a connection behind other work; nil means Write.
	Intake     *sql.DB
	Dialect    Dialect
	Migrations fs.FS
	Goose      goose.Dialect
	// Locker keeps two processes from migrating at once; nil where the
	// database's own lock does.
	Locker lock.SessionLocker
}

// DB keeps the directories of all tenants, with inbox, runs and plans. Its
// methods may be called at the same time.
type DB struct {
	write, read, intake *sql.DB
	dialect             Dialect
	migrations          fs.FS
	goose               goose.Dialect
	locker              lock.SessionLocker
	heads               heads
	full                atomic.Pointer[fullDisk]
	committed           atomic.Pointer[func()]
}

// New returns a store. It does not talk to the database.
func New(o Options) (*DB, error) {
	if o.Write == nil || o.Read == nil || o.Dialect == nil || o.Migrations == nil {
		return nil, errors.New("a store needs pools, a dialect and migrations")
	}
	if o.Intake == nil {
		o.Intake = o.Write
	}
	return &DB{
		write: o.Write, read: o.Read, intake: o.Intake, dialect: o.Dialect,
		migrations: o.Migrations, goose: o.Goose, locker: o.Locker,
	}, nil
}

// Close ends all connections.
func (d *DB) Close() error {
	// A pool that serves twice is closed twice, which does no harm.
	return errors.Join(d.intake.Close(), d.read.Close(), d.write.Close())
}

// Ping says whether the database answers. The error names it, without password.
func (d *DB) Ping(ctx context.Context) error {
	if err := d.read.PingContext(ctx); err != nil {
		return d.unreachable(err)
	}
	return nil
}

// Now is the database's clock, in UTC with microseconds. All replicas share it.
func (d *DB) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	if err := d.row(ctx, d.read, `select {clock}`).Scan(moment{&now}); err != nil {
		return time.Time{}, fmt.Errorf("read the clock of %s: %w", d.dialect.Name(), err)
	}
	return now, nil
}

// Pools returns the statistics of the writing and the reading pool, which may
// be the same.
func (d *DB) Pools() (write, read sql.DBStats) { return d.write.Stats(), d.read.Stats() }

func (d *DB) unreachable(err error) error {
	if d.dialect.Full(err) {
		return d.explain(err)
	}
	return fmt.Errorf("%s does not answer: %w", d.dialect.Name(), err)
}
