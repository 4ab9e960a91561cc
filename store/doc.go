// Package store keeps what must not be lost: the directory of each tenant, its
// history of changes, the inbox of events, runs and their plans. It runs on two databases,
// which packages postgres and sqlite open; the SQL is here, once, and Dialect
// says where it differs.
//
// Data comes in three ways. AddEvents writes received events; SaveStep and AppendPlan
// collect what a run reads and decides; and Update runs a transaction that holds the
// tenant's lock, in which package sync compares, writes rows, appends changes
// and marks the events that it knew of. All other methods read, or serve the
// queue: what waits too long, who may work at a run, what was set aside.
// Every query names the tenant.
//
// When something fails, the transaction is undone and the error says what was
// attempted. Unknown things are directory.ErrNotFound, leases of others
// directory.ErrBusy, acts that do not fit directory.ErrConflict; everything else is the
// database's, and may pass: who asked asks again. Whatever was not marked
// as done stays in the inbox and is swept up later.
package store
