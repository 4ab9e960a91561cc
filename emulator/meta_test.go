package emulator_test

import (
	"net/http"
	"testing"

	"github.com/oktasync/oktasync/emulator"
)

func TestSchemaOfUsers(t *testing.T) {
	t.Parallel()
	opt := small()
	opt.CustomAttributes = []emulator.Attribute{{Name: "badge", Title: "Badge", Type: "string"}}
	r := newRig(t, opt)
	s := decode[object](t, r.want(200, http.MethodGet, "/api/v1/meta/schemas/user/default", nil))
	if n := len(dig(s, "definitions", "base", "properties").(object)); n != 31 {
		t.Errorf("%d base attributes, want 31", n)
	}
	if dig(s, "definitions", "custom", "properties", "badge", "title") != "Badge" {
		t.Errorf("custom attributes %v", dig(s, "definitions", "custom"))
	}
	declare := func(properties object, status int) {
		t.Helper()
		r.want(status, http.MethodPost, "/api/v1/meta/schemas/user/default",
			object{"definitions": object{"custom": object{"properties": properties}}})
	}
	path := "/api/v1/users/" + r.org.PersonIDs()[0]
	r.want(400, http.MethodPost, path, object{"profile": object{"shifts": []string{"early"}}})
	declare(object{"shifts": object{"title": "Shifts", "type": "array"}}, 200)
	r.want(200, http.MethodPost, path, object{"profile": object{"shifts": []string{"early"}}})
	list, _ := r.all("/api/v1/users?search=profile.shifts+eq+%22early%22")
	if len(list) != 1 {
		t.Errorf("%d people have the shift, want 1", len(list))
	}
	declare(object{"title": object{"type": "string"}}, 400)
	declare(object{"odd": object{"type": "colour"}}, 400)
	declare(object{"a\"b": object{"type": "string"}}, 400)
	declare(object{"badge": nil}, 200)
	r.want(400, http.MethodPost, path, object{"profile": object{"badge": "blue"}})
	r.want(404, http.MethodGet, "/api/v1/meta/schemas/user/osc0none", nil)

	types, _ := r.all("/api/v1/meta/types/user")
	id := types[0]["id"].(string)
	r.want(200, http.MethodGet, "/api/v1/meta/types/user/"+id, nil)
	r.want(404, http.MethodGet, "/api/v1/meta/types/user/oty0none", nil)
	r.want(200, http.MethodGet, "/api/v1/meta/schemas/user/"+id, nil)
}

func TestPathsOnTheSide(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	id, group, app := r.org.PersonIDs()[0], r.org.Groups()[1].ID, r.org.AppID()
	lists := []string{"/api/v1/users/" + id + "/roles", "/api/v1/users/" + id + "/factors", "/api/v1/groups/" + group + "/owners",
		"/api/v1/groups/" + group + "/roles", "/api/v1/groups/rules", "/api/v1/apps/" + app + "/features"}
	for _, path := range lists {
		if a := r.want(200, http.MethodGet, path, nil); string(a.body) != "[]" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	for _, path := range []string{"/api/v1/org", "/api/v1/iam/roles", "/api/v1/iam/resource-sets", "/api/v1/iam/assignees/users",
		"/api/v1/meta/schemas/group/default", "/api/v1/rate-limit-settings/per-client"} {
		decode[object](t, r.want(200, http.MethodGet, path, nil))
	}
	r.want(204, http.MethodDelete, "/api/v1/users/"+id+"/sessions", nil)
	links, _ := r.all("/api/v1/users/" + id + "/appLinks")
	if len(links) != 1 || links[0]["appInstanceId"] != app {
		t.Errorf("app links %v", links)
	}
	r.auth = ""
	decode[object](t, r.want(200, http.MethodGet, "/.well-known/okta-organization", nil))
	r.want(404, http.MethodGet, "/api/v2/users", nil)
}

func TestAppsAreMadeAndEnded(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	app := decode[object](t, r.want(200, http.MethodPost, "/api/v1/apps?activate=false", object{"label": "Wiki"}))
	path := "/api/v1/apps/" + app["id"].(string)
	if app["status"] != "INACTIVE" {
		t.Errorf("a new app: %v", app["status"])
	}
	r.want(400, http.MethodPost, "/api/v1/apps", object{})
	r.want(200, http.MethodPost, path+"/lifecycle/activate", nil)
	renamed := decode[object](t, r.want(200, http.MethodPut, path, object{"label": "Handbook"}))
	if renamed["label"] != "Handbook" || renamed["status"] != "ACTIVE" {
		t.Errorf("renamed: %v", renamed)
	}
	for _, query := range []string{"limit=1", "q=hand", "filter=status+eq+%22ACTIVE%22", "filter=id+eq+%22" + app["id"].(string) + "%22"} {
		list, pages := r.all("/api/v1/apps?" + query)
		want, wantPages := 1, 1
		if query == "limit=1" || query == "filter=status+eq+%22ACTIVE%22" {
			want = 2
		}
		if query == "limit=1" {
			wantPages = 2
		}
		if len(list) != want || pages != wantPages {
			t.Errorf("%s: %d apps on %d pages", query, len(list), pages)
		}
	}
	if a := r.want(403, http.MethodDelete, path, nil); a.code(t) != "E0000056" {
		t.Errorf("an active app: %s", a.body)
	}
	id := r.org.PersonIDs()[0]
	r.want(200, http.MethodPost, path+"/users", object{"id": id})
	r.want(200, http.MethodPost, path+"/users/"+id, object{"profile": object{}})
	r.want(200, http.MethodPost, path+"/lifecycle/deactivate", nil)
	r.want(204, http.MethodDelete, path, nil)
	if p, _ := r.org.Person(id); len(p.Apps) != 1 {
		t.Errorf("apps of a user after the deletion: %v", p.Apps)
	}
}

func TestPasswordsAndInvitations(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	make := func(login, query string, credentials any) object {
		t.Helper()
		body := object{"profile": object{"firstName": "A", "lastName": "B", "login": login, "email": login}}
		if credentials != nil {
			body["credentials"] = credentials
		}
		return decode[object](t, r.want(200, http.MethodPost, "/api/v1/users"+query, body))
	}
	password := object{"password": object{"value": "Correct-horse-1"}}
	tests := []struct {
		name, query, status string
		credentials         any
	}{
		{"staged", "?activate=false", "STAGED", nil},
		{"staged with password", "?activate=false", "STAGED", password},
		{"invited", "", "PROVISIONED", nil},
		{"with password", "", "ACTIVE", password},
		{"must change", "?activate=true&nextLogin=changePassword", "PASSWORD_EXPIRED", password},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := make(string(rune('a'+i))+"@new.example", tt.query, tt.credentials)
			if u["status"] != tt.status || (u["passwordChanged"] != nil) != (tt.credentials != nil) {
				t.Errorf("status %v, password changed %v", u["status"], u["passwordChanged"])
			}
			if (u["activated"] != nil) != (tt.status != "STAGED") {
				t.Errorf("activated is %v", u["activated"])
			}
		})
	}
	invited := make("z@new.example", "", nil)
	path := "/api/v1/users/" + invited["id"].(string)
	link := decode[object](t, r.want(200, http.MethodPost, path+"/lifecycle/reactivate?sendEmail=false", nil))
	if link["activationUrl"] == nil || link["activationToken"] == nil {
		t.Errorf("reactivation: %v", link)
	}
	r.want(200, http.MethodPost, path, object{"credentials": password})
	r.want(400, http.MethodPost, "/api/v1/users", object{"profile": object{"firstName": "A", "lastName": "B", "login": "y@new.example",
		"email": "y@new.example"}, "groupIds": []string{"00g0none"}})
	if _, ok := r.org.Person("y@new.example"); ok {
		t.Error("a refused creation left a person")
	}
	group := r.org.Groups()[1].ID
	member := decode[object](t, r.want(200, http.MethodPost, "/api/v1/users", object{"profile": object{"firstName": "A", "lastName": "B",
		"login": "x@new.example", "email": "x@new.example"}, "groupIds": []string{group}}))
	if p, _ := r.org.Person(member["id"].(string)); len(p.Groups) != 1 || p.Groups[0] != group {
		t.Errorf("groups of a new member: %v", p.Groups)
	}
}
