package okta

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/oktasync/oktasync/directory"
)

const appGroups = "/api/v1/apps/" + testApp + "/groups"

// assigns has the app list the first groups.
func (o *org) assigns(groups int) {
	var list []any
	for i := range groups {
		list = append(list, map[string]any{"id": fmt.Sprintf("00g%04d", i)})
	}
	o.serveList(appGroups, list)
}

func onlyAssigned(o *Options) { o.Groups = directory.GroupSelection{Assigned: true} }

func TestPullOfAssignedGroups(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(2, 300, 1)
	o.assigns(205)
	got := collect(t.Context(), o.reader(t, onlyAssigned), full())
	if got.err != nil || len(got.groups) != 205 || len(got.done) != 205 {
		t.Fatalf("%d groups, %d with members, %v; want the 205 that are assigned", len(got.groups), len(got.done), got.err)
	}
	for _, g := range got.groups {
		if !g.Assigned || g.At.IsZero() {
			t.Fatalf("not seen as assigned: %+v", g)
		}
	}
	if n := o.count(appGroups); n != 2 || o.count(appGroups+"?limit=200") != 1 {
		t.Errorf("%d calls for the app's groups, want two pages of 200: %v", n, o.paths()[:6])
	}

	o = newOrg(t)
	o.company(2, 3, 1)
	if got := collect(t.Context(), o.reader(t), full()); got.err != nil || o.count(appGroups) != 0 {
		t.Errorf("nobody asked for them: %d calls, %v", o.count(appGroups), got.err)
	}
}

// What a group's sight rests on is as old as the older of the two lists.
func TestAssignedGroupsAreAsOldAsTheirList(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(1, 2, 1)
	o.assigns(1)
	r := o.reader(t, func(o *Options) { o.Groups.Assigned = true })
	ids, at, err := r.assignedGroups(t.Context(), plainly)
	if err != nil || len(ids) != 1 {
		t.Fatal(ids, err)
	}
	pages := 0
	for page, err := range r.Pull(t.Context(), full()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.Groups {
			pages++
			if !g.At.After(at) || !g.At.Before(page.At) {
				t.Errorf("group %s was seen at %v, want before its page of %v", g.ID, g.At, page.At)
			}
		}
	}
	if pages != 2 {
		t.Errorf("%d groups, want 2", pages)
	}
}

func TestPullWithoutTheAssignedGroups(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]func(*org){
		"not found": func(o *org) { o.refuse(appGroups, 404, "E0000007") },
		"forbidden": func(o *org) { o.refuse(appGroups, 403, "E0000006") },
		"no id":     func(o *org) { o.json(appGroups, 200, []any{map[string]any{}}) },
		"no list":   func(o *org) { o.on(appGroups, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrg(t)
			o.company(0, 3, 1)
			script(o)
			got := collect(t.Context(), o.reader(t, onlyAssigned), full())
			if got.err == nil || len(got.groups) != 0 {
				t.Errorf("want an error and no group: %v, %v", got.err, got.groups)
			}
		})
	}
}

func TestGroupIsAssigned(t *testing.T) {
	t.Parallel()
	one := appGroups + "/00g0000"
	for name, c := range map[string]struct {
		script func(*org)
		want   bool
		fails  bool
	}{
		"assigned":      {func(o *org) { o.json(one, 200, map[string]any{"id": "00g0000"}) }, true, false},
		"not assigned":  {func(o *org) { o.refuse(one, 404, "E0000007") }, false, false},
		"another group": {func(o *org) { o.json(one, 200, map[string]any{"id": "00g0001"}) }, false, true},
		"forbidden":     {func(o *org) { o.refuse(one, 403, "E0000006") }, false, true},
		"the app is gone": {func(o *org) {
			o.refuse(one, 404, "E0000007")
			o.refuse("/api/v1/apps/"+testApp, 404, "E0000007")
		}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrg(t)
			o.company(0, 1, 0)
			o.json("/api/v1/groups/00g0000", 200, groupJSON("00g0000", "Group 0"))
			c.script(o)
			r := o.reader(t, onlyAssigned)
			seen, err := r.Group(t.Context(), "00g0000", true)
			if (err != nil) != c.fails || err == nil && (seen.Assigned != c.want || !seen.Exists) {
				t.Errorf("assigned %t, exists %t, %v", seen.Assigned, seen.Exists, err)
			}
			got := collect(t.Context(), r, directory.PullRequest{Scope: directory.GroupScope("00g0000")})
			if (got.err != nil) != c.fails || !c.fails && (got.groups[0].Assigned != c.want || got.done["00g0000"] != c.want) {
				t.Errorf("pulled %v, members read %v, %v", got.groups, got.done, got.err)
			}
			if seen, err := r.Group(t.Context(), "00g0000", false); err != nil || seen.Assigned {
				t.Errorf("without asking: %+v, %v", seen, err)
			}
		})
	}
	o := newOrg(t)
	o.company(0, 1, 0)
	o.refuse(appGroups, 403, "E0000006")
	if err := o.reader(t, onlyAssigned).Check(t.Context()); err == nil {
		t.Errorf("a tenant that may not see the app's groups is told so: %v", err)
	}
}
