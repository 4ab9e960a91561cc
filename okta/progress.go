package okta

import (
	"fmt"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

// The names of lists in positions. They hold the org and the app, so that nobody goes on
// in another one's list when the configuration was changed in between.

func (r *Reader) peopleList() string { return r.orgURL + "/api/v1/apps/" + r.appID + "/users" }

// Name tells the org and the app that are read from others.
func (r *Reader) Name() string { return r.peopleList() }

func (r *Reader) groupList() string { return r.orgURL + "/api/v1/groups" }

func (r *Reader) deactivatedList() string { return r.orgURL + "/api/v1/users?deactivated" }

func (r *Reader) memberList(group string) string { return r.groupList() + "/" + group }

// progress is how far the lists of a full pull were read before.
type progress struct {
	next   map[string]string // path of the next page by list, empty when it was read to the end
	groups []string          // whose members are still to be read, by id
}

// progress understands positions that an earlier pull gave out.
func (r *Reader) progress(positions []directory.Position) (progress, error) {
	p := progress{next: make(map[string]string, len(positions))}
	for _, at := range positions {
		group, ofGroup := strings.CutPrefix(at.List, r.groupList()+"/")
		switch {
		case at.List == r.peopleList(), at.List == r.groupList(), at.List == r.deactivatedList():
		case ofGroup && at.Next != "":
			p.groups = append(p.groups, group)
		case ofGroup:
		default:
			return progress{}, &directory.CursorError{Err: fmt.Errorf("the reading had begun with other lists than those of app %s at %s", r.appID, r.orgURL)}
		}
		if at.Next != "" && !strings.HasPrefix(at.Next, "/api/v1/") {
			return progress{}, &directory.CursorError{Err: fmt.Errorf("the place where list %s was left is not a path of Okta's API", at.List)}
		}
		p.next[at.List] = at.Next
	}
	slices.Sort(p.groups)
	return p, nil
}

// of returns the path at which the list goes on: first when it was not begun, empty when it
// was read to the end.
func (p progress) of(list, first string) string {
	if next, known := p.next[list]; known {
		return next
	}
	return first
}
