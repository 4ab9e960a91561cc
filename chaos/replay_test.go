package main

import (
	"strings"
	"testing"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/e2e/installation"
)

// change makes one for a test: fields are "name before after", with - for none.
func change(seq int64, kind, subject, person string, fields ...string) v1.Change {
	c := v1.Change{Seq: seq, Type: kind, Subject: strings.Split(kind, ".")[0], SubjectID: subject, PersonID: person}
	for _, f := range fields {
		parts := strings.Fields(f)
		value := func(text string) any {
			if text == "-" {
				return nil
			}
			return text
		}
		c.Fields = append(c.Fields, v1.FieldChange{Field: parts[0], Before: value(parts[1]), After: value(parts[2])})
	}
	return c
}

// TestReplayFindsFlaws has histories that do not add up.
func TestReplayFindsFlaws(t *testing.T) {
	t.Parallel()
	born := change(1, "person.created", "p", "p", "status - active", "title - Cook")
	group := change(2, "group.created", "g", "", "name - Crew")
	joined := change(3, "membership.added", "g", "p")
	for _, tt := range []struct {
		name    string
		changes []v1.Change
		want    string // empty: it adds up
	}{
		{"sound", []v1.Change{born, group, joined}, ""},
		{"gap", []v1.Change{born, change(3, "person.updated", "p", "p", "title Cook Chef")}, "is the 2. of it"},
		{"created twice", []v1.Change{born, change(2, "person.created", "p", "p", "status - active")}, "it is there already"},
		{"updated twice", []v1.Change{born, change(2, "person.updated", "p", "p", "title Cook Chef"),
			change(3, "person.updated", "p", "p", "title Cook Chef")}, "title was Chef before it"},
		{"nothing changed", []v1.Change{born, change(2, "person.updated", "p", "p", "title Cook Cook")}, "before and after"},
		{"joined twice", []v1.Change{born, group, joined, change(4, "membership.added", "g", "p")}, "is in it already"},
		{"left without being in", []v1.Change{born, group, change(3, "membership.removed", "g", "p")}, "is not in it"},
		{"member of nothing", []v1.Change{born, change(2, "membership.added", "g", "p")}, "the group is not there"},
		{"nobody is a member", []v1.Change{change(1, "group.created", "g", "", "name - Crew"), change(2, "membership.added", "g", "p")}, "the person is not there"},
		{"group gone with members", []v1.Change{born, group, joined, change(4, "group.removed", "g", "")}, "still has 1 members"},
		{"unknown type", []v1.Change{change(1, "person.cloned", "p", "p")}, "not known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(replayed(tt.changes).lines, "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestReplayAgainstRows has rows that the history does not lead to.
func TestReplayAgainstRows(t *testing.T) {
	t.Parallel()
	sound := func() installation.Copy {
		return installation.Copy{
			People:  map[string]v1.Person{"p": {ID: "p", Status: "active", Profile: v1.Profile{Title: "Cook"}}},
			Groups:  map[string]v1.Group{"g": {ID: "g", Name: "Crew"}},
			Members: map[string][]string{"g": {"p"}},
		}
	}
	for _, tt := range []struct {
		name  string
		spoil func(installation.Copy)
		want  string
	}{
		{"sound", func(installation.Copy) {}, ""},
		{"other title", func(c installation.Copy) { p := c.People["p"]; p.Profile.Title = "Chef"; c.People["p"] = p }, "person p is"},
		{"a person more", func(c installation.Copy) { c.People["q"] = v1.Person{ID: "q", Status: "active"} }, "person q is"},
		{"a person less", func(c installation.Copy) { delete(c.People, "p") }, "person p is"},
		{"other name", func(c installation.Copy) { c.Groups["g"] = v1.Group{ID: "g", Name: "Guests"} }, "group g is"},
		{"a member less", func(c installation.Copy) { c.Members["g"] = nil }, "into group g"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			have := sound()
			tt.spoil(have)
			got := strings.Join(replayed([]v1.Change{
				change(1, "person.created", "p", "p", "status - active", "title - Cook"),
				change(2, "group.created", "g", "", "name - Crew"),
				change(3, "membership.added", "g", "p"),
			}).differences(have), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
