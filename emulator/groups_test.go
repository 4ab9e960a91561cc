package emulator_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/emulator"
)

func TestGroupsOverHTTP(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	g := decode[object](t, r.want(200, http.MethodPost, "/api/v1/groups", object{"profile": object{"name": "Sales", "description": "Sellers"}}))
	path := "/api/v1/groups/" + g["id"].(string)
	if g["type"] != "OKTA_GROUP" || dig(g, "profile", "description") != "Sellers" {
		t.Errorf("group %v", g)
	}
	if a := r.want(400, http.MethodPost, "/api/v1/groups", object{"profile": object{"name": "Sales"}}); a.code(t) != "E0000001" {
		t.Errorf("second group of one name: %s", a.body)
	}
	r.want(400, http.MethodPost, "/api/v1/groups", object{"profile": object{"name": ""}})
	r.want(400, http.MethodPost, "/api/v1/groups", object{})
	renamed := decode[object](t, r.want(200, http.MethodPut, path, object{"profile": object{"name": "Selling"}}))
	if dig(renamed, "profile", "name") != "Selling" || dig(renamed, "profile", "description") != nil {
		t.Errorf("renamed to %v", renamed["profile"])
	}
	id := r.org.PersonIDs()[0]
	r.want(204, http.MethodPut, path+"/users/"+id, nil)
	r.want(204, http.MethodPut, path+"/users/"+id, nil)
	members, _ := r.all(path + "/users")
	if d := cmp.Diff([]string{id}, ids(members)); d != "" {
		t.Error(d)
	}
	stats := decode[object](t, r.want(200, http.MethodGet, path+"?expand=stats", nil))
	if dig(stats, "_embedded", "stats", "usersCount") != 1.0 {
		t.Errorf("stats %v", stats["_embedded"])
	}
	list, _ := r.all("/api/v1/users/" + id + "/groups")
	if !slices.Contains(ids(list), g["id"].(string)) {
		t.Error("the person's groups lack the new one")
	}
	r.want(204, http.MethodDelete, path+"/users/"+id, nil)
	r.want(204, http.MethodDelete, path, nil)
	if a := r.want(404, http.MethodGet, path, nil); a.code(t) != "E0000007" {
		t.Errorf("deleted group: %s", a.body)
	}
	everyone := "/api/v1/groups/" + r.org.Groups()[0].ID
	r.want(501, http.MethodDelete, everyone, nil)
	r.want(501, http.MethodPut, everyone+"/users/"+id, nil)
	r.want(404, http.MethodPut, "/api/v1/groups/"+r.org.Groups()[1].ID+"/users/00u0none", nil)
}

func TestListGroups(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	named := r.org.Groups()[2]
	tests := []struct {
		name, path   string
		items, pages int
	}{
		{"all", "/api/v1/groups", 5, 1},
		{"pages", "/api/v1/groups?limit=2", 5, 3},
		{"with stats", "/api/v1/groups?expand=stats&limit=3", 5, 2},
		{"by type", "/api/v1/groups?filter=type+eq+%22OKTA_GROUP%22", 4, 1},
		{"by id", "/api/v1/groups?filter=id+eq+%22" + named.ID + "%22", 1, 1},
		{"by name", "/api/v1/groups?search=profile.name+sw+%22project%22&limit=1", 4, 4},
		{"changed", "/api/v1/groups?filter=lastUpdated+gt+%222100-01-01T00:00:00.000Z%22+or+lastMembershipUpdated+gt+%222100-01-01T00:00:00.000Z%22", 0, 1},
		{"by beginning", "/api/v1/groups?q=project", 4, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, pages := r.all(tt.path)
			if len(list) != tt.items || pages != tt.pages {
				t.Errorf("%d groups on %d pages, want %d on %d", len(list), pages, tt.items, tt.pages)
			}
		})
	}
}

func TestMembershipMovesTheRightTimes(t *testing.T) {
	t.Parallel()
	clock := newClock()
	opt := small()
	opt.Now = clock.now
	r := newRig(t, opt)
	g := r.org.Groups()[1]
	read := func() object { return decode[object](t, r.want(200, http.MethodGet, "/api/v1/groups/"+g.ID, nil)) }
	before := read()
	clock.advance(3600)
	must(t)(r.org.RemoveFromGroup(g.ID, g.Members[0]))
	joined := read()
	if joined["lastUpdated"] != before["lastUpdated"] || joined["lastMembershipUpdated"] == before["lastMembershipUpdated"] {
		t.Error("a membership must move lastMembershipUpdated alone")
	}
	clock.advance(3600)
	must(t)(r.org.RenameGroup(g.ID, "Other"))
	renamed := read()
	if renamed["lastUpdated"] == joined["lastUpdated"] || renamed["lastMembershipUpdated"] != joined["lastMembershipUpdated"] {
		t.Error("a rename must move lastUpdated alone")
	}
}

func TestGroupGrantsTheApp(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	people := r.org.PersonIDs()
	app := must(t)(r.org.CreateApp("Wiki")).ID
	one, two := must(t)(r.org.CreateGroup("One", "")).ID, must(t)(r.org.CreateGroup("Two", "")).ID
	must(t)(r.org.AddToGroup(one, people[0]))
	must(t)(r.org.AddToGroup(one, people[1]))
	must(t)(r.org.AddToGroup(two, people[1]))
	must(t)(r.org.Assign(app, people[2]))
	must(t)(r.org.AddToGroup(one, people[2]))

	act := must(t)(r.org.AssignGroup(app, one))
	want := []string{"group.application_assignment.add", "application.user_membership.add", "application.user_membership.add"}
	if d := cmp.Diff(want, types(act)); d != "" {
		t.Errorf("assigning a group: %s", d)
	}
	events := decode[[]object](t, r.want(200, http.MethodGet, "/api/v1/logs?limit=1000", nil))
	last := events[len(events)-1]
	if dig(last, "transaction", "type") != "JOB" || dig(last, "client", "ipAddress") != nil {
		t.Errorf("the members' events must come from a background job: %v", last)
	}
	must(t)(r.org.AssignGroup(app, two))

	scopes := func() map[string]string {
		out := map[string]string{}
		list, _ := r.all("/api/v1/apps/" + app + "/users")
		for _, u := range list {
			out[u["id"].(string)] = u["scope"].(string)
		}
		return out
	}
	if d := cmp.Diff(map[string]string{people[0]: "GROUP", people[1]: "GROUP", people[2]: "USER"}, scopes()); d != "" {
		t.Error(d)
	}
	row := decode[object](t, r.want(200, http.MethodGet, "/api/v1/apps/"+app+"/users/"+people[0], nil))
	if dig(row, "_links", "group", "name") != "One" {
		t.Errorf("links of a derived row: %v", row["_links"])
	}
	r.want(400, http.MethodDelete, "/api/v1/apps/"+app+"/users/"+people[0], nil)

	// One of two grants ends: nothing happens. The last one ends: the row goes.
	if d := cmp.Diff([]string{"group.user_membership.remove"}, types(must(t)(r.org.RemoveFromGroup(one, people[1])))); d != "" {
		t.Error(d)
	}
	want = []string{"group.user_membership.remove", "application.user_membership.remove"}
	if d := cmp.Diff(want, types(must(t)(r.org.RemoveFromGroup(two, people[1])))); d != "" {
		t.Error(d)
	}
	// A joiner of an assigned group gets the app.
	want = []string{"group.user_membership.add", "application.user_membership.add"}
	if d := cmp.Diff(want, types(must(t)(r.org.AddToGroup(two, people[3])))); d != "" {
		t.Error(d)
	}
	// Deactivated and back: the group's grant returns.
	must(t)(r.org.Deactivate(people[3]))
	must(t)(r.org.Activate(people[3]))
	if scopes()[people[3]] != "GROUP" {
		t.Error("a returning member did not get the app back")
	}
	// Unassigning and deleting groups ends what they granted, and no more.
	must(t)(r.org.UnassignGroup(app, two))
	must(t)(r.org.DeleteGroup(one))
	if d := cmp.Diff(map[string]string{people[2]: "USER"}, scopes()); d != "" {
		t.Error(d)
	}
}

func TestOrgThatAssignsThroughAGroup(t *testing.T) {
	t.Parallel()
	opt := small()
	opt.AssignThroughGroup = true
	r := newRig(t, opt)
	list, _ := r.all("/api/v1/apps/" + r.org.AppID() + "/users?limit=500")
	if len(list) != 60 || list[0]["scope"] != "GROUP" {
		t.Fatalf("%d app users, the first with scope %v", len(list), list[0]["scope"])
	}
	act := must(t)(r.org.Join(emulator.NewPerson{}))
	want := []string{"user.lifecycle.create", "user.lifecycle.activate", "group.user_membership.add", "application.user_membership.add"}
	if d := cmp.Diff(want, types(act)); d != "" {
		t.Error(d)
	}
}

func TestAppsOverHTTP(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	app := r.org.AppID()
	id := r.org.PersonIDs()[4]
	row := "/api/v1/apps/" + app + "/users/" + id

	expanded := decode[object](t, r.want(200, http.MethodGet, row+"?expand=user", nil))
	if dig(expanded, "_embedded", "user", "id") != id || dig(expanded, "_embedded", "user", "profile", "department") == nil {
		t.Error("expand=user does not embed the user")
	}
	r.want(204, http.MethodDelete, row, nil)
	r.want(404, http.MethodDelete, row, nil)
	again := decode[object](t, r.want(200, http.MethodPost, "/api/v1/apps/"+app+"/users", object{"id": id, "scope": "USER"}))
	if again["scope"] != "USER" || again["externalId"] != nil {
		t.Errorf("assigned: %v", again)
	}
	r.want(404, http.MethodPost, "/api/v1/apps/"+app+"/users", object{"id": "00u0none"})
	r.want(400, http.MethodPost, "/api/v1/apps/"+app+"/users", object{})

	p, _ := r.org.Person(id)
	found, _ := r.all("/api/v1/apps/" + app + "/users?q=" + p.Login[:6])
	if !slices.Contains(ids(found), id) {
		t.Error("q does not find by the beginning of the login")
	}
	mine, _ := r.all("/api/v1/apps?filter=user.id+eq+%22" + id + "%22")
	if len(mine) != 1 {
		t.Errorf("%d apps of the user, want 1", len(mine))
	}
	r.want(200, http.MethodPost, "/api/v1/apps/"+app+"/lifecycle/deactivate", nil)
	inactive := decode[object](t, r.want(200, http.MethodGet, "/api/v1/apps/"+app, nil))
	if inactive["status"] != "INACTIVE" {
		t.Errorf("status %v", inactive["status"])
	}
	if list, _ := r.all("/api/v1/apps/" + app + "/users?limit=500"); len(list) != 60 {
		t.Error("an inactive app lost its users")
	}
	r.want(204, http.MethodDelete, "/api/v1/apps/"+app, nil)
	if a := r.want(404, http.MethodGet, "/api/v1/apps/"+app+"/users", nil); a.code(t) != "E0000007" {
		t.Errorf("deleted app: %s", a.body)
	}
}

func TestAppGroupsPage(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	for _, g := range r.org.Groups()[1:] {
		r.want(200, http.MethodPut, "/api/v1/apps/"+r.org.AppID()+"/groups/"+g.ID, object{})
	}
	list, pages := r.all("/api/v1/apps/" + r.org.AppID() + "/groups?limit=3&expand=group")
	if len(list) != 4 || pages != 2 || dig(list[0], "_embedded", "group", "id") != list[0]["id"] {
		t.Errorf("%d groups on %d pages: %v", len(list), pages, list)
	}
	first := "/api/v1/apps/" + r.org.AppID() + "/groups/" + list[0]["id"].(string)
	changed := decode[object](t, r.want(200, http.MethodPut, first, object{"priority": 7}))
	if changed["priority"] != 7.0 {
		t.Errorf("priority %v", changed["priority"])
	}
	apps, _ := r.all("/api/v1/groups/" + list[0]["id"].(string) + "/apps")
	if len(apps) != 1 {
		t.Errorf("%d apps of the group, want 1", len(apps))
	}
	r.want(204, http.MethodDelete, first, nil)
	r.want(404, http.MethodGet, first, nil)
}
