package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// tableWrites is how many rows of a table were written.
type tableWrites struct {
	table string
	rows  int
}

// watchedTables are the directory and its history. What a run keeps about itself
// (its row, what it has seen) is not part of it.
func watchedTables() []string {
	return []string{"people", "teams", "groups", "memberships", "changes", "quarantine"}
}

// writeWatch counts rows that are written from now on, an update to the same values
// included.
type writeWatch struct {
	db       *sql.DB
	postgres bool
	from     int64 // Postgres: the first transaction that counts
}

// watchWrites begins to count. On Postgres a row tells which transaction wrote it
// (deletions do not show: a full sync has none); on SQLite triggers count.
func watchWrites(ctx context.Context, i *installation) (*writeWatch, error) {
	w := &writeWatch{db: i.db, postgres: !strings.HasPrefix(i.database, "sqlite:")}
	if w.postgres {
		if err := w.db.QueryRowContext(ctx, "select txid_current()").Scan(&w.from); err != nil {
			return nil, fmt.Errorf("read the transaction number: %w", err)
		}
		return w, nil
	}
	if _, err := w.db.ExecContext(ctx, "create table bench_writes (name text not null)"); err != nil {
		return nil, fmt.Errorf("make a table of writes: %w", err)
	}
	for _, table := range watchedTables() {
		for _, kind := range []string{"insert", "update", "delete"} {
			trigger := fmt.Sprintf("create trigger bench_%[1]s_%[2]s after %[2]s on %[1]s begin insert into bench_writes values ('%[1]s'); end", table, kind)
			if _, err := w.db.ExecContext(ctx, trigger); err != nil {
				return nil, fmt.Errorf("watch table %s: %w", table, err)
			}
		}
	}
	return w, nil
}

// since returns what was written since the watch began.
func (w *writeWatch) since(ctx context.Context) ([]tableWrites, error) {
	var all []tableWrites
	for _, table := range watchedTables() {
		query, args := "select count(*) from bench_writes where name = $1", []any{table}
		if w.postgres {
			query, args = "select count(*) from "+table+" where xmin::text::bigint > $1", []any{w.from}
		}
		one := tableWrites{table: table}
		if err := w.db.QueryRowContext(ctx, query, args...).Scan(&one.rows); err != nil {
			return nil, fmt.Errorf("count the writes of table %s: %w", table, err)
		}
		all = append(all, one)
	}
	return all, nil
}
