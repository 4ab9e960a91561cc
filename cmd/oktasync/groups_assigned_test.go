package main

import (
	"strings"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

// TestAssignedGroupsAreTakenOver: with groups.assigned, the groups that are assigned to the app are those of the directory,
// from the file to the rows, by full syncs as by events.
func TestAssignedGroupsAreTakenOver(t *testing.T) {
	t.Parallel()
	p := newProduct(t, "learnamp", "groups: {assigned: true}\n")
	crew, choir := p.group("Crew"), p.group("Choir")
	ann := p.joins(emulator.NewPerson{Groups: []string{crew, choir}})
	want := func(when, ofAnn, all string) {
		t.Helper()
		rows, err := p.db.ListGroups(t.Context(), p.tenant.Slug, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, g := range rows {
			names = append(names, g.Name)
		}
		if got := strings.Join(names, ", "); got != all || p.groupsOf(ann) != ofAnn {
			t.Errorf("%s the directory has the groups %q, ann %q; want %q and %q", when, got, p.groupsOf(ann), all, ofAnn)
		}
	}
	live := func(group string, act emulator.Act, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range act.Events {
			if strings.HasPrefix(e.Type, "group.") {
				p.hearsOf(directory.GroupScope(group), e.Type)
			}
		}
	}
	p.sync()
	want("without assignments", "", "")
	act, err := p.org.AssignGroup("", crew)
	live(crew, act, err)
	want("after the event of one", "Crew", "Crew")
	act, err = p.org.AssignGroup("", choir)
	p.sync()
	want("after a full sync", "Choir, Crew", "Crew, Choir")
	live(choir, act, err)
	bob := p.comes(emulator.NewPerson{Groups: []string{crew, p.group("Staff")}})
	if got := p.groupsOf(bob); got != "Crew" {
		t.Errorf("somebody who comes is in %q", got)
	}
	act, err = p.org.UnassignGroup("", crew)
	live(crew, act, err)
	want("after the end of one", "Choir", "Choir")
	if got := p.groupsOf(bob); got != "" {
		t.Errorf("the other one is still in %q", got)
	}
	if run := p.sync(); len(run.Counts.Changes) != 0 {
		t.Errorf("a full sync after the events changed %v", run.Counts.Changes)
	}
	if _, err := p.org.UnassignGroup("", choir); err != nil {
		t.Fatal(err)
	}
	p.sync()
	want("after the end of all", "", "")
}
