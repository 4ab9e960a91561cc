// Package catchup reads Okta's System Log into the inbox: the second half of event intake.
//
// Hooks are quick and can be lost: Okta sends each twice at most, nothing while this
// service is down, and nothing past 400,000 events a day (event hooks guide). The System Log
// has them all, for 90 days. So each tenant's log is read every minute from where the
// last reading ended, and what is in it goes into the same inbox, by the same uuid. What
// the hook has brought already costs a note that it came by both ways; what it has not is
// worked off as if it had.
//
//	CatchUp.Turn:  place in the log ──> Log.Log ──> Store.TakeLogPage ──> Enqueuer.Enqueue
//	               (table)              a page      inbox and place,      what is new
//	                                                one commit
//
// The place is written in the commit that writes the events, so whatever dies in
// between, no event is passed over; what is read twice vanishes by its uuid.
//
// When something fails:
//
//   - Okta refuses the place: the log is read again from an hour before the newest event
//     that was read. Cursors have no documented lifetime.
//   - It refuses that as well, or nobody has read the log for longer than Okta keeps it:
//     a full sync is started, and the log is read from a moment before it.
//   - Anything else: the next turn tries again.
package catchup
