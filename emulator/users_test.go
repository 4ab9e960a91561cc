package emulator_test

import (
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/emulator"
)

func TestListUsersPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	tests := []struct {
		name         string
		path         string
		items, pages int
	}{
		{"default page", "/api/v1/users", 60, 1},
		{"small pages", "/api/v1/users?limit=7", 60, 9},
		{"exact pages", "/api/v1/users?limit=20", 60, 3},
		{"above the maximum", "/api/v1/users?limit=5000", 60, 1},
		{"all statuses", "/api/v1/users?search=status+pr&limit=25", 60, 3},
		{"sorted", "/api/v1/users?search=status+pr&sortBy=profile.lastName&limit=25", 60, 3},
		{"sorted down", "/api/v1/users?search=status+pr&sortBy=lastUpdated&sortOrder=desc&limit=11", 60, 6},
		{"members", "/api/v1/groups/" + r.org.Groups()[0].ID + "/users?limit=13", 60, 5},
		{"app users", "/api/v1/apps/" + r.org.AppID() + "/users?limit=40", 60, 2},
		{"app users by default", "/api/v1/apps/" + r.org.AppID() + "/users", 60, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, pages := r.all(tt.path)
			got := ids(list)
			if len(got) != tt.items || pages != tt.pages {
				t.Errorf("%d items on %d pages, want %d on %d", len(got), pages, tt.items, tt.pages)
			}
			sort.Strings(got)
			if d := cmp.Diff(r.org.PersonIDs(), got); d != "" {
				t.Errorf("the list is not the org: %s", d)
			}
		})
	}
}

func TestSortedSearchIsSorted(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	for _, order := range []string{"asc", "desc"} {
		list, _ := r.all("/api/v1/users?search=status+pr&sortBy=profile.department&limit=9&sortOrder=" + order)
		var departments []string
		for _, u := range list {
			departments = append(departments, strings.ToLower(dig(u, "profile", "department").(string)))
		}
		if order == "desc" {
			slices.Reverse(departments)
		}
		if !slices.IsSorted(departments) {
			t.Errorf("%s: not in order", order)
		}
	}
}

func TestPagingWhileRowsVanish(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	all := r.org.PersonIDs()
	first := r.want(200, http.MethodGet, "/api/v1/users?limit=10", nil)
	must(t)(r.org.Delete(all[9])) // the row that the cursor stands on
	must(t)(r.org.Delete(all[3])) // and one that was served
	second := r.want(200, http.MethodGet, first.next(), nil)
	if d := cmp.Diff(all[10:20], ids(decode[[]object](t, second))); d != "" {
		t.Error(d)
	}
}

func TestSearchAndFilter(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	all := r.org.PersonIDs()
	must(t)(r.org.Update(all[5], map[string]any{"title": "Harbour Pilot", "nickName": `O"Neil`}))
	must(t)(r.org.Suspend(all[6]))
	must(t)(r.org.Deactivate(all[7]))
	pilot, _ := r.org.Person(all[5])
	tests := []struct {
		name, parameter, expression string
		want                        int
	}{
		{"equal", "search", `profile.title eq "harbour pilot"`, 1},
		{"starts with", "search", `profile.title sw "Harb"`, 1},
		{"escaped quote", "search", `profile.nickName eq "O\"Neil"`, 1},
		{"present", "search", `profile.nickName pr`, 1},
		{"contains in e-mail", "search", `profile.email co "@acme"`, 60},
		{"status", "search", `status eq "SUSPENDED"`, 1},
		{"or", "search", `status eq "SUSPENDED" or status eq "DEPROVISIONED"`, 2},
		{"and binds tighter than or", "search", `status eq "SUSPENDED" or status eq "ACTIVE" and profile.title eq "Harbour Pilot"`, 2},
		{"parentheses", "search", `(status eq "SUSPENDED" or status eq "ACTIVE") and profile.title eq "Harbour Pilot"`, 1},
		{"by id", "search", `id eq "` + all[4] + `"`, 1},
		{"by login", "search", `profile.login eq "` + strings.ToUpper(pilot.Login) + `"`, 1},
		{"changed since", "search", `lastUpdated gt "` + pilot.LastUpdated.Add(-1).Format("2006-01-02T15:04:05.000Z") + `"`, 3},
		{"changed later", "search", `lastUpdated gt "2100-01-01T00:00:00.000Z"`, 0},
		{"all ever", "search", `created lt "2100-01-01T00:00:00.000Z"`, 60},
		{"type", "search", `type.id pr`, 60},
		{"filter by status", "filter", `status eq "DEPROVISIONED"`, 1},
		{"filter by time", "filter", `lastUpdated ge "2000-01-01T00:00:00.000Z" and status eq "ACTIVE"`, 58},
		{"filter by name", "filter", `profile.firstName eq "nobody"`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, _ := r.all("/api/v1/users?" + url.Values{tt.parameter: {tt.expression}}.Encode())
			if len(list) != tt.want {
				t.Errorf("%s: %d users, want %d", tt.expression, len(list), tt.want)
			}
		})
	}
	if list, _ := r.all("/api/v1/users"); len(list) != 59 {
		t.Errorf("the plain list has %d users, want 59 without the deactivated one", len(list))
	}
}

func TestBadExpressions(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	tests := []struct{ name, path, expression, code string }{
		{"empty value", "/api/v1/users?search=", `status eq`, "E0000031"},
		{"unknown operator", "/api/v1/users?search=", `status ne "ACTIVE"`, "E0000031"},
		{"unknown attribute", "/api/v1/users?search=", `profile.shoeSize eq "9"`, "E0000031"},
		{"contains on title", "/api/v1/users?search=", `profile.title co "x"`, "E0000031"},
		{"open parenthesis", "/api/v1/users?search=", `(status pr`, "E0000031"},
		{"open quote", "/api/v1/users?search=", `status eq "ACTIVE`, "E0000031"},
		{"left over", "/api/v1/users?search=", `status pr status pr`, "E0000031"},
		{"attribute not filterable", "/api/v1/users?filter=", `profile.department eq "x"`, "E0000053"},
		{"operator not filterable", "/api/v1/users?filter=", `status gt "ACTIVE"`, "E0000053"},
		{"group filter", "/api/v1/groups?filter=", `profile.name eq "x"`, "E0000053"},
		{"group search", "/api/v1/groups?search=", `name eq "x"`, "E0000031"},
		{"app filter", "/api/v1/apps?filter=", `label eq "x"`, "E0000053"},
		{"log filter", "/api/v1/logs?filter=", `published gt "2026-01-01T00:00:00.000Z"`, "E0000031"},
		{"log url", "/api/v1/logs?filter=", `debugContext.debugData.url co "x"`, "E0000031"},
		{"sort attribute", "/api/v1/users?sortBy=profile.x&search=", `status pr`, "E0000031"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := r.want(http.StatusBadRequest, http.MethodGet, tt.path+url.QueryEscape(tt.expression), nil)
			if a.code(t) != tt.code {
				t.Errorf("code %s, want %s: %s", a.code(t), tt.code, a.body)
			}
		})
	}
	for _, path := range []string{"/api/v1/users?limit=x", "/api/v1/users?limit=-1", "/api/v1/users?after=x",
		"/api/v1/groups?after=x", "/api/v1/logs?limit=1001", "/api/v1/logs?after=x", "/api/v1/logs?since=yesterday",
		"/api/v1/users?search=status+pr&sortBy=created&after=x"} {
		if a := r.want(http.StatusBadRequest, http.MethodGet, path, nil); !strings.HasPrefix(a.code(t), "E0000") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

func TestFindOneUser(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	p, _ := r.org.Person(r.org.PersonIDs()[9])
	slash := must(t)(r.org.Join(emulator.NewPerson{Login: "a/b?c@x.example"})).ID
	short, _, _ := strings.Cut(p.Login, "@")
	tests := []struct {
		name, path string
		status     int
		id         string
	}{
		{"by id", "/api/v1/users/" + p.ID, 200, p.ID},
		{"by login", "/api/v1/users/" + p.Login, 200, p.ID},
		{"by login in capitals", "/api/v1/users/" + strings.ToUpper(p.Login), 200, p.ID},
		{"by short login", "/api/v1/users/" + short, 200, p.ID},
		{"by escaped login", "/api/v1/users/" + url.PathEscape("a/b?c@x.example"), 200, slash},
		{"unknown", "/api/v1/users/00u0unknown", 404, ""},
		{"another's case of id", "/api/v1/users/" + strings.ToUpper(p.ID), 404, ""},
		{"unknown path", "/api/v1/users/" + p.ID + "/nothing", 404, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := r.want(tt.status, http.MethodGet, tt.path, nil)
			if tt.status == 200 && dig(decode[object](t, a), "id") != tt.id {
				t.Errorf("got %s", a.body)
			}
		})
	}
	me := decode[object](t, r.want(200, http.MethodGet, "/api/v1/users/me", nil))
	if slices.Contains(r.org.PersonIDs(), me["id"].(string)) {
		t.Error("the service account counts as a person")
	}
	if a := r.want(http.StatusMethodNotAllowed, http.MethodPatch, "/api/v1/users/"+p.ID, object{}); a.code(t) != "E0000022" {
		t.Errorf("wrong method: %s", a.body)
	}
}

func TestUserShape(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	a := r.want(200, http.MethodPost, "/api/v1/users?activate=false", object{"profile": object{
		"firstName": "Ada", "lastName": "L", "login": "ada@x.example", "email": "ada@x.example", "title": ""}})
	u := decode[object](t, a)
	profile := u["profile"].(object)
	for _, name := range []string{"mobilePhone", "secondEmail"} {
		if v, there := profile[name]; !there || v != nil {
			t.Errorf("%s is %v (there: %v), want an explicit null", name, v, there)
		}
	}
	if _, there := profile["title"]; there {
		t.Error("an unset attribute is written")
	}
	if u["status"] != "STAGED" || u["activated"] != nil || u["lastLogin"] != nil {
		t.Errorf("a staged user reads %v", u)
	}
	if c := u["created"].(string); !strings.HasSuffix(c, ".000Z") {
		t.Errorf("created is %q, want whole seconds with .000Z", c)
	}
	links := u["_links"].(object)
	if links["activate"] == nil || links["self"] == nil || links["suspend"] != nil {
		t.Errorf("links of a staged user: %v", links)
	}
	list, _ := r.all("/api/v1/users?search=" + url.QueryEscape(`profile.login eq "ada@x.example"`))
	if d := cmp.Diff([]string{"self"}, keys(list[0]["_links"].(object))); d != "" {
		t.Errorf("links of a list item: %s", d)
	}
}

func keys(m object) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func TestUpdateUser(t *testing.T) {
	t.Parallel()
	opt := small()
	opt.CustomAttributes = []emulator.Attribute{{Name: "badge", Type: "string"}, {Name: "shifts", Type: "array"},
		{Name: "floor", Type: "integer"}, {Name: "remote", Type: "boolean"}, {Name: "rate", Type: "number"}}
	r := newRig(t, opt)
	id := r.org.PersonIDs()[2]
	path := "/api/v1/users/" + id

	r.want(200, http.MethodPost, path, object{"profile": object{"badge": "blue", "shifts": []string{"early", "late"}, "floor": 3, "remote": true, "rate": 0.5}})
	p, _ := r.org.Person(id)
	want := object{"badge": "blue", "shifts": []any{"early", "late"}, "floor": 3.0, "remote": nil, "rate": 0.5}
	for name, v := range want {
		if name != "remote" && !cmp.Equal(p.Profile[name], v) {
			t.Errorf("%s is %v, want %v", name, p.Profile[name], v)
		}
	}
	r.want(200, http.MethodPost, path, object{"profile": object{"title": nil}})
	if p, _ = r.org.Person(id); p.Text("title") != "" || p.Text("badge") != "blue" {
		t.Error("a partial update must clear what is null and keep the rest")
	}
	base := object{"firstName": "A", "lastName": "B", "email": "b@x.example", "login": "b@x.example"}
	r.want(200, http.MethodPut, path, object{"profile": base})
	if p, _ = r.org.Person(id); len(p.Profile) != 4 {
		t.Errorf("a strict update must erase what is left out, the profile is %v", p.Profile)
	}
	other, _ := r.org.Person(r.org.PersonIDs()[3])
	bad := []struct {
		name string
		body any
		code string
	}{
		{"unknown attribute", object{"profile": object{"shoeSize": "9"}}, "E0000001"},
		{"wrong type", object{"profile": object{"floor": "three"}}, "E0000001"},
		{"number for text", object{"profile": object{"title": 5}}, "E0000001"},
		{"login taken", object{"profile": object{"login": strings.ToUpper(other.Login)}}, "E0000001"},
		{"no name", object{"profile": object{"lastName": nil}}, "E0000001"},
		{"bad address", object{"profile": object{"email": "nobody"}}, "E0000001"},
		{"too long", object{"profile": object{"firstName": strings.Repeat("x", 51)}}, "E0000001"},
		{"four-byte character", object{"profile": object{"title": "🙂"}}, "E0000001"},
		{"not JSON", `{"profile":`, "E0000003"},
		{"no body", nil, "E0000003"},
	}
	for _, tt := range bad {
		t.Run(tt.name, func(t *testing.T) {
			if a := r.want(400, http.MethodPost, path, tt.body); a.code(t) != tt.code {
				t.Errorf("got %s", a.body)
			}
		})
	}
	if now, _ := r.org.Person(id); !cmp.Equal(now, p) {
		t.Error("a refused update changed the person")
	}
}

func TestUpdateEventNamesTheAttributes(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	id := r.org.PersonIDs()[2]
	act := must(t)(r.org.Update(id, map[string]any{"title": "Pilot", "city": nil}))
	if d := cmp.Diff([]string{"user.account.update_profile"}, types(act)); d != "" {
		t.Fatal(d)
	}
	e := decode[[]object](t, r.want(200, http.MethodGet, "/api/v1/logs", nil))[0]
	if dig(e, "uuid") != act.Events[0].UUID || dig(e, "debugContext", "debugData", "changedAttributes") != "city,title" {
		t.Errorf("event %v", e)
	}
	if again := must(t)(r.org.Update(id, map[string]any{"title": "Pilot"})); len(again.Events) != 0 {
		t.Error("an update that changes nothing wrote an event")
	}
}

func TestLoginMovesBetweenPeople(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	a, _ := r.org.Person(r.org.PersonIDs()[1])
	b := r.org.PersonIDs()[2]
	must(t)(r.org.Update(a.ID, map[string]any{"login": "new@x.example"}))
	must(t)(r.org.Update(b, map[string]any{"login": a.Login}))
	if p, _ := r.org.Person(a.Login); p.ID != b {
		t.Errorf("login leads to %s, want %s", p.ID, b)
	}
	if p, _ := r.org.Person("new@x.example"); p.ID != a.ID {
		t.Errorf("new login leads to %s, want %s", p.ID, a.ID)
	}
}

// TestStatusMachine drives each operation from each status.
func TestStatusMachine(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	reach := map[string]func(id string) error{
		"STAGED":      nil,
		"PROVISIONED": func(id string) error { _, err := r.org.Activate(id); return err },
		"ACTIVE": func(id string) error {
			if _, err := r.org.Activate(id); err != nil {
				return err
			}
			_, err := r.org.SignIn(id)
			return err
		},
	}
	from := func(op func(string) (emulator.Act, error)) func(string) error {
		return func(id string) error {
			if err := reach["ACTIVE"](id); err != nil {
				return err
			}
			_, err := op(id)
			return err
		}
	}
	reach["SUSPENDED"] = from(r.org.Suspend)
	reach["LOCKED_OUT"] = from(r.org.Lock)
	reach["PASSWORD_EXPIRED"] = from(r.org.ExpirePassword)
	reach["RECOVERY"] = from(r.org.ResetPassword)
	reach["DEPROVISIONED"] = from(r.org.Deactivate)

	// operation: status before -> status after; anything else is refused.
	allowed := map[string]map[string]string{
		"activate":   {"STAGED": "PROVISIONED", "DEPROVISIONED": "ACTIVE"},
		"reactivate": {"PROVISIONED": "PROVISIONED", "RECOVERY": "PROVISIONED"},
		"deactivate": {"STAGED": "DEPROVISIONED", "PROVISIONED": "DEPROVISIONED", "ACTIVE": "DEPROVISIONED",
			"SUSPENDED": "DEPROVISIONED", "LOCKED_OUT": "DEPROVISIONED", "PASSWORD_EXPIRED": "DEPROVISIONED", "RECOVERY": "DEPROVISIONED"},
		"suspend":         {"ACTIVE": "SUSPENDED"},
		"unsuspend":       {"SUSPENDED": "ACTIVE"},
		"unlock":          {"LOCKED_OUT": "ACTIVE"},
		"expire_password": {"ACTIVE": "PASSWORD_EXPIRED", "PASSWORD_EXPIRED": "PASSWORD_EXPIRED", "RECOVERY": "PASSWORD_EXPIRED"},
		"reset_password": {"ACTIVE": "RECOVERY", "PASSWORD_EXPIRED": "RECOVERY", "RECOVERY": "RECOVERY", "LOCKED_OUT": "RECOVERY",
			"PROVISIONED": "RECOVERY"},
	}
	for op, steps := range allowed {
		for status, arrive := range reach {
			t.Run(op+" from "+status, func(t *testing.T) {
				id := must(t)(r.org.Join(emulator.NewPerson{Status: emulator.Staged})).ID
				if arrive != nil {
					if err := arrive(id); err != nil {
						t.Fatal(err)
					}
				}
				if p, _ := r.org.Person(id); string(p.Status) != status {
					t.Fatalf("status is %s before the test", p.Status)
				}
				a := r.do(http.MethodPost, "/api/v1/users/"+id+"/lifecycle/"+op, nil)
				p, _ := r.org.Person(id)
				want, ok := steps[status]
				if !ok {
					if a.status != 403 && a.status != 400 || string(p.Status) != status {
						t.Errorf("answered %d, status now %s; must be refused", a.status, p.Status)
					}
					return
				}
				if a.status != 200 || string(p.Status) != want {
					t.Errorf("answered %d %s, status now %s, want %s", a.status, a.body, p.Status, want)
				}
			})
		}
	}
}

func TestLeaving(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	group := r.org.Groups()[1]
	id := group.Members[0]
	off := must(t)(r.org.CreateApp("Switched off")).ID
	must(t)(r.org.Assign(off, id))
	must(t)(r.org.SetAppActive(off, false))

	act := must(t)(r.org.Deactivate(id))
	if d := cmp.Diff([]string{"user.lifecycle.deactivate", "application.user_membership.remove"}, types(act)); d != "" {
		t.Error(d)
	}
	p, _ := r.org.Person(id)
	if !slices.Contains(p.Groups, group.ID) {
		t.Error("deactivation ended a group membership")
	}
	if p.AssignedTo(r.org.AppID()) || !p.AssignedTo(off) {
		t.Errorf("apps are %v; active ones end, inactive ones stay", p.Apps)
	}
	members, _ := r.all("/api/v1/groups/" + group.ID + "/users")
	if !slices.Contains(ids(members), id) {
		t.Error("a deactivated member is not listed")
	}
	if a := r.want(404, http.MethodGet, "/api/v1/apps/"+r.org.AppID()+"/users/"+id, nil); a.code(t) != "E0000007" {
		t.Errorf("unassigned: %s", a.body)
	}

	r.want(204, http.MethodDelete, "/api/v1/users/"+id, nil)
	if a := r.want(404, http.MethodGet, "/api/v1/users/"+id, nil); a.code(t) != "E0000007" {
		t.Errorf("deleted: %s", a.body)
	}
	r.want(404, http.MethodDelete, "/api/v1/users/"+id, nil)
	if g, _ := r.org.Group(group.ID); slices.Contains(g.Members, id) {
		t.Error("a deleted person is still a member")
	}

	back := must(t)(r.org.Join(emulator.NewPerson{Login: p.Login})).ID
	if back == id {
		t.Error("an id was used again")
	}
	// The first DELETE of an active user deactivates only.
	r.want(204, http.MethodDelete, "/api/v1/users/"+back, nil)
	if p, _ := r.org.Person(back); p.Status != emulator.Deprovisioned {
		t.Errorf("status after the first DELETE: %s", p.Status)
	}
}
