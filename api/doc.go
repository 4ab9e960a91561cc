// Package api is the admin REST interface under /api/v1, described by the OpenAPI
// document that it serves at /api/v1/openapi.json.
//
// A request passes the bearer token check, then input validation from the same
// Go types that make the OpenAPI document, then a handler that asks the Reader
// and turns rows into the types of package v1. Rows never leave as they are.
// Acts (resync, retry, discard) go to the Resyncer, Archive and Enqueuer and
// leave a log line with the token's name.
//
// When something fails, the answer is a problem document (RFC 9457) with a
// sentence for an admin. The errors of package directory are mapped in one
// place (problem.go); whatever is not known there is logged and answered with
// 500 and a request id, and nothing of its text leaves the process.
//
// Package client calls this API from Go.
package api
