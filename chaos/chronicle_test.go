package main

import (
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

// TestChronicleFindsLies has a person who is assigned, leaves the group and the app, and
// comes back, and histories that say what was never so, or say it in another order.
func TestChronicleFindsLies(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	second := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	const app = "0oa1"
	state := func(n int, assigned bool, title string, members ...string) moment {
		p := emulator.Person{ID: "p", Status: emulator.Active, Profile: map[string]any{"title": title}}
		if assigned {
			p.Apps = []emulator.Grant{{AppID: app, Scope: "USER"}}
		}
		return moment{from: second(n), people: map[string]emulator.Person{"p": p},
			groups: map[string]emulator.Group{"g": {ID: "g", Name: "Crew", Members: members}}}
	}
	c := &chronicle{app: app, moments: []moment{
		state(0, true, "Cook", "p"), state(10, true, "Chef", "p"), state(20, true, "Chef"), state(30, false, "Chef"), state(40, true, "Chef", "p"),
	}}
	at := func(n int, change v1.Change) v1.Change { change.At = second(n); return change }
	born := at(1, change(1, "person.created", "p", "p", "status - active", "title - Cook"))
	for _, tt := range []struct {
		name    string
		changes []v1.Change
		want    string // empty: all of it was true
	}{
		{"all of it", []v1.Change{born, at(11, change(2, "person.updated", "p", "p", "title Cook Chef")),
			at(21, change(3, "membership.removed", "g", "p")), at(31, change(4, "person.removed", "p", "p", "status active removed")),
			at(41, change(5, "person.reactivated", "p", "p", "status removed active")), at(42, change(6, "membership.added", "g", "p"))}, ""},
		{"late is no lie", []v1.Change{born, at(500, change(2, "person.removed", "p", "p", "status active removed"))}, ""},
		{"removed before gone", []v1.Change{born, at(29, change(2, "person.removed", "p", "p", "status active removed"))}, "never was in Okta until then"},
		{"never deactivated", []v1.Change{born, at(50, change(2, "person.deactivated", "p", "p", "status active deactivated"))}, "never was in Okta"},
		{"never had this title", []v1.Change{born, at(50, change(2, "person.updated", "p", "p", "title Cook Baker"))}, "never was in Okta"},
		{"back to what was over", []v1.Change{at(11, change(1, "person.created", "p", "p", "title - Chef")),
			at(12, change(2, "person.updated", "p", "p", "title Chef Cook"))}, "goes back"},
		{"left twice", []v1.Change{at(21, change(1, "membership.removed", "g", "p")), at(41, change(2, "membership.added", "g", "p")),
			at(42, change(3, "membership.removed", "g", "p"))}, "goes back"},
		{"group that is there", []v1.Change{at(50, change(1, "group.removed", "g", ""))}, "group g is gone"},
		{"other name of a group", []v1.Change{at(50, change(1, "group.created", "g", "", "name - Guests"))}, "name of group g"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var lines []string
			for _, thread := range c.threads(tt.changes) {
				lines = append(lines, c.untrue(thread)...)
			}
			got := strings.Join(lines, "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
