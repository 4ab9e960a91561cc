package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// undoWithin is how long a rollback may take before its connection is given up.
const undoWithin = 5 * time.Second

// attempts is how often a transaction that lost against another one is tried.
const attempts = 5

// Tx is a transaction that holds the tenant's lock. Reads see what it wrote.
type Tx struct {
	db     *DB
	tx     *sql.Tx
	tenant string
	now    time.Time
	rules  string // hash of those in force
	unique uniqueIndex
	feed   string // id of the tenant's feed
	seq    int64  // of the tenant's last change, those of this transaction included
}

// Now is the database's clock just after the lock was taken. As locks of a tenant
// follow each other, so do these times.
func (t *Tx) Now() time.Time { return t.now }

// Seq is the number of the tenant's last change.
func (t *Tx) Seq() int64 { return t.seq }

// Update runs fn in one transaction that holds the tenant's lock: no other
// transaction of the tenant decides or writes meanwhile. An error of fn undoes
// everything and is returned as it is. fn runs at most once. A tenant that has no
// row, or that was removed, is directory.ErrNotFound.
func (d *DB) Update(ctx context.Context, tenant string, fn func(context.Context, *Tx) error) error {
	t := &Tx{db: d, tenant: tenant}
	locked := int64(0)
	err := d.inTx(ctx, func(tx *sql.Tx) error {
		t.tx = tx
		if err := t.lock(ctx); err != nil {
			return err
		}
		locked = t.seq
		if err := fn(ctx, t); err != nil {
			return err
		}
		if t.seq == locked {
			return nil
		}
		// The numbers were handed out in memory under the lock; they are
		// written here, once, so that an aborted transaction leaves no gap.
		if _, err := d.exec(ctx, tx, `update tenants set change_seq = $2 where slug = $1`, tenant, t.seq); err != nil {
			return fmt.Errorf("write down the last change of tenant %s: %w", tenant, err)
		}
		return nil
	})
	if err == nil && t.seq > locked {
		d.heads.advance(tenant, t.feed, t.seq)
		if tell := d.committed.Load(); tell != nil {
			(*tell)()
		}
	}
	return err
}

// lock takes the tenant's row. The clock is read outside the part that waits for the
// lock, so that it tells when the lock was taken and not when it was asked for.
func (t *Tx) lock(ctx context.Context) error {
	const query = `
		with locked as materialized (select feed, change_seq, rules, unique_index from tenants where slug = $1 and removed_at is null {lock})
		select feed, change_seq, rules, unique_index, {clock} from locked`
	var unique string
	err := t.db.row(ctx, t.tx, query, t.tenant).Scan(&t.feed, &t.seq, &t.rules, &unique, moment{&t.now})
	t.unique = readUniqueIndex(unique)
	if errors.Is(err, sql.ErrNoRows) {
		return unknownTenant(t.tenant)
	}
	if err != nil {
		return fmt.Errorf("lock tenant %s: %w", t.tenant, err)
	}
	return nil
}

func unknownTenant(tenant string) error {
	return fmt.Errorf("tenant %q has no row in the database: %w", tenant, directory.ErrNotFound)
}

// inTx runs fn in a write transaction, which must not do anything but talk to the
// database.
func (d *DB) inTx(ctx context.Context, fn func(*sql.Tx) error) error {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return d.unreachable(err)
	}
	defer conn.Close()

	// database/sql undoes a transaction when the context that began it is
	// cancelled, and pgx cannot talk on a cancelled context: it would have to
	// throw the connection away. So the transaction lives in a context of its
	// own; the statements of fn use the caller's.
	txCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	release := context.AfterFunc(ctx, cancel)
	tx, err := conn.BeginTx(txCtx, nil)
	if !release() && err == nil {
		_ = tx.Rollback() // its context is over as well, so the connection is lost
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("begin a transaction on %s: %w", d.dialect.Name(), d.explain(err))
	}

	// A panic of fn passes through here too.
	committed := false
	defer func() {
		if committed {
			return
		}
		giveUp := time.AfterFunc(undoWithin, cancel)
		defer giveUp.Stop()
		_ = tx.Rollback() // fn's error says why; a connection that cannot undo is thrown away
	}()
	if err := fn(tx); err != nil {
		return d.explain(err) // that of a single row comes as it is
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit on %s: %w", d.dialect.Name(), d.explain(err))
	}
	committed = true
	return nil
}

// again runs a transaction of the store's own that may be done twice, until it
// does not lose against another one.
func (d *DB) again(ctx context.Context, fn func(*sql.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := d.inTx(ctx, fn)
		if err == nil || attempt == attempts || !d.dialect.Lost(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(attempt*attempt) * 5 * time.Millisecond):
		}
	}
}
