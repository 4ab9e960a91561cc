package okta

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const deprovisioned = "DEPROVISIONED"

// Person reads one person by Okta id or login: user, assignment to the app, and
// groups; or the user alone, see directory.PersonRequest. Somebody whom Okta does not know
// is an answer: Exists is false, and ID is the id asked for, or empty when a login was.
// Absence and "not assigned" rest on 404 E0000007 to reads by id only.
func (r *Reader) Person(ctx context.Context, request directory.PersonRequest) (directory.PersonSeen, error) {
	if request.Urgent {
		ctx = WithPriority(ctx, Urgent)
	}
	return patientInBulk(ctx, r, func() (directory.PersonSeen, error) { return r.readPerson(ctx, request) })
}

func (r *Reader) readPerson(ctx context.Context, request directory.PersonRequest) (directory.PersonSeen, error) {
	idOrLogin := request.Ref
	escaped, name, err := person(idOrLogin)
	if err != nil {
		return directory.PersonSeen{}, err
	}
	at, err := r.time(ctx)
	if err != nil {
		return directory.PersonSeen{}, err
	}
	u, err := r.user(ctx, name, escaped)
	if isAbsent(err) {
		seen := directory.PersonSeen{At: at}
		if !isLogin(idOrLogin) {
			seen.ID = idOrLogin
		}
		return seen, nil
	}
	if err != nil {
		return directory.PersonSeen{}, err
	}
	if !isLogin(idOrLogin) && u.ID != idOrLogin {
		// Okta: Users API. A text that is no id may match the first part of a login.
		return directory.PersonSeen{}, terminalf("read %s: okta answered with another user, %s; give an id or a whole login; nothing was changed", name, u.ID)
	}

	seen := directory.PersonSeen{ID: u.ID, At: at, Exists: true, OktaStatus: u.Status, Profile: u.Profile}
	id, err := segment("user", u.ID)
	if err != nil {
		return directory.PersonSeen{}, err
	}
	if request.StatusOnly {
		seen.Partial = u.Status != deprovisioned
		return seen, nil
	}
	// Okta ends the assignments of deactivated users by itself, so there is nothing to ask.
	if u.Status != deprovisioned {
		if err := r.assignment(ctx, &seen, id); err != nil {
			return directory.PersonSeen{}, err
		}
	}
	if !seen.Assigned && u.Status != deprovisioned {
		return seen, nil
	}
	seen.Groups, err = r.groupsOf(ctx, u.ID, id)
	if err != nil {
		return directory.PersonSeen{}, err
	}
	seen.GroupsRead = true
	if seen.Assigned {
		err = r.links(ctx, &seen, request.Links)
	}
	return seen, err
}

func (r *Reader) user(ctx context.Context, name, escaped string) (user, error) {
	u, err := object[user](ctx, r, "read "+name, "/api/v1/users/"+escaped)
	if err != nil {
		return user{}, err
	}
	if u.ID == "" || u.Status == "" {
		return user{}, &passingError{err: fmt.Errorf("read %s: okta's answer has no id or no status, so it is not used; nothing was changed", name)}
	}
	return u, nil
}

// assignment reads the app user of seen, whose escaped id is id.
func (r *Reader) assignment(ctx context.Context, seen *directory.PersonSeen, id string) error {
	what := fmt.Sprintf("read the assignment of user %s to app %s", seen.ID, r.appID)
	a, err := object[appUser](ctx, r, what, "/api/v1/apps/"+r.appID+"/users/"+id)
	if isAbsent(err) {
		// The same 404 comes when the app is gone. Only an app that is there makes it
		// mean that the person is not assigned.
		_, err := r.activeApp(ctx)
		return err
	}
	if err != nil {
		return err
	}
	if a.ID != seen.ID {
		return &passingError{err: fmt.Errorf("%s: okta's answer is about %q, so it is not used; nothing was changed", what, clip(a.ID, 40))}
	}
	assign(seen, a)
	return nil
}

// GroupsOf lists the groups of the person with the Okta id, in one call for up to 200 of them. False says that
// Okta does not know the person, which is no word about their groups.
func (r *Reader) GroupsOf(ctx context.Context, id string) ([]directory.GroupSeen, bool, error) {
	escaped, err := segment("user", id)
	if err != nil {
		return nil, false, err
	}
	groups, err := patientInBulk(ctx, r, func() ([]directory.GroupSeen, error) { return r.listGroupsOf(ctx, id, escaped) })
	if isAbsent(err) {
		return nil, false, nil
	}
	return groups, err == nil, err
}

// groupsOf reads all groups of a person who was seen a moment ago.
func (r *Reader) groupsOf(ctx context.Context, id, escaped string) ([]directory.GroupSeen, error) {
	groups, err := r.listGroupsOf(ctx, id, escaped)
	if isAbsent(err) {
		// Not "no groups": the person went away between two calls.
		return nil, &passingError{err: fmt.Errorf("%w; the user was there a moment ago and will be read again", refusalIn(err))}
	}
	return groups, err
}

func (r *Reader) listGroupsOf(ctx context.Context, id, escaped string) ([]directory.GroupSeen, error) {
	what := "read the groups of user " + id
	first := "/api/v1/users/" + escaped + "/groups?limit=200"
	groups := []directory.GroupSeen{}
	err := eachPage(ctx, r, plainly, what, first, func(p page[group]) error {
		for _, g := range p.items {
			if g.ID == "" {
				return incomplete(what, errors.New("a group has no id"))
			}
			groups = append(groups, g.seen(p.at))
		}
		return nil
	})
	return groups, err
}

func incomplete(what string, err error) error {
	return &passingError{err: fmt.Errorf("%s: %w; the reading is incomplete and nothing was changed", what, err)}
}

// assign copies what the app user says.
func assign(seen *directory.PersonSeen, a appUser) {
	seen.Assigned = a.assigned()
	seen.AssignmentScope = a.Scope
	seen.AssignmentStatus = a.Status
	seen.AssignedAt, _ = time.Parse(time.RFC3339, a.Created) // zero where Okta does not say
	seen.AppProfile = a.Profile
	seen.AppUserName = a.Credentials.UserName
}
