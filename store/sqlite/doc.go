// Package sqlite opens a store on one SQLite file, for one process on one
// machine.
//
// One connection writes, in transactions that take the file's write lock when they
// begin, so that nobody reads first and fails to write later. Several others
// read beside it (write-ahead log) and cannot write. Batches travel as one JSON text. The
// database's clock is this process's clock. A crash of the machine may lose
// the last transactions before it (synchronous=NORMAL), never the file's
// consistency: events lost so are read again from Okta's System Log.
package sqlite
