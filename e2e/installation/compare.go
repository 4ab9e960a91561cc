package installation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

// Comparison compares the directory of a tenant with an emulated org.
type Comparison struct {
	API    *client.Client
	Tenant string
	App    string // the app whose assignment counts
	// Before is the status that people had in the directory at the last comparison;
	// nil at the first one.
	Before map[string]string
	// Loose says for whom several events may have fallen together since: what became
	// of those who have no access is then a matter of moments. Nil: for nobody.
	Loose func(id string) bool
}

// Differences compares every person, team, group, membership and manager with what the
// org says is true now. It returns a line for each difference, and the directory.
func (c Comparison) Differences(ctx context.Context, truth emulator.Snapshot) ([]string, Copy, error) {
	have, err := Read(ctx, c.API, c.Tenant)
	if err != nil {
		return nil, Copy{}, err
	}
	d := differences{Comparison: c, have: have, want: expect(truth, c.App, have)}
	d.people(truth)
	d.teams()
	if err := d.groups(ctx, truth); err != nil {
		return nil, Copy{}, err
	}
	return d.lines, have, nil
}

type differences struct {
	Comparison
	have  Copy
	want  expected
	lines []string
}

func (d *differences) add(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *differences) loose(id string) bool { return d.Loose != nil && d.Loose(id) }

func (d *differences) people(truth emulator.Snapshot) {
	inOkta := map[string]emulator.Person{}
	everybody := map[string]bool{}
	for _, p := range truth.People {
		inOkta[p.ID] = p
		everybody[p.ID] = true
	}
	for id := range d.have.People {
		everybody[id] = true
	}
	for id := range d.Before {
		everybody[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(everybody)) {
		if p, present := d.want.present[id]; present {
			d.person(id, p, inOkta[id])
			continue
		}
		p, exists := inOkta[id]
		d.absent(id, p, exists)
	}
	for _, id := range slices.Sorted(maps.Keys(d.want.quarantined)) {
		if d.have.Quarantined[id].Reason == "" {
			d.add("person %s lacks a required field in Okta and is not in quarantine with a reason", id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(d.have.Quarantined)) {
		if !d.want.quarantined[id] {
			d.add("person %s is in quarantine without need: %s", id, d.have.Quarantined[id].Reason)
		}
	}
}

// absent looks at somebody who has no access.
func (d *differences) absent(id string, person emulator.Person, exists bool) {
	row, there := d.have.People[id]
	status := "absent"
	if there {
		status = row.Status
	}
	if may := d.mayBe(id, person, exists); !slices.Contains(may, status) {
		d.add("person %s is %s in the directory; Okta: exists %t, status %s, apps %v; the directory had them %q before, may be %v",
			id, status, exists, person.Status, person.Apps, d.Before[id], may)
	}
	// Who had been removed before is not touched any more.
	if was := d.Before[id]; !exists && was != "" && was != "removed" && !d.loose(id) && row.OktaStatus != "DELETED" {
		d.add("person %s is deleted in Okta, okta_status is %q", id, row.OktaStatus)
	}
}

// mayBe tells what somebody who has no access may be in the directory. Mostly it is one
// thing; where several events fell together, what was seen in between is a
// matter of moments.
func (d *differences) mayBe(id string, p emulator.Person, exists bool) []string {
	before, known := d.Before[id]
	newcomer := !known && d.Before != nil
	switch {
	case d.want.quarantined[id] && (before == "" || before == "removed" || before == "deactivated"):
		if before == "" {
			return []string{"absent"}
		}
		return []string{before}
	case d.loose(id) && exists && p.Status == emulator.Deprovisioned:
		return []string{"absent", "deactivated", "removed"}
	case newcomer && (!exists || d.loose(id)):
		return []string{"absent", "removed"}
	case before == "":
		return []string{"absent"}
	case !exists, p.Status != emulator.Deprovisioned, before == "removed":
		return []string{"removed"}
	default:
		return []string{"deactivated"}
	}
}

func (d *differences) person(id string, p wanted, truth emulator.Person) {
	row := d.have.People[id]
	got := wanted{Status: row.Status, OktaStatus: row.OktaStatus, Assignment: row.Assignment, Profile: row.Profile,
		Manager: row.Manager.ID, IDText: row.Manager.IDText, Text: row.Manager.Text}
	if row.Team != nil {
		got.Team = row.Team.Name
	}
	if diff := cmp.Diff(p, got); diff != "" {
		d.add("person %s differs from Okta (-want +got):\n%s", id, diff)
	}
	// The org's own view of the managers, where both mean the same: it knows display
	// names too, and people who are not assigned.
	if boss, present := d.want.present[truth.ManagerID]; present && p.Manager != "" && p.Manager != truth.ManagerID {
		d.add("the manager of %s is %s by the rules and %s (%s) for Okta", id, p.Manager, truth.ManagerID, boss.Status)
	}
	if row.Manager.ID == "" && (row.Manager.IDText != "" || row.Manager.Text != "") && row.Manager.Problem == "" {
		d.add("person %s has a manager text and no manager, and nothing says why", id)
	}
}

func (d *differences) teams() {
	sizes := map[string]int{}
	for _, p := range d.want.present {
		if p.Team != "" {
			sizes[p.Team]++
		}
	}
	got := map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(d.have.Teams)) {
		team := d.have.Teams[id]
		if _, twice := got[team.Name]; twice {
			d.add("two teams are called %q", team.Name)
		}
		if team.People > 0 {
			got[team.Name] = team.People
		}
	}
	if diff := cmp.Diff(sizes, got); diff != "" {
		d.add("teams and their sizes (-want +got):\n%s", diff)
	}
}

func (d *differences) groups(ctx context.Context, truth emulator.Snapshot) error {
	groupsOf := map[string][]v1.Ref{}
	inOkta := map[string]bool{}
	for _, g := range truth.Groups {
		if g.Type != "OKTA_GROUP" {
			continue
		}
		inOkta[g.ID] = true
		row, there := d.have.Groups[g.ID]
		if !there || row.Name != g.Name || row.Description != g.Description || row.Type != g.Type {
			d.add("group %s: have %+v, want %q, %q", g.ID, row, g.Name, g.Description)
		}
		var members []string
		for _, id := range g.Members {
			status := d.have.People[id].Status
			_, present := d.want.present[id]
			if present || status == "deactivated" {
				members = append(members, id)
				groupsOf[id] = append(groupsOf[id], v1.Ref{ID: g.ID, Name: g.Name})
			}
		}
		if diff := cmp.Diff(members, d.have.Members[g.ID]); diff != "" {
			d.add("members of group %s (-want +got):\n%s", g.ID, diff)
		}
		if row.Members != len(members) {
			d.add("group %s says that it has %d members, want %d", g.ID, row.Members, len(members))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(d.have.Groups)) {
		if !inOkta[id] {
			d.add("group %s is in the directory and not in Okta", id)
		}
	}
	return d.details(ctx, groupsOf)
}

// details looks at single people's pages: the groups from the other side, and the
// manager's name.
func (d *differences) details(ctx context.Context, groupsOf map[string][]v1.Ref) error {
	ids := slices.Sorted(maps.Keys(d.want.present))
	for i := 0; i < len(ids); i += 1 + len(ids)/40 {
		id := ids[i]
		detail, err := d.API.Person(ctx, d.Tenant, id)
		if err != nil {
			return fmt.Errorf("read person %s: %w", id, err)
		}
		if diff := cmp.Diff(fmt.Sprint(groupsOf[id]), fmt.Sprint(detail.Groups)); diff != "" {
			d.add("groups of person %s (-want +got):\n%s", id, diff)
		}
		boss := d.want.present[d.want.present[id].Manager].Profile
		if name := strings.TrimSpace(boss.FirstName + " " + boss.LastName); detail.Manager.Name != name {
			d.add("the manager of person %s is called %q, want %q", id, detail.Manager.Name, name)
		}
	}
	return nil
}
