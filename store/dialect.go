package store

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Dialect is what the two databases do differently. Everything else is one
// text of SQL for both, in which these marks stand for the differences:
//
//	{now}        the database's clock, the same throughout the statement
//	{clock}      the database's clock at this very moment
//	{at $n}      parameter n as a time
//	{micros $n}  parameter n, whole microseconds, as a length of time
//	{seconds x}  x, one time minus another, in seconds
//	{in $n}      "is one of the texts in parameter n"
//	{list $n}    the texts in parameter n as rows k with one column, key
//	{lock}       locks the rows read, where the transaction does not lock all
//	{rows}       a batch of rows, known as v
//	{lazily}     a condition that is always true; the commit need not wait for
//	             the disk. Only for what a run does before it applies
//	             anything: a crash loses the end of it, as if it came earlier
type Dialect interface {
	// Name is how errors call the database: its kind and where it is, never
	// a password.
	Name() string
	Now() string
	Clock() string
	At(parameter string) string
	Micros(parameter string) string
	Seconds(difference string) string
	In(parameter string) string
	AsRows(parameter string) string
	Lock() string
	Lazily() string
	// DeleteFirst deletes the first rows of a table in order of the key, as many as the parameter limit says. where
	// selects rows; with the key it names one.
	DeleteFirst(table, key, where, limit string) string
	// Rows returns the FROM item of a batch whose first parameter has the
	// number first, and its arguments.
	Rows(first int, columns []Column) (string, []any)
	// Time and List turn a time and a list of texts into arguments.
	Time(t time.Time) any
	List(texts []string) any
	// WritesInWith says whether WITH may hold statements that write.
	WritesInWith() bool
	// HasTable is a query that counts the tables called $1.
	HasTable() string
	// Lost says that the transaction lost against another one and may win
	// when it is done again.
	Lost(err error) bool
	// Full says that the database's disk has no room.
	Full(err error) bool
}

// Kind is the type of a batch's column.
type Kind int

// The kinds of columns.
const (
	KindText Kind = iota
	KindInt
	KindBool
	KindTime
)

// Column is one column of a batch: one value per row in the slice of its kind.
type Column struct {
	Name  string
	Kind  Kind
	Texts []string
	Ints  []int64
	Bools []bool
	Times []time.Time
}

func texts[T any](name string, rows []T, value func(*T) string) Column {
	c := Column{Name: name, Kind: KindText, Texts: make([]string, len(rows))}
	for i := range rows {
		c.Texts[i] = clean(value(&rows[i]))
	}
	return c
}

func ints[T any](name string, rows []T, value func(*T) int64) Column {
	c := Column{Name: name, Kind: KindInt, Ints: make([]int64, len(rows))}
	for i := range rows {
		c.Ints[i] = value(&rows[i])
	}
	return c
}

func bools[T any](name string, rows []T, value func(*T) bool) Column {
	c := Column{Name: name, Kind: KindBool, Bools: make([]bool, len(rows))}
	for i := range rows {
		c.Bools[i] = value(&rows[i])
	}
	return c
}

func times[T any](name string, rows []T, value func(*T) time.Time) Column {
	c := Column{Name: name, Kind: KindTime, Times: make([]time.Time, len(rows))}
	for i := range rows {
		c.Times[i] = value(&rows[i])
	}
	return c
}

// clean makes a text storable: Postgres takes neither NUL nor broken UTF-8, and
// one such value must not stop the rows beside it.
func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}

// expand fills in the marks of a query. rows is the text for {rows}.
func expand(d Dialect, query, rows string) string {
	if !strings.Contains(query, "{") {
		return query
	}
	var out strings.Builder
	out.Grow(len(query) + len(rows) + 64)
	for {
		before, rest, found := strings.Cut(query, "{")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		mark, after, _ := strings.Cut(rest, "}")
		name, parameter, _ := strings.Cut(mark, " ")
		switch name {
		case "now":
			out.WriteString(d.Now())
		case "clock":
			out.WriteString(d.Clock())
		case "at":
			out.WriteString(d.At(parameter))
		case "micros":
			out.WriteString(d.Micros(parameter))
		case "seconds":
			out.WriteString(d.Seconds(parameter))
		case "in":
			out.WriteString(d.In(parameter))
		case "list":
			out.WriteString(d.AsRows(parameter))
		case "lock":
			out.WriteString(d.Lock())
		case "lazily":
			out.WriteString(d.Lazily())
		case "rows":
			out.WriteString(rows)
		default:
			// The database will complain about it by its name.
			out.WriteString("{" + mark + "}")
		}
		query = after
	}
}
