// Package emulator is an Okta org in memory, served over HTTP.
//
// It is what the demo talks to, what the end-to-end tests compare the
// directory with, and what users of the product point their own tests at. It
// needs no network beyond loopback and no Okta account.
//
// # How data flows
//
// [New] makes people, departments, groups and one SSO app from a seed, so that
// the same [Options] always give the same org. [Org.Handler] answers Okta's
// paths (/api/v1/..., /oauth2/v1/token) and, under /emulator/v1/..., a control
// interface that does over HTTP what the methods of [Org] do in Go. Every
// change, whether it came from an API call, from a method or from the control
// interface, takes one path: it alters the state under one lock, writes System
// Log events, and queues them for the event hooks that are active and
// verified. Hook deliveries leave the lock behind; they run in goroutines that
// [Org.Close] waits for.
//
// The order of every list is the order of ids, and ids grow with time. A
// cursor is the position after the last row of a page, found again by binary
// search, so a page costs the same wherever it lies, and rows that vanish
// between two pages shift nothing.
//
// # What happens when it fails
//
// Refusals have Okta's error codes and bodies ([Error]); the methods of [Org]
// return the same values. Nothing is kept on disk: a restart, or [Org.Reset],
// gives the org of the options again. Faults ([Fault]) make it misbehave on
// purpose: lost, doubled, late and reordered hooks, rate limits, broken
// answers, dead tokens. A fault changes what a client sees and never the
// state, so [Org.Truth] stays the truth.
//
// # What it is not
//
// It signs nobody in, keeps no passwords and evaluates no group rules. Event
// hook filters (an early-access feature of Okta) are refused as a feature that
// the org does not have.
package emulator
