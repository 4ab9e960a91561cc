package store

import (
	"errors"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// fullFor is how long a full disk is told of after it was last met. Small writes often find room
// where large ones do not, so that one of them went well says little.
const fullFor = time.Minute

// fullDisk is the last error of a full disk.
type fullDisk struct {
	err *directory.StorageFullError
	at  time.Time
}

// explain turns an error of a database whose disk is full into one that says what to do, and remembers
// it. A transaction that meets it is undone as a whole, so nothing is half-written.
func (d *DB) explain(err error) error {
	if err == nil || errors.As(err, new(*directory.StorageFullError)) || !d.dialect.Full(err) {
		return err
	}
	full := &directory.StorageFullError{Where: d.dialect.Name(), Err: err}
	d.full.Store(&fullDisk{full, time.Now()})
	return full
}

// Full returns the error of a disk that was found full within the last minute, else nil.
func (d *DB) Full() error {
	if full := d.full.Load(); full != nil && time.Since(full.at) < fullFor {
		return full.err
	}
	return nil
}
