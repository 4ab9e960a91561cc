// Package postgres opens a store on PostgreSQL 13 or newer.
//
// Batches travel as arrays, one per column, which the server unnests: one
// statement and one round trip whatever their length. The tenant's lock is a
// row lock on its row in table tenants. A server that does not answer is named in the
// error; the password never is.
package postgres
