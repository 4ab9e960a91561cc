// Package client calls the admin REST API of a running oktasync.
//
// Each method is one request; its answer comes back as a type of package v1.
// Products follow the directory with package client at the top, which uses this one.
//
// When something fails the error is one readable sentence: an *Error for what
// the service answered, else what kept the request from arriving.
package client
