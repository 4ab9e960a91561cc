package okta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

// pulled is all that a pull gave.
type pulled struct {
	people      []directory.PersonSeen
	deactivated []string
	groups      []directory.GroupSeen
	members     map[string][]string
	done        map[string]bool // groups whose last page came
	calls       int
	left        []int
	err         error
	pages       int
	stand       map[string]string // last position of each list
}

func collect(ctx context.Context, r *Reader, request directory.PullRequest, taken ...func(pulled)) pulled {
	all := pulled{members: map[string][]string{}, done: map[string]bool{}, stand: map[string]string{}}
	for page, err := range r.Pull(ctx, request) {
		if err != nil {
			all.err = err
			continue
		}
		all.pages++
		for _, p := range page.Positions {
			all.stand[p.List] = p.Next
		}
		all.people = append(all.people, page.People...)
		for _, p := range page.Deactivated {
			all.deactivated = append(all.deactivated, p.ID)
		}
		all.groups = append(all.groups, page.Groups...)
		if m := page.Members; m != nil {
			all.members[m.GroupID] = append(all.members[m.GroupID], m.IDs...)
			all.done[m.GroupID] = all.done[m.GroupID] || m.Last
		}
		all.calls = max(all.calls, page.Calls)
		all.left = append(all.left, page.CallsLeft)
		for _, call := range taken {
			call(all)
		}
	}
	return all
}

func full() directory.PullRequest { return directory.PullRequest{Scope: directory.FullScope()} }

const appUsers = "/api/v1/apps/" + testApp + "/users"

// company scripts people assigned to the app, and groups that the first ones are in.
func (o *org) company(people, groups, size int) {
	var users, list []any
	for i := range people {
		users = append(users, withUser(appUserJSON(fmt.Sprintf("00u%04d", i), "ACTIVE")))
	}
	for g := range groups {
		id := fmt.Sprintf("00g%04d", g)
		list = append(list, groupJSON(id, "Group "+strconv.Itoa(g)))
		var members []any
		for i := range size {
			members = append(members, userJSON(fmt.Sprintf("00u%04d", i), "ACTIVE"))
		}
		o.serveList("/api/v1/groups/"+id+"/users", members)
	}
	o.serveList(appUsers, users)
	o.serveList("/api/v1/groups", list)
	o.serveList("/api/v1/users", []any{userJSON("00uGone1", "DEPROVISIONED"), userJSON("00uGone2", "DEPROVISIONED")})
}

func TestFullPull(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(1203, 205, 3)
	r := o.reader(t, func(o *Options) { o.MemberLimit = 2; o.Groups.Exclude = []string{"Group 7"} })
	request := full()
	request.Deactivated = true
	got := collect(t.Context(), r, request)
	if got.err != nil {
		t.Fatal(got.err)
	}
	if len(got.people) != 1203 || len(got.groups) != 204 || len(got.done) != 204 {
		t.Errorf("%d people, %d groups, %d with members; want 1203, 204, 204", len(got.people), len(got.groups), len(got.done))
	}
	for i, p := range got.people {
		if p.ID != fmt.Sprintf("00u%04d", i) || !p.Exists || !p.Assigned || p.OktaStatus != "ACTIVE" || p.Profile["firstName"] != "Ada" ||
			p.AppUserName != p.ID+"@app" || p.GroupsRead || p.At.IsZero() {
			t.Fatalf("person %d: %+v", i, p)
		}
	}
	for id, members := range got.members {
		if diff := cmp.Diff([]string{"00u0000", "00u0001", "00u0002"}, members); diff != "" || !got.done[id] {
			t.Fatalf("group %s, done %t:\n%s", id, got.done[id], diff)
		}
	}
	if diff := cmp.Diff([]string{"00uGone1", "00uGone2"}, got.deactivated); diff != "" {
		t.Error(diff)
	}
	// 1 app, 3 of people, 1 of groups, 2 of members of each, 1 of deactivated.
	if want := 1 + 3 + 1 + 2*204 + 1; len(o.paths()) != want || got.calls != want {
		t.Errorf("%d calls made, %d told, want %d", len(o.paths()), got.calls, want)
	}
	if n := o.count("/api/v1/groups/00g0007/users"); n != 0 {
		t.Errorf("members of a group that is not selected were read")
	}
	if first := o.paths()[0]; first != "/api/v1/apps/"+testApp {
		t.Errorf("the app is not read first but %s", first)
	}
	if got.left[0] != -1 && got.left[len(got.left)-1] != 0 {
		t.Errorf("calls left: %v", got.left)
	}

	again := collect(t.Context(), r, request)
	if again.err != nil || slices.Contains(again.left, -1) {
		t.Errorf("a second pull knows from the first how much there is: %v, %v", again.left, again.err)
	}
}

func TestPullOfAnEmptyApp(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(0, 0, 0)
	got := collect(t.Context(), o.reader(t), full())
	if got.err != nil || got.pages != 2 || len(got.people) != 0 {
		t.Errorf("want an empty page of people and one of groups: %+v", got)
	}
}

func TestPullWithoutApp(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]func(*org){
		"gone": func(o *org) { o.refuse("/api/v1/apps/"+testApp, 404, "E0000007") },
		"inactive": func(o *org) {
			o.json("/api/v1/apps/"+testApp, 200, map[string]any{"id": testApp, "status": "INACTIVE"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrg(t)
			o.company(3, 3, 3)
			script(o)
			got := collect(t.Context(), o.reader(t), full())
			if !errors.As(got.err, new(*directory.TerminalError)) || got.pages != 0 || len(o.paths()) != 1 {
				t.Errorf("want a terminal error and nothing read: %v, %d pages, %v", got.err, got.pages, o.paths())
			}
		})
	}
}

func TestPullReadsLostUsersByID(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(0, 0, 0)
	half := withUser(appUserJSON("00uHalf", "ACTIVE"))
	half["_embedded"] = map[string]any{"user": map[string]any{"id": "00uHalf"}}
	o.serveList(appUsers, []any{
		withUser(appUserJSON("00u1", "ACTIVE")), appUserJSON("00u2", "SUSPENDED"), half,
		appUserJSON("00uDeleted", "ACTIVE"), withUser(appUserJSON("00u5", "UNASSIGNED")),
	})
	o.json("/api/v1/users/00u2", 200, userJSON("00u2", "SUSPENDED"))
	o.json("/api/v1/users/00uHalf", 200, userJSON("00uHalf", "STAGED"))
	got := collect(t.Context(), o.reader(t), full())
	if got.err != nil {
		t.Fatal(got.err)
	}
	var told []string
	for _, p := range got.people {
		told = append(told, fmt.Sprintf("%s %s %t %s %d", p.ID, p.OktaStatus, p.Assigned, p.AssignmentStatus, len(p.Profile)))
	}
	want := []string{"00u1 ACTIVE true ACTIVE 5", "00u2 SUSPENDED true SUSPENDED 5", "00uHalf STAGED true ACTIVE 5", "00u5 ACTIVE false UNASSIGNED 5"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

// Okta's next links used to lose expand (fixed in 2026.08.0).
func TestPullPutsExpandBack(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(0, 0, 0)
	o.on(appUsers, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("after") == "" {
			// Folded into one line by a proxy, and unquoted: the SDK would loop or stop.
			w.Header().Set("Link", `<https://acme.okta.com`+appUsers+`?limit=500>; rel="self", <https://acme.okta.com`+appUsers+`?after=x&limit=500>; rel=next`)
		}
		item := appUserJSON("00u1"+r.URL.Query().Get("after"), "ACTIVE")
		if r.URL.Query().Get("expand") == "user" {
			item = withUser(item)
		}
		answerJSON(w, 200, []any{item})
	})
	got := collect(t.Context(), o.reader(t), full())
	if got.err != nil || len(got.people) != 2 || o.count("/api/v1/users/") != 0 {
		t.Errorf("%d people, err %v, calls %v", len(got.people), got.err, o.paths())
	}
}

// Slices and structs of one page must not shine through the next.
func TestPagesAreFresh(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(0, 0, 0)
	o.on(appUsers, func(w http.ResponseWriter, r *http.Request) {
		item := withUser(appUserJSON("00u1", "ACTIVE"))
		if r.URL.Query().Get("after") == "" {
			w.Header().Set("Link", `<https://acme.okta.com`+appUsers+`?after=x>; rel="next"`)
		} else {
			item = withUser(map[string]any{"id": "00u2", "status": "ACTIVE"})
			item["_embedded"].(map[string]any)["user"].(map[string]any)["profile"] = map[string]any{"login": "b"}
		}
		answerJSON(w, 200, []any{item})
	})
	got := collect(t.Context(), o.reader(t), full())
	if got.err != nil || len(got.people) != 2 {
		t.Fatalf("%+v", got)
	}
	first, second := got.people[0], got.people[1]
	if first.ID != "00u1" || first.Profile["firstName"] != "Ada" {
		t.Errorf("the first person changed: %+v", first)
	}
	if second.AppUserName != "" || second.AssignmentScope != "" || len(second.Profile) != 1 || second.AppProfile != nil {
		t.Errorf("the second person has something of the first: %+v", second)
	}
}

func TestPullRetriesWhatMayPass(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault http.HandlerFunc
		limit string // of the next try
	}{
		{"500", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 500, "E0000009") }, "250"},
		{"503", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, "E0000010") }, "500"},
		{"hang up", hangUp, "500"},
		{"broken off", brokenOff, "500"},
		{"HTML", text("text/html", "<html>"), "500"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := newOrg(t)
			o.company(700, 0, 0)
			o.mu.Lock()
			healthy := o.handlers["GET "+appUsers]
			o.mu.Unlock()
			var calls atomic.Int64
			var limit atomic.Value
			o.on(appUsers, func(w http.ResponseWriter, r *http.Request) {
				switch calls.Add(1) {
				case 2, 3:
					test.fault(w, r)
					return
				case 4:
					limit.Store(r.URL.Query().Get("limit"))
				}
				healthy(w, r)
			})
			got := collect(t.Context(), o.reader(t), full())
			if got.err != nil || len(got.people) != 700 {
				t.Fatalf("%d people: %v", len(got.people), got.err)
			}
			want := test.limit
			if test.name == "500" {
				want = "125" // halved twice
			}
			if limit.Load() != want {
				t.Errorf("limit %v at the third try, want %s", limit.Load(), want)
			}
		})
	}
}

func TestPullGivesUp(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		path  string
		fault http.HandlerFunc
		says  string
		tries int
	}{
		{"people: always 500", appUsers, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 500, "E0000009") }, "gave up after 5 tries", 5},
		{"groups: always broken off", "/api/v1/groups", brokenOff, "gave up after 5 tries", 5},
		{"members: always HTML", "/api/v1/groups/00g0001/users", text("text/html", "<html>"), "gave up after 5 tries", 5},
		{"people: always 429", appUsers, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 429, "E0000047") }, "all lists that are left wait", 20},
		{"people: dead token", appUsers, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 401, "E0000011") }, "create a new API token", 1},
		{"people: weak role", appUsers, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 403, "E0000006") }, "admin role", 1},
		{"people: gone", appUsers, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 404, "E0000007") }, "the app went away", 1},
		{"groups: gone", "/api/v1/groups", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 404, "E0000007") }, "E0000007", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := newOrg(t)
			o.company(10, 3, 2)
			o.on(test.path, test.fault)
			got := collect(t.Context(), o.reader(t), full())
			checkFailure(t, got.err, test.says)
			if isAbsent(got.err) {
				t.Errorf("%v looks like absence", got.err)
			}
			if n := o.count(test.path + "?"); n > test.tries || n == 0 {
				t.Errorf("%d tries, want at most %d", n, test.tries)
			}
		})
	}
}

// A group that is deleted while its members are read is told as gone, once a
// read by id has shown it.
func TestPullOfAGroupDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(3, 3, 2)
	o.refuse("/api/v1/groups/00g0001/users", 404, "E0000007")
	got := collect(t.Context(), o.reader(t), full())
	if got.err != nil || got.done["00g0001"] || !got.done["00g0002"] {
		t.Fatalf("%+v", got)
	}
	gone := slices.ContainsFunc(got.groups, func(g directory.GroupSeen) bool { return g.ID == "00g0001" && !g.Exists })
	if !gone {
		t.Errorf("nothing says that the group is gone: %+v", got.groups)
	}

	o.json("/api/v1/groups/00g0001", 200, groupJSON("00g0001", "Group 1"))
	got = collect(t.Context(), o.reader(t), full())
	checkFailure(t, got.err, "although the group exists")
}

func TestPullOfOneGroup(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		group   any
		exists  bool
		members []string
		calls   int
	}{
		{"selected", groupJSON("00g0000", "Sales"), true, []string{"00u0000", "00u0001"}, 2},
		{"gone", nil, false, nil, 1},
		{"not selected", map[string]any{"id": "00g0000", "type": "BUILT_IN", "profile": map[string]any{"name": "Everyone"}}, true, nil, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := newOrg(t)
			o.company(3, 1, 2)
			if test.group != nil {
				o.json("/api/v1/groups/00g0000", 200, test.group)
			}
			got := collect(t.Context(), o.reader(t), directory.PullRequest{Scope: directory.GroupScope("00g0000")})
			if got.err != nil || len(got.groups) != 1 || got.groups[0].Exists != test.exists || got.groups[0].ID != "00g0000" {
				t.Fatalf("%+v", got)
			}
			if diff := cmp.Diff(test.members, got.members["00g0000"]); diff != "" || got.done["00g0000"] != (test.members != nil) {
				t.Errorf("done %t\n%s", got.done["00g0000"], diff)
			}
			if n := len(o.paths()); n != test.calls {
				t.Errorf("%d calls, want %d", n, test.calls)
			}
		})
	}
}

func TestPullRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	for _, scope := range []directory.Scope{directory.PersonScope(ada), {Kind: "team", ID: "x"}, {}, directory.GroupScope("a/b"), directory.GroupScope("")} {
		got := collect(t.Context(), o.reader(t), directory.PullRequest{Scope: scope})
		if !errors.As(got.err, new(*directory.TerminalError)) || len(o.paths()) != 0 {
			t.Errorf("%v: %v, %v", scope, got.err, o.paths())
		}
	}
}

// goleak, in TestMain, sees whether anything goes on afterwards.
func TestPullCanBeLeft(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(5000, 300, 2)
	r := o.reader(t)
	for range r.Pull(t.Context(), full()) {
		break
	}
	made := len(o.paths())
	if made > 100 {
		t.Errorf("%d calls for one page", made)
	}

	func() {
		defer func() {
			if recover() == nil {
				t.Error("the consumer's panic is lost")
			}
		}()
		for range r.Pull(t.Context(), full()) {
			panic("the consumer's own")
		}
	}()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range r.Pull(ctx, full()) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("want the end of the context: %v", last)
	}
}

// What is read ahead of a slow consumer is bounded.
func TestPullWaitsForItsConsumer(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(7500, 0, 0)
	pages := 0
	for _, err := range o.reader(t).Pull(t.Context(), full()) {
		if err != nil {
			t.Fatal(err)
		}
		pages++
		// Each page that waits in the channel, one being sent and one being read.
		if ahead := o.count(appUsers) - pages; ahead > pagesAhead+2 {
			t.Fatalf("%d pages ahead", ahead)
		}
	}
	if pages != 16 { // one of groups, which is empty
		t.Errorf("%d pages, want 16", pages)
	}
}

func TestPullObservesBeforeItAsks(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(1, 0, 0)
	var asked time.Time
	clock := &testClock{now: startOfTime()}
	o.mu.Lock()
	healthy := o.handlers["GET "+appUsers]
	o.mu.Unlock()
	o.on(appUsers, func(w http.ResponseWriter, r *http.Request) {
		asked, _ = clock.read(context.Background())
		healthy(w, r)
	})
	got := collect(t.Context(), o.reader(t, func(o *Options) { o.Clock = clock.read; o.Concurrency = 1 }), full())
	if got.err != nil || !got.people[0].At.Before(asked) {
		t.Errorf("seen at %s, asked at %s, err %v", got.people[0].At, asked, got.err)
	}

	broken := o.reader(t, func(o *Options) {
		o.Clock = func(context.Context) (time.Time, error) { return time.Time{}, errors.New("no database") }
	})
	checkFailure(t, collect(t.Context(), broken, full()).err, "no database")
	_, err := broken.Person(t.Context(), directory.PersonRequest{Ref: ada})
	checkFailure(t, err, "no database")
	if strings.Contains(err.Error(), "okta answered") {
		t.Error("Okta was asked without knowing the time")
	}
}
