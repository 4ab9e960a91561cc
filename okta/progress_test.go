package okta

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

// stopAfter pulls some pages and leaves. It returns who and what they showed, and where the
// lists stood then.
func stopAfter(t *testing.T, r *Reader, request directory.PullRequest, pages int) (seen map[string]bool, stand []directory.Position) {
	t.Helper()
	seen = map[string]bool{}
	last := map[string]string{}
	for page, err := range r.Pull(t.Context(), request) {
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.People {
			seen["person "+p.ID] = true
		}
		for _, p := range page.Deactivated {
			seen["deactivated "+p.ID] = true
		}
		for _, g := range page.Groups {
			seen["group "+g.ID] = true
		}
		if m := page.Members; m != nil {
			for _, id := range m.IDs {
				seen["member "+m.GroupID+" "+id] = true
			}
			if m.Last {
				seen["complete "+m.GroupID] = true
			}
		}
		for _, p := range page.Positions {
			last[p.List] = p.Next
		}
		if pages--; pages == 0 {
			break
		}
	}
	for _, list := range slices.Sorted(maps.Keys(last)) {
		stand = append(stand, directory.Position{List: list, Next: last[list]})
	}
	return seen, stand
}

// A pull that is left after any number of pages goes on without asking for one of them again.
func TestPullGoesOn(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(1203, 30, 3)
	r := o.reader(t, func(o *Options) { o.MemberLimit = 2 })
	request := full()
	request.Deactivated = true
	whole, _ := stopAfter(t, r, request, -1)
	// 3 of people, 1 of groups, 2 of members of each, 1 of deactivated.
	const pages = 3 + 1 + 2*30 + 1
	for _, n := range []int{1, 2, 3, 5, 20, 39, pages - 1, pages} {
		seen, stand := stopAfter(t, r, request, n)
		request := request
		request.From = stand
		calls := collect(t.Context(), r, request).calls
		rest, _ := stopAfter(t, r, request, -1)
		maps.Copy(rest, seen)
		if diff := cmp.Diff(whole, rest); diff != "" {
			t.Errorf("left after %d pages, both halves are not the whole (-want +got):\n%s", n, diff)
		}
		// The app is looked at again. After the last page there is nothing that could tell.
		if n < pages && calls != 1+pages-n {
			t.Errorf("left after %d of %d pages: %d calls for the rest, want %d", n, pages, calls, 1+pages-n)
		}
	}
}

// What is estimated of the rest counts the groups that are still to be read.
func TestPullGoesOnKnowsWhatIsLeft(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(1, 9, 1)
	r := o.reader(t)
	_, stand := stopAfter(t, r, full(), 6) // people, groups and four groups' members
	request := full()
	request.From = stand
	got := collect(t.Context(), r, request)
	// It is unknown (-1) until the first page of each list is in, in whichever order they come.
	if got.err != nil || got.pages != 5 || got.left[4] != 0 || slices.Max(got.left) > 5 {
		t.Errorf("%d pages, calls left %v, err %v", got.pages, got.left, got.err)
	}
}

func TestPullGoesOnWhereAGroupIsGone(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(1, 3, 7)
	r := o.reader(t, func(o *Options) { o.MemberLimit, o.Concurrency = 2, 1 })
	_, stand := stopAfter(t, r, full(), 3) // of one group one or two of four pages, whenever the page of people comes
	begun := ""
	for _, p := range stand {
		if id, members := strings.CutPrefix(p.List, r.groupList()+"/"); members && strings.Contains(p.Next, "after=") {
			begun = id
		}
	}
	if begun == "" {
		t.Fatalf("no group was left half-way: %+v", stand)
	}
	o.refuse("/api/v1/groups/"+begun+"/users", 404, "E0000007") // and no group of that id
	request := full()
	request.From = stand
	got := collect(t.Context(), r, request)
	if got.err != nil || len(got.groups) != 1 || got.groups[0].ID != begun || got.groups[0].Exists || got.stand[r.memberList(begun)] != "" {
		t.Errorf("want the group to be gone: %+v", got)
	}

	// The same refusal while the group is there is the cursor's.
	o.json("/api/v1/groups/"+begun, 200, groupJSON(begun, "Still here"))
	var refused *directory.CursorError
	if got := collect(t.Context(), r, request); !errors.As(got.err, &refused) || isAbsent(got.err) {
		t.Errorf("want the cursor to be refused: %v", got.err)
	}
}

func TestCursorRefused(t *testing.T) {
	t.Parallel()
	lists := map[string]string{
		"people": appUsers, "groups": "/api/v1/groups", "members": "/api/v1/groups/00g0000/users", "deactivated": "/api/v1/users",
	}
	tests := []struct {
		status  int
		code    string
		refused bool
	}{
		{400, "E0000001", true}, {400, "E0000031", true}, {404, "E0000007", true}, {404, "E0000008", true}, {410, "E0000001", true},
		{401, "E0000011", false}, {403, "E0000006", false}, {500, "E0000009", false}, {404, "", false}, {501, "E0000060", false},
	}
	for name, path := range lists {
		for _, test := range tests {
			t.Run(fmt.Sprintf("%s, %d %s", name, test.status, test.code), func(t *testing.T) {
				t.Parallel()
				o := newOrg(t)
				o.company(1, 1, 1)
				o.json("/api/v1/groups/00g0000", 200, groupJSON("00g0000", "Group 0"))
				o.mu.Lock()
				healthy := o.handlers["GET "+path]
				o.mu.Unlock()
				o.on(path, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Query().Get("after") != "" {
						refuse(w, test.status, test.code)
						return
					}
					w.Header().Set("Link", `<https://acme.okta.com`+path+`?after=x>; rel="next"`)
					healthy(w, r)
				})
				request := full()
				request.Deactivated = true
				var refused *directory.CursorError
				err := collect(t.Context(), o.reader(t), request).err
				if err == nil || errors.As(err, &refused) != test.refused {
					t.Fatalf("refused cursor: want %t, got %v", test.refused, err)
				}
				if test.refused && (isAbsent(err) || errors.As(err, new(*directory.TerminalError)) || !strings.Contains(err.Error(), "nothing was changed")) {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

// Positions of another org or app, or that were tampered with, lead nowhere.
func TestForeignPositions(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.company(1, 1, 1)
	r := o.reader(t)
	for name, at := range map[string]directory.Position{
		"another app":  {List: o.server.URL + "/api/v1/apps/0oa2otherAPP0000x5d7/users", Next: "/api/v1/apps/0oa2otherAPP0000x5d7/users?after=x"},
		"another org":  {List: "https://other.okta.com/api/v1/groups", Next: "/api/v1/groups?after=x"},
		"another host": {List: r.groupList(), Next: "https://evil.example/api/v1/groups?after=x"},
	} {
		request := full()
		request.From = []directory.Position{at}
		before := len(o.paths())
		if err := collect(t.Context(), r, request).err; !errors.As(err, new(*directory.CursorError)) || len(o.paths()) != before {
			t.Errorf("%s: %v, %d calls", name, err, len(o.paths())-before)
		}
	}
}
