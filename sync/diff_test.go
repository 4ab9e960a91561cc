package sync

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

var (
	noon  = time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Minute)
)

func adaSeen(edit func(*directory.PersonSeen)) directory.PersonSeen {
	seen := directory.PersonSeen{
		ID: "00uada", At: later, Exists: true, OktaStatus: "ACTIVE", Assigned: true, AssignmentScope: "USER",
		AssignmentStatus: "ACTIVE",
		Profile: map[string]any{
			"firstName": "Ada", "lastName": "L", "email": "ada@acme.example", "login": "ada@acme.example",
			"department": "R&D", "managerId": "grace@acme.example",
		},
	}
	if edit != nil {
		edit(&seen)
	}
	return seen
}

// adaRow is the row that adaSeen leads to, edited.
func adaRow(t *testing.T, edit func(*directory.Person)) *directory.Person {
	t.Helper()
	seen := adaSeen(func(s *directory.PersonSeen) { s.At = noon })
	decided, err := newMapper(directory.DefaultRules()).diffPerson(nil, seen)
	if err != nil {
		t.Fatal(err)
	}
	var row directory.Person
	if err := json.Unmarshal(decided.change.After, &row); err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(&row)
		row.Hash = newMapper(directory.DefaultRules()).personHash(row)
	}
	return &row
}

func inStatus(s directory.Status) func(*directory.Person) {
	return func(p *directory.Person) { p.Status = s }
}

// TestDiffPerson mirrors the table in diffPerson's doc comment.
func TestDiffPerson(t *testing.T) {
	t.Parallel()
	gone := func(s *directory.PersonSeen) {
		*s = directory.PersonSeen{ID: s.ID, At: s.At}
	}
	unassigned := func(s *directory.PersonSeen) { s.Assigned = false }
	oktaStatus := func(status string) func(*directory.PersonSeen) {
		return func(s *directory.PersonSeen) { s.OktaStatus = status }
	}
	left := func(s *directory.PersonSeen) { s.OktaStatus, s.Assigned = "DEPROVISIONED", false }
	partial := func(status string) func(*directory.PersonSeen) {
		return func(s *directory.PersonSeen) {
			s.Partial, s.OktaStatus, s.Assigned, s.AssignmentScope, s.AssignmentStatus = true, status, false, "", ""
			s.Profile["department"] = "Elsewhere" // which a partial sight does not tell
		}
	}
	without := func(name string) func(*directory.PersonSeen) {
		return func(s *directory.PersonSeen) { delete(s.Profile, name) }
	}
	tests := []struct {
		name        string
		row         *directory.Person
		seen        directory.PersonSeen
		want        directory.ChangeType
		wantStatus  directory.Status
		quarantined bool
		stale       bool
	}{
		{name: "older sight changes nothing", row: adaRow(t, func(p *directory.Person) { p.ObservedAt = later.Add(1) }), seen: adaSeen(gone), stale: true},
		{name: "unknown and not assigned", seen: adaSeen(unassigned)},
		{name: "unknown and deactivated", seen: adaSeen(left)},
		{name: "unknown and gone", seen: adaSeen(gone)},
		{name: "removed and still not assigned", row: adaRow(t, inStatus(directory.StatusRemoved)), seen: adaSeen(unassigned)},
		{name: "joiner", seen: adaSeen(nil), want: directory.PersonCreated, wantStatus: directory.StatusActive},
		{name: "joiner never activated", seen: adaSeen(oktaStatus("STAGED")), want: directory.PersonCreated, wantStatus: directory.StatusSuspended},
		{name: "joiner without e-mail", seen: adaSeen(without("email")), quarantined: true},
		{name: "joiner with blank name", seen: adaSeen(func(s *directory.PersonSeen) { s.Profile["firstName"] = " \x00 " }), quarantined: true},
		{name: "assigned again", row: adaRow(t, inStatus(directory.StatusRemoved)), seen: adaSeen(nil), want: directory.PersonReactivated, wantStatus: directory.StatusActive},
		{name: "activated again", row: adaRow(t, inStatus(directory.StatusDeactivated)), seen: adaSeen(nil), want: directory.PersonReactivated, wantStatus: directory.StatusActive},
		{name: "activated again without e-mail", row: adaRow(t, inStatus(directory.StatusDeactivated)), seen: adaSeen(without("email")), quarantined: true},
		{name: "unsuspended", row: adaRow(t, inStatus(directory.StatusSuspended)), seen: adaSeen(nil), want: directory.PersonReactivated, wantStatus: directory.StatusActive},
		{name: "suspended", row: adaRow(t, nil), seen: adaSeen(oktaStatus("SUSPENDED")), want: directory.PersonSuspended, wantStatus: directory.StatusSuspended},
		{name: "locked out", row: adaRow(t, nil), seen: adaSeen(oktaStatus("LOCKED_OUT")), want: directory.PersonSuspended, wantStatus: directory.StatusSuspended},
		{name: "status that Okta invents tomorrow", row: adaRow(t, nil), seen: adaSeen(oktaStatus("HIBERNATING")), want: directory.PersonSuspended, wantStatus: directory.StatusSuspended},
		{name: "suspended in the app only", row: adaRow(t, nil), seen: adaSeen(func(s *directory.PersonSeen) { s.AssignmentStatus = "SUSPENDED" }), want: directory.PersonSuspended, wantStatus: directory.StatusSuspended},
		{name: "password expired stays active", row: adaRow(t, nil), seen: adaSeen(oktaStatus("PASSWORD_EXPIRED")), want: directory.PersonUpdated, wantStatus: directory.StatusActive},
		{name: "suspended without e-mail is suspended all the same", row: adaRow(t, nil), seen: adaSeen(func(s *directory.PersonSeen) { s.OktaStatus = "SUSPENDED"; delete(s.Profile, "email") }),
			want: directory.PersonSuspended, wantStatus: directory.StatusSuspended, quarantined: true},
		{name: "deactivated", row: adaRow(t, nil), seen: adaSeen(left), want: directory.PersonDeactivated, wantStatus: directory.StatusDeactivated},
		{name: "deactivated while suspended", row: adaRow(t, inStatus(directory.StatusSuspended)), seen: adaSeen(left), want: directory.PersonDeactivated, wantStatus: directory.StatusDeactivated},
		{name: "unassigned", row: adaRow(t, nil), seen: adaSeen(unassigned), want: directory.PersonRemoved, wantStatus: directory.StatusRemoved},
		{name: "deleted", row: adaRow(t, nil), seen: adaSeen(gone), want: directory.PersonRemoved, wantStatus: directory.StatusRemoved},
		{name: "deleted after deactivation", row: adaRow(t, inStatus(directory.StatusDeactivated)), seen: adaSeen(gone), want: directory.PersonRemoved, wantStatus: directory.StatusRemoved},
		{name: "partial, suspended", row: adaRow(t, nil), seen: adaSeen(partial("SUSPENDED")), want: directory.PersonSuspended, wantStatus: directory.StatusSuspended},
		{name: "partial, locked while suspended", row: adaRow(t, func(p *directory.Person) { p.Status, p.OktaStatus = directory.StatusSuspended, "SUSPENDED" }), seen: adaSeen(partial("LOCKED_OUT")),
			want: directory.PersonUpdated, wantStatus: directory.StatusSuspended},
		{name: "partial, able to sign in", row: adaRow(t, inStatus(directory.StatusSuspended)), seen: adaSeen(partial("ACTIVE"))},
		{name: "partial, unknown", seen: adaSeen(partial("SUSPENDED"))},
		{name: "partial, suspended after deactivation", row: adaRow(t, inStatus(directory.StatusDeactivated)), seen: adaSeen(partial("SUSPENDED"))},
		{name: "partial, suspended after removal", row: adaRow(t, inStatus(directory.StatusRemoved)), seen: adaSeen(partial("SUSPENDED"))},
		{name: "mover", row: adaRow(t, nil), seen: adaSeen(func(s *directory.PersonSeen) { s.Profile["department"] = "Sales" }), want: directory.PersonUpdated, wantStatus: directory.StatusActive},
		{name: "lost the e-mail", row: adaRow(t, nil), seen: adaSeen(without("email")), quarantined: true},
		{name: "the same", row: adaRow(t, nil), seen: adaSeen(nil)},
		{name: "the same, with an attribute that no rule reads", row: adaRow(t, nil), seen: adaSeen(func(s *directory.PersonSeen) { s.Profile["shoeSize"] = 42.0 })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := newMapper(directory.DefaultRules()).diffPerson(tt.row, tt.seen)
			if err != nil {
				t.Fatal(err)
			}
			if (got.quarantined != nil) != tt.quarantined {
				t.Errorf("quarantined = %v, want %v", got.quarantined, tt.quarantined)
			}
			if got.stale != tt.stale {
				t.Errorf("stale = %v, want %v", got.stale, tt.stale)
			}
			if tt.want == "" {
				if got.change != nil {
					t.Fatalf("planned %s %v, want nothing", got.change.Type, got.change.Fields)
				}
				return
			}
			if got.change == nil {
				t.Fatalf("planned nothing, want %s", tt.want)
			}
			var after directory.Person
			if err := json.Unmarshal(got.change.After, &after); err != nil {
				t.Fatal(err)
			}
			if got.change.Type != tt.want || after.Status != tt.wantStatus {
				t.Errorf("planned %s to %s, want %s to %s", got.change.Type, after.Status, tt.want, tt.wantStatus)
			}
			again, err := newMapper(directory.DefaultRules()).diffPerson(&after, tt.seen)
			if err != nil {
				t.Fatal(err)
			}
			if again.change != nil {
				t.Errorf("the same sight again planned %s %v, want nothing", again.change.Type, again.change.Fields)
			}
		})
	}
}

func TestLeaverKeepsProfile(t *testing.T) {
	t.Parallel()
	row := adaRow(t, nil)
	got, err := newMapper(directory.DefaultRules()).diffPerson(row, directory.PersonSeen{ID: row.ID, At: later})
	if err != nil {
		t.Fatal(err)
	}
	want := []directory.FieldChange{
		{Field: "status", Before: "active", After: "removed"},
		{Field: "okta_status", Before: "ACTIVE", After: "DELETED"},
		{Field: "assignment", Before: "USER"},
	}
	if diff := cmp.Diff(want, got.change.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestDiffGroup(t *testing.T) {
	t.Parallel()
	rules := directory.DefaultRules()
	sales := directory.GroupSeen{ID: "00gsales", At: later, Exists: true, Name: "Sales", Type: "OKTA_GROUP"}
	row := directory.Group{ID: "00gsales", Name: "Sales", Type: "OKTA_GROUP", ObservedAt: noon}
	removed, newer := row, row
	removed.Removed = true
	newer.ObservedAt = later.Add(1)
	renamed, gone, imported := sales, directory.GroupSeen{ID: "00gsales", At: later}, sales
	renamed.Name = "Sales EMEA"
	imported.Type = "APP_GROUP"
	tests := []struct {
		name string
		row  *directory.Group
		seen directory.GroupSeen
		want directory.ChangeType
	}{
		{"older sight", &newer, renamed, ""},
		{"new", nil, sales, directory.GroupCreated},
		{"new but not selected", nil, imported, ""},
		{"unknown and gone", nil, gone, ""},
		{"back again", &removed, sales, directory.GroupCreated},
		{"renamed", &row, renamed, directory.GroupUpdated},
		{"gone", &row, gone, directory.GroupRemoved},
		{"no longer selected", &row, imported, directory.GroupRemoved},
		{"removed and still gone", &removed, gone, ""},
		{"the same", &row, sales, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := diffGroup(tt.row, tt.seen, rules)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				if got != nil {
					t.Fatalf("planned %s, want nothing", got.Type)
				}
				return
			}
			if got == nil || got.Type != tt.want {
				t.Fatalf("planned %v, want %s", got, tt.want)
			}
		})
	}
}

func TestMapping(t *testing.T) {
	t.Parallel()
	rules := directory.DefaultRules()
	rules.Mapping[directory.FieldTitle] = directory.Source{From: []string{"app.jobTitle", "user.title"}, Default: "Colleague"}
	rules.Mapping[directory.FieldLocation] = directory.Source{From: []string{"user.offices"}}
	rules.Custom = []directory.CustomField{
		{Name: "badge", Type: directory.CustomNumber, Source: directory.Source{From: []string{"user.badge"}}},
		{Name: "remote", Type: directory.CustomBoolean, Source: directory.Source{From: []string{"user.remote"}}},
		{Name: "skills", Type: directory.CustomList, Source: directory.Source{From: []string{"user.skills"}}},
		{Name: "cost_center", Type: directory.CustomText, Source: directory.Source{From: []string{"user.costCenter"}}},
		{Name: "broken", Type: directory.CustomNumber, Source: directory.Source{From: []string{"user.broken"}}},
	}
	m := newMapper(rules)
	seen := adaSeen(func(s *directory.PersonSeen) {
		s.Profile["badge"], s.Profile["remote"], s.Profile["broken"] = "100017", true, "many"
		s.Profile["skills"], s.Profile["offices"] = []any{"go", 7.0}, []any{"Berlin", "", "Oslo"}
		s.Profile["shoeSize"] = 42.0
		s.Profile["nickName"] = "Countess"
		s.AppProfile = map[string]any{"jobTitle": "", "secretLevel": 3.0, "nickName": "Countess"}
	})
	got := m.profile(seen, directory.Profile{})
	if got.Title != "Colleague" || got.Location != "Berlin, Oslo" {
		t.Errorf("title %q, location %q; want the default and the joined list", got.Title, got.Location)
	}
	want := map[string]any{"badge": 100017.0, "remote": true, "skills": []any{"go", "7"}}
	if diff := cmp.Diff(want, got.Custom); diff != "" {
		t.Errorf("custom fields (-want +got):\n%s", diff)
	}
	ignored := map[string]bool{}
	m.ignored(seen, ignored)
	if diff := cmp.Diff([]string{"app.secretLevel", "user.nickName", "user.shoeSize"}, sortedKeys(ignored)); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	limits := directory.Limits{
		People:  directory.Limit{Absolute: 50, Fraction: 0.1, Floor: 3},
		Members: directory.Limit{Absolute: 100, Fraction: 0.5, Floor: 2},
		Groups:  directory.Limit{Absolute: 50, Fraction: 0.2, Floor: 3},
	}
	group := func(before, leave int) []directory.GroupRemovalCount {
		return []directory.GroupRemovalCount{{GroupID: "00g1", Before: before, Leave: leave}}
	}
	tests := []struct {
		name string
		plan directory.PlanCounts
		held bool
	}{
		{"only additions", directory.PlanCounts{PeopleBefore: 10}, false},
		{"small team, within the floor", directory.PlanCounts{PeopleBefore: 3, PeopleLeave: 3}, false},
		{"at the fraction", directory.PlanCounts{PeopleBefore: 100, PeopleLeave: 10}, false},
		{"over the fraction", directory.PlanCounts{PeopleBefore: 100, PeopleLeave: 11}, true},
		{"at the absolute limit", directory.PlanCounts{PeopleBefore: 10_000, PeopleLeave: 50}, false},
		{"over the absolute limit", directory.PlanCounts{PeopleBefore: 10_000, PeopleLeave: 51}, true},
		{"everybody", directory.PlanCounts{PeopleBefore: 20, PeopleLeave: 20}, true},
		{"one leaver of a team of three", directory.PlanCounts{Groups: group(3, 1)}, false},
		{"a group gone", directory.PlanCounts{GroupsBefore: 40, GroupsLeave: 1}, false},
		{"half of the groups gone", directory.PlanCounts{GroupsBefore: 40, GroupsLeave: 20}, true},
		{"a group emptied", directory.PlanCounts{Groups: group(40, 40)}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := Guard(limits, tt.plan, nil)
			if (err != nil) != tt.held {
				t.Errorf("Guard = %v, want held %t", err, tt.held)
			}
		})
	}
}
