// Package directory holds the domain: people, teams, groups, memberships, the
// scopes that can be reconciled, what Okta was seen to say about them, and the
// changes that follow.
//
// Everything here is data and pure functions. Nothing does I/O, reads a clock
// or knows a driver, so every other package may import this one while it
// imports none of them.
//
// Data flows one way: an Event names Scopes; a Scope is observed as PersonSeen
// and GroupSeen; package sync compares that with Person, Group and Membership
// rows and yields Changes. Failures are the sentinels and typed errors of
// errors.go; each caller decides by errors.Is and errors.As alone.
package directory
