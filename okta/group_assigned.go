package okta

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// groupAssigned reads whether the group is assigned to the app. Okta: Apps API, 404 when it is not.
func (r *Reader) groupAssigned(ctx context.Context, id, escaped string) (bool, error) {
	what := fmt.Sprintf("read the assignment of group %s to app %s", id, r.appID)
	a, err := object[identified](ctx, r, what, "/api/v1/apps/"+r.appID+"/groups/"+escaped)
	if isAbsent(err) {
		// The same 404 comes when the app is gone.
		_, err := r.activeApp(ctx)
		return false, err
	}
	if err != nil {
		return false, err
	}
	if a.ID != id {
		return false, &passingError{err: fmt.Errorf("%s: okta's answer is about %q, so it is not used; nothing was changed", what, clip(a.ID, 40))}
	}
	return true, nil
}

// AssignedGroups lists the ids of the groups that are assigned to the app.
func (r *Reader) AssignedGroups(ctx context.Context) (map[string]bool, error) {
	ids, _, err := r.assignedGroups(ctx, plainly)
	return ids, err
}

// assignedPath is the first page of that list. Okta: Apps API, at most 200 a page.
func (r *Reader) assignedPath() (what, path string) {
	return "list the groups of app " + r.appID, "/api/v1/apps/" + r.appID + "/groups?limit=200"
}

// assignedGroups reads the list, and returns when its first page was asked for.
func (r *Reader) assignedGroups(ctx context.Context, p policy) (ids map[string]bool, at time.Time, err error) {
	ids = map[string]bool{}
	what, first := r.assignedPath()
	err = eachPage(ctx, r, p, what, first, func(got page[identified]) error {
		if at.IsZero() {
			at = got.at
		}
		for _, g := range got.items {
			if g.ID == "" {
				return incomplete(what, errors.New("a group has no id"))
			}
			ids[g.ID] = true
		}
		return nil
	})
	return ids, at, notAbsence(err)
}
