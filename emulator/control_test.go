package emulator_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/emulator"
)

func TestControlOverHTTP(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	r := newRig(t, small())
	r.auth = "" // the control interface asks for no credentials
	const at = "/emulator/v1"
	post := func(path string, body any) emulator.Act {
		t.Helper()
		return decode[emulator.Act](t, r.want(200, http.MethodPost, at+path, body))
	}
	boss, _ := r.org.Person(r.org.PersonIDs()[0])
	post("/hooks", emulator.NewHook{URL: e.url, Secret: "s"})
	ada := post("/people", object{"firstName": "Ada", "department": "Research", "manager": boss.Login, "groups": []string{r.org.Groups()[1].Name}})
	p, ok := r.org.Person(ada.ID)
	if !ok || p.Text("department") != "Research" || p.ManagerID != boss.ID || len(p.Groups) != 1 || !p.AssignedTo(r.org.AppID()) {
		t.Fatalf("joined: %+v", p)
	}
	if ada.Events[0].Type != "user.lifecycle.create" || ada.Events[0].Published.IsZero() {
		t.Errorf("events %+v", ada.Events)
	}
	path := "/people/" + ada.ID
	for _, step := range []struct{ op, status string }{{"suspend", "SUSPENDED"}, {"unsuspend", "ACTIVE"}, {"lock", "LOCKED_OUT"},
		{"unlock", "ACTIVE"}, {"expire_password", "PASSWORD_EXPIRED"}, {"reset_password", "RECOVERY"}, {"sign_in", "ACTIVE"},
		{"leave", "DEPROVISIONED"}, {"activate", "ACTIVE"}} {
		post(path+"/"+step.op, nil)
		if now := decode[emulator.Person](t, r.want(200, http.MethodGet, at+path, nil)); string(now.Status) != step.status {
			t.Errorf("after %s: %s", step.op, now.Status)
		}
	}
	post(path+"/move", object{"department": "Sales", "manager": r.org.PersonIDs()[1]})
	r.want(200, http.MethodPatch, at+path, object{"title": "Pilot", "city": nil})
	r.want(200, http.MethodPut, at+"/apps/"+r.org.AppID()+"/users/"+ada.ID, nil)
	r.want(200, http.MethodDelete, at+"/apps/"+r.org.AppID()+"/users/"+ada.ID, nil)
	p, _ = r.org.Person(ada.ID)
	if p.Text("department") != "Sales" || p.ManagerID != r.org.PersonIDs()[1] || p.Text("title") != "Pilot" || p.Text("city") != "" || len(p.Apps) != 0 {
		t.Errorf("moved: %+v", p)
	}
	group := post("/groups", object{"name": "Pilots"})
	g := at + "/groups/" + group.ID
	r.want(200, http.MethodPut, g+"/members/"+ada.ID, nil)
	r.want(200, http.MethodPatch, g, object{"name": "Captains"})
	r.want(200, http.MethodPut, at+"/apps/"+r.org.AppID()+"/groups/"+group.ID, nil)
	read := decode[emulator.Group](t, r.want(200, http.MethodGet, g, nil))
	if d := cmp.Diff(emulator.Group{ID: group.ID, Name: "Captains", Type: "OKTA_GROUP", Members: []string{ada.ID}, Apps: []string{r.org.AppID()}}, read); d != "" {
		t.Error(d)
	}
	r.want(200, http.MethodDelete, at+"/apps/"+r.org.AppID()+"/groups/"+group.ID, nil)
	r.want(200, http.MethodDelete, g+"/members/"+ada.ID, nil)
	r.want(200, http.MethodDelete, g, nil)
	r.want(200, http.MethodDelete, at+path, nil)
	app := post("/apps", object{"label": "Wiki"})
	post("/apps/"+app.ID+"/deactivate", nil)
	post("/apps/"+app.ID+"/activate", nil)
	r.want(200, http.MethodDelete, at+"/apps/"+app.ID, nil)

	stats := decode[emulator.HookStats](t, r.want(200, http.MethodPost, at+"/hooks/wait", nil))
	if stats.Succeeded == 0 || stats.Events != len(e.uuids()) {
		t.Errorf("stats %+v, %d events received", stats, len(e.uuids()))
	}
	snapshot := decode[emulator.Snapshot](t, r.want(200, http.MethodGet, at+"/snapshot", nil))
	if len(snapshot.People) != 60 || snapshot.LastEvent == nil {
		t.Errorf("%d people in the snapshot", len(snapshot.People))
	}
	if info := decode[object](t, r.want(200, http.MethodGet, at, nil)); info["people"] != 60.0 || info["appId"] != r.org.AppID() {
		t.Errorf("info %v", info)
	}
	r.want(204, http.MethodPost, at+"/reset", nil)
	if list := decode[object](t, r.want(200, http.MethodGet, at, nil)); list["events"] != 0.0 {
		t.Errorf("after the reset: %v", list)
	}
	r.want(404, http.MethodGet, at+"/nothing", nil)
	r.want(404, http.MethodPost, at+"/people/nobody/suspend", nil)
	r.want(400, http.MethodPost, at+"/people", "{")
	r.want(405, http.MethodGet, at+"/reset", nil)
}

func TestControlOfFaultsTokensAndCounters(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	const at = "/emulator/v1"
	r.want(200, http.MethodGet, "/api/v1/users", nil)
	fault := decode[object](t, r.want(200, http.MethodPost, at+"/faults", object{"kind": "slow", "endpoint": "/api/v1/users", "delay": "1ms"}))
	r.want(200, http.MethodPut, at+"/faults", []object{{"kind": "server_error", "status": 502}})
	r.want(404, http.MethodDelete, at+"/faults/"+fault["id"].(string), nil)
	r.want(502, http.MethodGet, "/api/v1/users", nil)
	r.want(204, http.MethodDelete, at+"/faults", nil)
	r.want(400, http.MethodPost, at+"/faults", object{"kind": "nonsense"})
	r.want(400, http.MethodPost, at+"/faults", object{"kind": "slow", "delay": "long"})
	counters := decode[object](t, r.want(200, http.MethodGet, at+"/counters", nil))
	if n := dig(counters["calls"].([]any)[0], "calls"); n != 2.0 {
		t.Errorf("counters %v", counters)
	}
	if d := cmp.Diff([]emulator.CallCount{{Endpoint: "GET /api/v1/users", Calls: 2, Statuses: map[int]int{200: 1, 502: 1}}}, r.org.Calls()); d != "" {
		t.Error(d)
	}
	r.want(204, http.MethodDelete, at+"/counters", nil)
	if len(r.org.Calls()) != 0 {
		t.Error("the counters were not set back")
	}
	r.want(204, http.MethodDelete, at+"/tokens/"+emulator.DefaultToken, nil)
	r.want(404, http.MethodDelete, at+"/tokens/"+emulator.DefaultToken, nil)
	r.want(401, http.MethodGet, "/api/v1/users", nil)
	r.want(204, http.MethodPost, at+"/tokens", object{"token": emulator.DefaultToken})
	r.want(400, http.MethodPost, at+"/tokens", object{})
	r.want(200, http.MethodGet, "/api/v1/users", nil)
}

func TestActsThatAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	id := r.org.PersonIDs()[0]
	tests := []struct {
		name string
		do   func() (emulator.Act, error)
		says string
	}{
		{"unknown person", func() (emulator.Act, error) { return r.org.Suspend("00u0none") }, "E0000007"},
		{"unknown group", func() (emulator.Act, error) { return r.org.AddToGroup("none", id) }, "E0000007"},
		{"unknown app", func() (emulator.Act, error) { return r.org.Assign("none", id) }, "E0000007"},
		{"unknown manager", func() (emulator.Act, error) { return r.org.Move(id, "", "none") }, "E0000007"},
		{"manager of a joiner", func() (emulator.Act, error) { return r.org.Join(emulator.NewPerson{Manager: "none"}) }, "E0000007"},
		{"group of a joiner", func() (emulator.Act, error) { return r.org.Join(emulator.NewPerson{Groups: []string{"none"}}) }, "E0000007"},
		{"status of a joiner", func() (emulator.Act, error) { return r.org.Join(emulator.NewPerson{Status: "LOCKED_OUT"}) }, "E0000001"},
		{"Everyone", func() (emulator.Act, error) { return r.org.RemoveFromGroup("Everyone", id) }, "E0000060"},
		{"group not assigned", func() (emulator.Act, error) { return r.org.UnassignGroup("", r.org.Groups()[1].ID) }, "E0000007"},
		{"value that is no JSON", func() (emulator.Act, error) { return r.org.Update(id, map[string]any{"title": make(chan int)}) }, "E0000001"},
	}
	before := r.org.Truth()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.do(); err == nil || !strings.HasPrefix(err.Error(), tt.says) {
				t.Errorf("error %v, want %s", err, tt.says)
			}
		})
	}
	if d := cmp.Diff(before, r.org.Truth()); d != "" {
		t.Errorf("a refused act changed the org: %s", d)
	}
}

func TestEveryChangeIsSeenInTheAPI(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	everyChange(t, r.org)
	truth := r.org.Truth()
	for _, g := range truth.Groups {
		list, _ := r.all("/api/v1/groups/" + g.ID + "/users")
		if g.Type != "BUILT_IN" && !slices.Equal(g.Members, ids(list)) {
			t.Errorf("members of %s differ", g.ID)
		}
	}
	list, _ := r.all("/api/v1/users?search=status+pr")
	for i, u := range list {
		p := truth.People[i]
		if u["id"] != p.ID || u["status"] != string(p.Status) || dig(u, "profile", "login") != p.Login {
			t.Errorf("user %v differs from %s", u["id"], p.ID)
		}
	}
}

func TestStartAndClose(t *testing.T) {
	t.Parallel()
	s, err := emulator.Start(t.Context(), "127.0.0.1:0", small())
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(s.URL + "/.well-known/okta-organization")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || s.Org.BaseURL() != s.URL {
		t.Errorf("status %d, base %s", resp.StatusCode, s.Org.BaseURL())
	}
	if _, err := emulator.Start(t.Context(), strings.TrimPrefix(s.URL, "http://"), small()); err == nil {
		t.Error("two servers listen on one address")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := client.Get(s.URL); err == nil {
		t.Error("the server answers after Close")
	}
}
