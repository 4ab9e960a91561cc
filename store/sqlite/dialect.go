package sqlite

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/oktasync/oktasync/store"
)

type dialect struct {
	name  string
	clock func() time.Time
}

func (d dialect) Name() string { return d.name }

// Now is a number, written into the statement: SQLite's own clock knows only
// milliseconds.
func (d dialect) Now() string { return strconv.FormatInt(d.clock().UnixMicro(), 10) }

func (d dialect) Clock() string { return d.Now() }

func (dialect) At(parameter string) string { return parameter }

func (dialect) Micros(parameter string) string { return parameter }

func (dialect) Seconds(difference string) string { return "(" + difference + ") / 1000000.0" }

func (dialect) In(parameter string) string {
	return "in (select value from json_each(" + parameter + "))"
}

func (dialect) AsRows(parameter string) string {
	return "(select value as key from json_each(" + parameter + ")) as k"
}

func (dialect) DeleteFirst(table, key, where, limit string) string {
	return "delete from " + table + " where " + where + " and (" + key + ") in (select " + key + " from " + table +
		" where " + where + " order by " + key + " limit " + limit + ")"
}

func (dialect) Lock() string { return "" } // the transaction holds the file's write lock

func (dialect) Lazily() string { return "true" } // it never waits: synchronous=NORMAL

func (dialect) Time(t time.Time) any { return t.UnixMicro() }

func (dialect) WritesInWith() bool { return false }

func (dialect) HasTable() string {
	return "select count(*) from sqlite_master where type = 'table' and name = $1"
}

func (dialect) List(texts []string) any {
	out := []byte{'['}
	for i, text := range texts {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendText(out, text)
	}
	return string(append(out, ']'))
}

// Rows reads the batch from one JSON text: an array of arrays.
func (d dialect) Rows(first int, columns []store.Column) (string, []any) {
	fields := make([]string, len(columns))
	for i, c := range columns {
		fields[i] = fmt.Sprintf("json_extract(value, '$[%d]') as %s", i, c.Name)
	}
	return "(select " + strings.Join(fields, ", ") + " from json_each($" + strconv.Itoa(first) + ")) as v",
		[]any{string(encode(columns))}
}

func encode(columns []store.Column) []byte {
	out := []byte{'['}
	for row := range length(columns) {
		if row > 0 {
			out = append(out, ',')
		}
		out = append(out, '[')
		for i, c := range columns {
			if i > 0 {
				out = append(out, ',')
			}
			switch c.Kind {
			case store.KindText:
				out = appendText(out, c.Texts[row])
			case store.KindInt:
				out = strconv.AppendInt(out, c.Ints[row], 10)
			case store.KindBool:
				out = strconv.AppendBool(out, c.Bools[row])
			case store.KindTime:
				out = strconv.AppendInt(out, c.Times[row].UnixMicro(), 10)
			default:
				out = append(out, "null"...) // no column takes it
			}
		}
		out = append(out, ']')
	}
	return append(out, ']')
}

func length(columns []store.Column) int {
	if len(columns) == 0 {
		return 0
	}
	c := columns[0]
	return max(len(c.Texts), len(c.Ints), len(c.Bools), len(c.Times))
}

// appendText writes a text, which holds valid UTF-8, as a JSON string.
func appendText(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	start := 0
	for i := 0; i < len(text); i++ {
		b := text[i]
		if b >= ' ' && b != '"' && b != '\\' || b >= utf8.RuneSelf {
			continue
		}
		out = append(out, text[start:i]...)
		start = i + 1
		if b < ' ' {
			out = append(out, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
			continue
		}
		out = append(out, '\\', b)
	}
	out = append(out, text[start:]...)
	return append(out, '"')
}

// Lost: another process held the file longer than the busy timeout. SQLite:
// result and error codes.
func (dialect) Lost(err error) bool {
	failure, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	primary := failure.Code() & 0xff
	return primary == codes.SQLITE_BUSY || primary == codes.SQLITE_LOCKED
}

// Full: SQLite says so of the disk, of a file at its largest, and of a page count at its limit.
func (dialect) Full(err error) bool {
	failure, ok := errors.AsType[*sqlite.Error](err)
	return ok && failure.Code()&0xff == codes.SQLITE_FULL
}
