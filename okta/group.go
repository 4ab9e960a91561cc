package okta

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Group reads one group by id, without members; with assigned also whether it is assigned to the app. A group that
// Okta does not know is an answer: Exists is false.
func (r *Reader) Group(ctx context.Context, id string, assigned bool) (directory.GroupSeen, error) {
	return patientInBulk(ctx, r, func() (directory.GroupSeen, error) { return r.readGroup(ctx, id, assigned) })
}

// patientInBulk makes a single read that belongs to a run wait like the run's
// lists do: a run that had to confirm more people than a minute's budget allows
// would otherwise start over again and again.
func patientInBulk[T any](ctx context.Context, r *Reader, read func() (T, error)) (T, error) {
	if priorityOf(ctx) != Bulk {
		return read()
	}
	var seen T
	err := r.patiently(ctx, "", r.sleepOut, func(string) error {
		var err error
		seen, err = read()
		return err
	})
	return seen, err
}

func (r *Reader) readGroup(ctx context.Context, id string, assigned bool) (directory.GroupSeen, error) {
	escaped, err := segment("group", id)
	if err != nil {
		return directory.GroupSeen{}, err
	}
	at, err := r.time(ctx)
	if err != nil {
		return directory.GroupSeen{}, err
	}
	g, err := object[group](ctx, r, "read group "+id, "/api/v1/groups/"+escaped)
	if isAbsent(err) {
		return directory.GroupSeen{ID: id, At: at}, nil
	}
	if err != nil {
		return directory.GroupSeen{}, err
	}
	if g.ID != id {
		return directory.GroupSeen{}, &passingError{err: fmt.Errorf(
			"read group %s: okta's answer is about %q, so it is not used; nothing was changed", id, clip(g.ID, 40))}
	}
	seen := g.seen(at)
	if assigned {
		seen.Assigned, err = r.groupAssigned(ctx, id, escaped)
	}
	return seen, err
}

// activeApp reads the app and insists that it can be used: an app that is gone or
// inactive makes every "not assigned" meaningless.
func (r *Reader) activeApp(ctx context.Context) (application, error) {
	what := "read app " + r.appID
	app, err := object[application](ctx, r, what, "/api/v1/apps/"+r.appID)
	if isAbsent(err) {
		return application{}, terminalf(
			"%w: %w; it does not exist in this Okta org or the credentials may not see it; nothing was changed; check the app id in the configuration", directory.ErrAppUnusable, refusalIn(err))
	}
	if err != nil {
		return application{}, err
	}
	if app.ID != r.appID {
		return application{}, &passingError{err: fmt.Errorf("%s: okta's answer is about %q, so it is not used; nothing was changed", what, clip(app.ID, 40))}
	}
	if app.Status != "ACTIVE" {
		return application{}, terminalf("%s: %w: its status is %q, so nobody can use it and its assignments mean nothing; nothing was changed; activate the app in Okta or remove the tenant", what, directory.ErrAppUnusable, clip(app.Status, 40))
	}
	return app, nil
}

// Check asks Okta whether the credentials are taken, the app is there and active, and each list may be
// seen that a full sync reads. The error is of the same kinds as when reading.
func (r *Reader) Check(ctx context.Context) error {
	if _, err := r.activeApp(ctx); err != nil {
		return err
	}
	type sighted struct{ what, path string }
	lists := []sighted{
		{"list the users of app " + r.appID, "/api/v1/apps/" + r.appID + "/users?limit=1"},
		{"list groups", "/api/v1/groups?limit=1"},
		{"list users", "/api/v1/users?limit=1"},
	}
	if r.groups.Assigned {
		what, path := r.assignedPath()
		lists = append(lists, sighted{what, path})
	}
	for _, list := range lists {
		if _, err := r.sight(ctx, list.what, list.path); err != nil {
			return err
		}
	}
	return nil
}

// time reads the database's clock. It is read before a request, so that what
// the answer shows is at least as new.
func (r *Reader) time(ctx context.Context) (time.Time, error) {
	at, err := r.clock(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the database's clock before asking Okta: %w", err)
	}
	return at, nil
}
