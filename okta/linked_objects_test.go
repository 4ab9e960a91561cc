package okta

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

// linkedOrg is an org in which everybody but the first heads has a manager among these, by a linked object.
func linkedOrg(t *testing.T, people, heads int) (*emulator.Server, *Reader, map[string]string) {
	t.Helper()
	server, r := emulated(t, emulator.Options{People: people, Groups: -1, Limits: emulator.Unlimited()})
	if err := server.Org.DefineLinkedObject("manager", "subordinate"); err != nil {
		t.Fatal(err)
	}
	truth, managers := server.Org.Truth(), map[string]string{}
	for i, p := range truth.People[heads:] {
		managers[p.ID] = truth.People[i%heads].ID
		if err := server.Org.Link(p.ID, "manager", managers[p.ID]); err != nil {
			t.Fatal(err)
		}
	}
	return server, r, managers
}

func fullWithLinks() directory.PullRequest {
	return directory.PullRequest{Scope: directory.FullScope(), Links: []string{"manager"}}
}

// A list of a manager's people answers for all of them: two calls a manager, and one for whoever has none.
func TestPullOfLinkedObjects(t *testing.T) {
	t.Parallel()
	const people, heads = 600, 20
	server, r, managers := linkedOrg(t, people, heads)
	got := collect(t.Context(), r, fullWithLinks())
	if got.err != nil {
		t.Fatal(got.err)
	}
	assigned := 0
	for _, p := range got.people {
		if p.Links["manager"] != managers[p.ID] {
			t.Errorf("person %s is linked to %q, want %q", p.ID, p.Links["manager"], managers[p.ID])
		}
		assigned++
	}
	if assigned < people/2 {
		t.Fatalf("only %d people were seen", assigned)
	}
	// Whoever is asked for at the same time as another of the same manager is asked for in vain.
	calls, most := server.Org.CallsTo("GET /api/v1/users/{id}/linkedObjects/{name}"), 3*heads+r.concurrency*heads
	if calls > most || calls >= assigned {
		t.Errorf("%d calls for linked objects of %d people, want at most %d", calls, assigned, most)
	}
	if plain := collect(t.Context(), r, full()); plain.err != nil || len(plain.people) != len(got.people) || plain.people[0].Links != nil {
		t.Errorf("without linked objects: %d people, %v, %v", len(plain.people), plain.people[0].Links, plain.err)
	}
}

// A list of a manager's people that lacks some is made up for: who is not in it is asked for.
func TestPullOfLinkedObjectsByACutList(t *testing.T) {
	t.Parallel()
	server, r, managers := linkedOrg(t, 40, 2)
	fault := emulator.Fault{Kind: emulator.FaultCutPage, Endpoint: "GET /api/v1/users/*/linkedObjects/subordinate"}
	if _, err := server.Org.AddFault(fault); err != nil {
		t.Fatal(err)
	}
	got := collect(t.Context(), r, fullWithLinks())
	if got.err != nil {
		t.Fatal(got.err)
	}
	for _, p := range got.people {
		if p.Links["manager"] != managers[p.ID] {
			t.Errorf("person %s is linked to %q, want %q", p.ID, p.Links["manager"], managers[p.ID])
		}
	}
}

// The list of a manager's people may have been read before the page that shows a person.
func TestLinkedSightIsAsOldAsItsOlderHalf(t *testing.T) {
	t.Parallel()
	rel := &relation{name: "manager", known: map[string]*team{}, listed: map[string]bool{}}
	at := startOfTime()
	rel.put(&team{primary: "boss", at: at}, []string{ada, "boss2"}, "boss2")
	seen := directory.PersonSeen{ID: ada, At: at.Add(5)}
	if err := (&pull{}).link(t.Context(), rel, &seen); err != nil {
		t.Fatal(err)
	}
	if seen.Links["manager"] != "boss" || !seen.At.Equal(at) {
		t.Errorf("seen at %s, linked to %v", seen.At, seen.Links)
	}
	if len(rel.known) != 0 {
		t.Errorf("%d are still remembered", len(rel.known))
	}
}

// Whoever goes away between the reads of two linked objects is left out, and not shown without the first.
func TestPullOfTwoLinkedObjects(t *testing.T) {
	t.Parallel()
	server, r, _ := linkedOrg(t, 12, 2)
	if err := server.Org.DefineLinkedObject("mentor", "mentee"); err != nil {
		t.Fatal(err)
	}
	request := directory.PullRequest{Scope: directory.FullScope(), Links: []string{"manager", "mentor"}}
	all := collect(t.Context(), r, request)
	if all.err != nil || len(all.people) == 0 {
		t.Fatalf("%d people, %v", len(all.people), all.err)
	}
	gone := all.people[0].ID
	for _, first := range []string{"manager", "mentor"} {
		fault := emulator.Fault{Kind: emulator.FaultNotFound, Endpoint: "GET /api/v1/users/" + gone + "/linkedObjects/" + first}
		id, err := server.Org.AddFault(fault)
		if err != nil {
			t.Fatal(err)
		}
		got := collect(t.Context(), r, request)
		if got.err != nil || len(got.people) != len(all.people)-1 {
			t.Errorf("without an answer about %s: %d people of %d, %v", first, len(got.people), len(all.people), got.err)
		}
		server.Org.RemoveFault(id)
	}
}

func TestPersonWithLinkedObject(t *testing.T) {
	t.Parallel()
	server, r, managers := linkedOrg(t, 30, 3)
	app := server.Org.AppID()
	var who, head string
	for _, p := range server.Org.Truth().People {
		switch {
		case !p.AssignedTo(app):
		case managers[p.ID] == "":
			head = p.ID
		default:
			who = p.ID
		}
	}
	read := func(id string) (directory.PersonSeen, error) {
		return r.Person(t.Context(), directory.PersonRequest{Ref: id, Links: []string{"manager"}})
	}
	for id, want := range map[string]string{who: managers[who], head: ""} {
		seen, err := read(id)
		if err != nil || seen.Links["manager"] != want || !seen.GroupsRead {
			t.Errorf("person %s is linked to %q, want %q; %v", id, seen.Links["manager"], want, err)
		}
	}
	if _, err := server.Org.Unassign(app, who); err != nil {
		t.Fatal(err)
	}
	if seen, err := read(who); err != nil || seen.Links != nil {
		t.Errorf("somebody who is not assigned was asked for links: %v, %v", seen.Links, err)
	}

	// A relationship that is gone is not "no manager".
	server.Org.UndefineLinkedObject("manager")
	_, err := read(head)
	var terminal *directory.TerminalError
	if !errors.As(err, &terminal) || !strings.Contains(err.Error(), "the org has no linked object of this name") {
		t.Errorf("read of a linked object that is gone: %v", err)
	}
	if got := collect(t.Context(), r, fullWithLinks()); !errors.As(got.err, &terminal) || len(got.people) > 0 {
		t.Errorf("pull of a linked object that is gone: %d people, %v", len(got.people), got.err)
	}
}

func TestLinkedObjectAnswers(t *testing.T) {
	t.Parallel()
	href := func(ids ...string) (items []any) {
		for _, id := range ids {
			items = append(items, map[string]any{"_links": map[string]any{"self": map[string]any{"href": id}}})
		}
		return items
	}
	for _, test := range []struct {
		name  string
		items []any
		want  string // of the error; empty: the first id is taken
	}{
		{"one", href("https://acme.okta.com/api/v1/users/00u1bossBOSSBOSSx5d7"), ""},
		{"two", href("https://acme.okta.com/api/v1/users/00u1", "https://acme.okta.com/api/v1/users/00u2"), "names 2 users where there can be one"},
		{"no user", href("https://acme.okta.com/api/v1/groups/00g1"), "has no user id"},
		{"no id", href("https://acme.okta.com/api/v1/users/"), "has no user id"},
		{"below a user", href("https://acme.okta.com/api/v1/users/00u1/groups"), "has no user id"},
		{"no link", []any{map[string]any{"id": "00u1"}}, "has no user id"},
		{"no address", href("::"), "is not an address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := newOrg(t)
			o.json("/api/v1/users/"+ada+"/linkedObjects/manager", http.StatusOK, test.items)
			id, err := o.reader(t).primary(t.Context(), ada, "manager")
			if test.want == "" && (err != nil || !strings.HasSuffix(fmt.Sprint(test.items[0]), id+"]]]")) {
				t.Errorf("%q, %v", id, err)
			}
			var passing *passingError
			if test.want != "" && (!errors.As(err, &passing) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%q, %v; want an error that passes with %q", id, err, test.want)
			}
		})
	}
}

func TestLinkedObjectDefinitions(t *testing.T) {
	t.Parallel()
	_, r, _ := linkedOrg(t, 3, 1)
	if name, err := r.LinkedObject(t.Context(), "manager"); err != nil || name != "subordinate" {
		t.Errorf("the other side of manager is %q, %v", name, err)
	}
	for name, want := range map[string]string{
		"subordinate": `"subordinate" is not the primary side of it, which is "manager"`,
		"boss":        "the org has no linked object of this name",
		"a/b":         "holds a character that no Okta id has",
	} {
		_, err := r.LinkedObject(t.Context(), name)
		var terminal *directory.TerminalError
		if !errors.As(err, &terminal) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error that stays with %q", name, err, want)
		}
	}
}
