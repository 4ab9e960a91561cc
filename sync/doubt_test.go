package sync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// agedStore has received every event a minute earlier.
type agedStore struct{ engineStore }

func (s agedStore) Ticket(ctx context.Context, tenant string, scope directory.Scope) (directory.Ticket, error) {
	ticket, err := s.engineStore.Ticket(ctx, tenant, scope)
	for i := range ticket.Events {
		ticket.Events[i].Received = ticket.Events[i].Received.Add(-time.Minute)
	}
	return ticket, err
}

// TestShortListOfGroups: Okta answers with a part of a person's groups. What no event took away
// stays until the list has said so for a minute; everything else is taken over at once.
func TestShortListOfGroups(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		events []string
		left   []string // groups that ada really leaves
		omits  []string // groups that the list leaves out besides
		waits  bool
		want   []string // groups after the event
	}{
		{name: "whole", events: []string{"user.account.update_profile"}, want: []string{"g-all", "g-eng"}},
		{name: "empty", events: []string{"user.account.update_profile"}, omits: []string{"g-all", "g-eng"}, waits: true, want: []string{"g-all", "g-eng"}},
		{name: "half", events: []string{"user.lifecycle.unsuspend"}, omits: []string{"g-eng"}, waits: true, want: []string{"g-all", "g-eng"}},
		{name: "left, with its event", events: []string{"group.user_membership.remove"}, left: []string{"g-eng"}, want: []string{"g-all"}},
		{name: "left, and the rest is cut", events: []string{"group.user_membership.remove"}, left: []string{"g-eng"}, omits: []string{"g-all"},
			waits: true, want: []string{"g-all", "g-eng"}},
		{name: "left, and the event is lost", events: []string{"user.account.update_profile"}, left: []string{"g-eng"}, waits: true, want: []string{"g-all", "g-eng"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := company(t, nil)
			f.people["ada"].groups = map[string]bool{"g-all": true, "g-eng": true}
			f.mustFull()
			f.people["ada"].profile["department"] = "Doubt"
			f.ownOmits = map[string]bool{}
			for _, g := range tt.left {
				delete(f.people["ada"].groups, g)
			}
			for _, g := range tt.omits {
				f.ownOmits[g] = true
			}
			ada := directory.PersonScope("ada")
			f.hint(ada, tt.events...)
			_, err := f.engine.Scope(t.Context(), ada)
			var later *directory.RetryAfterError
			if errors.As(err, &later) != tt.waits || err != nil && later == nil {
				t.Fatalf("the event ended with %v, wait %t", err, tt.waits)
			}
			got := f.stored()["ada"]
			if !slices.Equal(got.Groups, tt.want) {
				t.Errorf("ada is in %v, want %v", got.Groups, tt.want)
			}
			if got.Team != "Doubt" {
				t.Errorf("the team is %q: the rest of what was seen was not taken over", got.Team)
			}
			ticket, err := f.db.Ticket(t.Context(), f.tenant, ada)
			if err != nil || (len(ticket.Events) > 0) != tt.waits {
				t.Fatalf("%d events wait, %v; want %t", len(ticket.Events), err, tt.waits)
			}
			if !tt.waits {
				return
			}
			// Well again, and after a minute: the list is believed.
			clear(f.ownOmits)
			patient := dirsync.New(dirsync.Options{
				Tenant: f.tenant, Rules: f.rules, Source: f.world, Store: agedStore{engineStore{f.db}}, Owner: "test", Now: time.Now, NewID: f.runID,
			})
			if _, err := patient.Scope(t.Context(), ada); err != nil {
				t.Fatal(err)
			}
			f.compare(everyone(f))
		})
	}
}

// TestOneShortListTakesNothing: one answer that Okta cut short, where no younger event asks for patience,
// ends no membership: it takes two looks that agree.
func TestOneShortListTakesNothing(t *testing.T) {
	t.Parallel()
	ada := directory.PersonScope("ada")
	for name, look := range map[string]func(*fixture) (dirsync.Result, error){
		"an event that waited": func(f *fixture) (dirsync.Result, error) {
			f.hint(ada)
			return f.engineOf(dirsync.Options{Store: agedStore{engineStore{f.db}}}).Scope(f.t.Context(), ada)
		},
		"a second look": func(f *fixture) (dirsync.Result, error) {
			err := f.db.Update(f.t.Context(), f.tenant, func(ctx context.Context, tx *store.Tx) error {
				return tx.AskSecondLook(ctx, ada, -time.Second)
			})
			if err != nil {
				f.t.Fatal(err)
			}
			return f.engine.Scope(f.t.Context(), ada)
		},
		"an admin's request": func(f *fixture) (dirsync.Result, error) {
			run := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: ada, Cause: directory.CauseManual}
			if _, _, err := f.db.CreateRun(f.t.Context(), run); err != nil {
				f.t.Fatal(err)
			}
			return f.engine.Run(f.t.Context(), run.ID, directory.AnyClaim)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := company(t, nil)
			f.people["ada"].groups = map[string]bool{"g-all": true, "g-eng": true}
			f.mustFull()
			delete(f.people["ada"].groups, "g-eng") // she left it, and the event was lost
			f.ownOmits = map[string]bool{"g-all": true}
			f.after = func(string) { clear(f.ownOmits) }
			before := f.reads
			result, err := look(f)
			if err != nil {
				t.Fatal(err)
			}
			if n := result.Changes[directory.MembershipRemoved]; n != 1 || f.reads != before+2 {
				t.Errorf("%d memberships ended after %d looks, want one after two", n, f.reads-before)
			}
			f.compare(everyone(f))
		})
	}
}

// TestShortListOfMembers: a run's list of a group lacks people. Who has the group in their own
// list stays, and events about the group alone take nobody out of it.
func TestShortListOfMembers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		event string // empty: a full sync
		left  bool   // bob has really left, and no event said so
		stays bool
	}{
		{name: "full sync, cut list", stays: true},
		{name: "full sync, really left", left: true},
		{name: "renamed, cut list", event: "group.profile.update", stays: true},
		{name: "renamed, really left", event: "group.profile.update", left: true, stays: true},
		{name: "somebody left, cut list", event: "group.user_membership.remove", stays: true},
		{name: "somebody left, it was bob", event: "group.user_membership.remove", left: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := company(t, nil)
			f.people["bob"].groups["g-all"] = true
			f.mustFull()
			if tt.left {
				delete(f.people["bob"].groups, "g-all")
			}
			f.edit = func(pages []directory.Page) []directory.Page {
				for i, p := range pages {
					if p.Members != nil && p.Members.GroupID == "g-all" {
						cut := *p.Members
						cut.IDs = nil
						for _, id := range p.Members.IDs {
							if id != "bob" {
								cut.IDs = append(cut.IDs, id)
							}
						}
						pages[i].Members = &cut
					}
				}
				return pages
			}
			if tt.event == "" {
				f.mustFull()
			} else {
				f.event(directory.GroupScope("g-all"), tt.event)
			}
			if in := slices.Contains(f.stored()["bob"].Groups, "g-all"); in != tt.stays {
				t.Errorf("bob is in the group: %t, want %t", in, tt.stays)
			}
		})
	}
}

// TestManyMissingMembers: a group's list lacks more people than are looked up one by one. A hundred answers
// speak for the rest only if they all say the same.
func TestManyMissingMembers(t *testing.T) {
	t.Parallel()
	const all, missing = 300, 250
	for _, tt := range []struct {
		name  string
		left  func(i int) bool // who has really left
		lists int              // people looked up
	}{
		{name: "all have left", left: func(int) bool { return true }, lists: 100},
		{name: "the list is cut", left: func(int) bool { return false }, lists: 100},
		{name: "some have left and the list is cut", left: func(i int) bool { return i%3 == 0 }, lists: missing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			f.groups["g-all"] = "All hands"
			id := func(i int) string { return fmt.Sprintf("p%03d", i) }
			for i := range all {
				f.join(id(i), nil).groups["g-all"] = true
			}
			f.mustFull()
			listed := map[string]bool{}
			for i := range all {
				if i < missing && tt.left(i) {
					delete(f.people[id(i)].groups, "g-all")
				}
				listed[id(i)] = i >= missing
			}
			f.edit = func(pages []directory.Page) []directory.Page {
				for i, p := range pages {
					if p.Members != nil {
						cut := *p.Members
						cut.IDs = slices.DeleteFunc(slices.Clone(cut.IDs), func(id string) bool { return !listed[id] })
						pages[i].Members = &cut
					}
				}
				return pages
			}
			run := f.mustFull()
			if f.lists != tt.lists || f.reads != 0 || run.Counts.Confirmed != tt.lists {
				t.Errorf("%d people were looked up by their groups, %d as a whole, %d are counted; want %d, 0 and %d", f.lists, f.reads, run.Counts.Confirmed, tt.lists, tt.lists)
			}
			f.compare(everyone(f))
		})
	}
}
