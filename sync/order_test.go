package sync_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

// TestNewerSightOfAGroup: while a full run is under way, an event has one group read. What the
// full run had seen of it before is older, also where the newer reading found nothing to change.
func TestNewerSightOfAGroup(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		before func(f *fixture) // what the full run sees
		after  func(f *fixture) // what the event's reading sees
	}{
		{"out, and in again",
			func(f *fixture) { delete(f.people["ada"].groups, "g-eng") },
			func(f *fixture) { f.people["ada"].groups["g-eng"] = true }},
		{"in, and out again",
			func(f *fixture) { f.people["dan"].groups["g-eng"] = true },
			func(f *fixture) { delete(f.people["dan"].groups, "g-eng") }},
		{"renamed, and back again",
			func(f *fixture) { f.groups["g-eng"] = "Machines" },
			func(f *fixture) { f.groups["g-eng"] = "Engineering" }},
		{"made, and deleted",
			func(f *fixture) { f.groups["g-eng2"] = "More"; f.people["ada"].groups["g-eng2"] = true },
			func(f *fixture) { delete(f.groups, "g-eng2") }},
		{"made with one member, who goes",
			func(f *fixture) { f.groups["g-eng2"] = "More"; f.people["ada"].groups["g-eng2"] = true },
			func(f *fixture) { delete(f.people["ada"].groups, "g-eng2") }},
		{"no longer there, and back",
			func(f *fixture) { delete(f.groups, "g-eng") },
			func(f *fixture) { f.groups["g-eng"] = "Engineering" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := company(t, nil)
			f.mustFull()
			test.before(f)
			f.between = func() { // the full run has read its pages, and has taken none in
				f.between = nil
				test.after(f)
				for _, id := range []string{"g-eng", "g-eng2"} {
					f.event(directory.GroupScope(id))
				}
			}
			f.mustFull()
			f.compareGroups()
			f.compare(nil)
		})
	}
}

// TestNewerSightSaysNothingOfStrangers: a group that is read while the first full run is under
// way has members who are not in the directory yet; the run must bring them in.
func TestNewerSightSaysNothingOfStrangers(t *testing.T) {
	t.Parallel()
	t.Run("of the first sync", func(t *testing.T) {
		t.Parallel()
		f := company(t, nil)
		f.between = func() {
			f.between = nil
			f.event(directory.GroupScope("g-eng"))
		}
		f.mustFull()
		f.compare(nil)
	})
	t.Run("of people who come back", func(t *testing.T) {
		t.Parallel()
		f := company(t, nil)
		f.mustFull()
		f.people["ada"].assigned = false
		f.event(directory.PersonScope("ada"))
		f.people["ada"].assigned = true // without an event
		f.between = func() {
			f.between = nil
			f.event(directory.GroupScope("g-eng"))
		}
		f.mustFull()
		f.compare(nil)
	})
	t.Run("of people whose event is on its way", func(t *testing.T) {
		t.Parallel()
		f := company(t, nil)
		f.mustFull()
		f.join("eve", nil).groups["g-eng"] = true
		f.after = func(string) { // she was read, the commit is slow
			f.after = nil
			f.event(directory.GroupScope("g-eng"))
		}
		f.event(directory.PersonScope("eve"))
		f.compare(nil)
	})
}

// TestGroupGoneWhileItIsRead: listed, and gone when its members are asked for.
func TestGroupGoneWhileItIsRead(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	f.groups["g-new"] = "New"
	f.edit = func(pages []directory.Page) []directory.Page {
		for i, p := range pages {
			if p.Members != nil && p.Members.GroupID == "g-new" {
				delete(f.groups, "g-new")
				pages[i] = directory.Page{At: f.clock(t.Context()), Groups: []directory.GroupSeen{{ID: "g-new", At: f.clock(t.Context())}}, Positions: p.Positions}
			}
		}
		return pages
	}
	f.mustFull()
	f.compareGroups()
}

// compareGroups compares the names of the directory's groups with Okta's.
func (f *fixture) compareGroups() {
	f.t.Helper()
	rows, err := f.db.ListGroups(f.t.Context(), f.tenant, "", 100)
	if err != nil {
		f.t.Fatal(err)
	}
	have := map[string]string{}
	for _, g := range rows {
		have[g.ID] = g.Name
	}
	if diff := cmp.Diff(f.groups, have); diff != "" {
		f.t.Errorf("groups differ from Okta's (-okta +directory):\n%s", diff)
	}
}

// TestSuspendedBeforeEverKnown: listed as active by the first full run, and suspended by an event
// before the plan is applied.
func TestSuspendedBeforeEverKnown(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.between = func() {
		f.between = nil
		f.people["ada"].status = "SUSPENDED"
		f.event(directory.PersonScope("ada"), "user.lifecycle.suspend")
	}
	f.mustFull()
	f.compare(nil)
}
