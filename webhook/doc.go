// Package webhook is the Okta event hook endpoint: it proves who calls, answers
// Okta's one-time verification, and takes deliveries in.
//
// A delivery flows through four steps: the tenant is told by path or host name
// and the shared secret is compared; the body is read up to a cap and decoded
// leniently into directory.Event values, each with the scopes that it asks to
// reconcile; all events go to the Inbox in one call; one hint per touched scope
// goes to the Enqueuer. Then the answer is 204 without a body. Nothing of a
// payload is kept but ids and types: what is true is read back from Okta later.
//
// When something fails: an Inbox that cannot store is answered with 503, because
// Okta tries again once after a 5xx and never after a 4xx (Okta: event hooks
// guide). An Enqueuer that fails or hangs changes nothing for Okta: the events
// are stored, the answer is 204, and the sweeper enqueues them later. A caller
// without a right secret gets 401 and, after too many of those from one
// address, 429; a right secret is never refused on account of other callers.
package webhook
