// Package client is for the product that a directory is kept for: it follows the directory, and takes its webhooks.
//
// Follow keeps a copy equal to the directory, from a snapshot and the changes after it. Each makes a consumer of a
// function that handles one event. A Verifier tells which webhooks are genuine, and its Handler receives them.
// Everything may come more than once: handle an event so that twice is the same as once. Events of one person come in
// order.
//
// Nothing of the service is in it but the description of its API (api/v1) and the calls (api/client).
package client
