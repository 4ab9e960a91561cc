// Package logevent reads Okta's log events as they stand in the deliveries of event
// hooks and on the pages of the System Log. Okta calls the two by definition the
// same (System Log API), so one reader makes both mean the same.
//
// It is as lenient as can be: Okta adds members at any time, leaves out or nulls
// others, lets admins edit preview deliveries by hand (event hooks guide), and writes the
// chain of addresses in two places. An element that is no event is counted and left out,
// and never stops the others.
package logevent
