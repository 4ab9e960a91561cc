package okta

import (
	"context"
	"net/http"
	"strings"
)

// Bucket names a rate limit that calls share. Okta counts by the longest
// matching path; since December 2025 only the org's console shows the values.
// Which bucket the member and group lists of one object count in is not
// documented, so each has its own here and learns its own figures.
const (
	bucketUsers      = "users"       // lists of users
	bucketUser       = "user"        // one user
	bucketUserGroups = "user_groups" // the groups of one user
	bucketUserLinks  = "user_links"  // the linked objects of one user
	bucketGroups     = "groups"      // lists of groups
	bucketGroup      = "group"       // one group
	bucketMembers    = "members"     // the members of one group
	bucketApps       = "apps"        // all below an app, and lists of apps: the scarcest
	bucketApp        = "app"         // one app
	bucketLogs       = "logs"
	bucketOther      = "other"
)

// bucketOf tells which bucket a call counts in.
func bucketOf(method, path string) string {
	path, _, _ = strings.Cut(path, "?")
	rest, found := strings.CutPrefix(path, "/api/v1/")
	if !found {
		return bucketOther
	}
	parts := strings.Split(strings.TrimRight(rest, "/"), "/")
	switch {
	case parts[0] == "users" && len(parts) == 1:
		return bucketUsers
	case parts[0] == "users" && len(parts) == 2 && method == http.MethodGet:
		return bucketUser
	case parts[0] == "users" && len(parts) == 3 && parts[2] == "groups":
		return bucketUserGroups
	case parts[0] == "users" && len(parts) == 4 && parts[2] == "linkedObjects":
		return bucketUserLinks
	case parts[0] == "groups" && len(parts) == 1:
		return bucketGroups
	case parts[0] == "groups" && len(parts) == 2:
		return bucketGroup
	case parts[0] == "groups" && len(parts) == 3 && parts[2] == "users":
		return bucketMembers
	case parts[0] == "apps" && len(parts) == 2:
		return bucketApp
	case parts[0] == "apps":
		return bucketApps
	case parts[0] == "logs" && len(parts) == 1:
		return bucketLogs
	default:
		return bucketOther
	}
}

// Priority says which calls go first when the budget of a bucket runs out.
type Priority int

// The priorities. Bulk stops first, so that a nightly pull leaves room for
// events; Urgent goes on to the last call that Okta grants.
const (
	Event  Priority = iota // the default: somebody's change waits for it
	Urgent                 // may take access away
	Bulk                   // pulls and other work without hurry
)

type priorityKey struct{}

// WithPriority sets the priority of the calls made with the context.
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

func priorityOf(ctx context.Context) Priority {
	p, _ := ctx.Value(priorityKey{}).(Priority)
	return p
}

// orBulk gives the context bulk priority where it has none.
func orBulk(ctx context.Context) context.Context {
	if _, set := ctx.Value(priorityKey{}).(Priority); set {
		return ctx
	}
	return WithPriority(ctx, Bulk)
}
