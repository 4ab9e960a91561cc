// Package v1 holds the bodies of the admin REST API, version 1: what the server
// writes and the client reads. It is data alone. Member names are snake_case,
// times RFC 3339 in UTC. The doc tags become the descriptions of the OpenAPI
// document, so they are the API's reference.
//
// Fields are added as the need comes; none is renamed, retyped or removed within version 1.
package v1
