// Package migrations holds the schema of both databases, one numbered file per
// step. goose runs them in order and writes down the last one in the table
// goose_db_version. A file that was released is never edited: mend it with a new one, in
// both folders and with the same number.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// Postgres returns the steps for Postgres.
func Postgres() (fs.FS, error) { return fs.Sub(files, "postgres") }

// SQLite returns the steps for SQLite.
func SQLite() (fs.FS, error) { return fs.Sub(files, "sqlite") }
