package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// querier is a pool, a connection or a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// scanner is a row.
type scanner interface {
	Scan(dest ...any) error
}

// args turns values into what the driver takes: times, lengths of time and lists of
// texts differ between the databases.
func (d *DB) args(values []any) []any {
	for i, v := range values {
		switch v := v.(type) {
		case time.Time:
			values[i] = d.dialect.Time(v)
		case *time.Time:
			values[i] = nil
			if v != nil {
				values[i] = d.dialect.Time(*v)
			}
		case time.Duration:
			values[i] = v.Microseconds()
		case string:
			values[i] = clean(v)
		case []string:
			cleaned := make([]string, len(v))
			for j := range v {
				cleaned[j] = clean(v[j])
			}
			values[i] = d.dialect.List(cleaned)
		}
	}
	return values
}

// exec runs a statement and returns how many rows it touched.
func (d *DB) exec(ctx context.Context, q querier, query string, values ...any) (int64, error) {
	return d.did(q.ExecContext(ctx, expand(d.dialect, query, ""), d.args(values)...))
}

// execRows is exec with a batch of rows.
func (d *DB) execRows(ctx context.Context, q querier, query string, batch []Column, values ...any) (int64, error) {
	rows, batchArgs := d.dialect.Rows(len(values)+1, batch)
	return d.did(q.ExecContext(ctx, expand(d.dialect, query, rows), append(d.args(values), batchArgs...)...))
}

// did says how many rows a statement touched.
func (d *DB) did(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, d.explain(err)
	}
	return result.RowsAffected()
}

// row runs a query that yields one row. The error is sql.ErrNoRows when it yields none.
func (d *DB) row(ctx context.Context, q querier, query string, values ...any) *sql.Row {
	return q.QueryRowContext(ctx, expand(d.dialect, query, ""), d.args(values)...)
}

// list runs a query and scans all of its rows.
func list[T any](ctx context.Context, d *DB, q querier, scan func(scanner) (T, error), query string, values ...any) ([]T, error) {
	rows, err := collect(ctx, q, scan, expand(d.dialect, query, ""), d.args(values))
	return rows, d.explain(err)
}

// listRows is list with a batch of rows.
func listRows[T any](ctx context.Context, d *DB, q querier, scan func(scanner) (T, error), query string, batch []Column, values ...any) ([]T, error) {
	rows, batchArgs := d.dialect.Rows(len(values)+1, batch)
	items, err := collect(ctx, q, scan, expand(d.dialect, query, rows), append(d.args(values), batchArgs...))
	return items, d.explain(err)
}

func collect[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args []any) ([]T, error) {
	var all []T
	err := each(ctx, q, query, args, func(s scanner) error {
		item, err := scan(s)
		if err == nil {
			all = append(all, item)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// each hands the rows of a query to do, one by one, so that there may be any number of them.
func each(ctx context.Context, q querier, query string, args []any, do func(scanner) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// keyed begins a query that looks rows up by the keys in parameter 2, in the
// tenant of parameter 1: wanted has one row for each key. The tenant comes along
// as a column, because "tenant = $1 and id in (…)" tempts both databases to read
// the whole tenant and throw away what is not wanted. SQLite joins in the order
// written where it says cross join.
const keyed = `
	with wanted as materialized (select distinct cast($1 as text) as of_tenant, key from {list $2}) `

func scanText(s scanner) (string, error) {
	var text string
	err := s.Scan(&text)
	return text, err
}

// moment scans a time: Postgres has a type for it, SQLite counts microseconds.
type moment struct{ to *time.Time }

func (m moment) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*m.to = time.Time{}
	case time.Time:
		*m.to = v.UTC()
	case int64:
		*m.to = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", value)
	}
	return nil
}

// maybe scans a time that may be missing.
type maybe struct{ to **time.Time }

func (m maybe) Scan(value any) error {
	if value == nil {
		*m.to = nil
		return nil
	}
	var t time.Time
	if err := (moment{&t}).Scan(value); err != nil {
		return err
	}
	*m.to = &t
	return nil
}

// seconds scans a length of time.
type seconds struct{ to *time.Duration }

func (s seconds) Scan(value any) error {
	var n sql.NullFloat64
	if err := n.Scan(value); err != nil {
		return err
	}
	*s.to = time.Duration(n.Float64 * float64(time.Second)).Round(time.Microsecond)
	return nil
}

// jsonText scans a text that holds JSON. An empty text leaves the target as it is.
type jsonText struct{ to any }

func (j jsonText) Scan(value any) error {
	var text []byte
	switch v := value.(type) {
	case string:
		text = []byte(v)
	case []byte:
		text = v
	default:
		return fmt.Errorf("JSON is stored as %T", value)
	}
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, j.to)
}

// jsonOf renders values as JSON for a column of a batch.
func jsonOf[T any](name string, rows []T, value func(*T) (any, bool)) (Column, error) {
	c := Column{Name: name, Kind: KindText, Texts: make([]string, len(rows))}
	for i := range rows {
		v, has := value(&rows[i])
		if !has {
			continue
		}
		text, err := json.Marshal(v)
		if err != nil {
			return Column{}, fmt.Errorf("write %s as JSON: %w", name, err)
		}
		c.Texts[i] = clean(string(text))
	}
	return c, nil
}
