package okta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Identity is whose credentials are used.
type Identity struct {
	UserID     string // owner of the API token; empty for a service app
	UserStatus string
	ClientID   string    // of the service app; empty for an API token
	Scopes     []string  // that Okta granted to the service app's token
	Expires    time.Time // of that token; it is renewed before
	DPoP       bool      // the service app proves possession of a key
}

// Whoami checks the credentials: with an API token by reading its owner, with a
// service app by fetching a token. It says nothing about rights; see Visible.
func (r *Reader) Whoami(ctx context.Context) (Identity, error) {
	if r.tokens != nil {
		t, err := r.tokens.get(ctx)
		if err != nil {
			return Identity{}, err
		}
		return Identity{ClientID: r.tokens.clientID, Scopes: t.scopes, Expires: t.ends, DPoP: t.proof}, nil
	}
	u, err := r.user(ctx, "the owner of the API token", "me")
	if err != nil {
		return Identity{}, notAbsence(err)
	}
	return Identity{UserID: u.ID, UserStatus: u.Status}, nil
}

// App is what the configured app is called in Okta, for people to compare.
type App struct {
	ID     string
	Label  string
	Name   string // of the integration in Okta's catalogue
	Status string // ACTIVE or INACTIVE
	// Broker says that everybody may sign in without an assignment (federation broker mode), so that
	// Okta may list nobody. Okta: Apps API, settings.implicitAssignment.
	Broker bool
}

// App reads the configured app. When Okta does not know it, or hides it from these
// credentials, the error is directory.ErrNotFound.
func (r *Reader) App(ctx context.Context) (App, error) {
	what := "read app " + r.appID
	a, err := object[application](ctx, r, what, "/api/v1/apps/"+r.appID)
	if isAbsent(err) {
		return App{}, fmt.Errorf("%w (%w)", refusalIn(err), directory.ErrNotFound)
	}
	if err != nil {
		return App{}, err
	}
	if a.ID != r.appID {
		return App{}, incomplete(what, fmt.Errorf("okta's answer is about %q", clip(a.ID, 40)))
	}
	return App{ID: a.ID, Label: a.Label, Name: a.Name, Status: a.Status, Broker: a.Settings.ImplicitAssignment}, nil
}

// Sight is how much one list shows on its first page.
type Sight struct {
	Count int  // items on the first page
	More  bool // there are more pages
}

// VisibleUsers looks at the first page of the org's users. Okta answers 200 with an empty list
// to a service app that has the scopes but no admin role, so an org without users means a
// missing role, not an empty company. Okta: OAuth for Okta, "Assign admin roles".
func (r *Reader) VisibleUsers(ctx context.Context) (Sight, error) {
	return r.sight(ctx, "list users", "/api/v1/users?limit=200")
}

// VisibleAppUsers looks at the first page of the app's assignments.
func (r *Reader) VisibleAppUsers(ctx context.Context) (Sight, error) {
	return r.sight(ctx, "list the users of app "+r.appID, "/api/v1/apps/"+r.appID+"/users?limit=500")
}

// VisibleLog says whether the System Log may be read.
func (r *Reader) VisibleLog(ctx context.Context) error {
	_, err := r.sight(ctx, "read the System Log", "/api/v1/logs?limit=1")
	return err
}

func (r *Reader) sight(ctx context.Context, what, path string) (Sight, error) {
	items, next, err := list[json.RawMessage](ctx, r, what, path, path)
	if err != nil {
		return Sight{}, notAbsence(err)
	}
	return Sight{Count: len(items), More: next != ""}, nil
}

// GroupSight is how many groups there are, and are selected.
type GroupSight struct {
	Sight
	Selected int // of the first page, by the rules
	// Assigned is how many groups are assigned to the app, on whatever page; -1 when no rule asks for these.
	Assigned int
}

// VisibleGroups looks at the first page of groups, and tells how many of it the rules select.
func (r *Reader) VisibleGroups(ctx context.Context) (GroupSight, error) {
	groups, next, err := list[group](ctx, r, "list groups", groupsPath, groupsPath)
	if err != nil {
		return GroupSight{}, notAbsence(err)
	}
	sight := GroupSight{Sight: Sight{Count: len(groups), More: next != ""}, Assigned: -1}
	assigned := map[string]bool{}
	if r.groups.Assigned {
		if assigned, err = r.AssignedGroups(ctx); err != nil {
			return GroupSight{}, err
		}
		sight.Assigned = len(assigned)
	}
	for _, g := range groups {
		seen := g.seen(time.Time{})
		seen.Assigned = assigned[g.ID]
		if r.groups.Selects(seen) {
			sight.Selected++
		}
	}
	return sight, nil
}

// UserAttributes lists the attributes of the org's default user type. Okta: Schemas API.
func (r *Reader) UserAttributes(ctx context.Context) ([]string, error) {
	type properties struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	schema, err := object[struct {
		Definitions struct {
			Base   properties `json:"base"`
			Custom properties `json:"custom"`
		} `json:"definitions"`
	}](ctx, r, "read the user schema", "/api/v1/meta/schemas/user/default")
	if err != nil {
		return nil, notAbsence(err)
	}
	names := append(slices.Collect(maps.Keys(schema.Definitions.Base.Properties)), slices.Collect(maps.Keys(schema.Definitions.Custom.Properties))...)
	if len(names) == 0 {
		return nil, incomplete("read the user schema", errors.New("it has no attributes"))
	}
	slices.Sort(names)
	return names, nil
}

// ClockSkew tells how far Okta's clock is ahead of this machine's. It is exact to
// about a second: the Date header has no fractions.
func (r *Reader) ClockSkew(ctx context.Context) (time.Duration, error) {
	what := "read app " + r.appID + " for Okta's clock"
	sent := r.now()
	var skew time.Duration
	err := r.do(ctx, get(what, "/api/v1/apps/"+r.appID), func(a answer) error {
		date, err := http.ParseTime(a.header.Get("Date"))
		if err != nil {
			return fmt.Errorf("the answer has no Date header that can be read")
		}
		// Half the way there and back, and half of the second that the header cuts off.
		middle := sent.Add(a.date.Sub(sent) / 2)
		skew = date.Add(500 * time.Millisecond).Sub(middle)
		return nil
	})
	return skew, notAbsence(err)
}
