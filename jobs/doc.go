// Package jobs carries work from those who hear of it to those who do it, over
// asynq on Redis.
//
//	hook, API ──> Client ──> leavers ──> 4 slots ──────┐
//	                         people  ──> 8 slots ──────┤
//	                         groups  ──> 3 slots ──────┼─> Reconciler
//	Schedule ──> run row ──> bulk    ──> 2 slots ──────┘
//	Upkeep ───> chore row ─> upkeep  ──> 4 slots ────────> Chore
//	Postman ──> endpoint row ─> deliveries ──> 16 slots, and 16 for slow ones ──> Courier
//	Sweeper  ──> what waits in the tables and has no task
//
// No tenant gets in the way of the others: what one sends beyond its share goes to backlog
// queues, which have half of the people's slots, and none holds more than half of the slots of a
// lane while others come (share.go).
//
// The tables are the truth, the queue is a hint. An event is in the inbox, and a
// run or a chore has its row, before a task exists. A task says only where to look, holds
// ids and no personal data, and finds nothing to do when another one was
// faster. So a task may be lost, doubled, or late, and Redis may be down, empty
// or inside this process (ModeEmbedded, which keeps nothing): the Sweeper
// looks into the tables every few seconds and makes the tasks that are missing.
//
// Many scopes at once, as one body of a hook can name them, travel as one task
// that a worker spreads out into a task each, so that the hook is answered quickly.
//
// Because work is found in the tables, tasks of a scope have no identity and no uniqueness lock.
// With those, asynq refuses an event that arrives while its scope is being
// worked on, or after an earlier task was given up. Only the sweeper's own
// tasks have an id, so that a scope which waits for its next attempt does not
// get another task with each sweep; to them a refusal means "ask again later".
//
// When something fails:
//
//   - Redis is down or hangs: Enqueue fails within its timeout, and at once for a
//     while after. The caller goes on; the sweeper enqueues when Redis is back.
//     What runs goes on, and runs once more if its lease has run out by then.
//   - Okta asks to wait, or the service stops: the task comes back and has
//     used up no attempt. In a storm, when a thousand of a queue wait already,
//     ordinary ones end instead: their events wait in the inbox, and the sweeper
//     hands them out (crowd.go).
//   - Okta refuses the credentials: the tenant is blocked. Its tasks end without
//     asking Okta, its events stay, and the sweeper sends one probe at a time: one of
//     the events or, when none waits, a question of its own. The first success that Okta
//     was asked for lifts the block, everything is swept up, and a nightly run that had
//     been refused is made again.
//   - Work fails for another reason: it is tried again over about 90 minutes, then
//     parked in the database with the reason, where an admin retries or discards it.
//   - An attempt at a run fails: its task ends. The run's row says whether and when there
//     is another attempt, and the sweeper makes its task.
//   - A worker dies: the sweeper gives its runs to others when the lease in the row has run
//     out, and the scopes with events after 15 s. asynq brings the tasks back after about
//     80 seconds, which counts as an attempt; mostly there is nothing left to do.
//
// asynq's own archive stays empty. A task that was given up ends as done once the
// database has the reason, so nothing is shown twice and nothing blocks
// anything; asynq's retry limit is out of reach. Should an archived task exist all the same
// (an asynq tool can archive by hand), the sweeper deletes it: its events still
// wait in the inbox.
package jobs
