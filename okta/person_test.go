package okta

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

const ada = "00u1adaADA000000x5d7"

func adaProfile() map[string]any {
	return map[string]any{"firstName": "Ada", "lastName": "L", "login": ada + "@acme.example", "email": ada + "@acme.example", "mobilePhone": nil}
}

func TestPerson(t *testing.T) {
	t.Parallel()
	second := startOfTime().Add(time.Second)
	tests := []struct {
		name   string
		script func(*org)
		ask    string
		want   directory.PersonSeen
		calls  int
	}{
		{
			name: "assigned, with groups on two pages",
			script: func(o *org) {
				o.json("/api/v1/users/"+ada, 200, userJSON(ada, "ACTIVE"))
				o.json("/api/v1/apps/"+testApp+"/users/"+ada, 200, appUserJSON(ada, "PROVISIONED"))
				var groups []any
				for i := range 201 {
					groups = append(groups, groupJSON("00g"+strings.Repeat("x", i+1), "Sales"))
				}
				o.serveList("/api/v1/users/"+ada+"/groups", groups)
			},
			ask: ada, calls: 4,
			want: directory.PersonSeen{ID: ada, At: second, Exists: true, OktaStatus: "ACTIVE", Assigned: true, AssignmentScope: "GROUP",
				AssignmentStatus: "PROVISIONED", Profile: adaProfile(), AppProfile: map[string]any{"role": "x"}, AppUserName: ada + "@app", GroupsRead: true},
		},
		{
			name:   "unknown to Okta",
			script: func(*org) {},
			ask:    ada, calls: 1,
			want: directory.PersonSeen{ID: ada, At: second},
		},
		{
			name:   "a login that nobody has",
			script: func(*org) {},
			ask:    "ada+x y@acme.example", calls: 1,
			want: directory.PersonSeen{At: second},
		},
		{
			name: "not assigned while the app is there",
			script: func(o *org) {
				o.json("/api/v1/users/"+ada, 200, userJSON(ada, "ACTIVE"))
			},
			ask: ada, calls: 3,
			want: directory.PersonSeen{ID: ada, At: second, Exists: true, OktaStatus: "ACTIVE", Profile: adaProfile()},
		},
		{
			name: "a revoked assignment",
			script: func(o *org) {
				o.json("/api/v1/users/"+ada, 200, userJSON(ada, "ACTIVE"))
				o.json("/api/v1/apps/"+testApp+"/users/"+ada, 200, appUserJSON(ada, "REVOKED"))
			},
			ask: ada, calls: 2,
			want: directory.PersonSeen{ID: ada, At: second, Exists: true, OktaStatus: "ACTIVE", Profile: adaProfile(), AssignmentScope: "GROUP",
				AssignmentStatus: "REVOKED", AppProfile: map[string]any{"role": "x"}, AppUserName: ada + "@app"},
		},
		{
			name: "a suspended assignment is one",
			script: func(o *org) {
				o.json("/api/v1/users/"+ada, 200, userJSON(ada, "ACTIVE"))
				o.json("/api/v1/apps/"+testApp+"/users/"+ada, 200, appUserJSON(ada, "SUSPENDED"))
				o.serveList("/api/v1/users/"+ada+"/groups", nil)
			},
			ask: ada, calls: 3,
			want: directory.PersonSeen{ID: ada, At: second, Exists: true, OktaStatus: "ACTIVE", Profile: adaProfile(), Assigned: true, AssignmentScope: "GROUP",
				AssignmentStatus: "SUSPENDED", AppProfile: map[string]any{"role": "x"}, AppUserName: ada + "@app", GroupsRead: true},
		},
		{
			name: "deactivated: the app is not asked, the groups are",
			script: func(o *org) {
				o.json("/api/v1/users/"+ada, 200, userJSON(ada, "DEPROVISIONED"))
				o.serveList("/api/v1/users/"+ada+"/groups", nil)
			},
			ask: ada, calls: 2,
			want: directory.PersonSeen{ID: ada, At: second, Exists: true, OktaStatus: "DEPROVISIONED", Profile: adaProfile(), GroupsRead: true},
		},
		{
			name: "by login",
			script: func(o *org) {
				o.json("/api/v1/users/ada%25%3Fx@acme.example", 200, userJSON(ada, "ACTIVE"))
				o.json("/api/v1/apps/"+testApp+"/users/"+ada, 200, appUserJSON(ada, "ACTIVE"))
				o.serveList("/api/v1/users/"+ada+"/groups", nil)
			},
			ask: "ada%?x@acme.example", calls: 3,
			want: directory.PersonSeen{ID: ada, At: second, Exists: true, OktaStatus: "ACTIVE", Assigned: true, AssignmentScope: "GROUP",
				AssignmentStatus: "ACTIVE", Profile: adaProfile(), AppProfile: map[string]any{"role": "x"}, AppUserName: ada + "@app", GroupsRead: true},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := newOrg(t)
			test.script(o)
			got, err := o.reader(t).Person(t.Context(), directory.PersonRequest{Ref: test.ask})
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(test.name, "two pages") && len(got.Groups) != 201 {
				t.Errorf("%d groups, want 201", len(got.Groups))
			}
			got.Groups = nil
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
			if calls := len(o.paths()); calls != test.calls {
				t.Errorf("%d calls, want %d: %v", calls, test.calls, o.paths())
			}
		})
	}
}

func TestPersonNeverMistakesTroubleForAbsence(t *testing.T) {
	t.Parallel()
	here := func(o *org) { o.json("/api/v1/users/"+ada, 200, userJSON(ada, "ACTIVE")) }
	tests := []struct {
		name     string
		script   func(*org)
		terminal bool
		sentence string
	}{
		{"the app is gone", func(o *org) { here(o); o.refuse("/api/v1/apps/"+testApp, 404, "E0000007") }, true, "does not exist in this Okta org"},
		{"the app is inactive", func(o *org) {
			here(o)
			o.json("/api/v1/apps/"+testApp, 200, map[string]any{"id": testApp, "status": "INACTIVE"})
		}, true, "nobody can use it"},
		{"a 404 with another code", func(o *org) { o.refuse("/api/v1/users/"+ada, 404, "E0000008") }, true, "E0000008"},
		{"a 404 that is not Okta's", func(o *org) { o.json("/api/v1/users/"+ada, 404, "not here") }, false, "does not look like Okta's"},
		{"groups gone after the user was seen", func(o *org) {
			here(o)
			o.json("/api/v1/apps/"+testApp+"/users/"+ada, 200, appUserJSON(ada, "ACTIVE"))
		}, false, "was there a moment ago"},
		{"no status", func(o *org) { o.json("/api/v1/users/"+ada, 200, map[string]any{"id": ada}) }, false, "no id or no status"},
		{"another user", func(o *org) { o.json("/api/v1/users/"+ada, 200, userJSON("00uOther", "ACTIVE")) }, true, "another user"},
		{"another app user", func(o *org) {
			here(o)
			o.json("/api/v1/apps/"+testApp+"/users/"+ada, 200, appUserJSON("00uOther", "ACTIVE"))
		}, false, "is about"},
		{"the app answers 500", func(o *org) { here(o); o.refuse("/api/v1/apps/"+testApp, 500, "E0000009") }, false, "E0000009"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := newOrg(t)
			test.script(o)
			seen, err := o.reader(t).Person(t.Context(), directory.PersonRequest{Ref: ada})
			if err == nil {
				t.Fatalf("no error, but %+v", seen)
			}
			if terminal := errors.As(err, new(*directory.TerminalError)); terminal != test.terminal {
				t.Errorf("terminal: %t, want %t: %v", terminal, test.terminal, err)
			}
			if !strings.Contains(err.Error(), test.sentence) {
				t.Errorf("%q does not say %q", err, test.sentence)
			}
			if isAbsent(err) {
				t.Errorf("%v still looks like absence to a caller", err)
			}
		})
	}
}

// TestGroupsOf: one call, of no scarce bucket, and an unknown person is no person without groups.
func TestGroupsOf(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.serveList("/api/v1/users/"+ada+"/groups", []any{map[string]any{"id": "00g1", "type": "OKTA_GROUP", "profile": map[string]any{"name": "One"}}})
	r := o.reader(t)
	groups, known, err := r.GroupsOf(t.Context(), ada)
	if err != nil || !known || len(groups) != 1 || groups[0].ID != "00g1" || len(o.paths()) != 1 {
		t.Errorf("%+v, %t, %v after %v", groups, known, err, o.paths())
	}
	o.refuse("/api/v1/users/00uOther/groups", 404, "E0000007")
	if groups, known, err := r.GroupsOf(t.Context(), "00uOther"); err != nil || known || groups != nil {
		t.Errorf("of an unknown person: %+v, %t, %v", groups, known, err)
	}
	o.refuse("/api/v1/users/"+ada+"x/groups", 403, "E0000006")
	if _, known, err := r.GroupsOf(t.Context(), ada+"x"); err == nil || known {
		t.Errorf("refused: %t, %v", known, err)
	}
}
