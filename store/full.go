package store

import (
	"errors"

	"github.com/oktasync/oktasync/directory"
)

// explain turns an error of a database whose disk is full into one that says what to do, and remembers
// it. A transaction that meets it is undone as a whole, so nothing is half-written.
func (d *DB) explain(err error) error {
	if err == nil || errors.As(err, new(*directory.StorageFullError)) || !d.dialect.Full(err) {
		return err
	}
	full := &directory.StorageFullError{Where: d.dialect.Name(), Err: err}
	d.full.Store(full)
	return full
}

// Full returns the last error of a full disk, nil when something could be written since.
func (d *DB) Full() error {
	if full := d.full.Load(); full != nil {
		return full
	}
	return nil
}

// wrote notes that there was room for something.
func (d *DB) wrote(rows int64) {
	if rows > 0 && d.full.Load() != nil {
		d.full.Store(nil)
	}
}
