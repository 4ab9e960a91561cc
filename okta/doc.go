// Package okta reads Okta: people with their assignment and groups, groups
// with their members, and everything that a check of the set-up needs to know.
//
// # How data flows
//
// A [Reader] serves one tenant. [Reader.Person], [Reader.Group] and
// [Reader.Pull] turn into single calls, and every call takes one road: the
// [Governor] admits it (govern.go), a service app's token is fetched or renewed
// (token.go), the SDK builds, authorises and sends the request (sdk.go, the only
// file that knows the SDK), our transport reads the whole answer (transport.go),
// the answer is sorted into success or one class of failure (classify.go), and
// only then decoded into our own lean structs (shapes.go). A pull runs several
// such calls at a time and hands pages to its one consumer through a bounded
// channel, so that memory does not grow with the org.
//
// # What happens when it fails
//
// Absence is only what Okta says with 404 E0000007 to a read by id. Everything
// else that is not a whole and understood answer is an error: a list that breaks
// off, a next link that cannot be read, an empty body. The classes are those of
// package directory: RetryAfterError (come back later), CredentialsError (an
// admin must act), TerminalError (trying again cannot help), and plain errors,
// which may pass. A pull waits for rate limits and retries what may pass by
// itself; when it gives up, the whole reading is incomplete. Texts of errors
// carry Okta's request id and ids of ours; never a token, a login or a profile value.
package okta
