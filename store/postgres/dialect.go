package postgres

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/oktasync/oktasync/store"
)

type dialect struct{ name string }

func (d dialect) Name() string { return d.name }

// Now does not move within a statement, so that an index can be searched with it.
func (dialect) Now() string { return "statement_timestamp()" }

func (dialect) Clock() string { return "clock_timestamp()" }

func (dialect) At(parameter string) string { return parameter + "::timestamptz" }

func (dialect) Micros(parameter string) string {
	return "(" + parameter + "::bigint * interval '1 microsecond')"
}

func (dialect) Seconds(difference string) string {
	return "extract(epoch from " + difference + ")::double precision"
}

func (dialect) In(parameter string) string { return "= any(" + parameter + "::text[])" }

func (dialect) AsRows(parameter string) string { return "unnest(" + parameter + "::text[]) as k(key)" }

// DeleteFirst names the rows by their place. A join of the table with its first rows would be planned by what statistics
// say of it, which for rows that were written a moment ago is nothing: then each row is compared with all the others.
func (dialect) DeleteFirst(table, key, where, limit string) string {
	return "delete from " + table + " where ctid = any(array(select ctid from " + table + " where " + where + " order by " + key + " limit " + limit + "))"
}

func (dialect) Lock() string { return "for update" }

// Lazily sets the setting for this transaction only, without a round trip of its own.
func (dialect) Lazily() string {
	return "(select set_config('synchronous_commit', 'off', true)) is not null"
}

func (dialect) Time(t time.Time) any { return t }

func (dialect) List(texts []string) any { return texts }

func (dialect) WritesInWith() bool { return true }

func (dialect) HasTable() string {
	return "select count(*) from pg_catalog.pg_class where oid = to_regclass($1)"
}

func (dialect) Rows(first int, columns []store.Column) (string, []any) {
	arrays := make([]string, len(columns))
	names := make([]string, len(columns))
	args := make([]any, len(columns))
	for i, c := range columns {
		kind := ""
		switch c.Kind {
		case store.KindText:
			kind, args[i] = "text", c.Texts
		case store.KindInt:
			kind, args[i] = "bigint", c.Ints
		case store.KindBool:
			kind, args[i] = "boolean", c.Bools
		case store.KindTime:
			kind, args[i] = "timestamptz", c.Times
		default:
			// The server will complain about the type.
			kind = fmt.Sprintf("kind_%d", c.Kind)
		}
		arrays[i] = "$" + strconv.Itoa(first+i) + "::" + kind + "[]"
		names[i] = c.Name
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") as v(" + strings.Join(names, ", ") + ")", args
}

// Lost: PostgreSQL, appendix A: 40001 serialization_failure, 40P01
// deadlock_detected, 55P03 lock_not_available.
func (dialect) Lost(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (failure.Code == "40001" || failure.Code == "40P01" || failure.Code == "55P03")
}

// Full: PostgreSQL, appendix A: 53100 disk_full. New connections are then refused with XX000 internal_error and a sentence that
// is not translated (PostgreSQL, relcache.c), because the server writes a file of its own for them.
func (dialect) Full(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (failure.Code == "53100" || failure.Code == "XX000" && failure.Message == "could not write init file")
}
