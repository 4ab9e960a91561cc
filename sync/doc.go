// Package sync decides. It compares what Okta was seen to say with the rows of
// the directory, and runs the sequence that every trigger ends in:
//
//	ticket   which events wait for this scope, read before Okta is asked
//	observe  what Okta says now; no transaction is open
//	decide   Diff compares, Guard limits what may be taken away
//	commit   rows, changes, marks and progress in one transaction
//
// A person is one such transaction (Engine.Scope). A group and the whole tenant
// are runs (Engine.Run): pages stream in, only what differs is loaded and
// planned, the plan as a whole passes the guard, and is then applied batch by batch
// by the same code that applies one person.
//
// Nothing here starts a goroutine, sleeps, or reads a clock of its own. An
// error means that the scope is as it was: its events stay unmarked and the
// next attempt sees them again.
package sync
