package directory

import (
	"slices"
	"testing"
)

// TestScopesOf mirrors the table in ScopesOf's doc comment.
func TestScopesOf(t *testing.T) {
	t.Parallel()
	const ours = "0oa1oursOURSOURSx5d7"
	user := Target{ID: "00u1adaADAADAADAx5d7", Type: "User"}
	bob := Target{ID: "00u1bobBOBBOBBOBx5d7", Type: "User"}
	sales := Target{ID: "00g1salesSALES00x5d7", Type: "UserGroup", AlternateID: "unknown"}
	app := Target{ID: ours, Type: "AppInstance"}
	otherApp := Target{ID: "0oa1otherOTHER00x5d7", Type: "AppInstance"}
	appUser := Target{ID: "0ua1adaADAADAADAx5d7", Type: "AppUser", AlternateID: "ada@acme.example"}
	tests := []struct {
		event   string
		targets []Target
		want    []Scope
	}{
		{"user.account.update_profile", []Target{user}, []Scope{PersonScope(user.ID)}},
		{"user.lifecycle.create", []Target{{ID: "rule", Type: "PolicyRule"}, user}, []Scope{PersonScope(user.ID)}},
		{"user.lifecycle.suspend", []Target{user, bob, user}, []Scope{PersonScope(user.ID), PersonScope(bob.ID)}},
		{"user.session.start", nil, nil},
		{"application.user_membership.add", []Target{appUser, app, user}, []Scope{PersonScope(user.ID)}},
		{"application.user_membership.remove", []Target{appUser, otherApp, user}, nil},
		{"application.user_membership.remove", []Target{user}, []Scope{PersonScope(user.ID)}},
		{"application.user_membership.add", []Target{appUser, app}, []Scope{PersonScope("ada@acme.example")}},
		{"application.user_membership.add", []Target{{ID: "0ua1", Type: "AppUser", AlternateID: "unknown"}, app}, nil},
		{"group.user_membership.add", []Target{user, sales}, []Scope{PersonScope(user.ID)}},
		{"group.user_membership.remove", []Target{sales}, []Scope{GroupScope(sales.ID)}},
		{"group.profile.update", []Target{sales}, []Scope{GroupScope(sales.ID)}},
		{"group.lifecycle.delete", []Target{sales}, []Scope{GroupScope(sales.ID)}},
		{"group.application_assignment.add", []Target{sales, app}, []Scope{GroupScope(sales.ID)}},
		{"group.application_assignment.add", []Target{sales, otherApp}, nil},
		{"system.org.rate_limit.warning", []Target{user}, nil},
		{"user.lifecycle.delete.completed", []Target{user}, []Scope{PersonScope(user.ID)}},
		{"system.import.user.suspend", []Target{appUser, user}, []Scope{PersonScope(user.ID)}},
		{"system.import.complete", []Target{otherApp}, []Scope{FullScope()}},
		{"system.import.complete", nil, []Scope{FullScope()}},
		{"system.import.start", []Target{app}, nil},
		{"application.lifecycle.deactivate", []Target{app}, []Scope{FullScope()}},
		{"application.lifecycle.activate", []Target{otherApp, app}, []Scope{FullScope()}},
		{"application.lifecycle.delete", []Target{otherApp}, nil},
		{"application.lifecycle.delete", nil, nil}, // a preview names no app
		{"application.lifecycle.update", []Target{app}, nil},
	}
	for _, tt := range tests {
		if got := ScopesOf(tt.event, tt.targets, ours); !slices.Equal(got, tt.want) {
			t.Errorf("ScopesOf(%s, %v) = %v, want %v", tt.event, tt.targets, got, tt.want)
		}
	}
}

func TestEventLists(t *testing.T) {
	t.Parallel()
	all := SubscribedEvents()
	for i, e := range LogEvents() {
		if slices.Contains(LogEvents()[:i], e) {
			t.Errorf("%s is listed twice", e)
		}
	}
	if !slices.Equal(LogEvents()[:len(all)], all) {
		t.Error("the log is not read for every event of the hook")
	}
	if len(GuideEvents()) != 8 {
		t.Errorf("the guides name eight events, GuideEvents has %d", len(GuideEvents()))
	}
	for _, e := range []string{"user.lifecycle.deactivate", "user.lifecycle.suspend", "user.lifecycle.delete.initiated", "application.user_membership.remove"} {
		if !UrgentEvent(e) || !slices.Contains(all, e) {
			t.Errorf("%s takes access away; it must be urgent and subscribed to", e)
		}
	}
}

func TestGroupSelection(t *testing.T) {
	t.Parallel()
	s := GroupSelection{IDs: []string{"00g1"}, Names: []string{"Team *", "R?D/*"}, Types: []string{"APP_GROUP"}, Exclude: []string{"Team Temp*", "00g9"}}
	tests := []struct {
		group GroupSeen
		want  bool
	}{
		{GroupSeen{ID: "00g1", Name: "Anything"}, true},
		{GroupSeen{ID: "00g2", Name: "Team Blue"}, true},
		{GroupSeen{ID: "00g2", Name: "team blue"}, false},
		{GroupSeen{ID: "00g2", Name: "Team A/B"}, true},
		{GroupSeen{ID: "00g2", Name: "R&D/Core"}, true},
		{GroupSeen{ID: "00g2", Name: "Team Temporary"}, false},
		{GroupSeen{ID: "00g9", Name: "Team Blue"}, false},
		{GroupSeen{ID: "00g3", Name: "Everyone", Type: "BUILT_IN"}, false},
		{GroupSeen{ID: "00g3", Name: "Imported", Type: "APP_GROUP"}, true},
	}
	for _, tt := range tests {
		if got := s.Selects(tt.group); got != tt.want {
			t.Errorf("Selects(%+v) = %t, want %t", tt.group, got, tt.want)
		}
	}
}

func TestTeamFor(t *testing.T) {
	t.Parallel()
	first, ok := TeamFor("department", "  Customer   Success ")
	if !ok || first.Name != "Customer Success" {
		t.Errorf("TeamFor = %+v, %t", first, ok)
	}
	if again, _ := TeamFor("department", "Customer Success"); again.ID != first.ID {
		t.Error("the same department gives two ids")
	}
	if other, _ := TeamFor("location", "Customer Success"); other.ID == first.ID {
		t.Error("two attributes share a team")
	}
	if _, ok := TeamFor("department", " \t"); ok {
		t.Error("a blank department gives a team")
	}
}

func TestScopeText(t *testing.T) {
	t.Parallel()
	for _, s := range []Scope{FullScope(), PersonScope("00u1adaADAADAADAx5d7"), GroupScope("00g1salesSALES00x5d7")} {
		if got, err := ParseScope(s.String()); err != nil || got != s {
			t.Errorf("ParseScope(%q) = %v, %v", s, got, err)
		}
	}
	for _, text := range []string{"", "person", "person:", "full:x", "team:1"} {
		if got, err := ParseScope(text); err == nil {
			t.Errorf("ParseScope(%q) = %v, want an error", text, got)
		}
	}
	login := PersonScope("ada@acme.example")
	if !login.ByLogin() || login.Public() != "person by login" || PersonScope("00u1adaADAADAADAx5d7").ByLogin() {
		t.Error("a login is told from an id by its form, and never shown")
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	l := Limit{Absolute: 10, Fraction: 0.5, Floor: 2}
	for _, tt := range []struct {
		leave, before int
		want          bool
	}{{0, 0, false}, {2, 2, false}, {3, 4, true}, {3, 6, false}, {10, 100, false}, {11, 100, true}} {
		if got := l.Exceeded(tt.leave, tt.before); got != tt.want {
			t.Errorf("Exceeded(%d of %d) = %t, want %t", tt.leave, tt.before, got, tt.want)
		}
	}
}
